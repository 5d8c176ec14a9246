//! The log of what was told to an endpoint, telling it again, and a test.

use serde_json::{Value, json};

use super::super::{Administration, By, named};
use super::{find, telling};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::DeliveryId;
use crate::organization::permission::Action;
use crate::organization::webhook::TEST;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::webhook_deliveries::{self, Delivery, state};

/// The deliveries to an endpoint, newest first.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn list(
    connection: &mut Connection,
    by: &By,
    (slug, id): (&str, &str),
    page: (Option<DeliveryId>, i64),
) -> Result<Vec<Delivery>> {
    by.check(Action::ManageWebhooks)?;
    let organization = named(connection, by, slug)?;
    let endpoint = find(connection, organization.id, id)?;
    webhook_deliveries::list(connection, organization.id, endpoint.id, page)
}

/// Makes a delivery due again, with all its attempts before it.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn replay(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    (slug, id): (&str, &str),
    delivery: &str,
) -> Result<Planned<Value>> {
    by.check(Action::ManageWebhooks)?;
    let organization = named(connection, by, slug)?;
    let endpoint = find(connection, organization.id, id)?;
    let known = delivery.parse().ok();
    let known = known.map(|known| webhook_deliveries::one(connection, organization.id, endpoint.id, known));
    let mut found = known.transpose()?.flatten().ok_or_else(|| {
        Error::new(Code::NotFound, format!("There is no delivery \"{delivery}\" to this webhook. List them first."))
    })?;
    state::WAITING.clone_into(&mut found.state);
    (found.attempts, found.due_at) = (0, administration.clock.now().0);
    let mut batch = Batch::default();
    webhook_deliveries::update(&mut batch, organization.id, &found);
    let detail = json!({"id": endpoint.id.to_string(), "delivery": found.id.to_string(), "type": found.kind});
    administration.audit(&mut batch, by, organization.id, "webhook.replayed", &detail);
    Ok(Planned { batch, answer: describe(&found) })
}

/// Sends an endpoint something that tells of nothing, once, also while it is disabled.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn test(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    id: &str,
) -> Result<Planned<Value>> {
    by.check(Action::ManageWebhooks)?;
    let organization = named(connection, by, slug)?;
    let endpoint = find(connection, organization.id, id)?;
    let now = administration.clock.now().0;
    let data = json!({"organization_id": organization.id.to_string(), "webhook_id": endpoint.id.to_string()});
    let payload = telling::payload(TEST, now, data);
    let delivery = telling::new(administration, organization.id, &endpoint, TEST, payload, now);
    let mut batch = Batch::default();
    webhook_deliveries::insert(&mut batch, organization.id, &delivery);
    let detail = json!({"id": endpoint.id.to_string(), "delivery": delivery.id.to_string()});
    administration.audit(&mut batch, by, organization.id, "webhook.tested", &detail);
    Ok(Planned { batch, answer: describe(&delivery) })
}

/// A delivery as it is shown.
#[must_use]
pub fn describe(delivery: &Delivery) -> Value {
    let time = |at: Option<i64>| at.map(|at| Timestamp(at).to_string());
    let waits = delivery.state == state::WAITING;
    json!({
        "id": delivery.id.to_string(), "event_id": delivery.event.map(|event| event.to_string()), "type": delivery.kind,
        "state": delivery.state, "attempts": delivery.attempts, "created_at": Timestamp(delivery.created_at).to_string(),
        "next_attempt_at": time(waits.then_some(delivery.due_at)), "attempted_at": time(delivery.attempted_at),
        "status": delivery.status, "error": delivery.error, "response": delivery.response,
        "payload": serde_json::from_str::<Value>(&delivery.payload).unwrap_or_default()
    })
}
