//! Where somebody sees to the card and to what is owed: Stripe's portal, or a page of our own.

use super::change::not_configured;
use super::checkout::check_often;
use super::{buyer, hold};
use crate::administration::{Administration, By};
use crate::billing::Provider;
use crate::billing::stripe::Kind;
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{BillingOperationId, CheckoutId};
use crate::store::batch::Batch;
use crate::store::checkouts::{self, Checkout, purpose, state};
use crate::store::connection::Connection;
use crate::store::subscriptions::{self, Subscription};
use crate::store::{Planned, Store, invoices};

/// How long the page of our own works.
const LIFE: i64 = 3_600;

/// The address of the page for this customer, for a little while.
///
/// # Errors
/// `not_found`, `forbidden`; `conflict` without a subscription; `unavailable` when the provider is away.
pub async fn open(
    store: &Store,
    administration: &Administration,
    by: &By,
    name: &str,
    public_url: &str,
) -> Result<String> {
    let (own, who, named, url) = (administration.clone(), by.clone(), name.to_owned(), public_url.to_owned());
    let decide = move |connection: &mut Connection| plan(connection, &own, &who, &named, &url);
    let begun = store.write(decide).await?;
    opened(administration, begun, public_url).await
}

/// Has the provider open its page, where it is not one of our own.
///
/// # Errors
/// `conflict` and `unavailable`, as [`open`].
pub async fn opened(administration: &Administration, begun: Begun, public_url: &str) -> Result<String> {
    let subscription = match begun {
        Begun::Page(url) => return Ok(url),
        Begun::AtProvider(subscription) => subscription,
    };
    let (Provider::Stripe(client), Some(customer)) = (&administration.billing.provider, &subscription.customer) else {
        return Err(not_configured(&subscription.provider));
    };
    // Nothing of ours changes: a page that nobody opens is forgotten by itself.
    let key: BillingOperationId = administration.ids.next();
    let page = client.portal(customer, public_url, &key.to_string()).await.map_err(|failure| match failure.kind {
        Kind::Away => Error::unavailable(
            "The payment provider does not answer right now. Nothing was changed. Try again in a moment.",
            Some(failure.into()),
        ),
        _ => Error::new(Code::Conflict, format!("The payment provider opens no portal: {failure}")),
    })?;
    Ok(page.url)
}

/// Where the page is.
#[derive(Clone, Debug)]
pub enum Begun {
    /// One of our own, at this address.
    Page(String),
    /// The provider opens it.
    AtProvider(Box<Subscription>),
}

/// Decides which page it is.
///
/// # Errors
/// Those of [`open`].
pub fn plan(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    public_url: &str,
) -> Result<Planned<Begun>> {
    let organization = buyer(connection, by, name)?;
    let row = subscriptions::find(connection, organization.id)?.filter(|row| row.state != "canceled");
    let row =
        row.ok_or_else(|| Error::new(Code::Conflict, "This organization has no subscription. Begin a checkout."))?;
    let mut batch = Batch::default();
    if row.provider != "local" {
        return Ok(Planned { batch, answer: Begun::AtProvider(Box::new(row)) });
    }
    check_often(connection, administration, organization.id)?;
    let now = administration.clock.now();
    let before = checkouts::open(connection, organization.id, purpose::CARD)?;
    if let Some(open) = before {
        checkouts::update_state(&mut batch, organization.id, open.id, (state::OPEN, state::SUPERSEDED), None);
    }
    let id: CheckoutId = administration.ids.next();
    let url = format!("{public_url}/checkout/{id}");
    let owed: i64 = invoices::open(connection, organization.id)?.iter().map(|invoice| invoice.amount).sum();
    let checkout = Checkout {
        id,
        purpose: purpose::CARD.into(),
        provider: row.provider,
        plan: row.plan,
        seats: row.quantity,
        amount: owed,
        currency: administration.billing.prices.currency.clone(),
        customer: None,
        session: None,
        url: Some(url.clone()),
        state: state::OPEN.into(),
        created_at: now.0,
        expires_at: Timestamp(now.0).plus_seconds(LIFE).0,
        completed_at: None,
        asked_at: now.0,
    };
    checkouts::insert(&mut batch, organization.id, &checkout);
    hold(&mut batch, by, organization.id);
    Ok(Planned { batch, answer: Begun::Page(url) })
}
