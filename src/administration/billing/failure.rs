//! What comes of asking the provider in vain.

use std::time::Duration;

use serde_json::{Value, json};

use super::operations::{Kind, insert};
use crate::administration::{Administration, By};
use crate::billing::stripe::{self, Failure};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::billing_operations::{self, Operation};
use crate::store::checkouts::{self, purpose, state};
use crate::store::connection::Connection;
use crate::store::subscriptions::{self, Subscription};

/// Why asking came to nothing.
pub(super) enum Problem {
    Provider(Failure),
    Own(Error),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Provider(failure)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl Problem {
    /// Whether the same again may come to something. Our own failures may be put right, by a newer binary say.
    const fn may_pass(&self) -> bool {
        matches!(self, Self::Own(_) | Self::Provider(Failure { kind: stripe::Kind::Away, .. }))
    }

    const fn is_missing(&self) -> bool {
        matches!(self, Self::Provider(Failure { kind: stripe::Kind::Missing, .. }))
    }

    /// What operators read.
    fn why(&self) -> String {
        match self {
            Self::Provider(failure) => failure.why.clone(),
            Self::Own(Error { source: Some(source), .. }) => source.to_string().chars().take(500).collect(),
            Self::Own(error) => error.detail.to_string(),
        }
    }

    /// What the organization reads: nothing of how we work inside.
    fn told(&self) -> String {
        match self {
            Self::Provider(failure) => failure.why.clone(),
            Self::Own(_) => "The service failed. Its operator sees why with `headcount billing operations`.".into(),
        }
    }
}

/// The pauses before the second attempt and the following ones; then an operation is given up.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(4),
    Duration::from_hours(12),
    Duration::from_hours(24),
];

/// Without these an organization pays for what it has not, or has paid twice: they are asked for ever.
const MUST_COME: [Kind; 3] = [Kind::Cancel, Kind::ExpireCheckout, Kind::Refund];

/// What comes of a failure: it is tried again, or given up and everything is as the provider has it.
pub(super) fn plan(
    connection: &mut Connection,
    administration: &Administration,
    operation: &Operation,
    problem: &Problem,
) -> Result<Planned<()>> {
    let mut batch = Batch::default();
    let (organization, now) = (operation.organization, administration.clock.now());
    let pause = usize::try_from(operation.attempts - 1).ok().and_then(|made| PAUSES.get(made));
    let must_come = MUST_COME.iter().any(|kind| operation.kind == kind.name())
        && (problem.may_pass() || (operation.kind == Kind::Cancel.name() && !problem.is_missing()));
    let pause = match pause.filter(|_| problem.may_pass()) {
        None if must_come => PAUSES.last(),
        pause => pause,
    };
    let why = problem.why();
    if let Some(pause) = pause {
        billing_operations::update_due(&mut batch, organization, operation.id, now.plus(*pause).0, &why);
        return Ok(Planned { batch, answer: () });
    }
    billing_operations::update_finished(&mut batch, organization, operation.id, now.0, Some(&why));
    let detail = json!({"operation": operation.id.to_string(), "kind": operation.kind, "why": problem.told()});
    administration.audit(&mut batch, &By::SYSTEM, organization, "billing.operation_failed", &detail);
    if operation.kind == Kind::Checkout.name() {
        give_up_checkout(connection, &mut batch, operation)?;
    }
    if operation.kind == Kind::Order.name() {
        give_up_order(connection, administration, &mut batch, operation, now)?;
    }
    Ok(Planned { batch, answer: () })
}

/// A change that comes to nothing is not wanted any more, unless another was decided meanwhile; the seats that the
/// decision took out of the ledger come back by what the provider says.
fn give_up_order(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    operation: &Operation,
    now: Timestamp,
) -> Result<()> {
    let payload: Value = serde_json::from_str(&operation.payload).unwrap_or_default();
    let Some(row) = subscriptions::find(connection, operation.organization)? else { return Ok(()) };
    if !is_latest(&row, &payload) {
        return Ok(());
    }
    let after = Subscription { wanted_quantity: None, wanted_plan: None, updated_at: now.0, ..row.clone() };
    subscriptions::write(batch, operation.organization, Some(&row), &after);
    let payload = json!({"subscription": row.subscription});
    insert(batch, administration, operation.organization, Kind::Refresh, &payload);
    Ok(())
}

/// Whether an order is the one that was decided last.
pub(super) fn is_latest(row: &Subscription, order: &Value) -> bool {
    order["order"].as_i64().is_none_or(|order| order == row.orders)
}

/// A checkout that nobody can pay is over: the next one is begun anew.
fn give_up_checkout(connection: &mut Connection, batch: &mut Batch, operation: &Operation) -> Result<()> {
    let payload: Value = serde_json::from_str(&operation.payload).unwrap_or_default();
    let open = checkouts::open(connection, operation.organization, purpose::SUBSCRIPTION)?;
    if let Some(open) = open.filter(|open| payload["checkout"] == open.id.to_string()) {
        checkouts::update_state(batch, operation.organization, open.id, (state::OPEN, state::EXPIRED), None);
    }
    Ok(())
}
