//! The provisioning log as it is read (floor 2); it is written by [`super::provisioning_log`].

use diesel::sql_types::{BigInt, Nullable, Text};

use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{EventId, OrganizationId, ResourceId, TokenId};

/// Entries that a page looks through at most for what is wanted of them.
const WINDOW: i64 = 50_000;
/// People that one name may mean at most.
const NAMESAKES: i64 = 50;

/// What is wanted of the log. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub person: Option<Person>,
    pub token: Option<Token>,
    /// Whether it was refused.
    pub refused: Option<bool>,
    pub method: Option<String>,
    /// From this time on.
    pub from: Option<i64>,
    /// Before this time.
    pub to: Option<i64>,
}

/// Somebody: the resources that are or were them, and what they are called.
#[derive(Clone, Debug, Default)]
pub struct Person {
    pub resources: Vec<ResourceId>,
    pub names: Vec<String>,
}

/// A token by its id or its name.
#[derive(Clone, Debug)]
pub enum Token {
    Id(TokenId),
    Name(String),
}

/// An entry as it is listed.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: EventId,
    pub at: i64,
    pub token: TokenId,
    pub token_name: Option<String>,
    pub request_id: String,
    pub client_address: Option<String>,
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub status: i64,
    pub latency_us: i64,
    pub resource_kind: Option<i64>,
    pub resource_id: Option<ResourceId>,
    pub explanation: String,
}

/// The rest of an entry.
#[derive(Clone, Debug)]
pub struct Bodies {
    pub request: Option<String>,
    pub response: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A page of the log, newest first: its entries, and behind which id the next page begins.
#[derive(Debug)]
pub struct Page {
    pub lines: Vec<Line>,
    pub next: Option<EventId>,
}

type LineColumns = (
    (SqlId, BigInt, SqlId, Nullable<Text>),
    (Text, Nullable<Text>, Text, Text, Nullable<Text>),
    (BigInt, BigInt, Nullable<BigInt>, Nullable<SqlId>, Text),
);
type LineRow = (
    (EventId, i64, TokenId, Option<String>),
    (String, Option<String>, String, String, Option<String>),
    (i64, i64, Option<i64>, Option<ResourceId>, String),
);
type BodyColumns = (Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>);
type BodyRow = (Option<String>, Option<String>, Option<String>, Option<String>);

const LINE: &str = "id, at, token_id, token_name, request_id, client_address, method, path, query, status, latency_us, \
                    resource_kind, resource_id, explanation";

fn line((head, request, outcome): LineRow) -> Line {
    let (id, at, token, token_name) = head;
    let (request_id, client_address, method, path, query) = request;
    let (status, latency_us, resource_kind, resource_id, explanation) = outcome;
    Line {
        id,
        at,
        token,
        token_name,
        request_id,
        client_address,
        method,
        path,
        query,
        status,
        latency_us,
        resource_kind,
        resource_id,
        explanation,
    }
}

/// The entries that are wanted, newest first, behind `before`. A page that has looked through many entries ends
/// even where it found few; those of a person are found without looking.
///
/// # Errors
/// The database's.
pub fn page(
    connection: &mut Connection,
    organization: OrganizationId,
    wanted: &Wanted,
    before: Option<EventId>,
    limit: i64,
) -> Result<Page> {
    let before = before.unwrap_or(EventId::from_bytes([u8::MAX; 16]));
    let floor = if wanted.looks() { floor(connection, organization, before)? } else { None };
    let mut sql = Sql::new("SELECT ");
    sql.push(LINE).push(" FROM provisioning_log WHERE organization_id = ").push_bind(organization);
    sql.push(" AND id < ").push_bind(before);
    if let Some(floor) = floor {
        sql.push(" AND id >= ").push_bind(floor);
    }
    wanted.push_to(&mut sql, organization);
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(limit + 1);
    let rows = sql.load::<LineColumns, LineRow>(connection).map_err(database_error)?;
    let mut lines: Vec<Line> = rows.into_iter().map(line).collect();
    let next = if i64::try_from(lines.len()).unwrap_or(i64::MAX) > limit {
        lines.pop();
        lines.last().map(|line| line.id)
    } else {
        floor
    };
    Ok(Page { lines, next })
}

/// The last entry that is looked at, if there are more than are.
fn floor(connection: &mut Connection, organization: OrganizationId, before: EventId) -> Result<Option<EventId>> {
    Sql::new("SELECT id FROM provisioning_log WHERE organization_id = ? AND id < ? ORDER BY id DESC LIMIT 1 OFFSET ?")
        .bind(organization)
        .bind(before)
        .bind(WINDOW - 1)
        .first::<SqlId, EventId>(connection)
        .map_err(database_error)
}

impl Wanted {
    /// Whether entries have to be looked at to find those that are wanted.
    const fn looks(&self) -> bool {
        self.person.is_none() && (self.token.is_some() || self.refused.is_some() || self.method.is_some())
    }

    fn push_to(&self, sql: &mut Sql, organization: OrganizationId) {
        super::push_time(sql, self.from, self.to);
        match &self.token {
            Some(Token::Id(id)) => sql.push(" AND token_id = ").push_bind(*id),
            Some(Token::Name(name)) => sql.push(" AND token_name = ").push_bind(name.as_str()),
            None => sql,
        };
        match self.refused {
            Some(true) => sql.push(" AND status >= 400"),
            Some(false) => sql.push(" AND status < 400"),
            None => sql,
        };
        if let Some(method) = &self.method {
            sql.push(" AND method = ").push_bind(method.as_str());
        }
        if let Some(person) = &self.person {
            sql.push(" AND id IN (").append(person.entries(organization)).push(")");
        }
    }
}

impl Person {
    /// The ids of the entries that tell of them.
    fn entries(&self, organization: OrganizationId) -> Sql {
        let mut sql =
            Sql::new("SELECT log_id FROM provisioning_log_names WHERE organization_id = ?").bind(organization);
        sql.push(" AND name_key IN ").push_list(listed(&self.names));
        if !self.resources.is_empty() {
            sql.push(" UNION SELECT id FROM provisioning_log WHERE organization_id = ").push_bind(organization);
            sql.push(" AND resource_id IN ").push_list(self.resources.iter().copied());
        }
        sql
    }
}

/// The names as a list that is never empty.
fn listed(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str).chain(names.is_empty().then_some(""))
}

/// The resources that somebody called so is, or was until they were renamed, removed or deleted.
///
/// # Errors
/// The database's.
pub fn called(connection: &mut Connection, organization: OrganizationId, names: &[String]) -> Result<Vec<ResourceId>> {
    let mut sql = Sql::new("SELECT id FROM resources WHERE organization_id = ?").bind(organization);
    sql.push(" AND user_name_key IN ").push_list(listed(names));
    sql.push(" UNION SELECT id FROM resources WHERE organization_id = ").push_bind(organization);
    sql.push(" AND kind = 1 AND external_id IN ").push_list(listed(names));
    for table in ["members", "removed_members"] {
        sql.push(" UNION SELECT id FROM ").push(table).push(" WHERE organization_id = ").push_bind(organization);
        sql.push(" AND address_key IN ").push_list(listed(names));
    }
    sql.push(" UNION SELECT l.resource_id FROM provisioning_log_names n JOIN provisioning_log l");
    sql.push(" ON l.organization_id = n.organization_id AND l.id = n.log_id WHERE n.organization_id = ");
    sql.push_bind(organization).push(" AND n.name_key IN ").push_list(listed(names));
    sql.push(" AND l.resource_id IS NOT NULL LIMIT ").push_bind(NAMESAKES);
    sql.load::<SqlId, ResourceId>(connection).map_err(database_error)
}

/// An entry with all that was said.
///
/// # Errors
/// The database's.
pub fn get(connection: &mut Connection, organization: OrganizationId, id: EventId) -> Result<Option<(Line, Bodies)>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(LINE).push(", request, response, before, after FROM provisioning_log WHERE organization_id = ");
    sql.push_bind(organization).push(" AND id = ").push_bind(id);
    let row = sql.first::<(LineColumns, BodyColumns), (LineRow, BodyRow)>(connection).map_err(database_error)?;
    Ok(row.map(|(head, (request, response, before, after))| (line(head), Bodies { request, response, before, after })))
}
