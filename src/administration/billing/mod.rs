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
mod shown;

pub use self::shown::{Billing, Money, NextInvoice, OpenCheckout, Preview, ShownInvoice, describe_invoice};
use self::shown::{describe, money, open_checkout};
use super::{Actor, Administration, By, named};
use crate::error::{Code, Error, Result};
use crate::id::{InvoiceId, OrganizationId};
use crate::membership;
use crate::organization::DELETED;
use crate::organization::permission::Action;
use crate::organization::plan::Plan;
use crate::organization::price::Order;
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
pub fn show(connection: &mut Connection, administration: &Administration, by: &By, name: &str) -> Result<Billing> {
    by.check(Action::ManageBilling)?;
    // As it was at one moment: a payment that comes meanwhile is seen with all it changes or not at all.
    connection.snapshot(|connection| {
        let organization = named(connection, by, name)?;
        let now = administration.clock.now();
        let usage = membership::usage_at(connection, organization.id, now.0)?;
        let subscription = subscriptions::find(connection, organization.id)?;
        let open = checkouts::open(connection, organization.id, purpose::SUBSCRIPTION)?;
        let shown = describe(administration, &organization, &usage, subscription.as_ref());
        Ok(Billing { checkout: open_checkout(open, now), ..shown })
    })
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
async fn shown(store: &Store, administration: &Administration, by: &By, name: &str) -> Result<Billing> {
    let (administration, by, name) = (administration.clone(), by.clone(), name.to_owned());
    store.read(move |connection| show(connection, &administration, &by, &name)).await
}
