//! What webhooks tell (floor 2): events that were written with what they tell of, and a delivery for each endpoint.

use diesel::sql_types::{BigInt, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Rows, Sql, SqlId, Type};
use crate::error::Result;
use crate::id::{DeliveryId, EventId, OrganizationId, ResourceId, WebhookId};

/// The states of a delivery.
pub mod state {
    /// It is to be delivered.
    pub const WAITING: &str = "waiting";
    /// The endpoint has taken it.
    pub const DELIVERED: &str = "delivered";
    /// It was given up; it can be replayed.
    pub const FAILED: &str = "failed";
}

/// An event of the audit trail that nobody was told of yet. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Untold {
    pub organization: OrganizationId,
    pub id: EventId,
    pub at: i64,
    pub actor: String,
    pub action: String,
    pub target_kind: String,
    pub target: Option<ResourceId>,
    pub detail: String,
}

/// Takes events that nobody was told of, oldest first; at most `limit`. In the transaction in which their
/// deliveries are written: of several processes one has an event, and none is lost.
///
/// # Errors
/// The database's.
pub fn take_untold(connection: &mut Connection, limit: i64) -> Result<Vec<Untold>> {
    type Columns = (SqlId, SqlId, BigInt, Text, Text, Text, Nullable<SqlId>, Text);
    type Row = (OrganizationId, EventId, i64, String, String, String, Option<ResourceId>, String);
    let mut sql = Sql::new(
        "UPDATE audit_events SET untold = FALSE WHERE untold AND id IN (SELECT id FROM audit_events WHERE untold ORDER BY id LIMIT ",
    );
    sql.push_bind(limit).push(") RETURNING organization_id, id, at, actor, action, target_kind, target_id, detail");
    let rows = sql.load::<Columns, Row>(connection).map_err(database_error)?;
    let untold = |(organization, id, at, actor, action, target_kind, target, detail): Row| Untold {
        organization,
        id,
        at,
        actor,
        action,
        target_kind,
        target,
        detail,
    };
    let mut taken: Vec<Untold> = rows.into_iter().map(untold).collect();
    // PostgreSQL returns them in the order in which it finds them.
    taken.sort_by_key(|event| event.id);
    Ok(taken)
}

/// Whether there are events that nobody was told of.
///
/// # Errors
/// The database's.
pub fn has_untold(connection: &mut Connection) -> Result<bool> {
    let found = Sql::new("SELECT id FROM audit_events WHERE untold LIMIT 1").first::<SqlId, EventId>(connection);
    Ok(found.map_err(database_error)?.is_some())
}

/// Whether deliveries are due.
///
/// # Errors
/// The database's.
pub fn has_due(connection: &mut Connection, now: i64) -> Result<bool> {
    let mut sql = Sql::new("SELECT id FROM webhook_deliveries WHERE state = 'waiting' AND due_at <= ");
    sql.push_bind(now).push(" LIMIT 1");
    Ok(sql.first::<SqlId, DeliveryId>(connection).map_err(database_error)?.is_some())
}

/// A delivery. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub organization: OrganizationId,
    pub id: DeliveryId,
    pub endpoint: WebhookId,
    /// The audit event it tells of; none of a test.
    pub event: Option<EventId>,
    pub kind: String,
    pub payload: String,
    pub state: String,
    pub attempts: i64,
    pub due_at: i64,
    pub created_at: i64,
    pub attempted_at: Option<i64>,
    pub status: Option<i64>,
    pub error: Option<String>,
    pub response: Option<String>,
}

const COLUMNS: &str = "organization_id, id, endpoint_id, event_id, type, payload, state, attempts, due_at, created_at, attempted_at, \
     status, error, response";
type Columns = (
    (SqlId, SqlId, SqlId, Nullable<SqlId>, Text, Text, Text),
    (BigInt, BigInt, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<Text>, Nullable<Text>),
);
type Row = (
    (OrganizationId, DeliveryId, WebhookId, Option<EventId>, String, String, String),
    (i64, i64, i64, Option<i64>, Option<i64>, Option<String>, Option<String>),
);

fn from_row(row: Row) -> Delivery {
    let (
        (organization, id, endpoint, event, kind, payload, state),
        (attempts, due_at, created_at, attempted_at, status, error, response),
    ) = row;
    Delivery {
        organization,
        id,
        endpoint,
        event,
        kind,
        payload,
        state,
        attempts,
        due_at,
        created_at,
        attempted_at,
        status,
        error,
        response,
    }
}

/// Writes new deliveries.
pub fn insert(batch: &mut Batch, organization: OrganizationId, delivery: &Delivery) {
    batch.insert(Rows {
        insert: "INSERT INTO webhook_deliveries (organization_id, id, endpoint_id, event_id, type, payload, state, attempts, due_at, created_at)",
        types: &[
            Type::Id,
            Type::Id,
            Type::Id,
            Type::Id,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Integer,
            Type::Integer,
            Type::Integer,
        ],
        conflict: "",
        rows: vec![vec![
            organization.into(),
            delivery.id.into(),
            delivery.endpoint.into(),
            delivery.event.into(),
            delivery.kind.as_str().into(),
            delivery.payload.as_str().into(),
            delivery.state.as_str().into(),
            delivery.attempts.into(),
            delivery.due_at.into(),
            delivery.created_at.into(),
        ]],
    });
}

/// Takes deliveries that are due until `again`, one attempt counted; at most `limit`. One statement, so that of
/// several processes one takes a delivery; what a process that dies has taken is due again then.
///
/// # Errors
/// The database's.
pub fn claim_due(connection: &mut Connection, now: i64, again: i64, limit: i64) -> Result<Vec<Delivery>> {
    const DUE: &str = "state = 'waiting' AND due_at <= ";
    let mut sql = Sql::new("UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = ").bind_here(again);
    sql.push(" WHERE ").push(DUE).push_bind(now).push(" AND id IN (SELECT id FROM webhook_deliveries WHERE ").push(DUE);
    sql.push_bind(now).push(" ORDER BY due_at, id LIMIT ").push_bind(limit).push(") RETURNING ").push(COLUMNS);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// What came of an attempt: another state, or the same and due again.
pub fn update(batch: &mut Batch, organization: OrganizationId, delivery: &Delivery) {
    batch.run(
        Sql::new(
            "UPDATE webhook_deliveries SET state = ?, attempts = ?, due_at = ?, attempted_at = ?, status = ?, error = ?, response = ? \
             WHERE organization_id = ? AND id = ?",
        )
        .bind(delivery.state.as_str())
        .bind(delivery.attempts)
        .bind(delivery.due_at)
        .bind(delivery.attempted_at)
        .bind(delivery.status)
        .bind(delivery.error.as_deref())
        .bind(delivery.response.as_deref())
        .bind(organization)
        .bind(delivery.id),
    );
}

/// The deliveries to an endpoint, newest first, from the one after `after` on.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: WebhookId,
    (after, limit): (Option<DeliveryId>, i64),
) -> Result<Vec<Delivery>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM webhook_deliveries WHERE organization_id = ").push_bind(organization);
    sql.push(" AND endpoint_id = ").push_bind(endpoint);
    if let Some(after) = after {
        sql.push(" AND id < ").push_bind(after);
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// One delivery to an endpoint.
///
/// # Errors
/// The database's.
pub fn one(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: WebhookId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM webhook_deliveries WHERE organization_id = ").push_bind(organization);
    sql.push(" AND id = ").push_bind(id).push(" AND endpoint_id = ").push_bind(endpoint);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// Removes every delivery to an endpoint.
pub fn delete_of(batch: &mut Batch, organization: OrganizationId, endpoint: WebhookId) {
    batch.run(
        Sql::new("DELETE FROM webhook_deliveries WHERE organization_id = ? AND endpoint_id = ?")
            .bind(organization)
            .bind(endpoint),
    );
}

/// Removes what was written before and waits no more.
pub fn delete_before(batch: &mut Batch, before: i64) {
    batch.run(Sql::new("DELETE FROM webhook_deliveries WHERE state <> 'waiting' AND created_at < ").bind_here(before));
}
