//! What is kept for a time is forgotten when it is older.

use std::sync::Arc;
use std::time::Duration;

use crate::administration::{audit, invitation, provisioning_log};
use crate::clock::{Clock, Timestamp};
use crate::error::Result;
use crate::store::Store;

/// How often.
const SELDOM: Duration = Duration::from_hours(1);

/// How long things are kept; `None`: for ever.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub audit: Option<Duration>,
    pub provisioning_log: Option<Duration>,
    /// Invitations that are over.
    pub invitations: Option<Duration>,
}

/// Forgets what is too old for as long as the service lives.
pub async fn run(store: Store, clock: Arc<dyn Clock>, kept: Kept) {
    let mut ticks = tokio::time::interval(SELDOM);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = round(&store, clock.now(), kept).await {
            tracing::warn!(?error, "what is old could not be forgotten; it is in the next round");
        }
    }
}

/// Forgets what is too old now.
///
/// # Errors
/// The database's.
pub async fn round(store: &Store, now: Timestamp, kept: Kept) -> Result<()> {
    if let Some(length) = kept.audit {
        let events = audit::forget(store, now, length).await?;
        tracing::debug!(events, "old audit events were forgotten");
    }
    if let Some(length) = kept.provisioning_log {
        let entries = provisioning_log::forget(store, now, length).await?;
        tracing::debug!(entries, "old entries of the provisioning log were forgotten");
    }
    if let Some(length) = kept.invitations {
        let invitations = invitation::forget(store, now, length).await?;
        tracing::debug!(invitations, "old invitations were forgotten");
    }
    Ok(())
}
