//! Events of Stripe: each is taken once, whatever it says; how things stand is asked afterwards.

use serde_json::json;

use super::operations::{self, Kind};
use crate::administration::Administration;
use crate::billing::stripe::webhook::Event;
use crate::error::Result;
use crate::id::OrganizationId;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{Planned, billing_events, organizations, subscriptions};

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The organization's standing is to be asked.
    Taken(OrganizationId),
    /// It was taken before.
    Again,
    /// It is about nothing of ours.
    Ignored,
}

/// Kinds of events that tell of something we sell.
const FAMILIES: [&str; 3] = ["checkout.session.", "customer.subscription.", "invoice."];

/// Takes an event whose signature is right.
///
/// # Errors
/// The database's: the event is sent again then.
pub fn receive(
    connection: &mut Connection,
    administration: &Administration,
    event: &Event,
) -> Result<Planned<Received>> {
    let mut batch = Batch::default();
    let is_ours = FAMILIES.iter().any(|family| event.kind.starts_with(family));
    let about = (event.session.as_deref(), event.subscription.as_deref());
    if !is_ours || about == (None, None) {
        return Ok(Planned { batch, answer: Received::Ignored });
    }
    let Some(organization) = whose(connection, event)? else {
        return Ok(Planned { batch, answer: Received::Ignored });
    };
    if billing_events::is_known(connection, organization, &event.id)? {
        return Ok(Planned { batch, answer: Received::Again });
    }
    let now = administration.clock.now().0;
    billing_events::insert(&mut batch, organization, (&event.id, &event.kind), now);
    let payload = json!({"session": event.session, "subscription": event.subscription});
    operations::insert(&mut batch, administration, organization, Kind::Refresh, &payload);
    Ok(Planned { batch, answer: Received::Taken(organization) })
}

/// By our own row where there is one, else by what we have told Stripe at the checkout.
fn whose(connection: &mut Connection, event: &Event) -> Result<Option<OrganizationId>> {
    if let Some(subscription) = &event.subscription
        && let Some(owner) = subscriptions::owner(connection, subscription)?
    {
        return Ok(Some(owner));
    }
    let Some(named) = event.organization.as_deref().and_then(|id| id.parse().ok()) else { return Ok(None) };
    Ok(organizations::by_id(connection, named)?.map(|organization| organization.id))
}
