//! Sessions in use: who is signed in, where they may go, and how a session is listed and revoked.

use super::Service;
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::SessionId;
use crate::organization::joining::Sso;
use crate::secret::SecretHash;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::identities::Identity;
use crate::store::sessions::{self, Membership, Session};

/// The last use of a session is exact to so many microseconds: it is written once in that time.
const EXACTNESS: i64 = 60 * 1_000_000;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub session: Session,
    pub identity: Identity,
}

impl Visitor {
    /// Whether the use of the session has to be written down.
    #[must_use]
    pub const fn is_worth_noting(&self, now: Timestamp) -> bool {
        now.0 - self.session.seen_at >= EXACTNESS
    }

    /// Whether this session opens an organization: where only its tenant does, it must have.
    #[must_use]
    pub fn may_open(&self, membership: &Membership) -> bool {
        let only_by_tenant = membership.has_tenant && membership.sso.parse() == Ok(Sso::Required);
        !only_by_tenant || (self.session.tenant_proven && self.session.organization == Some(membership.organization))
    }
}

/// Who is signed in with this secret. Nobody when the session has ended by either limit.
///
/// # Errors
/// `unauthorized`.
pub fn visitor(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<Visitor> {
    let found = sessions::find(connection, secret)?;
    let now = service.clock.now().0;
    let idle = i64::try_from(service.options.idle.as_micros()).unwrap_or(i64::MAX);
    found
        .filter(|(session, _)| now < session.expires_at && now < session.seen_at.saturating_add(idle))
        .map(|(session, identity)| Visitor { session, identity })
        .ok_or_else(not_signed_in)
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
    let visitor = visitor(connection, service, secret)?;
    let mut memberships = sessions::memberships(connection, visitor.identity.id)?;
    memberships.retain(|membership| visitor.may_open(membership));
    Ok((visitor, memberships))
}

/// Writes down that a session was used.
#[must_use]
pub fn note_use(service: &Service, secret: SecretHash) -> Planned<()> {
    let mut batch = Batch::default();
    sessions::touch(&mut batch, secret, service.clock.now().0);
    Planned { batch, answer: () }
}

/// The sessions of whoever is signed in.
///
/// # Errors
/// `unauthorized`.
pub fn list(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<Vec<Session>> {
    let visitor = visitor(connection, service, secret)?;
    sessions::list(connection, visitor.identity.id)
}

/// Ends one of one's own sessions.
///
/// # Errors
/// `unauthorized`, `not_found`.
pub fn revoke(
    connection: &mut Connection,
    service: &Service,
    secret: SecretHash,
    id: SessionId,
) -> Result<Planned<()>> {
    let visitor = visitor(connection, service, secret)?;
    if !sessions::list(connection, visitor.identity.id)?.iter().any(|session| session.id == id) {
        return Err(Error::new(Code::NotFound, "There is no such session, or it has ended already."));
    }
    let mut batch = Batch::default();
    sessions::end_one(&mut batch, visitor.identity.id, id);
    Ok(Planned { batch, answer: () })
}
