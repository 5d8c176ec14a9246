//! Events of the payment provider that were taken (floor 2): each counts once.

use diesel::sql_types::BigInt;

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
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

/// Organizations that have events which are not sent again any more; at most `limit`.
///
/// # Errors
/// The database's.
pub fn organizations_to_tidy(connection: &mut Connection, before: i64, limit: i64) -> Result<Vec<OrganizationId>> {
    let mut sql = Sql::new("SELECT DISTINCT organization_id FROM billing_events WHERE received_at <= ");
    sql.push_bind(before).push(" LIMIT ").push_bind(limit);
    sql.load::<SqlId, OrganizationId>(connection).map_err(database_error)
}

/// Forgets events of an organization that are not sent again any more.
pub fn delete_old(batch: &mut Batch, organization: OrganizationId, before: i64) {
    let sql = Sql::new("DELETE FROM billing_events WHERE organization_id = ? AND received_at <= ?");
    batch.run(sql.bind(organization).bind(before));
}
