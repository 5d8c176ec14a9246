//! Where members are signed in, and signing them out everywhere.

use serde_json::{Value, json};

use super::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId, SessionId};
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::sessions::{self, Session};
use crate::store::{Planned, members};

/// Lines that are read at once.
const PAGE: i64 = 1_000;

/// The live sessions of an organization's members, or of one.
///
/// # Errors
/// `not_found`.
pub fn list(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    member: Option<&str>,
) -> Result<Value> {
    by.check(Action::ManageMembers)?;
    let (organization, member) = whose(connection, by, slug, member)?;
    let (now, idle) = (administration.clock.now().0, administration.session_idle);
    let live = live(connection, organization, member, |session| now < session.ends_at(idle))?;
    let describe = |(member, session): &(ResourceId, Session)| {
        json!({
            "id": session.id.to_string(),
            "member_id": member.to_string(),
            "scope": session.recovers.map(|_| "sso_settings"),
            "started_at": Timestamp(session.created_at).to_string(),
            "last_used_at": Timestamp(session.seen_at).to_string(),
            "ends_at": Timestamp(session.ends_at(idle)).to_string(),
            "address": session.client_address,
            "user_agent": session.user_agent
        })
    };
    Ok(live.iter().map(describe).collect::<Vec<_>>().into())
}

/// Signs an organization's members out everywhere, or one: whatever organization a session was opened
/// for, it opens all of the person's. How many sessions end.
///
/// # Errors
/// `not_found`.
pub fn revoke(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    member: Option<&str>,
) -> Result<Planned<Value>> {
    by.check(Action::ManageMembers)?;
    let (organization, member) = whose(connection, by, slug, member)?;
    if let Some(member) = member {
        let (_, found) = members::user(connection, organization, member)?;
        let role = found.and_then(|(_, found)| found.role.parse().ok()).unwrap_or(Role::Read);
        by.check_grant(Some(member), role, role)?;
    }
    let (now, idle) = (administration.clock.now().0, administration.session_idle);
    let ended = live(connection, organization, member, |session| now < session.ends_at(idle))?.len();
    let mut batch = Batch::default();
    sessions::end_of_members(&mut batch, organization, member);
    let detail = json!({"sessions": ended});
    administration.audit_member(&mut batch, by, organization, "sessions.revoked", member, &detail);
    Ok(Planned { batch, answer: json!({"revoked": ended}) })
}

fn whose(
    connection: &mut Connection,
    by: &By,
    slug: &str,
    member: Option<&str>,
) -> Result<(OrganizationId, Option<ResourceId>)> {
    let organization = named(connection, by, slug)?.id;
    let Some(member) = member else { return Ok((organization, None)) };
    let absent = || Error::new(Code::NotFound, format!("There is no member with the id \"{member}\"."));
    let id = member.parse().map_err(|_| absent())?;
    members::user(connection, organization, id)?.1.ok_or_else(absent)?;
    Ok((organization, Some(id)))
}

fn live(
    connection: &mut Connection,
    organization: OrganizationId,
    member: Option<ResourceId>,
    is_live: impl Fn(&Session) -> bool,
) -> Result<Vec<(ResourceId, Session)>> {
    let (mut found, mut after) = (Vec::new(), None::<(ResourceId, SessionId)>);
    loop {
        let page = sessions::of_members(connection, organization, member, after, PAGE)?;
        let Some((last, session)) = page.last() else { return Ok(found) };
        after = Some((*last, session.id));
        found.extend(page.into_iter().filter(|(_, session)| is_live(session)));
    }
}
