//! The audit trail.

use serde_json::{Value, json};

use super::{By, named};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::organization::permission::Action;
use crate::store::connection::Connection;
use crate::store::provisioning_log::{self, SERVICE, StoredEvent};

/// The latest events of an organization, or of what belongs to none, newest first.
///
/// # Errors
/// `not_found`.
pub fn list(connection: &mut Connection, by: &By, slug: Option<&str>, limit: u32) -> Result<Value> {
    by.check(Action::ReadAudit)?;
    let trail = match slug {
        Some(slug) => named(connection, by, slug)?.id,
        None => SERVICE,
    };
    let events = provisioning_log::events(connection, trail, i64::from(limit))?;
    Ok(events.into_iter().map(describe).collect::<Vec<_>>().into())
}

fn describe(event: StoredEvent) -> Value {
    // Use cases write an object or a sentence.
    let detail = match serde_json::from_str::<Value>(&event.detail) {
        Ok(object @ Value::Object(_)) => object,
        _ => Value::String(event.detail),
    };
    json!({
        "at": Timestamp(event.at).to_string(), "actor": event.actor, "action": event.action,
        "target": {"kind": event.target_kind, "id": event.target_id.map(|id| id.to_string())},
        "request_id": event.request_id, "address": event.address, "detail": detail
    })
}
