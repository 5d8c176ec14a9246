//! Sessions in use: who is signed in, where they may go, and how a session is listed and revoked.

use serde_json::json;

use super::{Circumstances, Options, Service, recovery};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{IdentityId, OrganizationId, ResourceId, SessionId};
use crate::organization::DELETED;
use crate::organization::joining::Sso;
use crate::secret::SecretHash;
use crate::store::Planned;
use crate::store::audit_events::{self, Event};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::identities::Identity;
use crate::store::memberships::Membership;
use crate::store::session_check::{self, Beside, Checked};
use crate::store::sessions::{self, Session};

/// The last use of a session is exact to so many microseconds at least: it is written once in that time.
const EXACTNESS: i64 = 60 * 1_000_000;
/// More sessions at once nobody has: a new one ends the oldest.
pub const KEPT: i64 = 50;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub session: Session,
    pub identity: Identity,
}

impl Visitor {
    /// The organization whose SSO settings the session is for alone, and the owner whose recovery code opened it.
    #[must_use]
    pub fn recovers(&self) -> Option<(OrganizationId, ResourceId)> {
        self.session.organization.zip(self.session.recovers)
    }

    /// Whether the use of the session has to be written down: often enough that who goes on in time stays.
    #[must_use]
    pub fn is_worth_noting(&self, options: &Options, now: Timestamp) -> bool {
        now.0 - self.session.seen_at >= EXACTNESS.min(options.idle_micros() / 8)
    }

    /// The address that the session has proven to be theirs; what an account merely says is nobody's.
    #[must_use]
    pub fn proven_address(&self) -> Option<&str> {
        let Identity { address, address_key, .. } = &self.identity;
        address.as_deref().filter(|_| address_key.is_some() && *address_key == self.session.proven_address)
    }

    /// Whether this session opens an organization: where only its tenant does, it must have.
    #[must_use]
    pub fn may_open(&self, membership: &Membership) -> bool {
        let proven = self.session.tenant_proven && self.session.organization == Some(membership.organization);
        membership.sso.parse::<Sso>().is_ok_and(|sso| sso.opens(membership.has_tenant, proven))
    }
}

/// Who is signed in with this secret. Nobody when the session has ended by either limit.
///
/// # Errors
/// `unauthorized`; `forbidden` for a session that a recovery code opened, which is for one thing only.
pub fn visitor(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<Visitor> {
    let visitor = anybody(connection, service, secret)?;
    is_for_everything(&visitor)?;
    Ok(visitor)
}

/// Refuses a session that a recovery code opened.
fn is_for_everything(visitor: &Visitor) -> Result<()> {
    match visitor.recovers() {
        None => Ok(()),
        Some(_) => Err(Error::new(
            Code::Forbidden,
            "A recovery code opened this session. It is for the single sign-on settings only; for everything else sign in.",
        )),
    }
}

/// An owner whom a recovery code has let in, for as long as they are one.
///
/// # Errors
/// `unauthorized`; `forbidden` for every other session.
pub fn recovering(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<Visitor> {
    let visitor = anybody(connection, service, secret)?;
    let place =
        visitor.recovers().ok_or_else(|| Error::new(Code::Forbidden, "This is for who came in by a recovery code."))?;
    recovery::organization(connection, place)?;
    Ok(visitor)
}

/// Who is signed in, for whatever the session is.
fn anybody(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<Visitor> {
    let found = sessions::find(connection, secret)?;
    found
        .filter(|(session, _)| is_live(service, session))
        .map(|(session, identity)| Visitor { session, identity })
        .ok_or_else(not_signed_in)
}

fn is_live(service: &Service, session: &Session) -> bool {
    service.clock.now().0 < session.ends_at(service.options.idle_micros())
}

/// The 401 of everybody without a session.
#[must_use]
pub fn not_signed_in() -> Error {
    Error::new(Code::Unauthorized, "You are not signed in, or your session has ended. Sign in and repeat this.")
}

/// Who is signed in and which organizations that opens. Read anew for each request, so that a changed
/// role or a removal counts at once (product.md §3).
///
/// # Errors
/// `unauthorized`.
pub fn me(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<(Visitor, Vec<Membership>)> {
    let (visitor, memberships, _) = look(connection, service, secret, Beside::None)?;
    Ok((visitor, memberships))
}

/// Who is signed in and their place in the organization that is named by its id or its slug, read anew for
/// each request as [`me`] is. A deleted organization is like one that never was.
///
/// # Errors
/// `unauthorized`.
pub fn member(
    connection: &mut Connection,
    service: &Service,
    secret: SecretHash,
    organization: &str,
) -> Result<(Visitor, Option<Membership>)> {
    let (visitor, memberships, _) = checked(connection, service, secret, Beside::None)?;
    is_for_everything(&visitor)?;
    // No slug is an id.
    let id = organization.parse::<OrganizationId>().ok();
    let is_meant = |membership: &Membership| match id {
        Some(id) => membership.organization == id,
        None => membership.slug == organization,
    };
    Ok((visitor, memberships.into_iter().find(is_meant)))
}

/// [`me`] with the sessions of whoever is signed in, newest first.
///
/// # Errors
/// `unauthorized`.
pub fn overview(
    connection: &mut Connection,
    service: &Service,
    secret: SecretHash,
) -> Result<(Visitor, Vec<Membership>, Vec<Session>)> {
    look(connection, service, secret, Beside::All)
}

fn look(
    connection: &mut Connection,
    service: &Service,
    secret: SecretHash,
    beside: Beside,
) -> Result<(Visitor, Vec<Membership>, Vec<Session>)> {
    let (visitor, mut memberships, sessions) = checked(connection, service, secret, beside)?;
    if let Some(place) = visitor.recovers() {
        recovery::organization(connection, place)?;
        memberships.clear();
    }
    memberships.retain(|membership| visitor.may_open(membership));
    Ok((visitor, memberships, live(service, sessions)))
}

/// The session while it lives, and the places in organizations that are not deleted.
fn checked(
    connection: &mut Connection,
    service: &Service,
    secret: SecretHash,
    beside: Beside,
) -> Result<(Visitor, Vec<Membership>, Vec<Session>)> {
    let checked = session_check::check(connection, secret, beside)?;
    let checked = checked.filter(|checked| is_live(service, &checked.session)).ok_or_else(not_signed_in)?;
    let Checked { session, identity, mut memberships, sessions } = checked;
    memberships.retain(|membership| membership.state != DELETED);
    Ok((Visitor { session, identity }, memberships, sessions))
}

/// Writes down that a session was used.
#[must_use]
pub fn note_use(service: &Service, secret: SecretHash) -> Planned<()> {
    let mut batch = Batch::default();
    sessions::touch(&mut batch, secret, service.clock.now().0);
    Planned { batch, answer: () }
}

/// The sessions of whoever is signed in, newest first.
///
/// # Errors
/// `unauthorized`.
pub fn list(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<(Visitor, Vec<Session>)> {
    let visitor = visitor(connection, service, secret)?;
    let sessions = live_of(connection, service, &visitor)?;
    Ok((visitor, sessions))
}

/// The sessions of somebody, newest first.
///
/// # Errors
/// The database's.
fn live_of(connection: &mut Connection, service: &Service, visitor: &Visitor) -> Result<Vec<Session>> {
    Ok(live(service, sessions::list(connection, visitor.identity.id)?))
}

/// Those of some sessions, oldest first, that are not over, newest first.
fn live(service: &Service, mut sessions: Vec<Session>) -> Vec<Session> {
    sessions.retain(|session| is_live(service, session));
    sessions.reverse();
    sessions
}

/// The 404 of a session that is nobody's, or another person's.
#[must_use]
pub fn no_such_session() -> Error {
    Error::new(Code::NotFound, "There is no such session, or it has ended already.")
}

/// What somebody ends of their own sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    One(SessionId),
    /// All but the one they use.
    Others,
}

/// Ends sessions of one's own. The trail of the organization tells that the one in use was opened for.
///
/// # Errors
/// `unauthorized`, `not_found`.
pub fn revoke(
    connection: &mut Connection,
    service: &Service,
    circumstances: &Circumstances,
    secret: SecretHash,
    revoked: Revoked,
) -> Result<Planned<()>> {
    let (visitor, sessions) = list(connection, service, secret)?;
    let mut batch = Batch::default();
    let ended = match revoked {
        Revoked::One(id) => {
            if !sessions.iter().any(|session| session.id == id) {
                return Err(no_such_session());
            }
            sessions::end_one(&mut batch, visitor.identity.id, id);
            1
        }
        Revoked::Others => {
            sessions::end_others(&mut batch, visitor.identity.id, visitor.session.id);
            sessions.len() - 1
        }
    };
    if let Some(organization) = visitor.session.organization {
        let person = format!("person:{}", visitor.identity.id);
        note_ended(&mut batch, service, circumstances, (organization, visitor.identity.id), &person, ended);
    }
    Ok(Planned { batch, answer: () })
}

/// Adds the event of sessions that have ended: whose they were, in the organization they were opened for, and who
/// has ended them.
pub(super) fn note_ended(
    batch: &mut Batch,
    service: &Service,
    circumstances: &Circumstances,
    (organization, identity): (OrganizationId, IdentityId),
    actor: &str,
    sessions: usize,
) {
    let detail = json!({"identity": identity.to_string(), "sessions": sessions}).to_string();
    let event = Event {
        id: service.ids.next(),
        at: service.clock.now().0,
        actor,
        action: "session.ended",
        target_kind: "Organization",
        target_id: None,
        request_id: Some(&circumstances.request_id),
        address: circumstances.client_address.as_deref(),
        detail: &detail,
    };
    audit_events::insert(batch, organization, &event);
}
