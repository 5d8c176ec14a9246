//! The members of an organization as people list them (floor 2): those there are and those removed, in any order a
//! page at a time.

mod narrowed;

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::organization::role::Role;

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
    /// The column, and whether it is a text. Those who were removed have one status.
    const fn column(self, part: Part) -> Option<(&'static str, bool)> {
        match self {
            Self::Email => Some(("email_sort", true)),
            Self::Name => Some(("name_sort", true)),
            Self::Role => Some(("role_sort", false)),
            Self::Status if matches!(part, Part::Members) => Some(("status_sort", true)),
            Self::Status | Self::Joined => None,
        }
    }

    /// Whether a place in a list is one of this order's.
    #[must_use]
    pub const fn has(self, part: Part, key: &SortKey) -> bool {
        match self.column(part) {
            Some((_, true)) => matches!(key, SortKey::Text(_)),
            Some((_, false)) => matches!(key, SortKey::Rank(_)),
            None => matches!(key, SortKey::Joined),
        }
    }
}

/// Which members, in which order.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub part: Part,
    pub sort: Sort,
    pub descending: bool,
    pub role: Option<Role>,
    /// As it is shown: active, suspended, deactivated, waiting. Of those who were removed all are wanted.
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
const REMOVED: &str = "m.id, m.document, m.role, m.role_source, CAST(NULL AS TEXT), false, m.source, m.provisioned, \
     CAST(NULL AS BIGINT), i.issuer, i.subject, i.signed_in_at, ";
const NO_KEY: &str = "'', CAST(0 AS BIGINT)";

/// Which members are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    #[default]
    Members,
    Removed,
}

fn from_row(
    column: Option<(&str, bool)>,
    ((id, document, role, role_source, status, suspended, source, provisioned, waiting_since), identity, key): Row,
) -> Listed {
    let (issuer, subject, signed_in_at) = identity;
    let sorted_by = match column {
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
    let query = Query { part, after: after.map(|id| (SortKey::Joined, id)), ..Query::default() };
    members(connection, organization, &query, limit)
}

/// A page of members. The lines come from the indexes of their order, then the Users they are: however many members
/// there are, and of whatever roles and statuses, a page costs the same.
///
/// # Errors
/// The database's.
pub fn members(
    connection: &mut Connection,
    organization: OrganizationId,
    query: &Query,
    limit: i64,
) -> Result<Vec<Listed>> {
    let mut found = Vec::new();
    for places in narrowed::groups(query) {
        let missing = limit - i64::try_from(found.len()).unwrap_or(limit);
        if missing > 0 {
            let sql = shown(organization, query, narrowed::lines(organization, query, &places, missing));
            found.extend(load(connection, query.sort.column(query.part), sql)?);
        }
    }
    Ok(found)
}

/// `SELECT` of what lines show, in their order.
fn shown(organization: OrganizationId, query: &Query, lines: Sql) -> Sql {
    let column = query.sort.column(query.part);
    let direction = if query.descending { " DESC" } else { "" };
    let key = match column {
        Some((column, true)) => format!("m.{column}, CAST(0 AS BIGINT)"),
        Some((column, false)) => format!("'', m.{column}"),
        None => NO_KEY.to_owned(),
    };
    // CROSS JOIN: SQLite takes the lines first, whatever it thinks of the rest.
    let (shown, of) = match query.part {
        Part::Members => (
            MEMBER,
            ") x CROSS JOIN members m CROSS JOIN resources r LEFT JOIN identities i ON i.id = m.identity_id \
             WHERE r.organization_id = m.organization_id AND r.kind = 1 AND r.id = m.id AND m.id = x.id \
             AND m.organization_id = ",
        ),
        Part::Removed => (
            REMOVED,
            ") x CROSS JOIN removed_members m LEFT JOIN identities i ON i.id = m.identity_id \
             WHERE m.id = x.id AND m.organization_id = ",
        ),
    };
    let mut sql = Sql::new("SELECT ");
    sql.push(shown).push(&key).push(" FROM (").append(lines).push(of).push_bind(organization).push(" ORDER BY ");
    if let Some((column, _)) = column {
        sql.push("m.").push(column).push(direction).push(", ");
    }
    sql.push("m.id").push(direction);
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
    let mut sql = Sql::new("SELECT ");
    match part {
        Part::Members => sql.push(MEMBER).push(NO_KEY).push(" FROM members").push(OF_MEMBERS),
        Part::Removed => {
            let removed = " FROM removed_members m LEFT JOIN identities i ON i.id = m.identity_id";
            sql.push(REMOVED).push(NO_KEY).push(removed)
        }
    };
    sql.push(" WHERE m.organization_id = ").push_bind(organization);
    sql.push(" AND m.id = ").push_bind(id);
    Ok(load(connection, None, sql)?.pop())
}

/// Who has waited longest for a seat, in turn.
///
/// # Errors
/// The database's.
pub fn waiting(connection: &mut Connection, organization: OrganizationId, limit: i64) -> Result<Vec<Listed>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(MEMBER).push(NO_KEY).push(" FROM (SELECT * FROM members p WHERE p.organization_id = ");
    sql.push_bind(organization).push(" AND p.waiting_since IS NOT NULL ORDER BY p.waiting_since, p.id LIMIT ");
    sql.push_bind(limit).push(")").push(OF_MEMBERS).push(" ORDER BY m.waiting_since, m.id");
    load(connection, None, sql)
}

fn load(connection: &mut Connection, column: Option<(&str, bool)>, sql: Sql) -> Result<Vec<Listed>> {
    let rows = sql.load::<Columns, Row>(connection).map_err(database_error)?;
    Ok(rows.into_iter().map(|row| from_row(column, row)).collect())
}
