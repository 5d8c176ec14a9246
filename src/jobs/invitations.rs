//! Invitations expire, and their seats go to whoever waits (product.md §2, §4).

use std::time::Duration;

use crate::administration::{Administration, invitation};
use crate::error::Result;
use crate::store::{Store, invitations};

/// Organizations that are looked at in one round.
const PAGE: i64 = 500;
/// How often. A seat is found sooner by whoever needs it.
const SELDOM: Duration = Duration::from_mins(1);

/// Settles what is over for as long as the service lives.
pub async fn run(store: Store, administration: Administration) {
    let mut ticks = tokio::time::interval(SELDOM);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = settle(&store, &administration).await {
            tracing::warn!(?error, "invitations could not be looked at; they are at the next round");
        }
    }
}

/// Settles what is over; how many invitations that were.
///
/// # Errors
/// The database's.
pub async fn settle(store: &Store, administration: &Administration) -> Result<usize> {
    let now = administration.clock.now().0;
    let due = store.scan(move |connection| invitations::organizations_to_settle(connection, now, PAGE)).await?;
    let mut settled = 0;
    for organization in due {
        loop {
            let administration = administration.clone();
            let plan = move |connection: &mut _| invitation::settle(connection, &administration, organization);
            match store.write(plan).await {
                Ok((count, goes_on)) => {
                    settled += count;
                    if goes_on {
                        continue;
                    }
                }
                // This organization's alone: the others are settled all the same.
                Err(error) => tracing::warn!(%organization, ?error, "invitations that are over could not be settled"),
            }
            break;
        }
    }
    Ok(settled)
}
