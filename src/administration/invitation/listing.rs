//! Invitations as people list them: a page at a time, and one.

use super::super::{Administration, By, named};
use super::{Shown, absent, describe};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{InvitationId, OrganizationId};
use crate::membership::authority::{self, Authorities};
use crate::organization::invitation::State;
use crate::organization::permission::Action;
use crate::store::connection::Connection;
use crate::store::invitations::{self, Delivery, Invitation};

/// Invitations of a page: in a state, or in any, behind the one a page ended with; newest first.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub state: Option<State>,
    pub after: Option<InvitationId>,
    pub limit: u32,
}

/// A page of the invitations, and where the next begins.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn list(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    page: Page,
) -> Result<(Vec<Shown>, Option<InvitationId>)> {
    by.check(Action::Invite)?;
    let organization = named(connection, by, name)?.id;
    let now = administration.clock.now();
    let limit = page.limit as usize;
    let wanted = (now.0, i64::from(page.limit) + 1);
    let mut found = invitations::list(connection, organization, page.state, page.after, wanted)?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| is_more).map(|(invitation, _)| invitation.id);
    Ok((shown(connection, organization, &found, now)?, next))
}

/// One invitation.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn show(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    id: &str,
) -> Result<Shown> {
    by.check(Action::Invite)?;
    let organization = named(connection, by, name)?.id;
    let wanted = id.parse().map_err(|_| absent(id))?;
    let found = invitations::shown(connection, organization, wanted)?.ok_or_else(|| absent(id))?;
    let mut shown = shown(connection, organization, &[found], administration.clock.now())?;
    shown.pop().ok_or_else(|| absent(id))
}

/// Invitations as they are shown, with what keeps open ones from being accepted.
fn shown(
    connection: &mut Connection,
    organization: OrganizationId,
    found: &[(Invitation, Delivery)],
    now: Timestamp,
) -> Result<Vec<Shown>> {
    let is_open = |invitation: &Invitation| State::at(&invitation.state, now, invitation.expires_at) == State::Pending;
    let inviters = found.iter().filter(|(invitation, _)| is_open(invitation));
    let inviters = inviters.map(|(invitation, _)| invitation.inviter.as_str());
    let authorities = authority::of(connection, organization, inviters, now)?;
    let show = |(invitation, delivery): &(Invitation, Delivery)| {
        let mut shown = describe(invitation, delivery, now);
        if is_open(invitation) {
            shown.blocked = blocked(invitation, &authorities);
        }
        shown
    };
    Ok(found.iter().map(show).collect())
}

/// Why nobody can accept an open invitation, for whoever manages it.
fn blocked(invitation: &Invitation, authorities: &Authorities) -> Option<String> {
    let role = invitation.role.as_str();
    (!authority::stands_by(authorities.get(&invitation.inviter), role)).then(|| {
        format!("Whoever sent this invitation may not give the role {role} any more. Send it again: then it is yours.")
    })
}
