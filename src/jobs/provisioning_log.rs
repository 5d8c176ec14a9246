//! Entries of the provisioning log that wait in memory are written.

use std::sync::Arc;
use std::time::Duration;

use crate::provisioning::{Service, log_buffer};
use crate::store::Store;

/// How often.
const OFTEN: Duration = Duration::from_secs(1);

/// Writes what waits for as long as the service lives.
pub async fn run(store: Store, service: Arc<Service>) {
    let mut ticks = tokio::time::interval(OFTEN);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        round(&store, &service).await;
    }
}

/// Writes what waits. What cannot be written is lost: a log of reads is no reason to keep them in memory.
pub async fn round(store: &Store, service: &Arc<Service>) {
    if let Err(error) = log_buffer::flush(store, service).await {
        tracing::warn!(?error, "some reads are missing in the provisioning log");
    }
}
