//! How an organization meets somebody, read from what is stored into the terms of its rules.

use crate::error::Result;
use crate::id::{IdentityId, OrganizationId};
use crate::organization::associated_domain::{Joining, State};
use crate::organization::joining::{Candidate, Domain, Door, Invited, Keeper, Known, Sso};
use crate::organization::role::Role;
use crate::organization::seats::{Standing, Usage};
use crate::store::acquaintances::Acquaintance;
use crate::store::connection::Connection;
use crate::store::invitations::Invitation;
use crate::store::members::User;
use crate::store::organizations::Organization;
use crate::store::{associated_domains, removed_members};

/// The organization's door; what cannot be read keeps it shut.
#[must_use]
pub fn door<'u>(
    organization: &Organization,
    usage: &'u Usage,
    domain: Option<&associated_domains::Domain>,
) -> Door<'u> {
    Door {
        sso: organization.sso.parse().unwrap_or(Sso::Required),
        has_tenant: organization.tenant_id.is_some(),
        usage,
        domain: domain.map(|domain| Domain {
            state: State::from_name(&domain.state),
            joining: domain.joining.parse().unwrap_or(Joining::InviteOnly),
            role: domain.role.parse().unwrap_or(Role::Read),
        }),
    }
}

/// An open invitation, as a sign-in meets it, or the press of its button.
///
/// # Errors
/// The database's.
pub fn invited(
    connection: &mut Connection,
    organization: OrganizationId,
    (invitation, accepts): (&Invitation, bool),
    identity: Option<IdentityId>,
) -> Result<Invited> {
    let removed_at = removed_members::latest(connection, organization, identity, &invitation.address_key)?;
    Ok(Invited {
        role: invitation.role.parse().unwrap_or(Role::Read),
        since_removal: removed_at.is_none_or(|removed_at| removed_at < invitation.sent_at),
        accepts,
    })
}

/// Whom the organization knows. `taken`: whether somebody else signs in as the one member with the address.
#[must_use]
pub fn known(acquaintance: &Acquaintance, taken: bool, declined: bool) -> Known {
    let candidate = |(_, member): &User| Candidate {
        standing: Standing::from_name(&member.status),
        suspended: member.suspended,
        keeper: match member.source.as_str() {
            _ if member.provisioned => Keeper::Provisioning,
            "operator" => Keeper::Operator,
            _ => Keeper::Person,
        },
        taken,
    };
    Known {
        linked: acquaintance.linked.as_ref().map(candidate),
        by_address: acquaintance.by_address.iter().map(candidate).collect(),
        removed: acquaintance.removed,
        declined,
        invited: None,
    }
}
