//! Checkout: begun here, paid at a page of our own or at Stripe's, complete once whatever comes how often.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::operations::{self, Kind};
use super::{buyer, hold};
use crate::administration::{Administration, By, named};
use crate::billing::Provider;
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{CheckoutId, OrganizationId};
use crate::organization::permission::Action;
use crate::organization::plan::Plan;
use crate::organization::price::Order;
use crate::organization::subscription::{State, check_seats};
use crate::store::batch::Batch;
use crate::store::checkouts::{self, Checkout, purpose, state};
use crate::store::connection::Connection;
use crate::store::organizations::{self, Organization};
use crate::store::subscriptions;
use crate::store::{Planned, Store};

/// How long a checkout waits for its payment, in seconds; Stripe's sessions say it themselves.
const LIFE: i64 = 24 * HOUR;
/// An hour in seconds, and how many checkouts an organization begins within it at most.
const HOUR: i64 = 3_600;
const AN_HOUR: i64 = 30;

/// Where a checkout is paid, and until when.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BegunCheckout)]
pub struct Begun {
    pub id: CheckoutId,
    pub url: String,
    pub expires_at: Timestamp,
}

/// What is bought; `None`: as the organization was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub seats: Option<i64>,
    pub plan: Option<Plan>,
}

/// Begins a checkout, or goes on with the one that is open for the same; where it is paid and until when.
///
/// # Errors
/// `not_found`, `forbidden`, `invalidValue`; `conflict` for fewer seats than are held, where there is a subscription
/// already, and for a deleted organization; `unavailable` while the provider is away: the same request goes on with the same checkout.
pub async fn begin(
    store: &Store,
    administration: &Administration,
    by: &By,
    name: &str,
    wanted: Wanted,
    public_url: &str,
) -> Result<Begun> {
    let (own, who, named, url) = (administration.clone(), by.clone(), name.to_owned(), public_url.to_owned());
    let decide = move |connection: &mut Connection| plan(connection, &own, &who, &named, wanted, &url);
    let decided = store.write(decide).await?;
    opened(store, administration, decided).await
}

/// Has the page of a checkout opened that was decided; where it is paid and until when.
///
/// # Errors
/// `conflict` and `unavailable`, as [`begin`].
pub async fn opened(
    store: &Store,
    administration: &Administration,
    (organization, id): (OrganizationId, CheckoutId),
) -> Result<Begun> {
    operations::drive(store, administration, Some(organization)).await?;
    let read = move |connection: &mut Connection| checkouts::find(connection, organization, id);
    let checkout = store.read(read).await?;
    if checkout.as_ref().is_some_and(|checkout| checkout.state == state::EXPIRED) {
        return Err(Error::new(
            Code::Conflict,
            "The payment provider refuses this checkout. The audit trail says why (billing.operation_failed).",
        ));
    }
    if checkout.as_ref().is_some_and(|checkout| checkout.state != state::OPEN) {
        return Err(Error::new(
            Code::Conflict,
            "An earlier checkout of this organization was paid at this very moment. Look at its billing.",
        ));
    }
    match checkout.and_then(|checkout| checkout.url.zip(Some(checkout.expires_at))) {
        Some((url, expires_at)) => Ok(Begun { id, url, expires_at: Timestamp(expires_at) }),
        None => Err(Error::unavailable(
            "The payment provider has not answered yet. The checkout is kept: send the same request again in a moment.",
            None,
        )),
    }
}

/// Decides a checkout: which one it is.
///
/// # Errors
/// Those of [`begin`].
pub fn plan(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    wanted: Wanted,
    public_url: &str,
) -> Result<Planned<(OrganizationId, CheckoutId)>> {
    let organization = buyer(connection, by, name)?;
    let usage = organizations::usage(connection, organization.id)?;
    let order = Order {
        plan: wanted.plan.or_else(|| organization.plan.parse().ok()).unwrap_or(Plan::Yearly),
        seats: wanted.seats.unwrap_or(usage.seats),
    };
    check_seats(&usage, order.seats)?;
    if subscriptions::find(connection, organization.id)?.is_some_and(|row| row.state != State::Canceled.name()) {
        return Err(Error::new(
            Code::Conflict,
            "This organization has a subscription already. Change its seats or plan under billing.",
        ));
    }
    let mut batch = Batch::default();
    let now = administration.clock.now();
    let provider = administration.billing.provider.name();
    if let Some(open) = checkouts::open(connection, organization.id, purpose::SUBSCRIPTION)? {
        let is_same = open.plan == order.plan.name() && open.seats == order.seats && open.provider == provider;
        if is_same && open.expires_at > now.0 {
            return Ok(Planned { batch, answer: (organization.id, open.id) });
        }
        replace(administration, &mut batch, organization.id, open, now);
    }
    check_often(connection, administration, organization.id)?;
    let checkout = new_checkout(connection, administration, &organization, order, public_url)?;
    checkouts::insert(&mut batch, organization.id, &checkout);
    if administration.billing.provider.stripe().is_some() {
        let payload =
            json!({"checkout": checkout.id.to_string(), "base": public_url, "email": organization.contact_email});
        operations::insert(&mut batch, administration, organization.id, Kind::Checkout, &payload);
    }
    let detail = json!({"checkout": checkout.id.to_string(), "seats": order.seats, "plan": order.plan.name(), "provider": provider});
    administration.audit(&mut batch, by, organization.id, "checkout.begun", &detail);
    hold(&mut batch, by, organization.id);
    Ok(Planned { batch, answer: (organization.id, checkout.id) })
}

/// Refuses one checkout more than anybody needs: each may cost calls to the provider.
///
/// # Errors
/// `too_many_requests`.
pub(super) fn check_often(
    connection: &mut Connection,
    administration: &Administration,
    organization: OrganizationId,
) -> Result<()> {
    let since = administration.clock.now().plus_seconds(-HOUR).0;
    if checkouts::begun_since(connection, organization, since)? < AN_HOUR {
        return Ok(());
    }
    let why = format!("{AN_HOUR} checkouts were begun within an hour. Go on with the last one, or wait.");
    Err(Error { retry_after: u32::try_from(HOUR).ok(), ..Error::new(Code::TooManyRequests, why) })
}

/// Another checkout is begun in the place of this one: nobody is to pay both.
pub(super) fn replace(
    administration: &Administration,
    batch: &mut Batch,
    organization: OrganizationId,
    open: Checkout,
    now: Timestamp,
) {
    let after = if open.expires_at > now.0 { state::SUPERSEDED } else { state::EXPIRED };
    checkouts::update_state(batch, organization, open.id, (state::OPEN, after), None);
    if let Some(session) = open.session {
        operations::insert(batch, administration, organization, Kind::ExpireCheckout, &json!({"session": session}));
    }
}

fn new_checkout(
    connection: &mut Connection,
    administration: &Administration,
    organization: &Organization,
    order: Order,
    public_url: &str,
) -> Result<Checkout> {
    let id: CheckoutId = administration.ids.next();
    let now = administration.clock.now();
    let (prices, is_local) =
        (&administration.billing.prices, matches!(administration.billing.provider, Provider::Local));
    Ok(Checkout {
        id,
        purpose: purpose::SUBSCRIPTION.into(),
        provider: administration.billing.provider.name().into(),
        plan: order.plan.name().into(),
        seats: order.seats,
        amount: prices.total(order.plan, order.seats),
        currency: prices.currency.clone(),
        customer: checkouts::customer(connection, organization.id)?,
        session: None,
        url: is_local.then(|| format!("{public_url}/checkout/{id}")),
        state: state::OPEN.into(),
        created_at: now.0,
        expires_at: now.plus_seconds(LIFE).0,
        completed_at: None,
        asked_at: now.0,
    })
}

/// A checkout as somebody at its page sees it.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn look(connection: &mut Connection, by: &By, name: &str, id: CheckoutId) -> Result<(Organization, Checkout)> {
    by.check(Action::ManageBilling)?;
    let organization = named(connection, by, name)?;
    let checkout = checkouts::find(connection, organization.id, id)?;
    Ok((organization, checkout.ok_or_else(no_such_checkout)?))
}

/// The 404 of a checkout.
#[must_use]
pub fn no_such_checkout() -> Error {
    Error::new(Code::NotFound, "There is no such checkout. Begin one under billing.")
}
