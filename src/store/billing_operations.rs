//! What the payment provider is to be asked (floor 2): written with the decision, taken by whichever process asks.

use diesel::sql_types::{BigInt, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{BillingOperationId, OrganizationId};

/// An operation. Times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub organization: OrganizationId,
    pub id: BillingOperationId,
    pub kind: String,
    /// What the kind needs, as JSON.
    pub payload: String,
    /// `waiting`, `done` or `failed`.
    pub state: String,
    pub attempts: i64,
    pub due_at: i64,
    pub created_at: i64,
    pub last_error: Option<String>,
}

const COLUMNS: &str = "organization_id, id, kind, payload, state, attempts, due_at, created_at, last_error";
type Columns = (SqlId, SqlId, Text, Text, Text, BigInt, BigInt, BigInt, Nullable<Text>);
type Row = (OrganizationId, BillingOperationId, String, String, String, i64, i64, i64, Option<String>);

fn from_row((organization, id, kind, payload, state, attempts, due_at, created_at, last_error): Row) -> Operation {
    Operation { organization, id, kind, payload, state, attempts, due_at, created_at, last_error }
}

/// Inserts an operation that is due now.
pub fn insert(
    batch: &mut Batch,
    organization: OrganizationId,
    id: BillingOperationId,
    (kind, payload): (&str, &str),
    now: i64,
) {
    batch.run_once(
        Sql::new(
            "INSERT INTO billing_operations (organization_id, id, kind, payload, state, attempts, due_at, created_at) \
             VALUES (?, ?, ?, ?, 'waiting', 0, ?, ?)",
        )
        .bind(organization)
        .bind(id)
        .bind(kind)
        .bind(payload)
        .bind(now)
        .bind(now),
    );
}

/// Takes operations that are due until `again`, one attempt counted: of each organization one at a time, so that nothing
/// overtakes what somebody is at. One statement, so that of several processes one takes an operation; what a process
/// that dies has taken is due again then. Of one organization, or of all.
///
/// # Errors
/// The database's.
pub fn claim_due(
    connection: &mut Connection,
    organization: Option<OrganizationId>,
    (now, again): (i64, i64),
    limit: i64,
) -> Result<Vec<Operation>> {
    let mut sql = Sql::new("UPDATE billing_operations SET attempts = attempts + 1, due_at = ").bind_here(again);
    sql.push(", leased_until = ").push_bind(again).push(" WHERE state = 'waiting' AND due_at <= ").push_bind(now);
    sql.push(" AND (organization_id, id) IN (SELECT o.organization_id, o.id FROM billing_operations o WHERE o.state = 'waiting' AND o.due_at <= ")
        .push_bind(now);
    if let Some(organization) = organization {
        sql.push(" AND o.organization_id = ").push_bind(organization);
    }
    // Somebody is at another one, or another one comes first.
    sql.push(
        " AND NOT EXISTS (SELECT 1 FROM billing_operations e WHERE e.organization_id = o.organization_id AND e.state = 'waiting' \
         AND (e.leased_until > ",
    );
    sql.push_bind(now).push(" OR (e.id < o.id AND e.due_at <= ").push_bind(now);
    sql.push("))) ORDER BY o.due_at, o.id LIMIT ").push_bind(limit).push(") RETURNING ").push(COLUMNS);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// One operation.
///
/// # Errors
/// The database's.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    id: BillingOperationId,
) -> Result<Option<Operation>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM billing_operations WHERE organization_id = ").push_bind(organization);
    sql.push(" AND id = ").push_bind(id);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// The latest operations of an organization, newest first; at most `limit`.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut Connection, organization: OrganizationId, limit: i64) -> Result<Vec<Operation>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM billing_operations WHERE organization_id = ").push_bind(organization);
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// It is done, or given up and why.
pub fn update_finished(
    batch: &mut Batch,
    organization: OrganizationId,
    id: BillingOperationId,
    now: i64,
    given_up: Option<&str>,
) {
    batch.run_once(
        Sql::new(
            "UPDATE billing_operations SET state = ?, finished_at = ?, last_error = ? \
             WHERE organization_id = ? AND id = ? AND state = 'waiting'",
        )
        .bind(if given_up.is_some() { "failed" } else { "done" })
        .bind(now)
        .bind(given_up)
        .bind(organization)
        .bind(id),
    );
}

/// It is tried again.
pub fn update_due(batch: &mut Batch, organization: OrganizationId, id: BillingOperationId, due_at: i64, why: &str) {
    batch.run(
        Sql::new("UPDATE billing_operations SET due_at = ?, leased_until = 0, last_error = ? WHERE organization_id = ? AND id = ? AND state = 'waiting'")
            .bind(due_at)
            .bind(why)
            .bind(organization)
            .bind(id),
    );
}

/// Organizations that have something that was finished long ago; at most `limit`.
///
/// # Errors
/// The database's.
pub fn organizations_to_tidy(connection: &mut Connection, before: i64, limit: i64) -> Result<Vec<OrganizationId>> {
    let mut sql = Sql::new("SELECT DISTINCT organization_id FROM billing_operations WHERE finished_at <= ");
    sql.push_bind(before).push(" LIMIT ").push_bind(limit);
    sql.load::<SqlId, OrganizationId>(connection).map_err(database_error)
}

/// Removes what an organization has finished long ago.
pub fn delete_finished(batch: &mut Batch, organization: OrganizationId, before: i64) {
    let sql = Sql::new("DELETE FROM billing_operations WHERE organization_id = ? AND finished_at <= ?");
    batch.run(sql.bind(organization).bind(before));
}
