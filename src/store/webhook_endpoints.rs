//! Endpoints that an organization's webhooks go to (floor 2).

use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId, Type, Value};
use crate::error::Result;
use crate::id::{OrganizationId, WebhookId};

/// An endpoint that is told of events.
pub const ENABLED: &str = "enabled";
/// One that is not, by its admins or after days of failure.
pub const DISABLED: &str = "disabled";

/// An endpoint. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub id: WebhookId,
    pub url: String,
    pub description: String,
    /// The types it asks for, with spaces between; none for all.
    pub events: String,
    /// Sealed.
    pub secret: Vec<u8>,
    /// The secret before, sealed, and until when it signs too.
    pub old_secret: Option<Vec<u8>>,
    pub old_secret_until: Option<i64>,
    pub state: String,
    /// Why it was disabled, where nobody did.
    pub reason: Option<String>,
    /// Since when nothing was delivered.
    pub failing_since: Option<i64>,
    pub created_by: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub version: i64,
}

const COLUMNS: &str = "e.id, e.url, e.description, e.events, e.secret, e.old_secret, e.old_secret_until, e.state, e.reason, \
     e.failing_since, e.created_by, e.created_at, e.updated_at, e.version";
type Columns = (
    (SqlId, Text, Text, Text, Binary, Nullable<Binary>, Nullable<BigInt>),
    (Text, Nullable<Text>, Nullable<BigInt>, Text, BigInt, BigInt, BigInt),
);
type Row = (
    (WebhookId, String, String, String, Vec<u8>, Option<Vec<u8>>, Option<i64>),
    (String, Option<String>, Option<i64>, String, i64, i64, i64),
);

fn from_row(row: Row) -> Endpoint {
    let (
        (id, url, description, events, secret, old_secret, old_secret_until),
        (state, reason, failing_since, created_by, created_at, updated_at, version),
    ) = row;
    Endpoint {
        id,
        url,
        description,
        events,
        secret,
        old_secret,
        old_secret_until,
        state,
        reason,
        failing_since,
        created_by,
        created_at,
        updated_at,
        version,
    }
}

fn load(connection: &mut Connection, organization: OrganizationId, condition: Sql) -> Result<Vec<Endpoint>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM webhook_endpoints e WHERE e.organization_id = ").push_bind(organization);
    sql.append(condition);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// The organization's endpoints, oldest first.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut Connection, organization: OrganizationId) -> Result<Vec<Endpoint>> {
    load(connection, organization, Sql::new(" ORDER BY e.id"))
}

/// One endpoint.
///
/// # Errors
/// The database's.
pub fn one(connection: &mut Connection, organization: OrganizationId, id: WebhookId) -> Result<Option<Endpoint>> {
    Ok(load(connection, organization, Sql::new(" AND e.id = ").bind_here(id))?.pop())
}

/// Stores a new endpoint.
pub fn insert(batch: &mut Batch, organization: OrganizationId, endpoint: &Endpoint) {
    batch.run_once(
        Sql::new(
            "INSERT INTO webhook_endpoints (organization_id, id, url, description, events, secret, state, created_by, created_at, \
             updated_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(organization)
        .bind(endpoint.id)
        .bind(endpoint.url.as_str())
        .bind(endpoint.description.as_str())
        .bind(endpoint.events.as_str())
        .bind(Value::Bytes(endpoint.secret.clone()))
        .bind(endpoint.state.as_str())
        .bind(endpoint.created_by.as_str())
        .bind(endpoint.created_at)
        .bind(endpoint.updated_at)
        .bind(endpoint.version),
    );
}

/// Writes an endpoint as it is from now on, unless it has changed since it was read.
pub fn update(batch: &mut Batch, organization: OrganizationId, endpoint: &Endpoint) {
    let bytes = |bytes: Option<&Vec<u8>>| bytes.map_or(Value::Null(Type::Bytes), |bytes| Value::Bytes(bytes.clone()));
    batch.run_once(
        Sql::new(
            "UPDATE webhook_endpoints SET url = ?, description = ?, events = ?, secret = ?, old_secret = ?, old_secret_until = ?, \
             state = ?, reason = ?, failing_since = ?, updated_at = ?, version = version + 1 \
             WHERE organization_id = ? AND id = ? AND version = ?",
        )
        .bind(endpoint.url.as_str())
        .bind(endpoint.description.as_str())
        .bind(endpoint.events.as_str())
        .bind(Value::Bytes(endpoint.secret.clone()))
        .bind(bytes(endpoint.old_secret.as_ref()))
        .bind(endpoint.old_secret_until)
        .bind(endpoint.state.as_str())
        .bind(endpoint.reason.as_deref())
        .bind(endpoint.failing_since)
        .bind(endpoint.updated_at)
        .bind(organization)
        .bind(endpoint.id)
        .bind(endpoint.version),
    );
}

/// Notes since when nothing is delivered; nothing when something was.
pub fn update_failing(batch: &mut Batch, organization: OrganizationId, id: WebhookId, since: Option<i64>) {
    let mut sql = Sql::new("UPDATE webhook_endpoints SET failing_since = ").bind_here(since);
    sql.push(" WHERE organization_id = ").push_bind(organization).push(" AND id = ").push_bind(id);
    sql.push(if since.is_some() { " AND failing_since IS NULL" } else { " AND failing_since IS NOT NULL" });
    batch.run(sql);
}

/// Removes an endpoint; what waits for it is told to nobody.
pub fn delete(batch: &mut Batch, organization: OrganizationId, id: WebhookId) {
    batch.run_once(
        Sql::new("DELETE FROM webhook_endpoints WHERE organization_id = ? AND id = ?").bind(organization).bind(id),
    );
}
