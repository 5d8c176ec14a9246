//! The end of a subscription with its organization (product.md §2).

use serde_json::json;

use super::checkout::replace;
use super::operations::{self, Kind};
use crate::administration::{Administration, By};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::OrganizationId;
use crate::organization::subscription::State;
use crate::store::batch::Batch;
use crate::store::checkouts::{self, purpose};
use crate::store::connection::Connection;
use crate::store::invoices;
use crate::store::subscriptions::{self, Subscription};

/// The subscription of an organization that is deleted ends, in the batch of the deletion.
///
/// # Errors
/// The database's.
pub fn cancel(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    batch: &mut Batch,
    organization: OrganizationId,
) -> Result<()> {
    let now = administration.clock.now().0;
    for purpose in [purpose::SUBSCRIPTION, purpose::CARD] {
        if let Some(open) = checkouts::open(connection, organization, purpose)? {
            replace(administration, batch, organization, open, Timestamp(now));
        }
    }
    let Some(row) = subscriptions::find(connection, organization)?.filter(|row| row.state != State::Canceled.name())
    else {
        return Ok(());
    };
    let after = Subscription {
        state: State::Canceled.name().into(),
        wanted_plan: None,
        wanted_quantity: None,
        retry_at: None,
        updated_at: now,
        ..row.clone()
    };
    subscriptions::write(batch, organization, Some(&row), &after);
    match &row.subscription {
        Some(subscription) => {
            let payload = json!({"subscription": subscription});
            operations::insert(batch, administration, organization, Kind::Cancel, &payload);
        }
        None => invoices::void_open(batch, organization),
    }
    administration.audit(batch, by, organization, "billing.canceled", &json!({"provider": row.provider}));
    Ok(())
}
