//! How an organization meets somebody who signs in: whom it knows of them, what they have proven to it, and where
//! a request of theirs stands. A decision is made on it, and an admission changes it.

use super::arrival::Visit;
use super::{Destination, link};
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId};
use crate::membership::{self, Room, authority};
use crate::organization::associated_domain::domain_of;
use crate::organization::join_request::State;
use crate::organization::joining::{Invited, Proven};
use crate::organization::seats::Usage;
use crate::store::acquaintances::{self, Acquaintance};
use crate::store::associated_domains::{self, Domain};
use crate::store::connection::Connection;
use crate::store::identities::{self, Identity};
use crate::store::members::User;
use crate::store::organizations::Organization;
use crate::store::{invitations, join_requests};

/// How an organization meets somebody: what a decision is made on, and what it changes.
pub(super) struct Met {
    /// With the room there is for the person.
    pub(super) usage: Usage,
    pub(super) room: Room,
    pub(super) known: Acquaintance,
    /// The organization's own entry for the domain of the address.
    pub(super) domain: Option<Domain>,
    pub(super) proven: Proven,
    /// Who signs in as the one member with the address.
    pub(super) taken: Taken,
    /// Where a request of the person stands, if there is one.
    pub(super) asked: Option<State>,
    /// An open invitation for the proven address.
    pub(super) invited: Option<Invited>,
}

/// Who signs in as a member already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    No,
    Mailbox(IdentityId),
    Another,
}

impl Visit<'_> {
    /// What the organization knows of the person, and what they have proven to it.
    pub(super) fn meet(
        &self,
        connection: &mut Connection,
        organization: &Organization,
        destination: &Destination,
    ) -> Result<Met> {
        let identity = (!self.is_new).then_some(self.identity.id);
        let key = self.identity.address_key.as_deref();
        let (usage, known) = acquaintances::find(connection, organization.id, identity, key)?;
        let proven_key = key.filter(|_| self.arrival.address_verified);
        let (usage, room) = match (&known.linked, known.by_address.as_slice()) {
            (None, []) => membership::room(connection, organization.id, usage, proven_key, self.now.0)?,
            _ => (usage, Room::default()),
        };
        let domain = match key {
            Some(key) => associated_domains::find(connection, organization.id, domain_of(key))?,
            None => None,
        };
        // The tenant that was asked for must still be the organization's.
        let is_current = destination.tenant_id.is_some() && destination.tenant_id == organization.tenant_id;
        let proven = Proven {
            address: self.arrival.address_verified && key.is_some(),
            mailbox: self.is_by_mail(),
            tenant: is_current && self.arrival.tenant_proven,
        };
        let taken = match known.by_address.first() {
            Some(member) => taken_by(connection, &self.identity, member)?,
            None => Taken::No,
        };
        let asked = self.asked(connection, organization.id)?;
        let invited = match proven_key {
            Some(key) => invitations::open_for(connection, organization.id, key, self.now.0)?,
            None => None,
        };
        let invited = match &invited {
            // One that nobody stands by opens nothing, so it is in the way of no other door.
            Some(open) if !authority::is_stood_by(connection, organization.id, open, self.now)? => None,
            Some(open) => Some(membership::invited(connection, organization.id, (open, false), identity)?),
            None => None,
        };
        Ok(Met { usage, room, known, domain, proven, taken, asked, invited })
    }

    /// Where a request of the person stands, if there is one.
    fn asked(&self, connection: &mut Connection, organization: OrganizationId) -> Result<Option<State>> {
        if self.is_new {
            return Ok(None);
        }
        let found = join_requests::find(connection, organization, self.identity.id)?;
        let state = found.map(|request| State::at(self.now, request.requested_at, request.declined_at));
        Ok(state.filter(|state| *state != State::Over))
    }
}

/// Whether somebody else than `identity` signs in as a member. Who has proven a mailbox to us only, before there was a
/// provider, gives way to the provider's account with the same address.
///
/// # Errors
/// The database's.
pub(super) fn taken_by(connection: &mut Connection, identity: &Identity, member: &User) -> Result<Taken> {
    let Some(other) = member.1.identity else { return Ok(Taken::No) };
    let issuer = if identity.issuer == link::ISSUER { None } else { identities::issuer(connection, other)? };
    Ok(if issuer.as_deref() == Some(link::ISSUER) { Taken::Mailbox(other) } else { Taken::Another })
}
