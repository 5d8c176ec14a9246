//! An attempt to deliver: what is sent, and what becomes of the delivery and its endpoint.

use std::time::Duration;

use super::{disabling, place};
use crate::administration::Administration;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::organization::webhook::TEST;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::webhook_deliveries::{self, Delivery, state};
use crate::store::webhook_endpoints::{self, ENABLED, Endpoint};
use crate::store::{Planned, Store};
use crate::webhooks::{Sent, signature};

/// The pauses before the second attempt and the following ones, as Standard Webhooks proposes them; then a delivery
/// is given up.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// An endpoint to which nothing was delivered for so long is told nothing more.
const PATIENCE: Duration = Duration::from_hours(5 * 24);
/// The answer of an endpoint that wants nothing more.
const GONE: u16 = 410;

/// Sends a delivery once and writes down what came of it; whether it was taken.
///
/// # Errors
/// The database's; it is due again then.
pub async fn make(store: &Store, administration: &Administration, delivery: Delivery) -> Result<bool> {
    let (organization, id) = (delivery.organization, delivery.endpoint);
    let endpoint = store.read(move |connection| webhook_endpoints::one(connection, organization, id)).await?;
    let sent = match &endpoint {
        Some(endpoint) if endpoint.state == ENABLED || delivery.kind == TEST => {
            send(administration, &delivery, endpoint).await
        }
        _ => None,
    };
    let (is_taken, administration) = (sent.as_ref().is_some_and(|sent| sent.error.is_none()), administration.clone());
    let plan = move |connection: &mut Connection| settle(connection, &administration, &delivery, sent.as_ref());
    store.write(plan).await?;
    Ok(is_taken)
}

async fn send(administration: &Administration, delivery: &Delivery, endpoint: &Endpoint) -> Option<Sent> {
    let now = administration.clock.now();
    let Some(secrets) = secrets(administration, delivery, endpoint, now) else {
        // Another process may have it.
        let why = "its secret was written with another key than this process has: give all processes the same key";
        return Some(Sent { status: None, response: String::new(), error: Some(why.to_owned()) });
    };
    let (id, timestamp) = (delivery.id.to_string(), now.0.div_euclid(1_000_000));
    let signature = signature::sign(&secrets, &id, timestamp, &delivery.payload);
    let sender = &administration.webhooks;
    Some(sender.send(&endpoint.url, &id, timestamp, &signature, delivery.payload.clone()).await)
}

/// The secrets that sign now.
fn secrets(
    administration: &Administration,
    delivery: &Delivery,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Option<Vec<Vec<u8>>> {
    let place = place(delivery.organization, endpoint.id);
    let open = |sealed: &Vec<u8>| administration.provisioning.sealing.open(sealed, &place);
    let counts = endpoint.old_secret_until.is_some_and(|until| now.0 < until);
    let old = endpoint.old_secret.as_ref().filter(|_| counts);
    std::iter::once(&endpoint.secret).chain(old).map(open).collect()
}

/// What came of an attempt; nothing was sent to an endpoint that is disabled or gone.
fn settle(
    connection: &mut Connection,
    administration: &Administration,
    delivery: &Delivery,
    sent: Option<&Sent>,
) -> Result<Planned<()>> {
    let (organization, now) = (delivery.organization, administration.clock.now());
    let mut batch = Batch::default();
    let mut after = delivery.clone();
    let Some(sent) = sent else {
        state::FAILED.clone_into(&mut after.state);
        after.error = Some("the webhook is disabled".to_owned());
        webhook_deliveries::update(&mut batch, organization, &after);
        return Ok(Planned { batch, answer: () });
    };
    after.attempted_at = Some(now.0);
    after.status = sent.status.map(i64::from);
    after.error.clone_from(&sent.error);
    after.response = Some(sent.response.clone());
    let pause = usize::try_from(delivery.attempts - 1).ok().and_then(|made| PAUSES.get(made));
    match (&sent.error, pause) {
        (None, _) => state::DELIVERED.clone_into(&mut after.state),
        (Some(_), Some(pause)) if delivery.kind != TEST && sent.status != Some(GONE) => {
            after.due_at = now.plus(jittered(administration, *pause)).0;
        }
        (Some(_), _) => state::FAILED.clone_into(&mut after.state),
    }
    webhook_deliveries::update(&mut batch, organization, &after);
    if delivery.kind == TEST {
        return Ok(Planned { batch, answer: () });
    }
    let endpoint = webhook_endpoints::one(connection, organization, delivery.endpoint)?;
    let gives_up = |endpoint: &Endpoint| {
        let is_over = endpoint.failing_since.is_some_and(|since| Timestamp(since).plus(PATIENCE) <= now);
        sent.error.is_some() && (sent.status == Some(GONE) || is_over)
    };
    match endpoint.filter(|endpoint| endpoint.state == ENABLED) {
        Some(endpoint) if gives_up(&endpoint) => {
            let why = sent.error.as_deref().unwrap_or_default();
            disabling::disable(connection, administration, &mut batch, organization, endpoint, why)?;
        }
        Some(endpoint) => {
            let since = sent.error.as_ref().map(|_| now.0);
            if since.is_some() != endpoint.failing_since.is_some() {
                webhook_endpoints::update_failing(&mut batch, organization, endpoint.id, since);
            }
        }
        None => {}
    }
    Ok(Planned { batch, answer: () })
}

/// Up to a fifth longer, so that what failed together does not come back together.
fn jittered(administration: &Administration, pause: Duration) -> Duration {
    let mut byte = [0];
    administration.random.fill(&mut byte);
    pause + pause.mul_f64(f64::from(byte[0]) / 255.0 / 5.0)
}
