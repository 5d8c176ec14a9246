//! What was deleted long ago is purged, and answers that nobody asks for again are forgotten.

use std::time::Duration;

use crate::administration::{Administration, idempotency, organization};
use crate::store::Store;

/// How often.
const SELDOM: Duration = Duration::from_hours(1);

/// Cleans for as long as the service lives.
pub async fn run(store: Store, administration: Administration) {
    let mut ticks = tokio::time::interval(SELDOM);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match organization::purge(&store, &administration).await {
            Ok(0) => {}
            Ok(purged) => tracing::info!(purged, "deleted organizations were purged"),
            Err(error) => {
                tracing::warn!(?error, "deleted organizations could not be purged; they are in the next round");
            }
        }
        if let Err(error) = idempotency::forget(&store, &administration).await {
            tracing::warn!(?error, "old answers could not be forgotten; they are in the next round");
        }
    }
}
