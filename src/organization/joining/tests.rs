//! Who enters, case by case.

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
    assert_eq!(admit(&DOOR, elsewhere, &known(&[by_hand])), Ok(Admission::Link), "the domain is the organization's");
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
