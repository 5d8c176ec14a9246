//! An invitation ends: somebody takes it back, or its time is over. Its seat goes to whoever waits.

use std::time::Duration;

use serde_json::json;

use super::super::audit::forget_older;
use super::super::{Administration, By, named};
use super::{Shown, absent, describe, told};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{InvitationId, OrganizationId};
use crate::organization::invitation::State;
use crate::organization::permission::Action;
use crate::organization::seats::{ADMITTED_AT_ONCE, Change};
use crate::provisioning::users;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::invitations::{self, Invitation};
use crate::store::outbox::withdraw;
use crate::store::retention::Kept;
use crate::store::{Planned, Store, members, organizations};

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

/// Takes an invitation back: its link is dead, and its seat goes to whoever has waited longest. Once more changes
/// nothing.
///
/// # Errors
/// `not_found`, `forbidden`; `conflict` for one that was accepted.
pub fn revoke(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    id: &str,
) -> Result<Planned<Shown>> {
    by.check(Action::Invite)?;
    let organization = named(connection, by, name)?;
    let found = invitations::find(connection, organization.id, id.parse().map_err(|_| absent(id))?)?;
    let invitation = found.ok_or_else(|| absent(id))?;
    let now = administration.clock.now().to_millisecond();
    let mut batch = Batch::default();
    match invitation.state.as_str() {
        "pending" => {}
        "accepted" => {
            return Err(Error::new(Code::Conflict, "This invitation was accepted. Remove the member instead."));
        }
        _ => return Ok(Planned { batch, answer: describe(&invitation, &None, now) }),
    }
    invitations::end(&mut batch, organization.id, (&invitation, None), State::Revoked, None, now.0);
    if let Some(mail) = invitation.mail {
        withdraw(&mut batch, mail, "the invitation was revoked");
    }
    if invitation.holds_seat {
        free(connection, administration, &mut batch, organization.id, Change { pending: -1, ..Change::default() })?;
    }
    administration.audit(&mut batch, by, organization.id, "invitation.revoked", &told(&invitation));
    let revoked = Invitation { state: State::Revoked.name().to_owned(), ended_at: Some(now.0), ..invitation };
    Ok(Planned { batch, answer: describe(&revoked, &None, now) })
}

/// Tells the ledger of seats that are free, and gives them to whoever has waited longest; whether more may get one.
fn free(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: OrganizationId,
    mut ledger: Change,
) -> Result<bool> {
    let usage = organizations::usage(connection, organization)?.after(&ledger);
    let due = usage.free().min(usage.waiting);
    if due > 0 {
        for found in members::waiting(connection, organization, due.min(ADMITTED_AT_ONCE))? {
            users::admit(&administration.provisioning, organization, found, batch, &mut ledger)?;
        }
    }
    organizations::change_usage(batch, organization, &ledger);
    Ok(due > ADMITTED_AT_ONCE)
}

/// Forgets invitations that have been over for longer than they are kept; how many those were.
///
/// # Errors
/// The database's.
pub async fn forget(store: &Store, now: Timestamp, kept_for: Duration) -> Result<usize> {
    forget_older(store, Kept::Invitations, now.minus(kept_for).0).await
}
