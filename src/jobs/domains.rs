//! The proofs of domains are looked at again (product.md §5), while they are pending and for as long as
//! they are an organization's.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use crate::administration::{Administration, By, domain};
use crate::error::Result;
use crate::id::OrganizationId;
use crate::organization::associated_domain::proof_host;
use crate::store::associated_domains::Due;
use crate::store::{Store, associated_domains};

/// Domains that are taken at once; what a process that dies has taken waits for the next time.
const PAGE: i64 = 50;

/// Looks that run at once.
const CONCURRENCY: usize = 8;

/// How seldom it is seen whether something is due; a fourth of a shorter interval.
const SELDOM: Duration = Duration::from_mins(1);

/// Who has just added a domain is at work on its proof: for so long it is looked at this often.
const NEW: Duration = Duration::from_hours(7 * 24);
const WHILE_NEW: Duration = Duration::from_mins(10);

/// Looks at what is due for as long as the service lives.
pub async fn run(store: Store, administration: Administration, interval: Duration) {
    let mut ticks = tokio::time::interval((interval / 4).clamp(Duration::from_millis(10), SELDOM));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = recheck(&store, &administration, interval).await {
            tracing::warn!(?error, "the domains could not be looked at; they are at the next round");
        }
    }
}

/// Looks at every domain that nobody has looked at for an interval, and more often at new ones that are not
/// proven; how many those were. Processes that do so at the same time share the domains. A DNS that does not
/// answer changes nothing.
///
/// # Errors
/// The database's.
pub async fn recheck(store: &Store, administration: &Administration, interval: Duration) -> Result<usize> {
    let mut looked = 0;
    loop {
        let now = administration.clock.now();
        let due = Due {
            since: now.minus(interval).0,
            added_after: now.minus(NEW).0,
            pending_since: now.minus(interval.min(WHILE_NEW)).0,
        };
        let claim = move |connection: &mut _| associated_domains::claim_due(connection, due, now.0, PAGE);
        let page = store.transaction(claim).await?;
        if page.is_empty() {
            return Ok(looked);
        }
        looked += page.len();
        stream::iter(page)
            .for_each_concurrent(CONCURRENCY, |(organization, domain)| {
                look(store, administration, organization, domain)
            })
            .await;
    }
}

/// One look. A failure is this domain's alone: the others are looked at all the same.
async fn look(store: &Store, administration: &Administration, organization: OrganizationId, domain: String) {
    let records = administration.dns.txt(&proof_host(&domain)).await;
    if let Err(why) = &records {
        tracing::debug!(%domain, why = %why.0, "the DNS does not answer");
    }
    let settled = domain::settle(store, administration, organization, domain, records, &By::SYSTEM).await;
    if let Err(error) = settled {
        tracing::warn!(%organization, ?error, "what the DNS shows of a domain could not be written down");
    }
}
