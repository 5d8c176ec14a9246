//! What the provider is asked: written with the decision, asked by whoever takes it first, again and again with
//! longer and longer pauses, of each organization one thing at a time.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::asking::{ATTEMPT, Asking};
use crate::administration::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{BillingOperationId, OrganizationId};
use crate::organization::permission::Action;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{Store, billing_operations};

/// Operations that are taken at once and run at once: one that is taken waits for no other.
const AT_ONCE: u8 = 8;
/// When an operation is due again that a process has taken which then died. An attempt is over by then.
const LEASE: Duration = ATTEMPT.saturating_add(Duration::from_secs(30));
/// Operations that operators are shown.
const SHOWN: i64 = 200;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A page to pay at.
    Checkout,
    /// That nobody pays at a page any more.
    ExpireCheckout,
    /// Seats and plan.
    Order,
    /// How things stand, because an event or somebody's return says that they have changed.
    Refresh,
    /// The end of a subscription.
    Cancel,
    /// That what was paid for a subscription is given back.
    Refund,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Checkout, Self::ExpireCheckout, Self::Order, Self::Refresh, Self::Cancel, Self::Refund];

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::ExpireCheckout => "expire_checkout",
            Self::Order => "order",
            Self::Refresh => "refresh",
            Self::Cancel => "cancel",
            Self::Refund => "refund",
        }
    }
}

/// Writes down what the provider is to be asked.
pub(super) fn insert(
    batch: &mut Batch,
    administration: &Administration,
    organization: OrganizationId,
    kind: Kind,
    payload: &Value,
) -> BillingOperationId {
    let id = administration.ids.next();
    let now = administration.clock.now().0;
    billing_operations::insert(batch, organization, id, (kind.name(), &payload.to_string()), now);
    id
}

/// Asks what is due, of one organization or of all; how many operations were asked.
///
/// # Errors
/// The database's.
pub async fn drive(
    store: &Store,
    administration: &Administration,
    organization: Option<OrganizationId>,
) -> Result<usize> {
    let Some(client) = administration.billing.provider.stripe() else { return Ok(0) };
    let mut asked = 0;
    loop {
        let now = administration.clock.now();
        let times = (now.0, now.plus(LEASE).0);
        let claim = move |connection: &mut Connection| {
            billing_operations::claim_due(connection, organization, times, AT_ONCE.into())
        };
        let page = store.transaction(claim).await?;
        if page.is_empty() {
            return Ok(asked);
        }
        asked += page.len();
        stream::iter(page)
            .for_each_concurrent(usize::from(AT_ONCE), |operation| async {
                let asking = Asking { store, administration, client, operation };
                asking.ask().await;
            })
            .await;
    }
}

/// The latest operations of an organization, newest first; those that are waiting say since when and why.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn list(connection: &mut Connection, by: &By, name: &str) -> Result<Value> {
    by.check(Action::ManageBilling)?;
    let organization = named(connection, by, name)?;
    let describe = |operation: billing_operations::Operation| {
        json!({
            "id": operation.id.to_string(), "kind": operation.kind, "state": operation.state,
            "attempts": operation.attempts, "created_at": Timestamp(operation.created_at).to_string(),
            "due_at": (operation.state == "waiting").then(|| Timestamp(operation.due_at).to_string()),
            "last_error": operation.last_error
        })
    };
    Ok(billing_operations::list(connection, organization.id, SHOWN)?.into_iter().map(describe).collect())
}
