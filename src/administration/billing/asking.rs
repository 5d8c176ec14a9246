//! One operation that was taken: what is asked, and what its answer comes to.

use serde_json::{Value, json};

use super::failure;
use super::operations::{Kind, insert};
use super::settle::{self, Ask, Seen};
use crate::administration::{Administration, By};
use crate::billing::stripe::{self, Client, Failure, Wanted};
use crate::error::{Error, Result};
use crate::id::CheckoutId;
use crate::organization::plan::Plan;
use crate::store::batch::Batch;
use crate::store::billing_operations::{self, Operation};
use crate::store::checkouts::{self, state};
use crate::store::connection::Connection;
use crate::store::subscriptions::{self, Subscription};
use crate::store::{Planned, Store, organizations};

/// Why asking came to nothing.
enum Problem {
    Provider(Failure),
    Own(Error),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Provider(failure)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

/// One operation that was taken.
pub(super) struct Asking<'a> {
    pub(super) store: &'a Store,
    pub(super) administration: &'a Administration,
    pub(super) client: &'a Client,
    pub(super) operation: Operation,
}

impl Asking<'_> {
    /// One attempt. A failure is this operation's alone.
    pub(super) async fn ask(&self) {
        let operation = &self.operation;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == operation.kind);
        let payload: Value = serde_json::from_str(&operation.payload).unwrap_or_default();
        let outcome = match kind {
            Some(Kind::Checkout) => self.checkout(&payload).await,
            Some(Kind::ExpireCheckout) => self.expire_checkout(&payload).await,
            Some(Kind::Order) => self.order(&payload).await,
            Some(Kind::Refresh) => self.refresh(&payload).await,
            Some(Kind::Cancel) => self.cancel(&payload).await,
            None => Err(Error::internal("an operation of a kind that this binary does not know").into()),
        };
        let written = match outcome {
            Ok(()) => return,
            Err(Problem::Provider(failure)) => {
                let (organization, id, kind) = (operation.organization, operation.id, &operation.kind);
                tracing::warn!(%organization, operation = %id, kind, attempts = operation.attempts, why = %failure, "the payment provider was asked in vain");
                self.settle_failure(failure).await
            }
            Err(Problem::Own(error)) => Err(error),
        };
        if let Err(error) = written {
            // It is due again when the lease ends.
            tracing::warn!(?error, operation = %operation.id, "what came of a payment operation could not be written down");
        }
    }

    async fn settle_failure(&self, failure: Failure) -> Result<()> {
        let (administration, operation) = (self.administration.clone(), self.operation.clone());
        self.store.write(move |connection| failure::plan(connection, &administration, &operation, &failure)).await
    }

    async fn checkout(&self, payload: &Value) -> Result<(), Problem> {
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
        let own = organization.to_string();
        let (who, key) = ((named.name.as_str(), payload["email"].as_str()), self.operation.id.to_string());
        let customer = if let Some(customer) = &checkout.customer {
            customer.clone()
        } else {
            self.client.create_customer(&own, who, &key).await?
        };
        let base = payload["base"].as_str().unwrap_or_default();
        let (checkout_id, done) = (id.to_string(), format!("{base}/checkout/{id}/done"));
        let wanted = Wanted {
            organization: &own,
            checkout: &checkout_id,
            plan: checkout.plan.parse().unwrap_or(Plan::Yearly),
            seats: checkout.seats,
            customer: &customer,
            success_url: &done,
            cancel_url: &format!("{base}/checkout/{id}"),
        };
        let session = self.client.create_checkout(&wanted, &key).await?;
        let (administration, operation) = (self.administration.clone(), self.operation.clone());
        let keep = move |connection: &mut Connection| {
            plan_session(connection, &administration, &operation, id, &customer, &session)
        };
        Ok(self.store.write(keep).await?)
    }

    async fn expire_checkout(&self, payload: &Value) -> Result<(), Problem> {
        let session = payload["session"].as_str().unwrap_or_default();
        let now = self.client.expire_checkout(session, &self.operation.id.to_string()).await?;
        // It was paid before it could be ended: then it counts.
        match now.subscription {
            Some(subscription) if now.status == "complete" => self.settle(&subscription, Some(session)).await,
            _ => self.finish().await,
        }
    }

    async fn order(&self, payload: &Value) -> Result<(), Problem> {
        let organization = self.operation.organization;
        let read = move |connection: &mut Connection| subscriptions::find(connection, organization);
        let row: Option<Subscription> = self.store.read(read).await?;
        let Some(id) = row.filter(|row| row.state != "canceled").and_then(|row| row.subscription) else {
            return self.finish().await;
        };
        let seats = payload["seats"].as_i64().ok_or_else(|| Error::internal("an order has no seats"))?;
        let plan: Plan =
            payload["plan"].as_str().unwrap_or_default().parse().map_err(|why: String| Error::internal(why))?;
        // Asked first: an attempt before this one may have had its effect and lost its answer.
        let now = self.client.subscription(&id).await?;
        if now.quantity != seats || now.plan != Some(plan) {
            self.client.set_order(&now, plan, seats, &self.operation.id.to_string()).await?;
        }
        self.settle(&id, None).await
    }

    async fn refresh(&self, payload: &Value) -> Result<(), Problem> {
        if let Some(id) = payload["session"].as_str() {
            let session = self.client.checkout(id).await?;
            return match (session.status.as_str(), session.subscription) {
                ("complete", Some(subscription)) => self.settle(&subscription, Some(id)).await,
                ("expired", _) => self.expired(id.to_owned()).await,
                _ => self.finish().await,
            };
        }
        match payload["subscription"].as_str() {
            Some(id) => self.settle(id, None).await,
            None => self.finish().await,
        }
    }

    async fn cancel(&self, payload: &Value) -> Result<(), Problem> {
        let id = payload["subscription"].as_str().unwrap_or_default();
        self.client.cancel(id, &self.operation.id.to_string()).await?;
        self.finish().await
    }

    /// Draws the consequences of a subscription as it is now.
    async fn settle(&self, subscription: &str, session: Option<&str>) -> Result<(), Problem> {
        let ask =
            Ask { organization: self.operation.organization, subscription, session, finishes: Some(self.operation.id) };
        match settle::settle(self.store, self.administration, self.client, &By::SYSTEM, ask).await? {
            Seen::Settled(_) => Ok(()),
            Seen::Failed(failure) => Err(failure.into()),
        }
    }

    async fn expired(&self, session: String) -> Result<(), Problem> {
        let (administration, operation) = (self.administration.clone(), self.operation.clone());
        let plan = move |connection: &mut Connection| {
            let mut batch = finished(&administration, &operation);
            let open = checkouts::open(connection, operation.organization, checkouts::purpose::SUBSCRIPTION)?;
            if let Some(open) = open.filter(|open| open.session.as_deref() == Some(&session)) {
                let step = (state::OPEN, state::EXPIRED);
                checkouts::update_state(&mut batch, operation.organization, open.id, step, None);
                let detail = json!({"checkout": open.id.to_string()});
                administration.audit(&mut batch, &By::SYSTEM, operation.organization, "checkout.expired", &detail);
            }
            Ok(Planned { batch, answer: () })
        };
        Ok(self.store.write(plan).await?)
    }

    async fn finish(&self) -> Result<(), Problem> {
        let batch = {
            let (administration, operation) = (self.administration.clone(), self.operation.clone());
            move |_: &mut Connection| Ok(Planned { batch: finished(&administration, &operation), answer: () })
        };
        Ok(self.store.write(batch).await?)
    }
}

fn finished(administration: &Administration, operation: &Operation) -> Batch {
    let mut batch = Batch::default();
    let now = administration.clock.now().0;
    billing_operations::update_finished(&mut batch, operation.organization, operation.id, now, None);
    batch
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
