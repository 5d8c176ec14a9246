//! The log of what was told to an endpoint, telling it again, and a test.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::super::{Administration, By, named};
use super::{find, telling};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{DeliveryId, EventId};
use crate::organization::permission::Action;
use crate::organization::webhook::TEST;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::webhook_deliveries::{self, Delivery, state};

/// A delivery as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct Shown {
    pub id: DeliveryId,
    /// The event of the audit trail that it tells of.
    #[schema(required)]
    pub event_id: Option<EventId>,
    #[serde(rename = "type")]
    pub kind: String,
    /// `waiting`, `delivered` or `failed`.
    pub state: String,
    pub attempts: i64,
    pub created_at: Timestamp,
    #[schema(required)]
    pub next_attempt_at: Option<Timestamp>,
    #[schema(required)]
    pub attempted_at: Option<Timestamp>,
    /// Of the last attempt.
    #[schema(required)]
    pub status: Option<i64>,
    #[schema(required)]
    pub error: Option<String>,
    /// What the endpoint has answered, cut.
    #[schema(required)]
    pub response: Option<String>,
    /// What is told, whole.
    #[schema(value_type = Object)]
    pub payload: Value,
}

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
) -> Result<Planned<Shown>> {
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
) -> Result<Planned<Shown>> {
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
pub fn describe(delivery: &Delivery) -> Shown {
    let waits = delivery.state == state::WAITING;
    Shown {
        id: delivery.id,
        event_id: delivery.event,
        kind: delivery.kind.clone(),
        state: delivery.state.clone(),
        attempts: delivery.attempts,
        created_at: Timestamp(delivery.created_at),
        next_attempt_at: waits.then_some(Timestamp(delivery.due_at)),
        attempted_at: delivery.attempted_at.map(Timestamp),
        status: delivery.status,
        error: delivery.error.clone(),
        response: delivery.response.clone(),
        payload: serde_json::from_str(&delivery.payload).unwrap_or_default(),
    }
}
