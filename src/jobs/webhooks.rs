//! Webhooks are told and delivered (product.md §10): by whichever process takes them first, again and again with
//! longer and longer pauses, until the endpoint has them or they are given up.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use crate::administration::Administration;
use crate::administration::webhook::{attempt, telling};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::batch::Batch;
use crate::store::webhook_deliveries::{self, Delivery};
use crate::store::{Planned, Store};

/// Events that are told at once.
const EVENTS: i64 = 100;
/// Deliveries that are taken at once.
const PAGE: i64 = 64;
/// Deliveries that are on their way at once.
const CONCURRENCY: usize = 16;
/// How often it is seen whether something is due.
const OFTEN: Duration = Duration::from_secs(1);
/// How often it is tidied up.
const SELDOM: Duration = Duration::from_hours(1);
/// When a delivery is due again that a process has taken which then died. A whole page is through by then.
const LEASE: Duration = Duration::from_mins(10);
/// How long admins see what was delivered and what was not.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Delivers what is due for as long as the service lives.
pub async fn run(store: Store, administration: Administration) {
    let mut ticks = tokio::time::interval(OFTEN);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tidied = None;
    loop {
        ticks.tick().await;
        let now = administration.clock.now();
        let mut outcome = deliver(&store, &administration).await.map(drop);
        if outcome.is_ok() && tidied.is_none_or(|at: Timestamp| at.plus(SELDOM) <= now) {
            tidied = Some(now);
            outcome = tidy(&store, &administration).await;
        }
        if let Err(error) = outcome {
            tracing::warn!(?error, "the webhooks could not be looked at; they are in the next round");
        }
    }
}

/// Tells what nobody was told of, and delivers what is due; how many deliveries the endpoints have taken.
///
/// # Errors
/// The database's.
pub async fn deliver(store: &Store, administration: &Administration) -> Result<usize> {
    while store.read(webhook_deliveries::has_untold).await? {
        let shared = administration.clone();
        store.transaction(move |connection| telling::tell(connection, &shared, EVENTS)).await?;
    }
    let mut taken = 0;
    loop {
        let now = administration.clock.now();
        if !store.read(move |connection| webhook_deliveries::has_due(connection, now.0)).await? {
            return Ok(taken);
        }
        let again = now.plus(LEASE);
        let claim = move |connection: &mut _| webhook_deliveries::claim_due(connection, now.0, again.0, PAGE);
        let page = store.transaction(claim).await?;
        taken += stream::iter(page)
            .map(|delivery| make(store, administration, delivery))
            .buffer_unordered(CONCURRENCY)
            .filter(|taken| std::future::ready(*taken))
            .count()
            .await;
    }
}

/// One attempt; whether it was taken. A failure is this delivery's alone.
async fn make(store: &Store, administration: &Administration, delivery: Delivery) -> bool {
    let id = delivery.id;
    let outcome = attempt::make(store, administration, delivery).await;
    outcome.unwrap_or_else(|error| {
        tracing::warn!(?error, delivery = %id, "what came of a webhook could not be written down; it is tried again");
        false
    })
}

/// Forgets what is old.
///
/// # Errors
/// The database's.
pub async fn tidy(store: &Store, administration: &Administration) -> Result<()> {
    let before = administration.clock.now().minus(KEPT).0;
    let forget = move |_: &mut _| {
        let mut batch = Batch::default();
        webhook_deliveries::delete_before(&mut batch, before);
        Ok(Planned { batch, answer: () })
    };
    store.write(forget).await
}
