//! What is over frees its seat by itself: invitations expire, and whoever waits gets the seat.

use serde_json::json;

use super::super::{Administration, By};
use super::free;
use crate::error::Result;
use crate::id::{InvitationId, OrganizationId};
use crate::organization::seats::Change;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{Planned, invitations};

/// Invitations that are settled at once.
const PAGE: i64 = 500;

/// Expires the invitations of an organization whose time is over, and frees seats that are counted twice because
/// somebody became a member in the moment they were invited; how many invitations that were, and whether there is
/// more to do.
///
/// # Errors
/// The database's, and those of what is stored.
pub fn settle(
    connection: &mut Connection,
    administration: &Administration,
    organization: OrganizationId,
) -> Result<Planned<(usize, bool)>> {
    let now = administration.clock.now().0;
    let mut batch = Batch::default();
    let holding = invitations::due(connection, organization, (now, true), PAGE)?;
    let seatless = invitations::due(connection, organization, (now, false), PAGE)?;
    let mut doubled = invitations::doubled(connection, organization, PAGE)?;
    doubled.retain(|id| !holding.contains(id));
    invitations::expire(&mut batch, organization, &holding, true, now);
    invitations::expire(&mut batch, organization, &seatless, false, now);
    for id in &doubled {
        invitations::release_seat(&mut batch, organization, *id);
    }
    let seats = i64::try_from(holding.len() + doubled.len()).unwrap_or(0);
    let ledger = Change { pending: -seats, ..Change::default() };
    let goes_on = free(connection, administration, &mut batch, organization, ledger)?;
    let expired: Vec<String> = holding.iter().chain(&seatless).map(InvitationId::to_string).collect();
    if !expired.is_empty() {
        let detail = json!({"invitations": expired});
        administration.audit(&mut batch, &By::SYSTEM, organization, "invitation.expired", &detail);
    }
    Ok(Planned { batch, answer: (expired.len() + doubled.len(), goes_on) })
}
