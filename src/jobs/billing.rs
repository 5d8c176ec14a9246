//! Billing goes on by itself (product.md §2): the payment provider is asked what was decided and whether open checkouts
//! are paid, the built-in one's periods are renewed, and once a day ours is compared with the provider's.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::administration::Administration;
use crate::administration::billing::{operations, reconcile, renewal, returning};
use crate::error::Result;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{Planned, Store, billing_events, billing_operations};

/// How often it is seen whether something is due.
const OFTEN: Duration = Duration::from_secs(2);
/// How often it is seen whether something is to be renewed, compared or tidied up.
const SELDOM: Duration = Duration::from_mins(5);
/// How long operators see what was asked, and events are known again. Stripe sends them for three days.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Organizations that are tidied up at once.
const PAGE: i64 = 500;

/// Asks the provider what is due for as long as the service lives. Nothing else keeps it waiting.
pub async fn run(store: Store, administration: Administration) {
    let mut ticks = tokio::time::interval(OFTEN);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = operations::drive(&store, &administration, None).await {
            tracing::warn!(?error, "the payment provider could not be asked; it is in the next round");
        }
    }
}

/// Renews, compares and tidies up for as long as the service lives; counts what has drifted.
pub async fn keep(store: Store, administration: Administration, drifted: Counter) {
    let mut ticks = tokio::time::interval(SELDOM);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = round(&store, &administration, &drifted).await {
            tracing::warn!(?error, "billing could not be looked at; it is in the next round");
        }
    }
}

/// Renews, asks about open checkouts, compares and tidies up.
///
/// # Errors
/// The database's.
pub async fn round(store: &Store, administration: &Administration, drifted: &Counter) -> Result<()> {
    renewal::renew_due(store, administration).await?;
    returning::ask_open(store, administration).await?;
    for compared in reconcile::due(store, administration).await? {
        let organization = compared.organization;
        if let Some(why) = &compared.failure {
            tracing::warn!(%organization, why, "billing could not be compared with the provider's");
        } else {
            drifted.inc();
            tracing::warn!(%organization, found = %compared.describe(), "billing has drifted from the provider's");
        }
    }
    tidy(store, administration.clock.now().minus(KEPT).0).await
}

/// Forgets what is old, of one organization after another.
async fn tidy(store: &Store, before: i64) -> Result<()> {
    loop {
        let due = move |connection: &mut Connection| {
            let mut due = billing_operations::organizations_to_tidy(connection, before, PAGE)?;
            due.extend(billing_events::organizations_to_tidy(connection, before, PAGE)?);
            Ok(due)
        };
        let due = store.scan(due).await?;
        if due.is_empty() {
            return Ok(());
        }
        for organization in due {
            let forget = move |_: &mut Connection| {
                let mut batch = Batch::default();
                billing_operations::delete_finished(&mut batch, organization, before);
                billing_events::delete_old(&mut batch, organization, before);
                Ok(Planned { batch, answer: () })
            };
            store.write(forget).await?;
        }
    }
}
