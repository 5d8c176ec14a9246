//! Where members are signed in, and signing them out everywhere.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

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

/// A session as admins see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MemberSession)]
pub struct Shown {
    pub id: SessionId,
    pub member_id: ResourceId,
    /// `sso_settings` for what a recovery code opened.
    #[schema(required)]
    pub scope: Option<&'static str>,
    pub started_at: Timestamp,
    /// To the minute.
    pub last_used_at: Timestamp,
    /// When it ends if it is not used again.
    pub ends_at: Timestamp,
    /// The network address it was opened from.
    #[schema(required)]
    pub address: Option<String>,
    #[schema(required)]
    pub user_agent: Option<String>,
}

impl Shown {
    /// Its place in a list.
    #[must_use]
    pub const fn place(&self) -> (ResourceId, SessionId) {
        (self.member_id, self.id)
    }
}

/// How many sessions were ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RevokedSessions)]
pub struct Revoked {
    pub revoked: usize,
}

/// A page of the live sessions of an organization's members, or of one, by member, from the one after `after` on.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn list(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    (slug, member): (&str, Option<&str>),
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<Shown>> {
    by.check(Action::ManageMembers)?;
    let (organization, member) = whose(connection, by, slug, member)?;
    let (now, idle) = (administration.clock.now().0, administration.session_idle);
    let live = live(connection, (organization, member), after, limit, |session| now < session.ends_at(idle))?;
    let describe = |(member, session): &(ResourceId, Session)| Shown {
        id: session.id,
        member_id: *member,
        scope: session.recovers.map(|_| "sso_settings"),
        started_at: Timestamp(session.created_at),
        last_used_at: Timestamp(session.seen_at),
        ends_at: Timestamp(session.ends_at(idle)),
        address: session.client_address.clone(),
        user_agent: session.user_agent.clone(),
    };
    Ok(live.iter().map(describe).collect())
}

/// Signs an organization's members out everywhere, or one: whatever organization a session was opened
/// for, it ends if it opens this one, too. How many sessions end. Whoever signs everybody out signs owners out too.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn revoke(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    member: Option<&str>,
) -> Result<Planned<Revoked>> {
    by.check(Action::ManageMembers)?;
    let (organization, member) = whose(connection, by, slug, member)?;
    check_role(connection, by, organization, member)?;
    let (now, idle) = (administration.clock.now().0, administration.session_idle);
    let is_live = |session: &Session| now < session.ends_at(idle);
    let ended = live(connection, (organization, member), None, usize::MAX, is_live)?.len();
    let mut batch = Batch::default();
    sessions::end_of_members(&mut batch, organization, member);
    let detail = json!({"sessions": ended});
    administration.audit_member(&mut batch, by, organization, "sessions.revoked", member, &detail);
    Ok(Planned { batch, answer: Revoked { revoked: ended } })
}

/// Ends one session of a member.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn end(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    (slug, member): (&str, &str),
    session: &str,
) -> Result<Planned<Revoked>> {
    by.check(Action::ManageMembers)?;
    let (organization, member) = whose(connection, by, slug, Some(member))?;
    check_role(connection, by, organization, member)?;
    let (now, idle) = (administration.clock.now().0, administration.session_idle);
    let is_live = |session: &Session| now < session.ends_at(idle);
    let live = live(connection, (organization, member), None, usize::MAX, is_live)?;
    let found = live.iter().find(|(_, found)| found.id.to_string() == session);
    let Some((member, found)) = found else {
        return Err(Error::new(Code::NotFound, format!("This member has no session with the id \"{session}\".")));
    };
    let mut batch = Batch::default();
    sessions::end_by_id(&mut batch, found.id);
    let detail = json!({"sessions": 1, "session": session});
    administration.audit_member(&mut batch, by, organization, "sessions.revoked", Some(*member), &detail);
    Ok(Planned { batch, answer: Revoked { revoked: 1 } })
}

/// Refuses who may not touch this member, or the highest of all.
fn check_role(
    connection: &mut Connection,
    by: &By,
    organization: OrganizationId,
    member: Option<ResourceId>,
) -> Result<()> {
    let role = match member {
        Some(member) => {
            let (_, found) = members::user(connection, organization, member)?;
            found.and_then(|(_, found)| found.role.parse().ok()).unwrap_or(Role::Read)
        }
        None => Role::Owner,
    };
    by.check_grant(member, role, role)
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

/// Where a session stands in the order of members.
type Place = (ResourceId, SessionId);

fn live(
    connection: &mut Connection,
    (organization, member): (OrganizationId, Option<ResourceId>),
    mut after: Option<Place>,
    limit: usize,
    is_live: impl Fn(&Session) -> bool,
) -> Result<Vec<(ResourceId, Session)>> {
    let mut found = Vec::new();
    loop {
        let most = i64::try_from(limit).unwrap_or(PAGE).min(PAGE);
        let page = sessions::of_members(connection, organization, member, after, most)?;
        let Some((last, session)) = page.last() else { return Ok(found) };
        after = Some((*last, session.id));
        found.extend(page.into_iter().filter(|(_, session)| is_live(session)));
        if found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}
