//! Billing goes on by itself (product.md §2): the payment provider is asked what was decided, the built-in one's
//! periods are renewed, and once a day ours is compared with the provider's.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::administration::Administration;
use crate::administration::billing::{operations, reconcile, renewal};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::batch::Batch;
use crate::store::{Planned, Store, billing_events, billing_operations};

/// How often it is seen whether something is due.
const OFTEN: Duration = Duration::from_secs(2);
/// How often it is seen whether something is to be renewed, compared or tidied up.
const SELDOM: Duration = Duration::from_mins(5);
/// How long operators see what was asked, and events are known again. Stripe sends them for three days.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Does what is due for as long as the service lives; counts what has drifted.
pub async fn run(store: Store, administration: Administration, drifted: Counter) {
    let mut ticks = tokio::time::interval(OFTEN);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looked: Option<Timestamp> = None;
    loop {
        ticks.tick().await;
        let now = administration.clock.now();
        let mut outcome = operations::drive(&store, &administration, None).await.map(drop);
        if outcome.is_ok() && looked.is_none_or(|at| at > now || at.plus(SELDOM) <= now) {
            looked = Some(now);
            outcome = round(&store, &administration, &drifted).await;
        }
        if let Err(error) = outcome {
            tracing::warn!(?error, "billing could not be looked at; it is in the next round");
        }
    }
}

/// Renews, compares and tidies up.
///
/// # Errors
/// The database's.
pub async fn round(store: &Store, administration: &Administration, drifted: &Counter) -> Result<()> {
    renewal::renew_due(store, administration).await?;
    for compared in reconcile::due(store, administration).await? {
        let organization = compared.organization;
        if let Some(why) = &compared.failure {
            tracing::warn!(%organization, why, "billing could not be compared with the provider's");
        } else {
            drifted.inc();
            tracing::warn!(%organization, found = %compared.describe(), "billing has drifted from the provider's");
        }
    }
    let before = administration.clock.now().minus(KEPT).0;
    let tidy = move |_: &mut _| {
        let mut batch = Batch::default();
        billing_operations::delete_finished(&mut batch, before);
        billing_events::delete_old(&mut batch, before);
        Ok(Planned { batch, answer: () })
    };
    store.write(tidy).await
}
