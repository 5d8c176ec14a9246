//! Billing as people and programs see it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::administration::Administration;
use crate::clock::Timestamp;
use crate::id::{InvoiceId, OrganizationId};
use crate::organization::plan::Plan;
use crate::organization::price::{self, Prices};
use crate::organization::seats::Usage;
use crate::organization::{State, subscription};
use crate::store::checkouts::Checkout;
use crate::store::invoices::Invoice;
use crate::store::organizations::Organization;
use crate::store::subscriptions::Subscription;

/// The plan, the price, the seats, and what comes next.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Billing {
    pub organization: OrganizationId,
    pub organization_state: State,
    /// `local` or `stripe`; `null` before the first checkout.
    #[schema(required)]
    pub provider: Option<String>,
    /// `none` before the first checkout; then `active`, `past_due` or `canceled`.
    pub state: &'static str,
    pub plan: Plan,
    /// `year`, `quarter` or `month`.
    pub per: &'static str,
    /// Of a seat.
    pub price: Money,
    pub plans: Vec<Offer>,
    /// Of all seats.
    pub total: Money,
    pub seats: i64,
    pub seats_used: i64,
    /// Held by open invitations.
    pub seats_pending: i64,
    pub seats_available: i64,
    /// Members who wait for a seat.
    pub waiting: i64,
    #[schema(required)]
    pub started_at: Option<Timestamp>,
    #[schema(required)]
    pub period_start: Option<Timestamp>,
    #[schema(required)]
    pub period_end: Option<Timestamp>,
    #[schema(required)]
    pub next_invoice: Option<NextInvoice>,
    /// What the payment provider has not confirmed yet.
    #[schema(required)]
    pub pending_change: Option<PendingChange>,
    /// How many are paid for.
    #[schema(required)]
    pub provider_seats: Option<i64>,
    pub cancels_at_period_end: bool,
    /// The checkout that is open.
    #[schema(required)]
    pub checkout: Option<OpenCheckout>,
}

/// An amount of money.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Money {
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// Three letters (ISO 4217), small.
    pub currency: String,
    /// As people read it.
    pub text: String,
}

/// A plan and what a seat costs by it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Offer {
    pub plan: Plan,
    /// `year`, `quarter` or `month`.
    pub per: &'static str,
    pub price: Money,
}

/// What is to be paid next.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NextInvoice {
    pub at: Timestamp,
    pub amount: Money,
}

/// A change that is decided.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct PendingChange {
    pub seats: i64,
    pub plan: Plan,
}

/// Where a checkout is paid, and until when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OpenCheckout {
    pub url: String,
    pub expires_at: Timestamp,
}

/// What a change of seats or plan would cost.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BillingPreview)]
pub struct Preview {
    pub plan: Plan,
    pub seats: i64,
    /// For what is paid already and not used.
    pub credit: Money,
    /// For what is used until the period ends.
    pub charge: Money,
    pub due_now: Money,
    pub next_invoice: NextInvoice,
}

/// An invoice.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Invoice)]
pub struct ShownInvoice {
    pub id: InvoiceId,
    #[schema(required)]
    pub number: Option<String>,
    /// `open`, `paid`, `void` or `uncollectible`.
    pub state: String,
    pub amount: Money,
    pub description: String,
    pub period_start: Timestamp,
    pub period_end: Timestamp,
    pub created_at: Timestamp,
    #[schema(required)]
    pub paid_at: Option<Timestamp>,
    /// Where it can be read.
    #[schema(required)]
    pub url: Option<String>,
}

/// An amount of money: in the smallest unit, and as people read it.
pub(super) fn money(administration: &Administration, amount: i64) -> Money {
    let prices = &administration.billing.prices;
    Money { amount, currency: prices.currency.clone(), text: prices.shown(amount) }
}

/// Billing without an open checkout.
pub(super) fn describe(
    administration: &Administration,
    organization: &Organization,
    usage: &Usage,
    subscription: Option<&Subscription>,
) -> Billing {
    let prices: &Prices = &administration.billing.prices;
    let plan = plan(subscription.map_or(&organization.plan, |row| &row.plan));
    let offer = |plan: Plan| Offer { plan, per: plan.period(), price: money(administration, prices.of(plan)) };
    Billing {
        organization: organization.id,
        organization_state: State::from_name(&organization.state),
        provider: subscription.map(|row| row.provider.clone()),
        state: subscription.map_or("none", |row| subscription::State::from_name(&row.state).name()),
        plan,
        per: plan.period(),
        price: money(administration, prices.of(plan)),
        plans: Plan::ALL.map(offer).into(),
        total: money(administration, prices.total(plan, usage.seats)),
        seats: usage.seats,
        seats_used: usage.used,
        seats_pending: usage.pending,
        seats_available: (usage.seats - usage.used - usage.pending).max(0),
        waiting: usage.waiting,
        started_at: subscription.map(|row| Timestamp(row.created_at)),
        period_start: subscription.map(|row| Timestamp(row.period_start)),
        period_end: subscription.map(|row| Timestamp(row.period_end)),
        next_invoice: subscription.and_then(|row| next_invoice(administration, plan, row)),
        pending_change: subscription.and_then(pending_change),
        provider_seats: subscription.map(|row| row.quantity),
        cancels_at_period_end: subscription.is_some_and(|row| row.cancels),
        checkout: None,
    }
}

fn plan(name: &str) -> Plan {
    name.parse().unwrap_or(Plan::Yearly)
}

fn next_invoice(administration: &Administration, plan: Plan, row: &Subscription) -> Option<NextInvoice> {
    let is_last = row.cancels || row.state == subscription::State::Canceled.name();
    let next = administration.billing.prices.total(plan, row.quantity) - row.credit;
    (!is_last).then(|| NextInvoice { at: Timestamp(row.period_end), amount: money(administration, next.max(0)) })
}

fn pending_change(row: &Subscription) -> Option<PendingChange> {
    let wanted = row.wanted_plan.as_ref().unwrap_or(&row.plan);
    row.wanted_quantity.map(|seats| PendingChange { seats, plan: plan(wanted) })
}

/// The checkout that can be gone on with.
pub(super) fn open_checkout(open: Option<Checkout>, now: Timestamp) -> Option<OpenCheckout> {
    let open = open.filter(|open| open.expires_at > now.0)?;
    Some(OpenCheckout { url: open.url?, expires_at: Timestamp(open.expires_at) })
}

/// An invoice as people see it.
#[must_use]
pub fn describe_invoice(invoice: &Invoice) -> ShownInvoice {
    let text = price::shown(invoice.amount, &invoice.currency);
    ShownInvoice {
        id: invoice.id,
        number: invoice.number.clone(),
        state: invoice.state.clone(),
        amount: Money { amount: invoice.amount, currency: invoice.currency.clone(), text },
        description: invoice.description.clone(),
        period_start: Timestamp(invoice.period_start),
        period_end: Timestamp(invoice.period_end),
        created_at: Timestamp(invoice.created_at),
        paid_at: invoice.paid_at.map(Timestamp),
        url: invoice.url.clone(),
    }
}
