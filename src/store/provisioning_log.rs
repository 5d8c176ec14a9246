//! The provisioning log and the audit trail (floor 2): written in the transaction of what they tell of.

use diesel::sql_types::{BigInt, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{EventId, OrganizationId, ResourceId, TokenId};

/// One operation an identity provider asked for and what came of it. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub id: EventId,
    pub at: i64,
    pub token: TokenId,
    pub request_id: &'a str,
    pub client_address: Option<&'a str>,
    pub method: &'a str,
    pub path: &'a str,
    pub status: i64,
    pub latency_us: i64,
    pub resource_kind: Option<i64>,
    pub resource_id: Option<ResourceId>,
    pub explanation: &'a str,
    pub before: Option<&'a str>,
    pub after: Option<&'a str>,
}

/// Appends an entry to the provisioning log.
pub fn insert(batch: &mut Batch, organization: OrganizationId, entry: &Entry<'_>) {
    batch.run(
        Sql::new(
            "INSERT INTO provisioning_log (organization_id, id, at, token_id, request_id, client_address, method, path, status, latency_us, \
             resource_kind, resource_id, explanation, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(organization)
        .bind(entry.id)
        .bind(entry.at)
        .bind(entry.token)
        .bind(entry.request_id)
        .bind(entry.client_address)
        .bind(entry.method)
        .bind(entry.path)
        .bind(entry.status)
        .bind(entry.latency_us)
        .bind(entry.resource_kind)
        .bind(entry.resource_id)
        .bind(entry.explanation)
        .bind(entry.before)
        .bind(entry.after),
    );
}

/// An audit event: who did what to what. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    pub id: EventId,
    pub at: i64,
    pub actor: &'a str,
    pub action: &'a str,
    pub target_kind: &'a str,
    pub target_id: Option<ResourceId>,
    pub request_id: Option<&'a str>,
    pub address: Option<&'a str>,
    pub detail: &'a str,
}

/// Appends an audit event.
pub fn insert_event(batch: &mut Batch, organization: OrganizationId, event: &Event<'_>) {
    batch.run(
        Sql::new("INSERT INTO audit_events (organization_id, id, at, actor, action, target_kind, target_id, request_id, address, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(organization)
            .bind(event.id)
            .bind(event.at)
            .bind(event.actor)
            .bind(event.action)
            .bind(event.target_kind)
            .bind(event.target_id)
            .bind(event.request_id)
            .bind(event.address)
            .bind(event.detail),
    );
}

/// An audit event as stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub at: i64,
    pub actor: String,
    pub action: String,
    pub target_kind: String,
    pub target_id: Option<ResourceId>,
    pub request_id: Option<String>,
    pub address: Option<String>,
    pub detail: String,
}

/// The latest audit events of an organization, newest first.
///
/// # Errors
/// The database's.
pub fn events(connection: &mut Connection, organization: OrganizationId, limit: i64) -> Result<Vec<StoredEvent>> {
    type Columns = (BigInt, Text, Text, Text, Nullable<SqlId>, Nullable<Text>, Nullable<Text>, Text);
    type Row = (i64, String, String, String, Option<ResourceId>, Option<String>, Option<String>, String);
    let rows = Sql::new(
        "SELECT at, actor, action, target_kind, target_id, request_id, address, detail FROM audit_events \
         WHERE organization_id = ? ORDER BY id DESC LIMIT ?",
    )
    .bind(organization)
    .bind(limit)
    .load::<Columns, Row>(connection)
    .map_err(database_error)?;
    let event = |(at, actor, action, target_kind, target_id, request_id, address, detail): Row| StoredEvent {
        at,
        actor,
        action,
        target_kind,
        target_id,
        request_id,
        address,
        detail,
    };
    Ok(rows.into_iter().map(event).collect())
}
