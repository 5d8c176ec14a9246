//! Seats as they are bought (product.md §2): shown, changed, checked out, renewed, compared with the provider.
//!
//! What the payment provider is to be asked is written in the transaction of the decision ([`operations`]), so that
//! nothing is lost or asked for twice when it is away.

mod asking;
pub mod change;
pub mod checkout;
mod consequences;
pub mod ending;
pub mod events;
mod failure;
mod letters;
mod opening;
pub mod operations;
pub mod payment;
pub mod portal;
pub mod reconcile;
mod refunding;
pub mod renewal;
pub mod returning;
mod settle;

use serde_json::{Value, json};

use super::{Actor, Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{InvoiceId, OrganizationId};
use crate::membership;
use crate::organization::DELETED;
use crate::organization::permission::Action;
use crate::organization::plan::Plan;
use crate::organization::price::{self, Order};
use crate::organization::seats::{self, ADMITTED_AT_ONCE, Usage};
use crate::provisioning::users;
use crate::store::batch::Batch;
use crate::store::checkouts::{self, purpose};
use crate::store::connection::Connection;
use crate::store::invoices::{self, Invoice};
use crate::store::organizations::{self, Organization};
use crate::store::subscriptions::{self, Subscription};
use crate::store::{Store, members};

/// The plan, the price, the seats, and what comes next.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn show(connection: &mut Connection, administration: &Administration, by: &By, name: &str) -> Result<Value> {
    by.check(Action::ManageBilling)?;
    // As it was at one moment: a payment that comes meanwhile is seen with all it changes or not at all.
    connection.snapshot(|connection| {
        let organization = named(connection, by, name)?;
        let now = administration.clock.now().0;
        let usage = membership::usage_at(connection, organization.id, now)?;
        let subscription = subscriptions::find(connection, organization.id)?;
        let open = checkouts::open(connection, organization.id, purpose::SUBSCRIPTION)?;
        let mut shown = describe(administration, &organization, &usage, subscription.as_ref());
        let waiting =
            open.filter(|open| open.expires_at > now).and_then(|open| open.url.clone().zip(Some(open.expires_at)));
        shown["checkout"] = waiting
            .map(|(url, expires_at)| json!({"url": url, "expires_at": Timestamp(expires_at).to_string()}))
            .unwrap_or_default();
        Ok(shown)
    })
}

fn describe(
    administration: &Administration,
    organization: &Organization,
    usage: &Usage,
    subscription: Option<&Subscription>,
) -> Value {
    let prices = &administration.billing.prices;
    let plan: Plan = subscription.map_or(&organization.plan, |row| &row.plan).parse().unwrap_or(Plan::Yearly);
    let held = usage.used + usage.pending;
    let mut shown = json!({
        "organization": organization.id.to_string(), "organization_state": organization.state,
        "provider": subscription.map(|row| row.provider.as_str()),
        "state": subscription.map_or("none", |row| row.state.as_str()),
        "plan": plan.name(), "per": plan.period(), "price": money(administration, prices.of(plan)),
        "plans": Plan::ALL.map(|plan| {
            json!({"plan": plan.name(), "per": plan.period(), "price": money(administration, prices.of(plan))})
        }),
        "total": money(administration, prices.total(plan, usage.seats)),
        "seats": usage.seats, "seats_used": usage.used, "seats_pending": usage.pending,
        "seats_available": (usage.seats - held).max(0), "waiting": usage.waiting
    });
    let Some(row) = subscription else {
        for absent in ["started_at", "period_start", "period_end", "next_invoice", "pending_change", "provider_seats"] {
            shown[absent] = Value::Null;
        }
        shown["cancels_at_period_end"] = false.into();
        return shown;
    };
    shown["started_at"] = Timestamp(row.created_at).to_string().into();
    shown["period_start"] = Timestamp(row.period_start).to_string().into();
    shown["period_end"] = Timestamp(row.period_end).to_string().into();
    let is_last = row.cancels || row.state == "canceled";
    let next = prices.total(plan, row.quantity) - row.credit;
    shown["next_invoice"] = if is_last {
        Value::Null
    } else {
        json!({"at": Timestamp(row.period_end).to_string(), "amount": money(administration, next.max(0))})
    };
    shown["pending_change"] = match (row.wanted_quantity, &row.wanted_plan) {
        (Some(seats), plan) => json!({"seats": seats, "plan": plan.as_ref().unwrap_or(&row.plan)}),
        (None, _) => Value::Null,
    };
    shown["provider_seats"] = row.quantity.into();
    shown["cancels_at_period_end"] = row.cancels.into();
    shown
}

/// An amount of money: in the smallest unit, and as people read it.
fn money(administration: &Administration, amount: i64) -> Value {
    let prices = &administration.billing.prices;
    json!({"amount": amount, "currency": prices.currency, "text": prices.shown(amount)})
}

/// The invoices behind `after`, newest first.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn invoices(
    connection: &mut Connection,
    by: &By,
    name: &str,
    after: Option<InvoiceId>,
    limit: i64,
) -> Result<Vec<Invoice>> {
    by.check(Action::ManageBilling)?;
    let organization = named(connection, by, name)?;
    invoices::page(connection, organization.id, after, limit)
}

/// An invoice as people see it.
#[must_use]
pub fn describe_invoice(invoice: &Invoice) -> Value {
    json!({
        "id": invoice.id.to_string(), "number": invoice.number, "state": invoice.state,
        "amount": {
            "amount": invoice.amount, "currency": invoice.currency, "text": price::shown(invoice.amount, &invoice.currency)
        },
        "description": invoice.description, "period_start": Timestamp(invoice.period_start).to_string(),
        "period_end": Timestamp(invoice.period_end).to_string(), "created_at": Timestamp(invoice.created_at).to_string(),
        "paid_at": invoice.paid_at.map(|at| Timestamp(at).to_string()), "url": invoice.url
    })
}

/// The number of an invoice of our own.
fn number(id: InvoiceId) -> String {
    let id = id.to_string().to_ascii_uppercase();
    format!("HC-{}-{}", &id[..8], &id[id.len() - 6..])
}

/// The organization that buys. A deleted one buys nothing.
///
/// # Errors
/// `not_found`, `forbidden`; `conflict` for a deleted one.
fn buyer(connection: &mut Connection, by: &By, name: &str) -> Result<Organization> {
    by.check(Action::ManageBilling)?;
    let organization = named(connection, by, name)?;
    if organization.state == DELETED {
        return Err(Error::new(
            Code::Conflict,
            "The organization is deleted, and nothing is bought for it. Restore it first.",
        ));
    }
    Ok(organization)
}

/// Who loses the role before a decision is written has decided nothing, and nothing is decided for an organization that
/// is deleted by then.
fn hold(batch: &mut Batch, by: &By, organization: OrganizationId) {
    if batch.is_empty() {
        return;
    }
    organizations::expect_alive(batch, organization);
    if let Actor::Member(member) = &by.actor {
        members::expect_role(batch, member.organization, member.id, member.role.name());
    }
}

/// Of what is stored.
fn order(subscription: &Subscription) -> Order {
    Order { plan: subscription.plan.parse().unwrap_or(Plan::Yearly), seats: subscription.quantity }
}

/// The seats of an organization from now on; whoever waits is admitted as far as they reach, who has waited longest
/// first, in the same batch. How many.
fn give_seats(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: OrganizationId,
    usage: &Usage,
    seats: i64,
) -> Result<i64> {
    let mut ledger = seats::Change::default();
    let free = seats - usage.used - usage.pending;
    if seats > usage.seats && free > 0 && usage.waiting > 0 {
        for found in members::waiting(connection, organization, free.min(usage.waiting).min(ADMITTED_AT_ONCE))? {
            users::admit(&administration.provisioning, organization, found, batch, &mut ledger)?;
        }
    }
    if seats != usage.seats || !ledger.is_nothing() {
        organizations::update_seats(batch, organization, (usage.seats, seats), &ledger);
    }
    Ok(ledger.used)
}

/// The subscription whose order can be changed.
fn changeable(subscription: Option<Subscription>) -> Result<Subscription> {
    let refuse = |why: &'static str| Err(Error::new(Code::Conflict, why));
    match subscription {
        None => refuse("This organization has no subscription yet. Begin a checkout."),
        Some(row) if row.state == "active" => Ok(row),
        Some(row) if row.state == "past_due" => {
            refuse("The last payment was declined. Pay it first: the billing portal takes another card.")
        }
        Some(_) => refuse("The subscription has ended. Begin a checkout."),
    }
}

/// Reads whatever a use case of several transactions answers in the end.
async fn shown(store: &Store, administration: &Administration, by: &By, name: &str) -> Result<Value> {
    let (administration, by, name) = (administration.clone(), by.clone(), name.to_owned());
    store.read(move |connection| show(connection, &administration, &by, &name)).await
}
