//! An organization changes hands, is deleted, restored, and purged (product.md §2).

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::super::actor::Person;
use super::super::{Actor, Administration, By, billing, named, no_organization};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::mail::outbox::Kind;
use crate::membership::Stored;
use crate::organization::DELETED;
use crate::organization::State as OrganizationState;
use crate::organization::joining::Sso;
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::seats::{Change, Standing};
use crate::organization::subscription::State;
use crate::store::audit_events::SERVICE;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::memberships::Membership;
use crate::store::{Planned, Store, members, memberships, organizations, outbox, purge, sessions, subscriptions};

/// Who deletes an organization has signed in within this.
const RECENT: Duration = Duration::from_mins(5);
/// How long it can be restored.
const RESTORABLE: Duration = Duration::from_hours(14 * 24);
/// Rows of a table that are purged at once.
const SLICE: i64 = 1_000;

/// Whose the organization is now.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Transferred {
    pub owner: Holder,
    pub previous: Holder,
}

/// A member with a role.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = RoleHolder)]
pub struct Holder {
    pub member_id: ResourceId,
    pub role: Role,
}

/// A deleted organization.
#[derive(Clone, Debug, Serialize)]
pub struct Deleted {
    pub id: OrganizationId,
    pub state: OrganizationState,
    pub restorable_until: Timestamp,
}

/// An organization that was brought back.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RestoredOrganization)]
pub struct Restored {
    pub id: OrganizationId,
    pub slug: String,
    pub state: OrganizationState,
}

/// Makes another active member the owner; whoever was, is an admin from now on. An operator says who was.
///
/// # Errors
/// `forbidden`, `not_found`, `invalidValue`; `conflict` for who is not active.
pub fn transfer(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    (to, from): (&str, Option<&str>),
) -> Result<Planned<Transferred>> {
    by.check(Action::TransferOrganization)?;
    let organization = named(connection, by, slug)?.id;
    let from = match &by.actor {
        Actor::Member(member) => member.id,
        _ => member_id(from.unwrap_or_default())?,
    };
    let to = member_id(to)?;
    if from == to {
        return Err(Error::new(Code::InvalidValue, "The organization is theirs already. Name another member."));
    }
    let storage = &administration.provisioning.storage;
    let mut find = |id: ResourceId| -> Result<_> {
        let (usage, found) = members::user(connection, organization, id)?;
        let found = found.ok_or_else(|| no_member(&id.to_string()))?;
        Ok((usage, Stored::read(storage, found)?))
    };
    let (usage, old) = find(from)?;
    let (_, new) = find(to)?;
    if old.role() != Role::Owner {
        return Err(Error::new(Code::Conflict, format!("{} is no owner.", old.name())));
    }
    if new.standing() != Standing::Active || new.member.suspended {
        return Err(Error::new(
            Code::Conflict,
            format!("{} is not active. Only an active member owns it.", new.name()),
        ));
    }
    let mut batch = Batch::default();
    let mut ledger = Change::default();
    ledger.recounts(old.standing(), old.counted_role(), Role::Admin);
    ledger.recounts(new.standing(), new.counted_role(), Role::Owner);
    usage.keep_an_owner(&ledger, &old.name())?;
    organizations::change_usage(&mut batch, organization, &ledger);
    members::update_role(&mut batch, organization, (from, &old.member), Role::Admin.name());
    members::update_role(&mut batch, organization, (to, &new.member), Role::Owner.name());
    sessions::end_recovering(&mut batch, organization, from);
    let detail = json!({"from": from.to_string(), "to": to.to_string()});
    administration.audit_member(&mut batch, by, organization, "organization.transferred", Some(to), &detail);
    let holder = |member_id, role| Holder { member_id, role };
    let answer = Transferred { owner: holder(to, Role::Owner), previous: holder(from, Role::Admin) };
    Ok(Planned { batch, answer })
}

fn member_id(text: &str) -> Result<ResourceId> {
    text.parse().map_err(|_| no_member(text))
}

fn no_member(id: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no member with the id \"{id}\"."))
}

/// Deletes an organization: it answers nobody from now on. It can be restored for 14 days.
///
/// # Errors
/// `forbidden`; `recent_sign_in_required`; `invalidValue` for another name; `conflict` when it is deleted already.
pub fn delete(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    name: &str,
) -> Result<Planned<Deleted>> {
    by.check(Action::DeleteOrganization)?;
    let organization = named(connection, by, slug)?;
    let now = administration.clock.now();
    if organization.state == DELETED {
        return Err(Error::new(Code::Conflict, "The organization is deleted already."));
    }
    if let Actor::Member(member) = &by.actor
        && member.signed_in_at < now.minus(RECENT)
    {
        return Err(Error::new(
            Code::RecentSignInRequired,
            "You signed in more than 5 minutes ago. Sign in again, then delete the organization.",
        ));
    }
    if name != organization.name {
        return Err(Error::new(
            Code::InvalidValue,
            "name is not the exact name of the organization. Nothing was deleted.",
        ));
    }
    let mut batch = Batch::default();
    organizations::delete(&mut batch, &organization, now.to_millisecond().0);
    sessions::end_of_members(&mut batch, organization.id, None);
    outbox::withdraw_all(&mut batch, organization.id, Kind::Invitation.name(), "the organization was deleted");
    billing::ending::cancel(connection, administration, by, &mut batch, organization.id)?;
    let restorable_until = now.plus(RESTORABLE);
    let detail = json!({"name": organization.name, "restorable_until": restorable_until});
    administration.audit(&mut batch, by, organization.id, "organization.deleted", &detail);
    let answer = Deleted { id: organization.id, state: OrganizationState::Deleted, restorable_until };
    Ok(Planned { batch, answer })
}

/// Brings a deleted organization back as it was: its operator does, or whoever owns it and is signed in.
///
/// # Errors
/// `not_found` also for who does not own it; `conflict` when it is not deleted.
pub fn restore(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
) -> Result<Planned<Restored>> {
    let mut batch = Batch::default();
    let organization = match &by.actor {
        Actor::Operator | Actor::System => named(connection, by, name)?,
        Actor::Person(person) => {
            let place = memberships::one(connection, person.identity, name)?;
            let owned = place.filter(|place| owns(person, place)).ok_or_else(|| no_organization(name))?;
            members::expect_owner_of_deleted(&mut batch, owned.organization, owned.member);
            organizations::by_id(connection, owned.organization)?.ok_or_else(|| no_organization(name))?
        }
        Actor::Member(_) | Actor::ApiKey { .. } => return Err(no_organization(name)),
    };
    let Some(deleted_from) = organization.deleted_from.as_deref() else {
        return Err(Error::new(Code::Conflict, "The organization is not deleted."));
    };
    let now = administration.clock.now();
    // What is being purged is not whole any more.
    if organization.deleted_at.is_none_or(|at| is_over(Timestamp(at), now)) {
        return Err(no_organization(name));
    }
    // What it was bought by ended with it: it has not paid.
    let subscription = subscriptions::find(connection, organization.id)?.map(|row| State::from_name(&row.state));
    let state = subscription.and_then(|state| state.of_organization(deleted_from)).unwrap_or(deleted_from);
    organizations::restore(&mut batch, &organization, state, now.to_millisecond().0);
    administration.audit(&mut batch, by, organization.id, "organization.restored", &json!({ "state": state }));
    let answer = Restored { id: organization.id, slug: organization.slug, state: OrganizationState::from_name(state) };
    Ok(Planned { batch, answer })
}

/// Whether somebody who is signed in could run the organization if it were not deleted.
fn owns(person: &Person, place: &Membership) -> bool {
    let proven = person.proven_by == Some(place.organization);
    place.role.parse() == Ok(Role::Owner)
        && Standing::from_name(&place.status) == Standing::Active
        && !place.suspended
        && place.sso.parse::<Sso>().is_ok_and(|sso| sso.opens(place.has_tenant, proven))
}

fn is_over(deleted_at: Timestamp, now: Timestamp) -> bool {
    deleted_at.plus(RESTORABLE) <= now
}

/// Purges what was deleted long ago: every row of every table, in slices. How many organizations those were.
///
/// # Errors
/// The database's; what is left is purged the next time.
pub async fn purge(store: &Store, administration: &Administration) -> Result<usize> {
    let before = administration.clock.now().minus(RESTORABLE).0;
    let due = store.read(move |connection| organizations::deleted_before(connection, before)).await?;
    for organization in &due {
        let organization = *organization;
        for table in purge::TABLES {
            while store.transaction(move |connection| purge::slice(connection, organization, *table, SLICE)).await? {}
        }
        let shared = administration.clone();
        store.write(move |_| Ok(end(&shared, organization))).await?;
    }
    Ok(due.len())
}

/// Its own row goes last: until then it is found again.
fn end(administration: &Administration, organization: OrganizationId) -> Planned<()> {
    let mut batch = Batch::default();
    organizations::purge(&mut batch, organization);
    let detail = json!({"organization": organization.to_string()});
    administration.audit(&mut batch, &By::SYSTEM, SERVICE, "organization.purged", &detail);
    Planned { batch, answer: () }
}
