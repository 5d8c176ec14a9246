//! The members of an organization as people list them (floor 2): those there are, in any order a page at a
//! time, and those removed.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};

/// A line of the list. Times in microseconds.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: ResourceId,
    /// The User; of a removed member as it was.
    pub document: String,
    pub role: String,
    pub role_source: String,
    /// `None` for a removed member.
    pub status: Option<String>,
    pub suspended: bool,
    pub source: String,
    pub provisioned: bool,
    pub waiting_since: Option<i64>,
    /// Issuer and subject of who signs in as the member.
    pub identity: Option<(String, String)>,
    pub signed_in_at: Option<i64>,
    /// By what the list is sorted.
    pub sorted_by: SortKey,
}

/// Where a line stands in its order; the id tells apart what is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    Text(String),
    Rank(i64),
    /// The id alone.
    Joined,
}

/// The orders there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    Email,
    Name,
    Role,
    Status,
    /// Ids are in the order in which they were made.
    #[default]
    Joined,
}

impl Sort {
    /// The column, and whether it is a text.
    const fn column(self) -> Option<(&'static str, bool)> {
        match self {
            Self::Email => Some(("email_sort", true)),
            Self::Name => Some(("name_sort", true)),
            Self::Role => Some(("role_sort", false)),
            Self::Status => Some(("status_sort", true)),
            Self::Joined => None,
        }
    }
}

/// Which members, in which order.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub sort: Sort,
    pub descending: bool,
    pub role: Option<String>,
    /// As it is shown: active, suspended, deactivated, waiting.
    pub status: Option<String>,
    /// What the address or the name begins with, as their keys are written.
    pub begins: Option<(String, String)>,
    /// The last line of the page before.
    pub after: Option<(SortKey, ResourceId)>,
}

type Columns = (
    (SqlId, Text, Text, Text, Nullable<Text>, Bool, Text, Bool, Nullable<BigInt>),
    (Nullable<Text>, Nullable<Text>, Nullable<BigInt>),
    (Text, BigInt),
);
type Row = (
    (ResourceId, String, String, String, Option<String>, bool, String, bool, Option<i64>),
    (Option<String>, Option<String>, Option<i64>),
    (String, i64),
);

const MEMBER: &str = "m.id, r.document, m.role, m.role_source, m.status, m.suspended, m.source, m.provisioned, m.waiting_since, \
     i.issuer, i.subject, i.signed_in_at, ";
const OF_MEMBERS: &str = " m JOIN resources r ON r.organization_id = m.organization_id AND r.kind = 1 AND r.id = m.id \
     LEFT JOIN identities i ON i.id = m.identity_id";
const REMOVED: &str = "SELECT m.id, m.document, m.role, m.role_source, CAST(NULL AS TEXT), false, m.source, m.provisioned, CAST(NULL AS BIGINT), \
     i.issuer, i.subject, i.signed_in_at, '', CAST(0 AS BIGINT) FROM removed_members m \
     LEFT JOIN identities i ON i.id = m.identity_id WHERE m.organization_id = ";

/// Which members are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Members,
    Removed,
}

fn from_row(
    sort: Sort,
    ((id, document, role, role_source, status, suspended, source, provisioned, waiting_since), identity, key): Row,
) -> Listed {
    let (issuer, subject, signed_in_at) = identity;
    let sorted_by = match sort.column() {
        Some((_, true)) => SortKey::Text(key.0),
        Some((_, false)) => SortKey::Rank(key.1),
        None => SortKey::Joined,
    };
    Listed {
        id,
        document,
        role,
        role_source,
        status,
        suspended,
        source,
        provisioned,
        waiting_since,
        identity: issuer.zip(subject),
        signed_in_at,
        sorted_by,
    }
}

/// The lines behind `after`, in the order of ids.
///
/// # Errors
/// The database's.
pub fn page(
    connection: &mut Connection,
    organization: OrganizationId,
    part: Part,
    after: Option<ResourceId>,
    limit: i64,
) -> Result<Vec<Listed>> {
    if part == Part::Members {
        let query = Query { after: after.map(|id| (SortKey::Joined, id)), ..Query::default() };
        return members(connection, organization, &query, limit);
    }
    let mut sql = Sql::new(REMOVED).bind_here(organization);
    if let Some(after) = after {
        sql.push(" AND m.id > ").push_bind(after);
    }
    sql.push(" ORDER BY m.id LIMIT ").push_bind(limit);
    load(connection, Sort::Joined, sql)
}

/// A page of members. The lines come from the index of their order, then the Users they are: however many members
/// there are, a page costs the same.
///
/// # Errors
/// The database's.
pub fn members(
    connection: &mut Connection,
    organization: OrganizationId,
    query: &Query,
    limit: i64,
) -> Result<Vec<Listed>> {
    let column = query.sort.column();
    let direction = if query.descending { " DESC" } else { "" };
    let order = |alias: &str| {
        let id = format!("{alias}.id{direction}");
        column.map_or_else(|| id.clone(), |(column, _)| format!("{alias}.{column}{direction}, {id}"))
    };
    let mut sql = Sql::new("SELECT ");
    let key = match column {
        Some((column, true)) => format!("m.{column}, CAST(0 AS BIGINT)"),
        Some((column, false)) => format!("'', m.{column}"),
        None => "'', CAST(0 AS BIGINT)".to_owned(),
    };
    sql.push(MEMBER).push(&key);
    sql.push(" FROM (SELECT * FROM members p WHERE p.organization_id = ").push_bind(organization);
    narrow(&mut sql, query);
    sql.push(" ORDER BY ").push(&order("p")).push(" LIMIT ").push_bind(limit).push(")").push(OF_MEMBERS);
    sql.push(" ORDER BY ").push(&order("m"));
    load(connection, query.sort, sql)
}

fn narrow(sql: &mut Sql, query: &Query) {
    if let Some(role) = &query.role {
        sql.push(" AND p.role = ").push_bind(role.as_str());
    }
    if let Some(status) = &query.status {
        sql.push(" AND p.status_sort = ").push_bind(status.as_str());
    }
    if let Some((email, name)) = &query.begins {
        sql.push(" AND (")
            .append(begins("p.email_sort", email))
            .push(" OR ")
            .append(begins("p.name_sort", name))
            .push(")");
    }
    let beyond = if query.descending { " < (" } else { " > (" };
    match &query.after {
        Some((SortKey::Joined, id)) => {
            sql.push(" AND (p.id)").push(beyond).push_bind(*id).push(")");
        }
        Some((key, id)) => {
            let column = query.sort.column().map_or("id", |(column, _)| column);
            sql.push(" AND (p.").push(column).push(", p.id)").push(beyond);
            match key {
                SortKey::Text(text) => sql.push_bind(text.as_str()),
                SortKey::Rank(rank) => sql.push_bind(*rank),
                SortKey::Joined => sql,
            };
            sql.push(", ").push_bind(*id).push(")");
        }
        None => {}
    }
}

/// A range of an index: what begins with a text.
fn begins(column: &str, text: &str) -> Sql {
    let mut sql = Sql::new("(");
    sql.push(column).push(" >= ").push_bind(text).push(" AND ").push(column).push(" < ");
    // Behind every text that begins so.
    sql.push_bind(format!("{text}\u{10FFFF}").as_str()).push(")");
    sql
}

/// The line of one member.
///
/// # Errors
/// The database's.
pub fn line(
    connection: &mut Connection,
    organization: OrganizationId,
    part: Part,
    id: ResourceId,
) -> Result<Option<Listed>> {
    let mut sql = match part {
        Part::Members => {
            let mut sql = Sql::new("SELECT ");
            sql.push(MEMBER)
                .push("'', CAST(0 AS BIGINT) FROM members")
                .push(OF_MEMBERS)
                .push(" WHERE m.organization_id = ");
            sql.push_bind(organization);
            sql
        }
        Part::Removed => Sql::new(REMOVED).bind_here(organization),
    };
    sql.push(" AND m.id = ").push_bind(id);
    Ok(load(connection, Sort::Joined, sql)?.pop())
}

/// Who has waited longest for a seat, in turn.
///
/// # Errors
/// The database's.
pub fn waiting(connection: &mut Connection, organization: OrganizationId, limit: i64) -> Result<Vec<Listed>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(MEMBER).push("'', CAST(0 AS BIGINT) FROM (SELECT * FROM members p WHERE p.organization_id = ");
    sql.push_bind(organization).push(" AND p.waiting_since IS NOT NULL ORDER BY p.waiting_since, p.id LIMIT ");
    sql.push_bind(limit).push(")").push(OF_MEMBERS).push(" ORDER BY m.waiting_since, m.id");
    load(connection, Sort::Joined, sql)
}

fn load(connection: &mut Connection, sort: Sort, sql: Sql) -> Result<Vec<Listed>> {
    let rows = sql.load::<Columns, Row>(connection).map_err(database_error)?;
    Ok(rows.into_iter().map(|row| from_row(sort, row)).collect())
}
