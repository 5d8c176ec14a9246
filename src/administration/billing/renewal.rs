//! The built-in provider's periods: an invoice at the end of each, paid by the card on file or declined.

use serde_json::json;

use super::{letters, number, order};
use crate::administration::{Administration, By};
use crate::billing::local::Card;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::OrganizationId;
use crate::organization::price;
use crate::organization::subscription::State;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::invoices::{self, Invoice};
use crate::store::organizations::{self, Organization};
use crate::store::subscriptions::{self, Subscription};
use crate::store::{Planned, Store};

/// How long a declined payment waits before it is tried again, in seconds.
const RETRY: i64 = 24 * 3_600;
/// Subscriptions that are looked for at once.
const PAGE: i64 = 100;

/// Renews what is due; how many periods were begun and payments tried again. One failure is one organization's alone.
///
/// # Errors
/// The database's.
pub async fn renew_due(store: &Store, administration: &Administration) -> Result<usize> {
    let mut renewed = 0;
    loop {
        let now = administration.clock.now().0;
        let page = store.read(move |connection| subscriptions::due(connection, now, PAGE)).await?;
        let mut done = 0;
        for organization in page {
            let own = administration.clone();
            match store.write(move |connection| renew(connection, &own, organization)).await {
                Ok(true) => done += 1,
                Ok(false) => {}
                Err(error) => tracing::warn!(%organization, ?error, "a subscription could not be renewed"),
            }
        }
        renewed += done;
        // Whoever has missed several periods is due again.
        if done == 0 {
            return Ok(renewed);
        }
    }
}

/// Begins the next period of one organization, or tries a declined payment again; whether it was due.
///
/// # Errors
/// The database's.
pub fn renew(
    connection: &mut Connection,
    administration: &Administration,
    organization: OrganizationId,
) -> Result<Planned<bool>> {
    let mut batch = Batch::default();
    let now = administration.clock.now();
    let found = (subscriptions::find(connection, organization)?, organizations::by_id(connection, organization)?);
    let (Some(row), Some(organization)) = found else { return Ok(Planned { batch, answer: false }) };
    let state = State::from_name(&row.state);
    if row.provider == "local" && state == State::Active && row.period_end <= now.0 {
        next_period(connection, administration, &mut batch, (&organization, &row))?;
        return Ok(Planned { batch, answer: true });
    }
    if row.provider == "local" && state == State::PastDue && row.retry_at.is_some_and(|at| at <= now.0) {
        try_again(connection, administration, &mut batch, (&organization, &row))?;
        return Ok(Planned { batch, answer: true });
    }
    Ok(Planned { batch, answer: false })
}

fn pays(row: &Subscription) -> bool {
    row.card.as_deref().and_then(Card::from_name).is_some_and(|card| card.pays(false))
}

fn next_period(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    (organization, row): (&Organization, &Subscription),
) -> Result<()> {
    let now = administration.clock.now().0;
    let (prices, ordered) = (&administration.billing.prices, order(row));
    let total = prices.total(ordered.plan, ordered.seats);
    let amount = (total - row.credit).max(0);
    let is_paid = amount == 0 || pays(row);
    let end = price::period_end(Timestamp(row.anchor_at), ordered.plan.months(), Timestamp(row.period_end)).0;
    let id = administration.ids.next();
    let invoice = Invoice {
        id,
        key: format!("period-{}", row.period_end),
        number: Some(number(id)),
        state: if is_paid { "paid" } else { "open" }.into(),
        amount,
        currency: prices.currency.clone(),
        description: format!("{} seats, {}", ordered.seats, row.plan),
        period_start: row.period_end,
        period_end: end,
        created_at: now,
        paid_at: is_paid.then_some(now),
        url: None,
    };
    invoices::insert_once(batch, organization.id, &invoice);
    let state = if is_paid { State::Active } else { State::PastDue };
    let after = Subscription {
        period_start: row.period_end,
        period_end: end,
        credit: row.credit - (total - amount),
        state: state.name().into(),
        retry_at: (!is_paid).then_some(Timestamp(now).plus_seconds(RETRY).0),
        updated_at: now,
        ..row.clone()
    };
    subscriptions::write(batch, organization.id, Some(row), &after);
    follow(batch, organization, state, now);
    let action = if is_paid { "billing.renewed" } else { "billing.past_due" };
    let detail = json!({"amount": amount, "currency": prices.currency, "seats": ordered.seats, "plan": row.plan});
    administration.audit(batch, &By::SYSTEM, organization.id, action, &detail);
    if is_paid { Ok(()) } else { letters::past_due(connection, administration, batch, organization, &after) }
}

fn try_again(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    (organization, row): (&Organization, &Subscription),
) -> Result<()> {
    let now = administration.clock.now().0;
    let mut after = Subscription { updated_at: now, ..row.clone() };
    if pays(row) {
        for invoice in invoices::open(connection, organization.id)? {
            invoices::update_paid(batch, organization.id, &invoice.key, now);
        }
        State::Active.name().clone_into(&mut after.state);
        after.retry_at = None;
        follow(batch, organization, State::Active, now);
        administration.audit(batch, &By::SYSTEM, organization.id, "billing.paid", &json!({"provider": "local"}));
    } else {
        after.retry_at = Some(Timestamp(now).plus_seconds(RETRY).0);
    }
    subscriptions::write(batch, organization.id, Some(row), &after);
    Ok(())
}

fn follow(batch: &mut Batch, organization: &Organization, state: State, now: i64) {
    if let Some(state) = state.of_organization(&organization.state) {
        organizations::update_billing(batch, organization, state, &organization.plan, now);
    }
}
