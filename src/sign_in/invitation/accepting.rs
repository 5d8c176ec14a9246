//! The button of an invitation is pressed: once, whatever presses it, the person is a member.

use serde_json::json;

use super::super::meeting::{Taken, taken_by};
use super::super::session::{self, Visitor};
use super::super::{Circumstances, Service, link};
use super::{Open, Over, has_proven, is_by_tenant, live};
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::membership::{self, Newcomer, counted};
use crate::organization::associated_domain::domain_of;
use crate::organization::invitation::State;
use crate::organization::joining::{self, Admission, Proven, Refusal};
use crate::organization::role::Role;
use crate::organization::seats::{Change, Standing};
use crate::scim::registry::Kind;
use crate::secret::SecretHash;
use crate::store::audit_events::{self, Event};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::invitations::{self, Invitation};
use crate::store::members::{self, User};
use crate::store::organizations::{self, Organization};
use crate::store::{Planned, acquaintances, associated_domains, join_requests, sessions};
use crate::text::{address_key, address_shown, scim_key};

/// What came of pressing the button.
#[derive(Debug)]
pub enum Accepted {
    Joined,
    /// The account is not the invited one.
    Another,
    Refused {
        organization: String,
        organization_id: OrganizationId,
        refusal: Refusal,
    },
    Over(Over, Option<OrganizationId>),
}

/// Accepts an invitation: once, also when its button is pressed twice at the same moment. The seat it held is the
/// member's from then on.
///
/// # Errors
/// `unauthorized`; `forbidden` for a session that a recovery code opened; `uniqueness`.
pub fn accept(
    connection: &mut Connection,
    service: &Service,
    circumstances: &Circumstances,
    hash: SecretHash,
    session: SecretHash,
) -> Result<Planned<Accepted>> {
    let nothing = |answer| Ok(Planned { batch: Batch::default(), answer });
    let visitor = session::visitor(connection, service, session)?;
    let Open { organization, invitation, authority } = match live(connection, service, hash)? {
        Ok(found) => found,
        Err((over, whose)) => return nothing(Accepted::Over(over, whose)),
    };
    if !has_proven(&visitor, &invitation) {
        return nothing(Accepted::Another);
    }
    let mut acceptance = Acceptance { service, circumstances, visitor: &visitor, batch: Batch::default() };
    match acceptance.decide(connection, &organization, &invitation, hash)? {
        Ok(()) => {
            authority.expect(&mut acceptance.batch, organization.id);
            Ok(Planned { batch: acceptance.batch, answer: Accepted::Joined })
        }
        Err(refusal) => {
            let (organization, organization_id) = (organization.name, organization.id);
            nothing(Accepted::Refused { organization, organization_id, refusal })
        }
    }
}

/// One acceptance while it is being planned.
struct Acceptance<'a> {
    service: &'a Service,
    circumstances: &'a Circumstances,
    visitor: &'a Visitor,
    batch: Batch,
}

impl Acceptance<'_> {
    fn decide(
        &mut self,
        connection: &mut Connection,
        organization: &Organization,
        invitation: &Invitation,
        hash: SecretHash,
    ) -> Result<Result<(), Refusal>> {
        let (identity, now) = (&self.visitor.identity, self.service.clock.now().to_millisecond());
        let key = invitation.address_key.as_str();
        let (usage, known) = acquaintances::find(connection, organization.id, Some(identity.id), Some(key))?;
        let domain = associated_domains::find(connection, organization.id, domain_of(key))?;
        let mut ledger = Change::default();
        let is_new = known.linked.is_none() && known.by_address.is_empty();
        let usage = if invitation.holds_seat {
            // The seat was kept for whoever accepts, or somebody with the address has one already.
            ledger.pending -= 1;
            usage.after(&ledger).with_a_seat_kept()
        } else if is_new {
            membership::make_room(connection, &mut self.batch, organization.id, usage, None, (now.0, &mut ledger))?
        } else {
            usage
        };
        let door = membership::door(organization, &usage, domain.as_ref());
        let is_by_mail = identity.issuer == link::ISSUER;
        let proven = Proven { address: true, mailbox: is_by_mail, tenant: is_by_tenant(self.visitor, organization.id) };
        let taken = match known.by_address.first() {
            Some(member) => taken_by(connection, identity, member)?,
            None => Taken::No,
        };
        let mut meets = membership::known(&known, taken == Taken::Another, false);
        let invited = membership::invited(connection, organization.id, (invitation, true), Some(identity.id))?;
        meets.invited = Some(invited);
        let member = match joining::admit(&door, proven, &meets) {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(Admission::Join(role)) => Some(self.join(connection, (organization.id, ledger), invitation, role)?),
            Ok(Admission::Enter) => self.enter(organization.id, known.linked.as_ref(), invited.role, ledger)?,
            Ok(Admission::Link) => {
                if let Taken::Mailbox(before) = taken {
                    sessions::end_all(&mut self.batch, before);
                }
                self.enter(organization.id, known.by_address.first(), invited.role, ledger)?
            }
            Ok(Admission::Ask | Admission::Invited) => {
                return Err(Error::internal("an invitation whose button was pressed leads nowhere"));
            }
        };
        if is_by_mail {
            // Those the setup link opened have proven nothing, and this opens something.
            sessions::end_unproven(&mut self.batch, identity.id);
        }
        if join_requests::find(connection, organization.id, identity.id)?.is_some() {
            join_requests::delete(&mut self.batch, organization.id, identity.id);
        }
        let end = (invitation, Some(hash));
        invitations::end(&mut self.batch, organization.id, end, State::Accepted, member, now.0);
        self.audit(organization.id, invitation, member);
        Ok(Ok(()))
    }

    /// A new member, with the role that was given by hand.
    fn join(
        &mut self,
        connection: &mut Connection,
        (organization, ledger): (OrganizationId, Change),
        invitation: &Invitation,
        role: Role,
    ) -> Result<ResourceId> {
        let identity = &self.visitor.identity;
        let own = identity.address.clone().filter(|own| address_key(own).as_ref() == Some(&invitation.address_key));
        let address = own.unwrap_or_else(|| address_shown(&invitation.address_key));
        let id = self.service.ids.next();
        // Nobody has become a member with the address in this moment: then it would be theirs to be linked to.
        let keys = std::slice::from_ref(&invitation.address_key);
        invitations::expect_no_members(&mut self.batch, organization, keys);
        if members::user_name_is_taken(connection, organization, &scim_key(&address), id)? {
            return Err(Error::new(
                Code::Uniqueness,
                "Another member of this organization has your e-mail address as their user name. An admin has to correct \
                 that first.",
            ));
        }
        let newcomer = Newcomer {
            address: &address,
            given_name: None,
            family_name: None,
            display_name: identity.name.as_deref(),
            role,
            role_source: "manual",
            source: "invitation",
            identity: Some(identity.id),
        };
        let user_type = self.service.registry.resource_type(Kind::User);
        newcomer.join(&mut self.batch, (organization, ledger), id, &self.service.storage, user_type)?;
        Ok(id)
    }

    /// A member who is there, linked to whoever accepts, with the role if that is more than they had: an invitation
    /// takes nothing away, and undoes nothing that was set by hand.
    fn enter(
        &mut self,
        organization: OrganizationId,
        found: Option<&User>,
        invited: Role,
        mut ledger: Change,
    ) -> Result<Option<ResourceId>> {
        let Some((resource, member)) = found else { return Err(Error::internal("nobody enters")) };
        let role: Role = member.role.parse().unwrap_or(Role::Read);
        let given = Some(invited).filter(|invited| *invited > role && member.role_source != "manual");
        if let Some(given) = given {
            let standing = Standing::from_name(&member.status);
            ledger.recounts(standing, counted(role, member.suspended), counted(given, member.suspended));
        }
        let identity = self.visitor.identity.id;
        members::accept(&mut self.batch, organization, (resource.id, member), identity, given.map(Role::name));
        organizations::change_usage(&mut self.batch, organization, &ledger);
        Ok(Some(resource.id))
    }

    fn audit(&mut self, organization: OrganizationId, invitation: &Invitation, member: Option<ResourceId>) {
        let detail = json!({
            "invitation": invitation.id.to_string(), "address": invitation.address, "role": invitation.role,
            "invited_by": invitation.inviter, "identity": self.visitor.identity.id.to_string()
        })
        .to_string();
        let event = Event {
            id: self.service.ids.next(),
            at: self.service.clock.now().0,
            actor: "person",
            action: "invitation.accepted",
            target_kind: "User",
            target_id: member,
            request_id: Some(&self.circumstances.request_id),
            address: self.circumstances.client_address.as_deref(),
            detail: &detail,
        };
        audit_events::insert(&mut self.batch, organization, &event);
    }
}
