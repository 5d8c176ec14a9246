//! Ours is compared with the provider's: what differs is reported, and made as the provider has it where that takes
//! no seat from anybody.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::give_seats;
use super::settle::{self, Ask, Report, Seen};
use crate::administration::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::OrganizationId;
use crate::organization::permission::Action;
use crate::organization::subscription::granted;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::subscriptions::{self, Subscription};
use crate::store::{Planned, Store, organizations};

/// Organizations that are taken at once, and that are compared at once.
const PAGE: i64 = 32;
const CONCURRENCY: usize = 4;
/// When one is due again that a process has taken which then died. A whole page is through by then.
const LEASE: Duration = Duration::from_mins(30);
/// For how long a comparison holds.
pub(super) const INTERVAL: Duration = Duration::from_hours(24);
/// One that fails waits as long again as it is late, and no shorter.
const PAUSE: Duration = Duration::from_mins(10);

/// How one organization stands.
#[derive(Clone, Debug)]
pub struct Compared {
    pub organization: OrganizationId,
    pub report: Report,
    /// Why it could not be compared.
    pub failure: Option<String>,
}

impl Compared {
    /// As operators read it.
    #[must_use]
    pub fn describe(&self) -> Value {
        let (before, after, provider) = self
            .report
            .seats
            .map_or((None, None, None), |(before, after, provider)| (Some(before), Some(after), Some(provider)));
        let state = self.report.state.as_ref();
        json!({
            "organization": self.organization.to_string(), "drifted": self.report.drifted(),
            "repaired": self.report.drifted() && !self.report.drifts(),
            "seats_before": before, "seats": after, "provider_seats": provider,
            "state_before": state.map(|(before, _)| before), "state": state.map(|(_, after)| after),
            "failure": self.failure
        })
    }
}

/// Compares one organization now.
///
/// # Errors
/// `not_found`, `forbidden`; the database's.
pub async fn one(store: &Store, administration: &Administration, by: &By, name: &str) -> Result<Value> {
    by.check(Action::ManageBilling)?;
    let (who, name) = (by.clone(), name.to_owned());
    let organization = store.read(move |connection| Ok(named(connection, &who, &name)?.id)).await?;
    Ok(compare(store, administration, by, organization).await?.map_or(
        json!({"organization": organization.to_string(), "drifted": false, "failure": "there is no subscription"}),
        |compared| compared.describe(),
    ))
}

/// Compares every organization that was not for a day; what drifted or could not be compared. Processes that do so at
/// the same time share them. One that fails comes later and later and is in nobody's way; a page of failures is a
/// provider that is away, which leaves the rest for the next round.
///
/// # Errors
/// The database's.
pub async fn due(store: &Store, administration: &Administration) -> Result<Vec<Compared>> {
    let mut told = Vec::new();
    loop {
        let now = administration.clock.now();
        let times = (now.0, now.plus(LEASE).0);
        let page = store.transaction(move |connection| subscriptions::claim_due(connection, times, PAGE)).await?;
        let look = |organization| in_turn(store, administration, organization);
        let page: Vec<Compared> = stream::iter(page).map(look).buffer_unordered(CONCURRENCY).collect().await;
        let goes_on = page.iter().any(|found| found.failure.is_none());
        told.extend(page.into_iter().filter(|found| found.report.drifted() || found.failure.is_some()));
        if !goes_on {
            return Ok(told);
        }
    }
}

/// Compares an organization whose turn it is, and writes down when it is the next time.
async fn in_turn(store: &Store, administration: &Administration, organization: OrganizationId) -> Compared {
    let failed = |why: String| Compared { organization, report: Report::default(), failure: Some(why) };
    let compared = match compare(store, administration, &By::SYSTEM, organization).await {
        Ok(compared) => compared.unwrap_or(Compared { organization, report: Report::default(), failure: None }),
        Err(error) => {
            tracing::error!(%organization, ?error, "billing could not be compared");
            failed(error.detail.to_string())
        }
    };
    let (now, failed) = (administration.clock.now(), compared.failure.is_some());
    let next = move |connection: &mut Connection| {
        let mut batch = Batch::default();
        let late =
            subscriptions::find(connection, organization)?.map_or(0, |row| now.minus(INTERVAL).0 - row.reconciled_at);
        let late = Duration::from_micros(u64::try_from(late).unwrap_or_default());
        let pause = if failed { late.clamp(PAUSE, INTERVAL) } else { INTERVAL };
        subscriptions::update_reconcile(&mut batch, organization, now.plus(pause).0);
        Ok(Planned { batch, answer: () })
    };
    if let Err(error) = store.write(next).await {
        tracing::warn!(%organization, ?error, "when billing is compared next could not be written down");
    }
    compared
}

async fn compare(
    store: &Store,
    administration: &Administration,
    by: &By,
    organization: OrganizationId,
) -> Result<Option<Compared>> {
    let row = store.read(move |connection| subscriptions::find(connection, organization)).await?;
    let Some(row) = row else { return Ok(None) };
    let failed = |why: String| Compared { organization, report: Report::default(), failure: Some(why) };
    let Some(subscription) = row.subscription.filter(|_| row.provider != "local") else {
        let own = administration.clone();
        let report = store.write(move |connection| own_ledger(connection, &own, organization)).await?;
        return Ok(Some(Compared { organization, report, failure: None }));
    };
    let Some(client) = administration.billing.provider.stripe() else {
        return Ok(Some(failed(format!("the subscription is with {}, which is not configured", row.provider))));
    };
    let ask = Ask { organization, subscription: &subscription, session: None, finishes: None };
    Ok(Some(match settle::settle(store, administration, client, by, ask).await? {
        Seen::Failed(failure) => failed(failure.why),
        Seen::Settled(report) => Compared { organization, report, failure: None },
    }))
}

/// The built-in provider's: the ledger against the subscription.
fn own_ledger(
    connection: &mut Connection,
    administration: &Administration,
    organization: OrganizationId,
) -> Result<Planned<Report>> {
    let mut batch = Batch::default();
    let Some(row) = subscriptions::find(connection, organization)? else {
        return Ok(Planned { batch, answer: Report::default() });
    };
    let usage = organizations::usage(connection, organization)?;
    let seats = granted(&usage, row.quantity, None);
    let now = administration.clock.now().0;
    let after = Subscription { reconciled_at: now, compare_at: Timestamp(now).plus(INTERVAL).0, ..row.clone() };
    subscriptions::write(&mut batch, organization, Some(&row), &after);
    give_seats(connection, administration, &mut batch, organization, &usage, seats)?;
    if row.quantity != usage.seats {
        let detail = json!({"provider_seats": row.quantity, "before": usage.seats, "seats": seats});
        administration.audit(&mut batch, &By::SYSTEM, organization, "billing.drift", &detail);
    }
    let state = Some((row.state.clone(), row.state.clone()));
    Ok(Planned { batch, answer: Report { seats: Some((usage.seats, seats, row.quantity)), state } })
}
