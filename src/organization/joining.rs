//! Who enters an organization when somebody has signed in (product.md §6): recognised, linked to the
//! member provisioning made, joined by the domain of the address, or refused with what to do.

use serde::Serialize;
use std::str::FromStr;
use utoipa::ToSchema;

use super::associated_domain::{Joining, State};
use super::role::Role;
use super::seats::{Standing, Usage};

pub use super::refusal::Refusal;

/// Whether an organization's own Descope tenant is the way into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sso {
    /// Its tenant is not used.
    Off,
    /// Its tenant is used; other ways stay open.
    Optional,
    /// Only its tenant opens it.
    Required,
}

impl Sso {
    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }

    /// Whether a session opens the organization: where only its tenant does, that has let the person in.
    #[must_use]
    pub fn opens(self, has_tenant: bool, proven: bool) -> bool {
        proven || !has_tenant || self != Self::Required
    }
}

impl FromStr for Sso {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Off, Self::Optional, Self::Required]
            .into_iter()
            .find(|sso| sso.name() == text)
            .ok_or_else(|| format!("unknown sso \"{text}\": use off, optional or required"))
    }
}

/// What a sign-in has proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The address is the person's: `email_verified` is JSON `true`, and it is an address.
    pub address: bool,
    /// A mail of ours was read at the address, and its button pressed.
    pub mailbox: bool,
    /// The organization's own tenant let the person in.
    pub tenant: bool,
}

/// The organization as a sign-in meets it.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    pub sso: Sso,
    pub has_tenant: bool,
    pub usage: &'a Usage,
    /// The organization's own entry for the domain of the address.
    pub domain: Option<Domain>,
}

/// An associated domain as a sign-in meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    pub state: State,
    pub joining: Joining,
    pub role: Role,
}

/// Who answers for a member's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Provisioning manages the member.
    Provisioning,
    /// The operator made the member.
    Operator,
    /// The person themselves, who came by the domain or an invitation.
    Person,
}

/// A member the person may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub standing: Standing,
    /// By an admin; access needs this to be off, whatever provisioning says.
    pub suspended: bool,
    pub keeper: Keeper,
    /// Whether another identity is linked to it already.
    pub taken: bool,
}

/// An open invitation for the person's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invited {
    pub role: Role,
    /// Whether somebody invited them after they were removed: that lets them in again.
    pub since_removal: bool,
    /// Whether its button is pressed. Signing in alone accepts nothing.
    pub accepts: bool,
}

/// Whom the organization knows of the person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The member this identity is linked to.
    pub linked: Option<Candidate>,
    /// The members with this address that are linked to others or to nobody.
    pub by_address: Vec<Candidate>,
    /// Whether somebody with this identity or address was removed, and nobody brought them back.
    pub removed: bool,
    /// Whether an admin has declined the person's request.
    pub declined: bool,
    pub invited: Option<Invited>,
}

/// What a sign-in comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The member the identity is linked to.
    Enter,
    /// The one member with this address is linked to the identity from now on.
    Link,
    /// A new member.
    Join(Role),
    /// A request that an admin decides.
    Ask,
    /// An invitation waits for the person's button; until then they are nobody here.
    Invited,
}

/// Decides whether and how the person enters.
///
/// # Errors
/// The [`Refusal`].
pub fn admit(door: &Door<'_>, proven: Proven, known: &Known) -> Result<Admission, Refusal> {
    let by_tenant = door.has_tenant && door.sso != Sso::Off;
    if by_tenant && door.sso == Sso::Required && !proven.tenant {
        return Err(Refusal::TenantNotProven);
    }
    if let Some(member) = known.linked {
        return member.may_enter().map(|()| Admission::Enter);
    }
    // An invitation is for whoever has proven its address.
    let invited = known.invited.filter(|_| proven.address);
    let accepted = invited.filter(|invited| invited.accepts);
    let outcome = match known.by_address.as_slice() {
        [] if known.removed && !accepted.is_some_and(|invited| invited.since_removal) => Err(Refusal::Removed),
        [] => match accepted {
            Some(_) if !door.usage.has_a_seat() => Err(Refusal::NoSeat),
            Some(invited) => Ok(Admission::Join(invited.role)),
            None => join(door, proven, by_tenant, known.declined),
        },
        // A member is told apart by a proven address only: an unproven one is anybody's.
        _ if !proven.address => Err(Refusal::AddressNotVerified),
        &[member] => link(door, proven, by_tenant, member, accepted.is_some()),
        _ => Err(Refusal::AddressShared),
    };
    match invited.filter(|invited| !invited.accepts) {
        Some(invited) if opens(outcome, invited) => Ok(Admission::Invited),
        _ => outcome,
    }
}

/// Whether accepting the invitation would lead further than this.
fn opens(outcome: Result<Admission, Refusal>, invited: Invited) -> bool {
    match outcome {
        Ok(admission) => admission == Admission::Ask,
        Err(Refusal::Removed) => invited.since_removal,
        Err(refusal) => matches!(
            refusal,
            Refusal::NotAMember
                | Refusal::InviteOnly
                | Refusal::Declined
                | Refusal::NoSeat
                | Refusal::NothingLinks
                | Refusal::TenantNotProven
        ),
    }
}

fn link(
    door: &Door<'_>,
    proven: Proven,
    by_tenant: bool,
    member: Candidate,
    invited: bool,
) -> Result<Admission, Refusal> {
    if member.taken {
        return Err(Refusal::LinkedToAnother);
    }
    member.may_enter()?;
    let owns_domain = door.domain.is_some_and(|domain| domain.state.is_proven());
    let vouched_for = by_tenant && proven.tenant && member.keeper == Keeper::Provisioning;
    // Whom the operator invited by an address accepts by reading its mail.
    let accepted = proven.mailbox && member.keeper == Keeper::Operator;
    if owns_domain || vouched_for || accepted || invited { Ok(Admission::Link) } else { Err(Refusal::NothingLinks) }
}

fn join(door: &Door<'_>, proven: Proven, by_tenant: bool, declined: bool) -> Result<Admission, Refusal> {
    let Some(domain) = door.domain.filter(|domain| domain.state.is_proven()) else { return Err(Refusal::NotAMember) };
    if !proven.address {
        return Err(Refusal::AddressNotVerified);
    }
    if by_tenant && !proven.tenant {
        return Err(Refusal::TenantNotProven);
    }
    if declined {
        return Err(Refusal::Declined);
    }
    match domain.joining {
        Joining::InviteOnly => Err(Refusal::InviteOnly),
        Joining::AskAdmin => Ok(Admission::Ask),
        Joining::Automatic if !door.usage.has_a_seat() => Err(Refusal::NoSeat),
        Joining::Automatic => Ok(Admission::Join(domain.role)),
    }
}

impl Candidate {
    const fn may_enter(self) -> Result<(), Refusal> {
        match self.standing {
            Standing::Deactivated => Err(Refusal::Deactivated),
            Standing::Waiting => Err(Refusal::Waiting),
            Standing::Active if self.suspended => Err(Refusal::Suspended),
            Standing::Active => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
