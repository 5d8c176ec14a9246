//! What owners and admins read about billing: that it is paid for, that a payment was declined, or given back.

use crate::administration::Administration;
use crate::clock::Timestamp;
use crate::error::{Code, Result};
use crate::mail::Letter;
use crate::mail::outbox::{self, Desk, Key, Kind, Post};
use crate::organization::price;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::members;
use crate::store::organizations::Organization;
use crate::store::subscriptions::Subscription;

/// Letters of one event at most, and of this kind that somebody gets in a day.
const RECIPIENTS: i64 = 50;
const A_DAY: u32 = 3;
/// How long such a letter tells something that is still true.
const DAYS: i64 = 7;

/// The seats are paid for.
pub(super) fn welcome(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: &Organization,
    subscription: &Subscription,
) -> Result<()> {
    let name = &organization.name;
    let prices = &administration.billing.prices;
    let plan = subscription.plan.parse().ok();
    let total = plan.map(|plan| prices.shown(prices.total(plan, subscription.quantity))).unwrap_or_default();
    let letter = Letter {
        subject: format!("{name} has {} seats", subscription.quantity),
        paragraphs: vec![
            format!("The checkout of {name} is complete: {} seats for {total}.", subscription.quantity),
            format!("The next invoice comes on {}.", day(subscription.period_end)),
            "Invite your people now, or let your identity provider bring them.".to_owned(),
        ],
        button: None,
        small: vec![format!("You get this mail as an owner or admin of {name}.")],
    };
    let about = format!("paid {} {}", organization.id, subscription.created_at);
    send(connection, administration, batch, organization, &about, &letter)
}

/// A payment was declined.
pub(super) fn past_due(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: &Organization,
    subscription: &Subscription,
) -> Result<()> {
    let name = &organization.name;
    let letter = Letter {
        subject: format!("A payment for {name} was declined"),
        paragraphs: vec![
            format!("The payment for the seats of {name} was declined. Nobody has lost access."),
            "Open Billing and give another card; the payment is then tried again.".to_owned(),
        ],
        button: None,
        small: vec![format!("You get this mail as an owner or admin of {name}.")],
    };
    let about = format!("declined {} {}", organization.id, subscription.period_start);
    send(connection, administration, batch, organization, &about, &letter)
}

/// A second payment was given back.
pub(super) fn refunded(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: &Organization,
    (subscription, (amount, currency)): (&str, (i64, &str)),
) -> Result<()> {
    let (name, amount) = (&organization.name, price::shown(amount, currency));
    let letter = Letter {
        subject: format!("{amount} was given back to {name}"),
        paragraphs: vec![
            format!(
                "{amount} was paid for seats of {name} a second time, or after it was deleted, and bought nothing."
            ),
            "The second subscription has ended, and the money is on its way back to the card it came from.".to_owned(),
        ],
        button: None,
        small: vec![format!("You get this mail as an owner or admin of {name}.")],
    };
    let about = format!("refunded {} {subscription}", organization.id);
    send(connection, administration, batch, organization, &about, &letter)
}

fn send(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: &Organization,
    about: &str,
    letter: &Letter,
) -> Result<()> {
    let now = administration.clock.now();
    let (random, sealing) = (administration.random.as_ref(), &administration.provisioning.sealing);
    for recipient in members::managers(connection, organization.id, RECIPIENTS)? {
        match outbox::check(connection, (Kind::Billing, A_DAY), &recipient, Some(organization.id), now) {
            Err(error) if error.code == Code::TooManyRequests => continue,
            checked => drop(checked?),
        }
        let post = Post {
            kind: Kind::Billing,
            key: Key::About(&format!("{about} {recipient}")),
            organization: Some(organization.id),
            recipient: &recipient,
            letter,
            expires_at: now.plus_seconds(DAYS * 24 * 3_600),
        };
        outbox::post(batch, Desk { ids: &administration.ids, sealing, random, now }, &post)?;
    }
    Ok(())
}

fn day(at: i64) -> String {
    Timestamp(at).to_string().chars().take(10).collect()
}
