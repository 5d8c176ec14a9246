//! Payments at the built-in provider's page: once, however often they are sent.

use serde_json::json;

use super::checkout::no_such_checkout;
use super::reconcile::INTERVAL;
use super::{buyer, give_seats, hold, letters, number};
use crate::administration::{Administration, By};
use crate::billing::LOCAL;
use crate::billing::local::Card;
use crate::error::{Code, Error, Result};
use crate::id::CheckoutId;
use crate::organization::plan::Plan;
use crate::organization::price;
use crate::organization::subscription::{State, check_seats};
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::checkouts::{self, Checkout, purpose, state};
use crate::store::connection::Connection;
use crate::store::invoices::{self, Invoice};
use crate::store::organizations::{self, Organization};
use crate::store::subscriptions::{self, Subscription};

/// Pays a checkout of the built-in provider. Sent twice it is paid once.
///
/// # Errors
/// `not_found`, `forbidden`; `payment_declined`; `invalidValue` for what is no test card; `conflict` for a checkout
/// that is over.
pub fn pay(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    (id, card): (CheckoutId, &str),
) -> Result<Planned<Checkout>> {
    let organization = buyer(connection, by, name)?;
    // The subscription first: whoever sees that of the same payment sent at the same time sees its checkout paid, too.
    let row = subscriptions::find(connection, organization.id)?;
    let checkout = checkouts::find(connection, organization.id, id)?.ok_or_else(no_such_checkout)?;
    let mut batch = Batch::default();
    if checkout.state == state::COMPLETED {
        return Ok(Planned { batch, answer: checkout });
    }
    let now = administration.clock.now();
    if checkout.provider != LOCAL || checkout.state != state::OPEN || checkout.expires_at <= now.0 {
        return Err(Error::new(
            Code::Conflict,
            "This checkout is over. Nothing was paid. Begin another one under billing.",
        ));
    }
    let card = Card::typed(card)
        .ok_or_else(|| Error::new(Code::InvalidValue, "This is none of the test cards. Type one of those below."))?;
    if !card.pays(true) {
        return Err(Error::new(
            Code::PaymentDeclined,
            "The card was declined. Nothing was paid. Try another of the test cards.",
        ));
    }
    checkouts::update_state(&mut batch, organization.id, id, (state::OPEN, state::COMPLETED), Some(now.0));
    if checkout.purpose == purpose::CARD {
        new_card(connection, administration, by, &mut batch, (&organization, row), card)?;
    } else {
        subscribe(connection, administration, by, &mut batch, (&organization, &checkout, row), card)?;
    }
    hold(&mut batch, by, organization.id);
    let answer = Checkout { state: state::COMPLETED.into(), completed_at: Some(now.0), ..checkout };
    Ok(Planned { batch, answer })
}

fn subscribe(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    batch: &mut Batch,
    (organization, checkout, before): (&Organization, &Checkout, Option<Subscription>),
    card: Card,
) -> Result<()> {
    let now = administration.clock.now();
    let usage = organizations::usage(connection, organization.id)?;
    check_seats(&usage, checkout.seats)?;
    if before.as_ref().is_some_and(|row| row.state != State::Canceled.name()) {
        return Err(Error::new(Code::Conflict, "This organization has a subscription already. Nothing was paid."));
    }
    let plan: Plan = checkout.plan.parse().map_err(|why: String| Error::internal(why))?;
    let period_end = price::period_end(now, plan.months(), now).0;
    let after = Subscription {
        provider: LOCAL.into(),
        customer: None,
        subscription: None,
        item: None,
        plan: checkout.plan.clone(),
        quantity: checkout.seats,
        wanted_plan: None,
        wanted_quantity: None,
        orders: before.as_ref().map_or(0, |row| row.orders),
        state: State::Active.name().into(),
        cancels: false,
        anchor_at: now.0,
        period_start: now.0,
        period_end,
        card: Some(card.name().into()),
        credit: 0,
        retry_at: None,
        version: 1,
        created_at: now.0,
        updated_at: now.0,
        reconciled_at: now.0,
        compare_at: now.plus(INTERVAL).0,
    };
    subscriptions::write(batch, organization.id, before.as_ref(), &after);
    let id = administration.ids.next();
    let invoice = Invoice {
        id,
        key: format!("checkout-{}", checkout.id),
        number: Some(number(id)),
        state: "paid".into(),
        amount: checkout.amount,
        currency: checkout.currency.clone(),
        description: format!("{} seats, {}", checkout.seats, checkout.plan),
        period_start: now.0,
        period_end,
        created_at: now.0,
        paid_at: Some(now.0),
        url: None,
    };
    invoices::insert_once(batch, organization.id, &invoice);
    let admitted = give_seats(connection, administration, batch, organization.id, &usage, checkout.seats)?;
    let state = State::Active.of_organization(&organization.state).unwrap_or(&organization.state);
    organizations::update_billing(batch, organization, state, &checkout.plan, now.0);
    let detail = json!({"seats": checkout.seats, "plan": checkout.plan, "provider": LOCAL, "admitted": admitted});
    administration.audit(batch, by, organization.id, "checkout.completed", &detail);
    letters::welcome(connection, administration, batch, organization, &after)
}

/// Another card, which pays what is owed.
fn new_card(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    batch: &mut Batch,
    (organization, row): (&Organization, Option<Subscription>),
    card: Card,
) -> Result<()> {
    let now = administration.clock.now().0;
    let row = row.filter(|row| row.state != State::Canceled.name());
    let row = row.ok_or_else(|| Error::new(Code::Conflict, "The subscription has ended. Begin a checkout."))?;
    let after = Subscription {
        card: Some(card.name().into()),
        state: State::Active.name().into(),
        retry_at: None,
        updated_at: now,
        ..row.clone()
    };
    subscriptions::write(batch, organization.id, Some(&row), &after);
    let owed = invoices::open(connection, organization.id)?;
    for invoice in &owed {
        invoices::update_paid(batch, organization.id, &invoice.key, now);
    }
    if let Some(state) = State::Active.of_organization(&organization.state) {
        organizations::update_billing(batch, organization, state, &organization.plan, now);
    }
    let paid: i64 = owed.iter().map(|invoice| invoice.amount).sum();
    administration.audit(
        batch,
        by,
        organization.id,
        "billing.card_changed",
        &json!({"card": card.name(), "paid": paid}),
    );
    Ok(())
}
