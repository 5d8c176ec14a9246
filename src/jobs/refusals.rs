//! What the audit trails tell of sign-ins that came to nothing is forgotten when it is old.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::sign_in::refusals;
use crate::store::Store;

/// How often.
const SELDOM: Duration = Duration::from_hours(1);

/// Forgets what is too old for as long as the service lives.
pub async fn run(store: Store, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(SELDOM);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = refusals::forget(&store, clock.now()).await {
            tracing::warn!(?error, "old refusals could not be forgotten; they are in the next round");
        }
    }
}
