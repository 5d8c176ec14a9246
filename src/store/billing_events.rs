//! Events of the payment provider that were taken (floor 2): each counts once.

use diesel::sql_types::BigInt;

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::Sql;
use crate::error::Result;
use crate::id::OrganizationId;

/// Whether an event was taken already.
///
/// # Errors
/// The database's.
pub fn is_known(connection: &mut Connection, organization: OrganizationId, id: &str) -> Result<bool> {
    let mut sql = Sql::new("SELECT received_at FROM billing_events WHERE organization_id = ").bind_here(organization);
    sql.push(" AND id = ").push_bind(id);
    Ok(sql.first::<BigInt, i64>(connection).map_err(database_error)?.is_some())
}

/// Takes an event; the batch is stale when another request has taken it.
pub fn insert(batch: &mut Batch, organization: OrganizationId, (id, kind): (&str, &str), now: i64) {
    batch.run_once(
        Sql::new(
            "INSERT INTO billing_events (organization_id, id, kind, received_at) VALUES (?, ?, ?, ?) \
             ON CONFLICT (organization_id, id) DO NOTHING",
        )
        .bind(organization)
        .bind(id)
        .bind(kind)
        .bind(now),
    );
}

/// Forgets events that are not sent again any more, of every organization.
pub fn delete_old(batch: &mut Batch, before: i64) {
    batch.run(Sql::new("DELETE FROM billing_events WHERE received_at <= ").bind_here(before));
}
