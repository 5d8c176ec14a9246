//! A subscription is looked at at Stripe: it is asked after our row was read, so that of two answers the older one
//! never overwrites the newer.

use super::consequences::Found;
use crate::administration::{Administration, By};
use crate::billing::stripe::{self, Client, Failure};
use crate::error::Result;
use crate::id::{BillingOperationId, OrganizationId};
use crate::store::{Store, subscriptions};

/// How often it is asked again because the row has changed meanwhile.
const ATTEMPTS: usize = 6;

/// Whose subscription is looked at, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) organization: OrganizationId,
    pub(super) subscription: &'a str,
    /// The checkout session it came from, where that is why.
    pub(super) session: Option<&'a str>,
    /// The operation that is done with it.
    pub(super) finishes: Option<BillingOperationId>,
}

/// What came of looking.
pub(super) enum Seen {
    Settled(Report),
    Failed(Failure),
}

/// What was found and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Seats in our ledger before and after, and what the provider has.
    pub seats: Option<(i64, i64, i64)>,
    /// The subscription's state before and after.
    pub state: Option<(String, String)>,
}

impl Report {
    /// Whether we and the provider were of different minds.
    #[must_use]
    pub fn drifted(&self) -> bool {
        self.seats.is_some_and(|(before, _, provider)| before != provider)
            || self.state.as_ref().is_some_and(|(before, after)| before != after)
    }

    /// Whether we still are: what is used was not taken away.
    #[must_use]
    pub fn drifts(&self) -> bool {
        self.seats.is_some_and(|(_, after, provider)| after != provider)
    }
}

/// Looks at a subscription and draws the consequences.
pub(super) async fn settle(
    store: &Store,
    administration: &Administration,
    client: &Client,
    by: &By,
    ask: Ask<'_>,
) -> Result<Seen> {
    let organization = ask.organization;
    for _ in 0..ATTEMPTS {
        let row = store.read(move |connection| subscriptions::find(connection, organization)).await?;
        let theirs = match client.subscription(ask.subscription).await {
            Ok(theirs) => Some(theirs),
            Err(failure) if failure.kind == stripe::Kind::Missing => None,
            Err(failure) => return Ok(Seen::Failed(failure)),
        };
        let billed = match client.invoices(ask.subscription).await {
            Ok(billed) => billed,
            Err(failure) if failure.kind == stripe::Kind::Missing => Vec::new(),
            Err(failure) => return Ok(Seen::Failed(failure)),
        };
        let found = Found {
            administration: administration.clone(),
            by: by.clone(),
            organization,
            session: ask.session.map(str::to_owned),
            finishes: ask.finishes,
            version: row.map(|row| row.version),
            theirs,
            billed,
            subscription: ask.subscription.to_owned(),
        };
        if let Some(report) = store.write(move |connection| found.plan(connection)).await? {
            return Ok(Seen::Settled(report));
        }
    }
    Ok(Seen::Failed(Failure {
        kind: stripe::Kind::Away,
        why: "the subscription changes faster than it is read".into(),
    }))
}
