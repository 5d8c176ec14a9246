//! The members of an organization as people list them (floor 2): those there are and those removed.

use diesel::sql_types::{Bool, Nullable, Text};

use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};

/// A line of the list.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: ResourceId,
    /// The User; of a removed member as it was.
    pub document: String,
    pub role: String,
    /// `None` for a removed member.
    pub status: Option<String>,
    pub suspended: bool,
    pub source: String,
    /// Issuer and subject of who signs in as the member.
    pub identity: Option<(String, String)>,
}

type Columns = (SqlId, Text, Text, Nullable<Text>, Bool, Text, Nullable<Text>, Nullable<Text>);
type Row = (ResourceId, String, String, Option<String>, bool, String, Option<String>, Option<String>);

const MEMBERS: &str = "SELECT m.id, r.document, m.role, m.status, m.suspended, m.source, i.issuer, i.subject FROM members m \
     JOIN resources r ON r.organization_id = m.organization_id AND r.kind = 1 AND r.id = m.id \
     LEFT JOIN identities i ON i.id = m.identity_id WHERE m.organization_id = ";
const REMOVED: &str = "SELECT m.id, m.document, m.role, CAST(NULL AS TEXT), false, m.source, i.issuer, i.subject FROM removed_members m \
     LEFT JOIN identities i ON i.id = m.identity_id WHERE m.organization_id = ";

/// Which members are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Members,
    Removed,
}

impl Part {
    const fn select(self) -> &'static str {
        match self {
            Self::Members => MEMBERS,
            Self::Removed => REMOVED,
        }
    }
}

fn from_row((id, document, role, status, suspended, source, issuer, subject): Row) -> Listed {
    Listed { id, document, role, status, suspended, source, identity: issuer.zip(subject) }
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
    let mut sql = Sql::new(part.select()).bind_here(organization);
    if let Some(after) = after {
        sql.push(" AND m.id > ").push_bind(after);
    }
    sql.push(" ORDER BY m.id LIMIT ").push_bind(limit);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
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
    let mut sql = Sql::new(part.select()).bind_here(organization);
    sql.push(" AND m.id = ").push_bind(id);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}
