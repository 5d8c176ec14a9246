//! One operation that was taken: what is asked, and what its answer comes to.

use std::time::Duration;

use serde_json::{Value, json};

use super::failure::{self, Problem};
use super::operations::Kind;
use super::settle::{self, Ask, Seen};
use crate::administration::{Administration, By};
use crate::billing::stripe::Client;
use crate::error::{Error, Result};
use crate::organization::plan::Plan;
use crate::store::batch::Batch;
use crate::store::billing_operations::{self, Operation};
use crate::store::checkouts::{self, state};
use crate::store::connection::Connection;
use crate::store::subscriptions::{self, Subscription};
use crate::store::{Planned, Store};

/// How long one attempt may take.
pub(super) const ATTEMPT: Duration = Duration::from_secs(150);

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
        let late = |_| Err(Error::internal("an attempt took too long").into());
        // Whoever takes it when the lease is over must find nobody at it any more.
        let Err(problem) = tokio::time::timeout(ATTEMPT, self.attempt()).await.unwrap_or_else(late) else { return };
        let (organization, id, kind, attempts) =
            (operation.organization, operation.id, &operation.kind, operation.attempts);
        match &problem {
            Problem::Provider(why) => {
                tracing::warn!(%organization, operation = %id, kind, attempts, %why, "the payment provider was asked in vain");
            }
            Problem::Own(error) => {
                tracing::error!(%organization, operation = %id, kind, attempts, ?error, "a payment operation failed");
            }
        }
        let (administration, failed) = (self.administration.clone(), operation.clone());
        let plan = move |connection: &mut Connection| failure::plan(connection, &administration, &failed, &problem);
        if let Err(error) = self.store.write(plan).await {
            // It is due again when the lease ends.
            tracing::warn!(?error, operation = %id, "what came of a payment operation could not be written down");
        }
    }

    async fn attempt(&self) -> Result<(), Problem> {
        let payload: Value = serde_json::from_str(&self.operation.payload).unwrap_or_default();
        match Kind::ALL.into_iter().find(|kind| kind.name() == self.operation.kind) {
            Some(Kind::Checkout) => self.checkout(&payload).await,
            Some(Kind::ExpireCheckout) => self.expire_checkout(&payload).await,
            Some(Kind::Order) => self.order(&payload).await,
            Some(Kind::Refresh) => self.refresh(&payload).await,
            Some(Kind::Cancel) => self.cancel(&payload).await,
            Some(Kind::Refund) => self.refund(&payload).await,
            None => Err(Error::internal("an operation of a kind that this binary does not know").into()),
        }
    }

    /// The idempotency key of a call of this attempt. Stripe repeats its answer to a key, a failure of its own too.
    pub(super) fn key(&self, call: &str) -> String {
        format!("{}-{}-{call}", self.operation.id, self.operation.attempts)
    }

    async fn expire_checkout(&self, payload: &Value) -> Result<(), Problem> {
        let session = payload["session"].as_str().unwrap_or_default();
        let now = self.client.expire_checkout(session, &self.key("expire")).await?;
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
        // Another one was decided since: what it asks for counts, whichever of the two is asked first.
        let row = row.filter(|row| row.state != "canceled" && failure::is_latest(row, payload));
        let Some(id) = row.and_then(|row| row.subscription) else { return self.finish().await };
        let seats = payload["seats"].as_i64().ok_or_else(|| Error::internal("an order has no seats"))?;
        let plan: Plan =
            payload["plan"].as_str().unwrap_or_default().parse().map_err(|why: String| Error::internal(why))?;
        // Asked first: an attempt before this one may have had its effect and lost its answer.
        let now = self.client.subscription(&id).await?;
        if now.quantity != seats || now.plan != Some(plan) {
            self.client.set_order(&now, plan, seats, &self.key("order")).await?;
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
        self.client.cancel(id, &self.key("cancel")).await?;
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
            let open = checkouts::by_session(connection, operation.organization, &session)?;
            if let Some(open) = open.filter(|open| open.state == state::OPEN) {
                let step = (state::OPEN, state::EXPIRED);
                checkouts::update_state(&mut batch, operation.organization, open.id, step, None);
                let detail = json!({"checkout": open.id.to_string()});
                administration.audit(&mut batch, &By::SYSTEM, operation.organization, "checkout.expired", &detail);
            }
            Ok(Planned { batch, answer: () })
        };
        Ok(self.store.write(plan).await?)
    }

    pub(super) async fn finish(&self) -> Result<(), Problem> {
        let (administration, operation) = (self.administration.clone(), self.operation.clone());
        let plan = move |_: &mut Connection| Ok(Planned { batch: finished(&administration, &operation), answer: () });
        Ok(self.store.write(plan).await?)
    }
}

/// The operation is done.
pub(super) fn finished(administration: &Administration, operation: &Operation) -> Batch {
    let mut batch = Batch::default();
    let now = administration.clock.now().0;
    billing_operations::update_finished(&mut batch, operation.organization, operation.id, now, None);
    batch
}
