//! What is old is forgotten (floor 2): of one organization at a time, and so much at once that nobody waits for it.

use diesel::sql_types::BigInt;

use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId, Value};
use crate::error::Result;
use crate::id::OrganizationId;

/// What is kept for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    AuditEvents,
    ProvisioningLog,
    /// Those that are over.
    Invitations,
}

impl Kept {
    const fn table(self) -> &'static str {
        match self {
            Self::AuditEvents => "audit_events",
            Self::ProvisioningLog => "provisioning_log",
            Self::Invitations => "invitations",
        }
    }

    /// What tells how old it is: ids are in the order in which they were made.
    const fn age(self) -> &'static str {
        match self {
            Self::AuditEvents | Self::ProvisioningLog => "id",
            Self::Invitations => "ended_at",
        }
    }
}

/// The next organization that has some of it, in the order of ids; also one that is gone.
///
/// # Errors
/// The database's.
pub fn next_organization(
    connection: &mut Connection,
    kept: Kept,
    after: Option<OrganizationId>,
) -> Result<Option<OrganizationId>> {
    let mut sql = Sql::new("SELECT organization_id FROM ");
    sql.push(kept.table());
    if let Some(after) = after {
        sql.push(" WHERE organization_id > ").push_bind(after);
    }
    sql.push(" ORDER BY organization_id LIMIT 1");
    sql.first::<SqlId, OrganizationId>(connection).map_err(database_error)
}

/// Whether an organization has some that is older than a bound.
///
/// # Errors
/// The database's.
pub fn is_due(
    connection: &mut Connection,
    kept: Kept,
    organization: OrganizationId,
    bound: impl Into<Value>,
) -> Result<bool> {
    let mut sql = Sql::new("SELECT CAST(1 AS BIGINT) FROM ");
    sql.push(kept.table()).push(" WHERE organization_id = ").push_bind(organization);
    sql.push(" AND ").push(kept.age()).push(" < ").push_bind(bound).push(" LIMIT 1");
    Ok(sql.first::<BigInt, i64>(connection).map_err(database_error)?.is_some())
}

/// Forgets the oldest of what is older than a bound, so many at most; how many.
///
/// # Errors
/// The database's.
pub fn forget(
    connection: &mut Connection,
    kept: Kept,
    organization: OrganizationId,
    bound: impl Into<Value>,
    at_most: i64,
) -> Result<usize> {
    let bound = bound.into();
    let oldest = |table: &str, key: &str| {
        let mut sql = Sql::new("DELETE FROM ");
        sql.push(table).push(" WHERE organization_id = ").push_bind(organization);
        sql.push(" AND ").push(key).push(" IN (SELECT id FROM ").push(kept.table()).push(" WHERE organization_id = ");
        sql.push_bind(organization).push(" AND ").push(kept.age()).push(" < ").push_bind(bound.clone());
        sql.push(" ORDER BY ").push(kept.age()).push(" LIMIT ").push_bind(at_most).push(")");
        sql
    };
    if kept == Kept::ProvisioningLog {
        oldest("provisioning_log_names", "log_id").execute(connection).map_err(database_error)?;
    }
    oldest(kept.table(), "id").execute(connection).map_err(database_error)
}
