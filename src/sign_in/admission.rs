//! What an admission changes, planned in the transaction of the arrival: who is entered, linked, joined, or
//! asked for (product.md §6). Whether somebody is admitted is decided before, by `organization::joining`.

use super::arrival::Visit;
use super::meeting::{Met, Taken};
use crate::error::Result;
use crate::id::OrganizationId;
use crate::membership::Newcomer;
use crate::organization::join_request::{DECLINED_FOR, PATIENCE};
use crate::organization::joining::Admission;
use crate::organization::role::Role;
use crate::organization::seats::Change;
use crate::scim::registry::Kind;
use crate::store::members::User;
use crate::store::organizations::Organization;
use crate::store::{acquaintances, join_requests, proven_sign_ins, sessions};

impl Visit<'_> {
    /// Plans what an admission changes. `tenant` is the one that let the person in.
    pub(super) fn admit(
        &mut self,
        organization: &Organization,
        tenant: Option<&str>,
        met: &Met,
        admission: Admission,
    ) -> Result<()> {
        if let Some(tenant) = tenant {
            self.note_proof(organization, tenant, met, admission);
        }
        if self.is_by_mail() && !self.is_new && matches!(admission, Admission::Link | Admission::Join(_)) {
            // Those the setup link opened have proven nothing, and this opens something.
            sessions::end_all(&mut self.batch, self.identity.id);
        }
        match admission {
            Admission::Ask if met.asked.is_none() => self.ask(organization),
            Admission::Ask | Admission::Invited => {}
            Admission::Enter => {
                if let Some((resource, _)) = &met.known.linked {
                    acquaintances::enter(&mut self.batch, organization.id, resource.id, Some(self.identity.id));
                }
            }
            Admission::Link => self.link(organization.id, met),
            Admission::Join(role) => self.join(organization.id, met, role)?,
        }
        if met.asked.is_some() && !matches!(admission, Admission::Ask | Admission::Invited) {
            join_requests::delete(&mut self.batch, organization.id, self.identity.id);
        }
        Ok(())
    }

    /// Links the one member with the address, in place of who has proven its mailbox only.
    fn link(&mut self, organization: OrganizationId, met: &Met) {
        let Some((resource, _)) = met.known.by_address.first() else { return };
        let before = if let Taken::Mailbox(identity) = met.taken { Some(identity) } else { None };
        acquaintances::link(&mut self.batch, organization, resource.id, self.identity.id, before);
        if let Some(before) = before {
            sessions::end_all(&mut self.batch, before);
        }
        self.audit(organization, "member.linked", Some(resource.id), "by the address");
    }

    /// Writes down that an admin has come in through the tenant: only then may they make it the only way in.
    fn note_proof(&mut self, organization: &Organization, tenant: &str, met: &Met, admission: Admission) {
        let entering = match admission {
            Admission::Enter => met.known.linked.as_ref(),
            Admission::Link => met.known.by_address.first(),
            _ => None,
        };
        let is_admin = |(_, member): &User| member.role.parse::<Role>().is_ok_and(|role| role >= Role::Admin);
        if entering.is_some_and(is_admin) {
            proven_sign_ins::note(&mut self.batch, organization.id, self.identity.id, tenant, self.now.0);
        }
    }

    fn join(&mut self, organization: OrganizationId, met: &Met, role: Role) -> Result<()> {
        let mut ledger = Change::default();
        met.room.take(&mut self.batch, organization, (self.now.0, &mut ledger));
        let newcomer = Newcomer {
            address: self.arrival.address.as_deref().unwrap_or_default(),
            given_name: None,
            family_name: None,
            display_name: self.arrival.name.as_deref(),
            role,
            role_source: "default",
            source: "domain",
            identity: Some(self.identity.id),
        };
        let (id, user_type) = (self.service.ids.next(), self.service.registry.resource_type(Kind::User));
        newcomer.join(&mut self.batch, (organization, ledger), id, &self.service.storage, user_type)?;
        self.audit(organization, "member.joined", Some(id), "by the domain of the address");
        Ok(())
    }

    /// Asks for an admin's decision, once.
    fn ask(&mut self, organization: &Organization) {
        self.write_identity();
        let (address, key) = (self.identity.address.as_deref(), self.identity.address_key.as_deref());
        if let (Some(address), Some(key)) = (address, key) {
            let request = join_requests::Request {
                identity: self.identity.id,
                address: address.to_owned(),
                address_key: key.to_owned(),
                name: self.identity.name.clone(),
                requested_at: self.now.0,
                declined_at: None,
            };
            let over = (self.now.minus(PATIENCE).0, self.now.minus(DECLINED_FOR).0);
            join_requests::delete_expired(&mut self.batch, organization.id, over, self.identity.id);
            join_requests::put(&mut self.batch, organization.id, &request);
        }
        self.audit(organization.id, "member.asked", None, "to join by the domain of the address");
    }
}
