//! Who enters an organization when somebody has signed in (product.md §6): recognised, linked to the
//! member provisioning made, joined by the domain of the address, or refused with what to do.

use std::str::FromStr;

use super::associated_domain::{Joining, State};
use super::role::Role;
use super::seats::{Standing, Usage};

pub use super::refusal::Refusal;

/// Whether an organization's own Descope tenant is the way into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
mod tests {
    use super::*;

    const USAGE: Usage = Usage { seats: 2, used: 1, pending: 0, waiting: 0, active_owners: 1, users: 1, groups: 0 };
    const FULL: Usage = Usage { pending: 1, ..USAGE };
    const ALL: Proven = Proven { address: true, mailbox: false, tenant: true };
    const DOMAIN: Domain = Domain { state: State::Verified, joining: Joining::Automatic, role: Role::Write };
    const DOOR: Door<'static> = Door { sso: Sso::Optional, has_tenant: true, usage: &USAGE, domain: Some(DOMAIN) };
    const MEMBER: Candidate =
        Candidate { standing: Standing::Active, suspended: false, keeper: Keeper::Provisioning, taken: false };

    fn stranger() -> Known {
        Known::default()
    }

    fn linked(member: Candidate) -> Known {
        Known { linked: Some(member), ..Known::default() }
    }

    fn known(members: &[Candidate]) -> Known {
        Known { by_address: members.to_vec(), ..Known::default() }
    }

    #[test]
    fn joining_by_domain_needs_every_proof() {
        assert_eq!(admit(&DOOR, ALL, &stranger()), Ok(Admission::Join(Role::Write)));
        let refused = |door: Door<'_>, proven, why| assert_eq!(admit(&door, proven, &stranger()), Err(why));
        refused(DOOR, Proven { address: false, ..ALL }, Refusal::AddressNotVerified);
        refused(DOOR, Proven { tenant: false, ..ALL }, Refusal::TenantNotProven);
        refused(Door { usage: &FULL, ..DOOR }, ALL, Refusal::NoSeat);
        refused(Door { domain: None, ..DOOR }, ALL, Refusal::NotAMember);
        for state in [State::Pending, State::Lapsed] {
            refused(Door { domain: Some(Domain { state, ..DOMAIN }), ..DOOR }, ALL, Refusal::NotAMember);
        }
        let policy = |joining| Door { domain: Some(Domain { joining, ..DOMAIN }), ..DOOR };
        refused(policy(Joining::InviteOnly), ALL, Refusal::InviteOnly);
        assert_eq!(admit(&policy(Joining::AskAdmin), ALL, &stranger()), Ok(Admission::Ask));
        for joining in [Joining::AskAdmin, Joining::Automatic] {
            let declined = Known { declined: true, ..stranger() };
            assert_eq!(admit(&policy(joining), ALL, &declined), Err(Refusal::Declined));
        }
        let declined = Known { declined: true, ..linked(MEMBER) };
        assert_eq!(admit(&DOOR, ALL, &declined), Ok(Admission::Enter), "who is a member by another way");
    }

    #[test]
    fn without_a_tenant_a_verified_domain_and_address_are_enough() {
        let by_domain = Proven { tenant: false, ..ALL };
        for door in [Door { has_tenant: false, ..DOOR }, Door { sso: Sso::Off, ..DOOR }] {
            assert_eq!(admit(&door, by_domain, &stranger()), Ok(Admission::Join(Role::Write)));
        }
    }

    #[test]
    fn where_the_tenant_is_required_nothing_else_opens() {
        let door = Door { sso: Sso::Required, ..DOOR };
        let by_link = Proven { tenant: false, ..ALL };
        assert_eq!(admit(&door, by_link, &linked(MEMBER)), Err(Refusal::TenantNotProven));
        assert_eq!(admit(&DOOR, by_link, &linked(MEMBER)), Ok(Admission::Enter), "optional: other ways stay open");
        assert_eq!(admit(&door, ALL, &linked(MEMBER)), Ok(Admission::Enter));
    }

    #[test]
    fn a_member_enters_only_while_provisioning_and_admins_let_them() {
        for (member, why) in [
            (Candidate { suspended: true, ..MEMBER }, Refusal::Suspended),
            (Candidate { standing: Standing::Deactivated, ..MEMBER }, Refusal::Deactivated),
            (Candidate { standing: Standing::Waiting, ..MEMBER }, Refusal::Waiting),
        ] {
            assert_eq!(admit(&DOOR, ALL, &linked(member)), Err(why));
            assert_eq!(admit(&DOOR, ALL, &known(&[member])), Err(why), "nor by the address");
        }
        assert_eq!(admit(&DOOR, ALL, &Known { removed: true, ..stranger() }), Err(Refusal::Removed));
        let back = Known { removed: true, ..known(&[MEMBER]) };
        assert_eq!(admit(&DOOR, ALL, &back), Ok(Admission::Link), "provisioning has brought them back");
    }

    #[test]
    fn an_address_links_only_what_is_proven_to_be_theirs() {
        let nobody_owns = Door { domain: None, ..DOOR };
        assert_eq!(admit(&DOOR, ALL, &known(&[MEMBER])), Ok(Admission::Link));
        assert_eq!(admit(&nobody_owns, ALL, &known(&[MEMBER])), Ok(Admission::Link), "the tenant and provisioning");
        let by_hand = Candidate { keeper: Keeper::Person, ..MEMBER };
        assert_eq!(admit(&nobody_owns, ALL, &known(&[by_hand])), Err(Refusal::NothingLinks));
        let elsewhere = Proven { tenant: false, ..ALL };
        assert_eq!(admit(&nobody_owns, elsewhere, &known(&[MEMBER])), Err(Refusal::NothingLinks));
        assert_eq!(
            admit(&DOOR, elsewhere, &known(&[by_hand])),
            Ok(Admission::Link),
            "the domain is the organization's"
        );
        let unused = Door { sso: Sso::Off, ..nobody_owns };
        assert_eq!(admit(&unused, ALL, &known(&[MEMBER])), Err(Refusal::NothingLinks), "a tenant that is not used");
        let by_mail = Proven { mailbox: true, tenant: false, ..ALL };
        let invited = Candidate { keeper: Keeper::Operator, ..MEMBER };
        assert_eq!(admit(&nobody_owns, by_mail, &known(&[invited])), Ok(Admission::Link), "the operator's invitation");
        assert_eq!(admit(&nobody_owns, ALL, &known(&[invited])), Err(Refusal::NothingLinks), "which a mail accepts");
        assert_eq!(admit(&nobody_owns, by_mail, &known(&[by_hand])), Err(Refusal::NothingLinks));
        let unproven = Proven { address: false, ..ALL };
        assert_eq!(admit(&DOOR, unproven, &known(&[MEMBER])), Err(Refusal::AddressNotVerified));
        let taken = Candidate { taken: true, ..MEMBER };
        assert_eq!(admit(&DOOR, ALL, &known(&[taken])), Err(Refusal::LinkedToAnother));
        assert_eq!(admit(&DOOR, ALL, &known(&[MEMBER, taken])), Err(Refusal::AddressShared));
    }

    const INVITED: Invited = Invited { role: Role::Admin, since_removal: false, accepts: true };
    /// Nothing but the invitation speaks for who comes.
    const ELSEWHERE: Door<'static> = Door { domain: None, ..DOOR };
    const BY_ADDRESS: Proven = Proven { address: true, mailbox: false, tenant: false };

    fn invited(invited: Invited, known: Known) -> Known {
        Known { invited: Some(invited), ..known }
    }

    #[test]
    fn an_invitation_is_accepted_by_whoever_has_proven_its_address() {
        assert_eq!(admit(&ELSEWHERE, BY_ADDRESS, &invited(INVITED, stranger())), Ok(Admission::Join(Role::Admin)));
        let unproven = Proven { address: false, ..BY_ADDRESS };
        assert_eq!(admit(&ELSEWHERE, unproven, &invited(INVITED, stranger())), Err(Refusal::NotAMember));
        assert_eq!(admit(&ELSEWHERE, unproven, &invited(INVITED, known(&[MEMBER]))), Err(Refusal::AddressNotVerified));
        assert_eq!(admit(&ELSEWHERE, BY_ADDRESS, &invited(INVITED, known(&[MEMBER]))), Ok(Admission::Link));
        let full = Door { usage: &FULL, ..ELSEWHERE };
        assert_eq!(admit(&full, BY_ADDRESS, &invited(INVITED, stranger())), Err(Refusal::NoSeat));
        assert_eq!(admit(&full, BY_ADDRESS, &invited(INVITED, known(&[MEMBER]))), Ok(Admission::Link), "who has one");
        let declined = Known { declined: true, ..stranger() };
        assert_eq!(admit(&ELSEWHERE, BY_ADDRESS, &invited(INVITED, declined)), Ok(Admission::Join(Role::Admin)));
    }

    #[test]
    fn an_invitation_opens_nothing_that_is_kept_shut() {
        let required = Door { sso: Sso::Required, ..ELSEWHERE };
        let accept = |door: &Door<'_>, proven, known| admit(door, proven, &invited(INVITED, known));
        assert_eq!(accept(&required, BY_ADDRESS, stranger()), Err(Refusal::TenantNotProven));
        assert_eq!(accept(&required, ALL, stranger()), Ok(Admission::Join(Role::Admin)));
        for (member, why) in [
            (Candidate { suspended: true, ..MEMBER }, Refusal::Suspended),
            (Candidate { standing: Standing::Deactivated, ..MEMBER }, Refusal::Deactivated),
            (Candidate { standing: Standing::Waiting, ..MEMBER }, Refusal::Waiting),
            (Candidate { taken: true, ..MEMBER }, Refusal::LinkedToAnother),
        ] {
            assert_eq!(accept(&DOOR, ALL, known(&[member])), Err(why));
        }
        assert_eq!(accept(&DOOR, ALL, known(&[MEMBER, MEMBER])), Err(Refusal::AddressShared));
        let removed = Known { removed: true, ..stranger() };
        assert_eq!(accept(&DOOR, ALL, removed.clone()), Err(Refusal::Removed), "removed after they were invited");
        let again = Invited { since_removal: true, ..INVITED };
        assert_eq!(admit(&DOOR, ALL, &invited(again, removed)), Ok(Admission::Join(Role::Admin)));
    }

    #[test]
    fn signing_in_accepts_nothing() {
        let waiting = Invited { accepts: false, ..INVITED };
        let come = |door: &Door<'_>, proven, known| admit(door, proven, &invited(waiting, known));
        for door in [ELSEWHERE, Door { domain: Some(Domain { joining: Joining::InviteOnly, ..DOMAIN }), ..DOOR }] {
            assert_eq!(come(&door, ALL, stranger()), Ok(Admission::Invited));
        }
        let asks = Door { domain: Some(Domain { joining: Joining::AskAdmin, ..DOMAIN }), ..DOOR };
        assert_eq!(come(&asks, ALL, stranger()), Ok(Admission::Invited), "an admin was asked already");
        assert_eq!(come(&DOOR, ALL, stranger()), Ok(Admission::Join(Role::Write)), "the domain's own way");
        assert_eq!(come(&ELSEWHERE, BY_ADDRESS, known(&[MEMBER])), Ok(Admission::Invited));
        let off = Candidate { standing: Standing::Deactivated, ..MEMBER };
        assert_eq!(come(&DOOR, ALL, known(&[off])), Err(Refusal::Deactivated));
        assert_eq!(come(&DOOR, ALL, Known { removed: true, ..stranger() }), Err(Refusal::Removed));
        let required = Door { sso: Sso::Required, ..ELSEWHERE };
        assert_eq!(come(&required, BY_ADDRESS, stranger()), Err(Refusal::TenantNotProven));
        assert_eq!(come(&ELSEWHERE, Proven { address: false, ..ALL }, stranger()), Err(Refusal::NotAMember));
    }
}
