//! What the provider is asked: written with the decision, asked by whoever takes it first, again and again with
//! longer and longer pauses, of each organization in the order of the decisions.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use super::asking::Asking;
use crate::administration::Administration;
use crate::error::Result;
use crate::id::{BillingOperationId, OrganizationId};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{Store, billing_operations};

/// Operations that are taken at once, and that run at once.
const PAGE: i64 = 32;
const CONCURRENCY: usize = 4;
/// When an operation is due again that a process has taken which then died. All its calls are through by then.
const LEASE: Duration = Duration::from_mins(3);
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
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Checkout, Self::ExpireCheckout, Self::Order, Self::Refresh, Self::Cancel];

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::ExpireCheckout => "expire_checkout",
            Self::Order => "order",
            Self::Refresh => "refresh",
            Self::Cancel => "cancel",
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
        let claim =
            move |connection: &mut Connection| billing_operations::claim_due(connection, organization, times, PAGE);
        let page = store.transaction(claim).await?;
        if page.is_empty() {
            return Ok(asked);
        }
        asked += page.len();
        stream::iter(page)
            .for_each_concurrent(CONCURRENCY, |operation| async {
                let asking = Asking { store, administration, client, operation };
                asking.ask().await;
            })
            .await;
    }
}
