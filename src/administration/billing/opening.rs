//! A page to pay at is opened at Stripe, for the customer that the organization is there.

use serde_json::{Value, json};

use super::asking::{Asking, finished};
use super::failure::Problem;
use super::operations::{Kind, insert};
use crate::administration::Administration;
use crate::billing::stripe::{self, Wanted};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::CheckoutId;
use crate::organization::plan::Plan;
use crate::store::batch::Batch;
use crate::store::billing_operations::Operation;
use crate::store::checkouts::{self, Checkout, state};
use crate::store::connection::Connection;
use crate::store::{Planned, organizations};

/// How far Stripe's clock may be behind ours, in seconds.
const SKEW: i64 = 300;

impl Asking<'_> {
    pub(super) async fn checkout(&self, payload: &Value) -> Result<(), Problem> {
        let organization = self.operation.organization;
        let id = payload["checkout"].as_str().and_then(|id| id.parse::<CheckoutId>().ok());
        let id = id.ok_or_else(|| Error::internal("a checkout operation names none"))?;
        let read = move |connection: &mut Connection| {
            let named = organizations::by_id(connection, organization)?;
            Ok((checkouts::find(connection, organization, id)?, named))
        };
        let (Some(checkout), Some(named)) = self.store.read(read).await? else { return self.finish().await };
        if checkout.state != state::OPEN || checkout.session.is_some() {
            return self.finish().await;
        }
        let customer = self.customer(&checkout, (&named.name, payload["email"].as_str())).await?;
        let session = self.session(&checkout, &customer, payload["base"].as_str().unwrap_or_default()).await?;
        let (administration, operation) = (self.administration.clone(), self.operation.clone());
        let keep = move |connection: &mut Connection| {
            plan_session(connection, &administration, &operation, id, &customer, &session)
        };
        Ok(self.store.write(keep).await?)
    }

    /// The customer that the organization is, as long as it is there, else a new one, which is remembered before
    /// anything else may fail.
    async fn customer(&self, checkout: &Checkout, who: (&str, Option<&str>)) -> Result<String, Problem> {
        if let Some(known) = &checkout.customer
            && self.client.has_customer(known).await?
        {
            return Ok(known.clone());
        }
        let (organization, id) = (self.operation.organization, checkout.id);
        let own = organization.to_string();
        // An attempt before this one may have made it and lost the answer.
        let since = Timestamp(self.operation.created_at).plus_seconds(-SKEW);
        let lost = if self.operation.attempts > 1 { self.client.find_customer(&own, since).await? } else { None };
        let customer = match lost {
            Some(lost) => lost,
            None => self.client.create_customer(&own, who, &self.key("customer")).await?,
        };
        let made = customer.clone();
        let remember = move |_: &mut Connection| {
            let mut batch = Batch::default();
            checkouts::update_customer(&mut batch, organization, id, &made);
            Ok(Planned { batch, answer: () })
        };
        self.store.write(remember).await?;
        Ok(customer)
    }

    /// The page to pay at: made by an attempt before this one, or now.
    async fn session(&self, checkout: &Checkout, customer: &str, base: &str) -> Result<stripe::Session, Problem> {
        let (own, id) = (self.operation.organization.to_string(), checkout.id.to_string());
        if self.operation.attempts > 1
            && let Some(made) = self.client.find_checkout(customer, &id).await?
        {
            return Ok(made);
        }
        let wanted = Wanted {
            organization: &own,
            checkout: &id,
            plan: checkout.plan.parse().unwrap_or(Plan::Yearly),
            seats: checkout.seats,
            customer,
            success_url: &format!("{base}/checkout/{id}/done"),
            cancel_url: &format!("{base}/checkout/{id}"),
        };
        Ok(self.client.create_checkout(&wanted, &self.key("session")).await?)
    }
}

/// The page to pay at is there. A checkout that was given up meanwhile is given up at the provider, too.
fn plan_session(
    connection: &mut Connection,
    administration: &Administration,
    operation: &Operation,
    id: CheckoutId,
    customer: &str,
    session: &stripe::Session,
) -> Result<Planned<()>> {
    let mut batch = finished(administration, operation);
    let organization = operation.organization;
    if let Some(mut checkout) = checkouts::find(connection, organization, id)? {
        checkout.customer = Some(customer.to_owned());
        checkout.session = Some(session.id.clone());
        checkout.url.clone_from(&session.url);
        checkout.expires_at = session.expires_at.map_or(checkout.expires_at, |at| at.0);
        checkouts::update_session(&mut batch, organization, &checkout);
        if checkout.state != state::OPEN {
            let payload = json!({"session": session.id});
            insert(&mut batch, administration, organization, Kind::ExpireCheckout, &payload);
        }
    }
    Ok(Planned { batch, answer: () })
}
