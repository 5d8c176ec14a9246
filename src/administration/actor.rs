//! Who acts (product.md §3): what they may do, and how the audit trail calls them.
//!
//! Every use case takes `by: &By` and asks [`By::check`] first. Operators and the system skip the portal's
//! guards; the rules of seats and owners are not guards and hold for all.

use std::borrow::Cow;

use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{ApiKeyId, IdentityId, OrganizationId, ResourceId};
use crate::organization::permission::{Action, check_grant};
use crate::organization::role::Role;

/// Who acts, and by which request.
#[derive(Clone, Debug)]
pub struct By {
    pub actor: Actor,
    pub request_id: Option<String>,
    /// The network address a request came from.
    pub address: Option<String>,
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Who types commands.
    Operator,
    /// What happens by itself.
    System,
    /// A member, in the organization the request is about.
    Member(Member),
    /// An organization's own program.
    ApiKey { organization: OrganizationId, id: ApiKeyId, role: Role },
    /// Somebody who is signed in, in no organization: who makes a new one.
    Person(Person),
}

/// A member who acts; the role is the one of this very request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub organization: OrganizationId,
    pub id: ResourceId,
    pub role: Role,
    /// Who is signed in.
    pub identity: IdentityId,
    /// When they signed in.
    pub signed_in_at: Timestamp,
    /// Whether a recovery code opened the session: it is for the SSO settings alone.
    pub recovers: bool,
    /// Whether the organization waits for its checkout, which lets little be done.
    pub before_checkout: bool,
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub identity: IdentityId,
    /// The address they have proven to be theirs; what an account merely says is nobody's.
    pub email: Option<String>,
    pub name: Option<String>,
    /// The organization whose own tenant proved who they are.
    pub proven_by: Option<OrganizationId>,
}

impl By {
    /// Who types commands.
    pub const OPERATOR: Self = Self { actor: Actor::Operator, request_id: None, address: None };
    /// What happens by itself.
    pub const SYSTEM: Self = Self { actor: Actor::System, request_id: None, address: None };

    /// Whether the portal's guards are for this one.
    #[must_use]
    pub const fn is_guarded(&self) -> bool {
        !matches!(self.actor, Actor::Operator | Actor::System)
    }

    /// The role in the organization; operators and the system have none.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match &self.actor {
            Actor::Member(member) => Some(member.role),
            Actor::ApiKey { role, .. } => Some(*role),
            Actor::Operator | Actor::System | Actor::Person(_) => None,
        }
    }

    /// Refuses what this one may not do.
    ///
    /// # Errors
    /// `forbidden`, with what it takes.
    pub fn check(&self, action: Action) -> Result<()> {
        match self.why_not(action) {
            None => Ok(()),
            Some(why) => Err(Error::new(Code::Forbidden, why)),
        }
    }

    /// Why this one may not do it; `None` when they may.
    #[must_use]
    pub fn why_not(&self, action: Action) -> Option<String> {
        let least = action.least().name();
        let low = |role: Role| {
            (!role.may(action)).then(|| {
                format!(
                    "To {} takes the role {least}; yours is {}. Ask an admin or owner.",
                    action.words(),
                    role.name()
                )
            })
        };
        match &self.actor {
            Actor::Operator | Actor::System => None,
            Actor::Member(member) if member.recovers && action != Action::ManageSingleSignOn => {
                Some("A recovery code opened this session. It is for the single sign-on settings only.".into())
            }
            Actor::Member(member) if member.before_checkout && !action.before_checkout() => {
                Some("The organization waits for its checkout. Complete the checkout first.".into())
            }
            Actor::Member(member) => low(member.role),
            Actor::ApiKey { .. } if action.takes_a_person() => {
                Some(format!("To {} takes a person; an API key cannot.", action.words()))
            }
            Actor::ApiKey { role, .. } => low(*role),
            Actor::Person(_) => Some(format!("To {} takes a member of the organization.", action.words())),
        }
    }

    /// Refuses a role that this one may not give to a member who has `from`.
    ///
    /// # Errors
    /// `forbidden`, with the reason.
    pub fn check_grant(&self, member: Option<ResourceId>, from: Role, to: Role) -> Result<()> {
        match &self.actor {
            Actor::Operator | Actor::System => Ok(()),
            Actor::Member(by) => {
                self.check(Action::ManageRoles)?;
                check_grant(by.role, from, to, member == Some(by.id))
            }
            // A key is nobody's own, and no key makes owners or touches them.
            Actor::ApiKey { role, .. } => check_grant((*role).min(Role::Admin), from, to, false),
            Actor::Person(_) => self.check(Action::ManageRoles),
        }
    }

    /// Refuses an organization that is not the one this one acts in.
    ///
    /// # Errors
    /// `not_found`, as for one that does not exist.
    pub fn check_place(&self, organization: OrganizationId, named: &str) -> Result<()> {
        let own = match &self.actor {
            Actor::Operator | Actor::System => return Ok(()),
            Actor::Member(member) => Some(member.organization),
            Actor::ApiKey { organization, .. } => Some(*organization),
            Actor::Person(_) => None,
        };
        if own == Some(organization) { Ok(()) } else { Err(super::no_organization(named)) }
    }

    /// How the audit trail calls who acts.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        match &self.actor {
            Actor::Operator => Cow::Borrowed("operator"),
            Actor::System => Cow::Borrowed("system"),
            Actor::Member(member) if member.recovers => format!("recovery:{}", member.id).into(),
            Actor::Member(member) => format!("member:{}", member.id).into(),
            Actor::ApiKey { id, .. } => format!("api_key:{id}").into(),
            Actor::Person(person) => format!("person:{}", person.identity).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(actor: Actor) -> By {
        By { actor, request_id: None, address: None }
    }

    fn member(role: Role, recovers: bool) -> By {
        let (organization, id, identity) =
            (OrganizationId::from_bytes([1; 16]), ResourceId::from_bytes([2; 16]), IdentityId::from_bytes([3; 16]));
        by(Actor::Member(Member {
            organization,
            id,
            role,
            identity,
            signed_in_at: Timestamp(0),
            recovers,
            before_checkout: false,
        }))
    }

    #[test]
    fn a_recovery_session_is_for_one_thing() {
        let recovering = member(Role::Owner, true);
        for action in Action::ALL {
            assert_eq!(recovering.check(action).is_ok(), action == Action::ManageSingleSignOn, "{action:?}");
            assert!(member(Role::Owner, false).check(action).is_ok());
            assert_eq!(member(Role::Write, false).check(action).is_ok(), action.least() <= Role::Write, "{action:?}");
        }
    }

    #[test]
    fn who_has_not_paid_looks_sets_and_pays() {
        let mut owner = member(Role::Owner, false);
        let Actor::Member(place) = &mut owner.actor else { unreachable!() };
        place.before_checkout = true;
        let may: Vec<Action> = Action::ALL.into_iter().filter(|action| owner.check(*action).is_ok()).collect();
        assert!(may.contains(&Action::ManageBilling) && may.contains(&Action::ViewSettings), "{may:?}");
        assert!(!may.contains(&Action::Invite) && !may.contains(&Action::ManageProvisioning), "{may:?}");
    }

    #[test]
    fn a_key_does_nothing_that_takes_a_person() {
        let organization = OrganizationId::from_bytes([1; 16]);
        let key = by(Actor::ApiKey { organization, id: ApiKeyId::from_bytes([4; 16]), role: Role::Owner });
        for action in Action::ALL {
            assert_eq!(key.check(action).is_ok(), !action.takes_a_person(), "{action:?}");
        }
        assert!(key.check_grant(None, Role::Read, Role::Owner).is_err());
        assert!(key.check_grant(None, Role::Owner, Role::Read).is_err());
        assert!(key.check_grant(None, Role::Read, Role::Admin).is_ok());
    }

    #[test]
    fn another_organization_is_nowhere() {
        let other = OrganizationId::from_bytes([9; 16]);
        assert_eq!(member(Role::Owner, false).check_place(other, "bolt").unwrap_err().code, Code::NotFound);
        assert!(By::OPERATOR.check_place(other, "bolt").is_ok());
    }
}
