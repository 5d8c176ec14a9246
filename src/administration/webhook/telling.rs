//! Events of the audit trail become deliveries, one for each endpoint that asks for them.
//!
//! The audit event is the row of the outbox: it is written in the transaction of what it tells of, and marked as
//! untold there when the organization has an endpoint. So nothing is lost, and who has no endpoint pays nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Value, json};

use super::super::Administration;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::OrganizationId;
use crate::organization::webhook::{events, wants};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::webhook_deliveries::{self, Delivery, Untold, state};
use crate::store::webhook_endpoints::{self, ENABLED, Endpoint};
use crate::store::{Planned, members, run};

/// Writes the deliveries of events that nobody was told of yet, at most `limit` events; how many those were. Run in
/// one transaction.
///
/// # Errors
/// The database's; nothing is told then, and it is told the next time.
pub fn tell(connection: &mut Connection, administration: &Administration, limit: i64) -> Result<usize> {
    let untold = webhook_deliveries::take_untold(connection, limit)?;
    let mut endpoints: HashMap<OrganizationId, Vec<Endpoint>> = HashMap::new();
    for event in &untold {
        if let Entry::Vacant(vacant) = endpoints.entry(event.organization) {
            let mut all = webhook_endpoints::list(connection, event.organization)?;
            all.retain(|endpoint| endpoint.state == ENABLED);
            vacant.insert(all);
        }
    }
    run(connection, |connection| {
        let mut batch = Batch::default();
        for event in &untold {
            let told = endpoints.get(&event.organization).map_or(&[][..], Vec::as_slice);
            add(connection, administration, &mut batch, event, told)?;
        }
        Ok(Planned { batch, answer: untold.len() })
    })
}

/// Adds the deliveries of one event.
fn add(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    event: &Untold,
    endpoints: &[Endpoint],
) -> Result<()> {
    let now = administration.clock.now().0;
    for kind in events(&event.action, &event.detail) {
        let asking: Vec<&Endpoint> = endpoints.iter().filter(|endpoint| wants(&endpoint.events, kind)).collect();
        if asking.is_empty() {
            continue;
        }
        let payload = payload(kind, event.at, data(connection, event)?);
        for endpoint in asking {
            let delivery = Delivery {
                event: Some(event.id),
                ..new(administration, event.organization, endpoint, kind, payload.clone(), now)
            };
            webhook_deliveries::insert(batch, event.organization, &delivery);
        }
    }
    Ok(())
}

/// A delivery that is due.
pub(super) fn new(
    administration: &Administration,
    organization: OrganizationId,
    endpoint: &Endpoint,
    kind: &str,
    payload: String,
    now: i64,
) -> Delivery {
    Delivery {
        organization,
        id: administration.ids.next(),
        endpoint: endpoint.id,
        event: None,
        kind: kind.to_owned(),
        payload,
        state: state::WAITING.to_owned(),
        attempts: 0,
        due_at: now,
        created_at: now,
        attempted_at: None,
        status: None,
        error: None,
        response: None,
    }
}

/// What is sent: the shape that Standard Webhooks recommends.
pub(super) fn payload(kind: &str, at: i64, data: Value) -> String {
    json!({"type": kind, "timestamp": Timestamp(at).to_string(), "data": data}).to_string()
}

/// What happened to whom: the member as they are now.
fn data(connection: &mut Connection, event: &Untold) -> Result<Value> {
    // Provisioning writes words, everybody else JSON.
    let detail = serde_json::from_str(&event.detail).unwrap_or_else(|_| json!({"explanation": event.detail}));
    let mut data = json!({
        "organization_id": event.organization.to_string(),
        "event_id": event.id.to_string(),
        "action": event.action,
        "actor": event.actor,
        "detail": detail
    });
    match (event.target_kind.as_str(), event.target) {
        ("User", Some(id)) => {
            data["member"] = json!({"id": id.to_string()});
            if let (_, Some((_, member))) = members::user(connection, event.organization, id)? {
                data["member"]["email"] = member.address_key.into();
                data["member"]["role"] = member.role.into();
                data["member"]["status"] = if member.suspended { "suspended".into() } else { member.status.into() };
            }
        }
        ("Group", Some(id)) => data["group"] = json!({"id": id.to_string()}),
        _ => {}
    }
    Ok(data)
}
