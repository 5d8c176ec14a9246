//! Who may do what (product.md §3): one table action × role, and who grants which role to whom.

use super::role::Role;
use crate::error::{Code, Error, Result};

/// What somebody may want to do in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See the organization's name, its home page and one's own place in it.
    ViewOrganization,
    /// See who is a member.
    ViewMembers,
    /// Create and edit resources: consumed by the vendor's own applications.
    EditResources,
    ViewSettings,
    ManageSettings,
    /// Suspend, remove, bring back, sign out.
    ManageMembers,
    /// Change roles, within [`check_grant`].
    ManageRoles,
    ManageRoleMappings,
    Invite,
    /// Let in who asks.
    ManageJoinRequests,
    ManageDomains,
    ManageSingleSignOn,
    /// Provisioning tokens, clients, schemas and policies.
    ManageProvisioning,
    ReadProvisioningLog,
    ManageBilling,
    ManageApiKeys,
    ManageWebhooks,
    ReadAudit,
    /// Setup links for who is no member.
    ManageSetupLinks,
    ManageRecoveryCodes,
    GrantOwner,
    TransferOrganization,
    DeleteOrganization,
    /// Bring back an organization that was deleted.
    RestoreOrganization,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 24] = [
        Self::ViewOrganization,
        Self::ViewMembers,
        Self::EditResources,
        Self::ViewSettings,
        Self::ManageSettings,
        Self::ManageMembers,
        Self::ManageRoles,
        Self::ManageRoleMappings,
        Self::Invite,
        Self::ManageJoinRequests,
        Self::ManageDomains,
        Self::ManageSingleSignOn,
        Self::ManageProvisioning,
        Self::ReadProvisioningLog,
        Self::ManageBilling,
        Self::ManageApiKeys,
        Self::ManageWebhooks,
        Self::ReadAudit,
        Self::ManageSetupLinks,
        Self::ManageRecoveryCodes,
        Self::GrantOwner,
        Self::TransferOrganization,
        Self::DeleteOrganization,
        Self::RestoreOrganization,
    ];

    /// The table: the lowest role that may, what the person wanted in words, and whether it takes a person:
    /// no API key does that.
    const fn row(self) -> (Role, &'static str, bool) {
        match self {
            Self::ViewOrganization => (Role::Read, "see the organization", false),
            Self::ViewMembers => (Role::Read, "see its members", false),
            Self::EditResources => (Role::Write, "edit resources", false),
            Self::ViewSettings => (Role::Admin, "see its settings", false),
            Self::ManageSettings => (Role::Admin, "change its settings", false),
            Self::ManageMembers => (Role::Admin, "manage its members", false),
            Self::ManageRoles => (Role::Admin, "change roles", false),
            Self::ManageRoleMappings => (Role::Admin, "map groups to roles", false),
            Self::Invite => (Role::Admin, "invite people", false),
            Self::ManageJoinRequests => (Role::Admin, "let people in", false),
            Self::ManageDomains => (Role::Admin, "manage its domains", false),
            Self::ManageSingleSignOn => (Role::Admin, "change how people sign in", false),
            Self::ManageProvisioning => (Role::Admin, "manage provisioning", false),
            Self::ReadProvisioningLog => (Role::Admin, "read the provisioning log", false),
            Self::ManageBilling => (Role::Admin, "manage billing", false),
            Self::ManageApiKeys => (Role::Admin, "manage API keys", false),
            Self::ManageWebhooks => (Role::Admin, "manage webhooks", false),
            Self::ReadAudit => (Role::Admin, "read the audit trail", false),
            Self::ManageSetupLinks => (Role::Admin, "make setup links", true),
            Self::ManageRecoveryCodes => (Role::Owner, "make recovery codes", true),
            Self::GrantOwner => (Role::Owner, "make somebody an owner", true),
            Self::TransferOrganization => (Role::Owner, "transfer the organization", true),
            Self::DeleteOrganization => (Role::Owner, "delete the organization", true),
            Self::RestoreOrganization => (Role::Owner, "restore the organization", true),
        }
    }

    /// The lowest role that may.
    #[must_use]
    pub const fn least(self) -> Role {
        self.row().0
    }

    /// Whether it takes a person: no API key does that.
    #[must_use]
    pub const fn takes_a_person(self) -> bool {
        self.row().2
    }

    /// Whether an organization that waits for its checkout lets it be done: looking, settings and the checkout.
    #[must_use]
    pub const fn before_checkout(self) -> bool {
        matches!(
            self,
            Self::ViewOrganization
                | Self::ViewMembers
                | Self::ViewSettings
                | Self::ManageSettings
                | Self::ManageBilling
                | Self::ReadAudit
                | Self::DeleteOrganization
                | Self::RestoreOrganization
        )
    }

    /// What the person wanted, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        self.row().1
    }
}

impl Role {
    /// Whether somebody with this role may do it.
    #[must_use]
    pub fn may(self, action: Action) -> bool {
        self >= action.least()
    }
}

/// Whether a `granter` gives a member who has `from` the role `to`: nobody raises themselves, only an owner
/// makes an owner or touches one, an admin grants up to admin.
///
/// # Errors
/// `forbidden`, with the reason.
pub fn check_grant(granter: Role, from: Role, to: Role, own: bool) -> Result<()> {
    let refuse = |why: &'static str| Err(Error::new(Code::Forbidden, why));
    if !granter.may(Action::ManageRoles) {
        return refuse("Only admins and owners of the organization change roles.");
    }
    if own && to > granter {
        return refuse("Nobody raises their own role. Ask an owner.");
    }
    if granter < Role::Owner && to == Role::Owner {
        return refuse("Only an owner makes somebody an owner. Ask an owner.");
    }
    if granter < Role::Owner && from == Role::Owner {
        return refuse("Only an owner changes an owner's place. Ask an owner.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 4] = [Role::Read, Role::Write, Role::Admin, Role::Owner];

    #[test]
    fn the_table_is_the_one_people_are_told_of() {
        // product.md §3, as counts of what each role may.
        let may = |role: Role| Action::ALL.iter().filter(|action| role.may(**action)).count();
        assert_eq!(ROLES.map(may), [2, 3, 19, 24]);
        for action in [Action::DeleteOrganization, Action::TransferOrganization, Action::GrantOwner] {
            assert!(!Role::Admin.may(action) && Role::Owner.may(action) && action.takes_a_person(), "{action:?}");
        }
        assert!(Role::Write.may(Action::EditResources) && !Role::Read.may(Action::EditResources));
        assert!(Role::Read.may(Action::ViewMembers) && !Role::Write.may(Action::Invite));
    }

    #[test]
    fn roles_are_granted_from_above() {
        let granted = |granter, from, to, own| check_grant(granter, from, to, own).is_ok();
        for from in ROLES {
            for to in ROLES {
                assert!(granted(Role::Owner, from, to, false));
                assert_eq!(granted(Role::Admin, from, to, false), from != Role::Owner && to != Role::Owner);
                assert!(!granted(Role::Write, from, to, false) && !granted(Role::Read, from, to, false));
            }
        }
        assert!(!granted(Role::Admin, Role::Admin, Role::Owner, true), "nobody raises themselves");
        assert!(granted(Role::Admin, Role::Admin, Role::Read, true));
        assert!(granted(Role::Owner, Role::Owner, Role::Admin, true));
    }
}
