//! Seats and plan are changed: at once with the built-in provider, with Stripe as soon as it has confirmed.
//!
//! Fewer seats are taken out of the ledger with the decision, so that nobody comes to sit on one that is not paid
//! for any more; more are given once they are paid for.

use serde_json::json;

use super::operations::{self, Kind};
use super::{Billing, NextInvoice, Preview, buyer, changeable, give_seats, hold, money, number, order, shown};
use crate::administration::{Administration, By, named};
use crate::billing::Provider;
use crate::billing::local::Card;
use crate::error::{Code, Error, Result};
use crate::id::{BillingOperationId, OrganizationId};
use crate::membership;
use crate::organization::permission::Action;
use crate::organization::plan::Plan;
use crate::organization::price::{self, Order, Proration};
use crate::organization::subscription::check_seats;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::invoices::{self, Invoice};
use crate::store::organizations::{self, Organization};
use crate::store::subscriptions::{self, Subscription};
use crate::store::{Planned, Store, billing_operations};

/// What is changed; `None` leaves it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub seats: Option<i64>,
    pub plan: Option<Plan>,
}

impl Change {
    fn of(self, before: Order) -> Order {
        Order { plan: self.plan.unwrap_or(before.plan), seats: self.seats.unwrap_or(before.seats) }
    }
}

/// What a change would cost; changes nothing.
///
/// # Errors
/// Those of the change itself.
pub fn preview(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    change: Change,
) -> Result<Preview> {
    by.check(Action::ManageBilling)?;
    let (row, usage) = connection.snapshot(|connection| {
        let organization = named(connection, by, name)?;
        let row = changeable(subscriptions::find(connection, organization.id)?)?;
        Ok((row, membership::usage_at(connection, organization.id, administration.clock.now().0)?))
    })?;
    let wanted = change.of(decided(&row));
    check_seats(&usage, wanted.seats)?;
    let proration = prorate(administration, &row, wanted);
    let amount = |amount| money(administration, amount);
    Ok(Preview {
        plan: wanted.plan,
        seats: wanted.seats,
        credit: amount(proration.credit),
        charge: amount(proration.charge),
        due_now: amount((proration.due_now() - row.credit).max(0)),
        next_invoice: NextInvoice { at: proration.next_at, amount: amount(proration.next_amount) },
    })
}

fn prorate(administration: &Administration, row: &Subscription, wanted: Order) -> Proration {
    use crate::clock::Timestamp;
    let period = (Timestamp(row.period_start), Timestamp(row.period_end));
    price::proration(&administration.billing.prices, order(row), wanted, period, administration.clock.now())
}

/// What was decided last, whether or not the provider has confirmed it.
fn decided(row: &Subscription) -> Order {
    let Order { plan, seats } = order(row);
    let wanted = row.wanted_plan.as_deref().and_then(|plan| plan.parse().ok());
    Order { plan: wanted.unwrap_or(plan), seats: row.wanted_quantity.unwrap_or(seats) }
}

/// Changes seats or plan and asks the provider; the billing as it is then, with `pending_change` while the provider
/// has not confirmed.
///
/// # Errors
/// `not_found`, `forbidden`, `invalidValue`; `conflict` for fewer seats than are held; `payment_declined`.
pub async fn set(
    store: &Store,
    administration: &Administration,
    by: &By,
    name: &str,
    change: Change,
) -> Result<Billing> {
    let (own, who, named) = (administration.clone(), by.clone(), name.to_owned());
    let decide = move |connection: &mut Connection| plan(connection, &own, &who, &named, change);
    let asked = store.write(decide).await?;
    confirmed(store, administration, asked).await?;
    shown(store, administration, by, name).await
}

/// Has the provider confirm what was decided, where it has to be asked.
///
/// # Errors
/// `payment_declined`.
pub async fn confirmed(
    store: &Store,
    administration: &Administration,
    asked: Option<(OrganizationId, BillingOperationId)>,
) -> Result<()> {
    if let Some((organization, operation)) = asked {
        operations::drive(store, administration, Some(organization)).await?;
        let asked = move |connection: &mut Connection| billing_operations::find(connection, organization, operation);
        if let Some(failed) = store.read(asked).await?.filter(|asked| asked.state == "failed") {
            let why = failed.last_error.unwrap_or_default();
            return Err(Error::new(
                Code::PaymentDeclined,
                format!("The payment provider refuses the change, and nothing was changed: {why}"),
            ));
        }
    }
    Ok(())
}

/// Decides a change; which operation is to be driven for it, where the provider has to be asked.
///
/// # Errors
/// Those of [`set`].
pub fn plan(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    change: Change,
) -> Result<Planned<Option<(OrganizationId, BillingOperationId)>>> {
    let organization = buyer(connection, by, name)?;
    let row = changeable(subscriptions::find(connection, organization.id)?)?;
    let wanted = change.of(decided(&row));
    let usage = organizations::usage(connection, organization.id)?;
    check_seats(&usage, wanted.seats)?;
    let mut batch = Batch::default();
    if wanted == decided(&row) {
        // Repeated, or nothing is changed: what is on its way stays so.
        return Ok(Planned { batch, answer: None });
    }
    let before = decided(&row);
    let detail = json!({
        "seats": {"before": before.seats, "after": wanted.seats},
        "plan": {"before": before.plan.name(), "after": wanted.plan.name()}, "provider": row.provider
    });
    let answer = match (&administration.billing.provider, row.provider.as_str()) {
        (_, "local") => {
            at_once(connection, administration, &mut batch, &organization, (&row, wanted))?;
            give_seats(connection, administration, &mut batch, organization.id, &usage, wanted.seats)?;
            None
        }
        (Provider::Stripe(_), _) => {
            let mut after = row.clone();
            after.wanted_quantity = Some(wanted.seats);
            after.wanted_plan = Some(wanted.plan.name().to_owned());
            after.orders += 1;
            after.updated_at = administration.clock.now().0;
            subscriptions::write(&mut batch, organization.id, Some(&row), &after);
            let kept = usage.seats.min(wanted.seats);
            give_seats(connection, administration, &mut batch, organization.id, &usage, kept)?;
            let payload = json!({"order": after.orders, "seats": wanted.seats, "plan": wanted.plan.name()});
            let operation = operations::insert(&mut batch, administration, organization.id, Kind::Order, &payload);
            Some((organization.id, operation))
        }
        (Provider::Local, provider) => return Err(not_configured(provider)),
    };
    administration.audit(&mut batch, by, organization.id, "billing.changed", &detail);
    hold(&mut batch, by, organization.id);
    Ok(Planned { batch, answer })
}

/// The subscription is with a provider that this service does not speak to.
pub(super) fn not_configured(provider: &str) -> Error {
    Error::new(
        Code::Conflict,
        format!("The subscription is with {provider}, which is not configured. The operator sets billing.provider."),
    )
}

/// The built-in provider: the difference is paid by the card on file, or kept for the next invoice.
fn at_once(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: &Organization,
    (row, wanted): (&Subscription, Order),
) -> Result<()> {
    let now = administration.clock.now();
    let proration = prorate(administration, row, wanted);
    let due = proration.due_now() - row.credit;
    let mut after = row.clone();
    after.quantity = wanted.seats;
    wanted.plan.name().clone_into(&mut after.plan);
    after.credit = (-due).max(0);
    after.updated_at = now.0;
    if wanted.plan != order(row).plan {
        (after.anchor_at, after.period_start, after.period_end) = (now.0, now.0, proration.next_at.0);
    }
    if due > 0 {
        let card = row.card.as_deref().and_then(Card::from_name);
        if !card.is_some_and(|card| card.pays(false)) {
            return Err(Error::new(
                Code::PaymentDeclined,
                "The card on file was declined, and nothing was changed. The billing portal takes another card.",
            ));
        }
        let id = administration.ids.next();
        let invoice = Invoice {
            id,
            key: format!("change-{}", row.version),
            number: Some(number(id)),
            state: "paid".into(),
            amount: due,
            currency: administration.billing.prices.currency.clone(),
            description: format!("Change to {} seats, {}", wanted.seats, wanted.plan.name()),
            period_start: now.0,
            period_end: after.period_end,
            created_at: now.0,
            paid_at: Some(now.0),
            url: None,
        };
        if invoices::find(connection, organization.id, &invoice.key)?.is_none() {
            invoices::insert_once(batch, organization.id, &invoice);
        }
    }
    subscriptions::write(batch, organization.id, Some(row), &after);
    if after.plan != organization.plan {
        organizations::update_billing(batch, organization, &organization.state, &after.plan, now.0);
    }
    Ok(())
}
