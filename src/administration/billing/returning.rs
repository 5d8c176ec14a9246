//! Whether an open checkout is paid is asked: when somebody comes back from it, and now and then while nobody does. The
//! webhook that tells it may be lost.

use std::time::Duration;

use serde_json::json;

use super::checkout::look;
use super::operations::{self, Kind};
use crate::administration::{Administration, By};
use crate::error::Result;
use crate::id::CheckoutId;
use crate::store::batch::Batch;
use crate::store::checkouts::{self, Checkout, state};
use crate::store::connection::Connection;
use crate::store::organizations::Organization;
use crate::store::{Planned, Store, run};

/// Whoever looks again and again asks no more often.
const PAUSE: Duration = Duration::from_secs(5);
/// While nobody looks.
const SELDOM: Duration = Duration::from_hours(1);
/// Checkouts that are taken at once.
const PAGE: i64 = 100;

/// Asks Stripe how a checkout stands that somebody comes back from; its organization and how it is then.
///
/// # Errors
/// `not_found`, `forbidden`.
pub async fn come_back(
    store: &Store,
    administration: &Administration,
    by: &By,
    name: &str,
    id: CheckoutId,
) -> Result<(Organization, Checkout)> {
    let (own, who, named) = (administration.clone(), by.clone(), name.to_owned());
    let ask = move |connection: &mut Connection| {
        let (organization, checkout) = look(connection, &who, &named, id)?;
        let (mut batch, now) = (Batch::default(), own.clock.now());
        let is_first = checkout.asked_at <= checkout.created_at;
        let is_due = is_first || checkout.asked_at <= now.minus(PAUSE).0;
        if let (state::OPEN, Some(session), true) = (checkout.state.as_str(), &checkout.session, is_due) {
            // Behind its beginning also for whoever is back within a moment.
            let asked_at = now.0.max(checkout.created_at + 1);
            checkouts::update_asked(&mut batch, organization.id, &checkout, asked_at);
            operations::insert(&mut batch, &own, organization.id, Kind::Refresh, &json!({"session": session}));
        }
        Ok(Planned { batch, answer: (organization.id, is_due) })
    };
    let (organization, is_due) = store.write(ask).await?;
    if is_due {
        operations::drive(store, administration, Some(organization)).await?;
    }
    let (who, named) = (by.clone(), name.to_owned());
    store.read(move |connection| look(connection, &who, &named, id)).await
}

/// Has it asked how the open checkouts stand that nobody has asked about for an hour; how many those were.
///
/// # Errors
/// The database's.
pub async fn ask_open(store: &Store, administration: &Administration) -> Result<usize> {
    let mut asked = 0;
    if administration.billing.provider.stripe().is_none() {
        return Ok(asked);
    }
    loop {
        let now = administration.clock.now();
        let (own, times) = (administration.clone(), (now.0, now.minus(SELDOM).0));
        let ask = move |connection: &mut Connection| {
            let page = checkouts::claim_unasked(connection, times, PAGE)?;
            let plan = |_: &mut Connection| {
                let mut batch = Batch::default();
                for (organization, session) in &page {
                    operations::insert(&mut batch, &own, *organization, Kind::Refresh, &json!({"session": session}));
                }
                Ok(Planned { batch, answer: page.len() })
            };
            run(connection, plan)
        };
        match store.transaction(ask).await? {
            0 => return Ok(asked),
            page => asked += page,
        }
    }
}
