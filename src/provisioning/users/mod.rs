//! Users: get, replace, patch, delete (RFC 7644 §3.4–3.6); created by [`creation`], changed by
//! [`rewriting`].

mod creation;
mod rewriting;

use serde_json::Value;

use self::rewriting::{Rewrite, admit_next, rewrite};
use super::answer::{Members, Shown, matches_version};
use super::record::{Outcome, record};
use super::{Call, Caller, Planned, Service};
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::organization::role::Role;
use crate::organization::seats::{Change, Standing, Usage};
use crate::scim::document::Document;
use crate::scim::index::Derived;
use crate::scim::patch;
use crate::scim::registry::{Kind, ResourceType};
use crate::scim::unique::unique_values;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::members::{self, Member, User};
use crate::store::resources::{self, Resource};
use crate::store::{group_members, organizations, unique_values};

pub use self::creation::create;
pub use self::rewriting::admit;

/// A User as stored, read back into the rules' types.
struct Stored {
    resource: Resource,
    member: Member,
    document: Document,
    derived: Derived,
}

impl Stored {
    fn new(service: &Service, (resource, member): User) -> Result<Self> {
        let document = Document::from_stored(&resource.document)?;
        let derived = service.storage.derive(&document, Kind::User)?;
        Ok(Self { resource, member, document, derived })
    }

    fn standing(&self) -> Standing {
        Standing::from_name(&self.member.status)
    }

    fn role(&self) -> Role {
        self.member.role.parse().unwrap_or(Role::Read)
    }

    fn name(&self) -> String {
        self.document.user_name().unwrap_or_default().to_owned()
    }
}

/// Gets a User.
///
/// # Errors
/// `not_found`.
pub fn get(connection: &mut Connection, caller: &Caller, id: ResourceId, with_groups: bool) -> Result<Shown> {
    let resource =
        resources::get(connection, caller.organization, Kind::User, id)?.ok_or_else(|| not_found(&id.to_string()))?;
    shown(connection, caller, resource, with_groups)
}

/// Replaces a User (PUT).
///
/// # Errors
/// `not_found`, `precondition_failed`, and those of the document and of the rules.
pub fn replace(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    id: ResourceId,
    body: &Value,
    if_match: Option<&str>,
) -> Result<Planned<Shown>> {
    let (usage, stored) = load(connection, service, caller, id, if_match)?;
    let mut accepted = Document::from_request(body, user_type(caller))?;
    accepted.document.keep_immutable(&stored.document, user_type(caller))?;
    let change = Rewrite {
        usage,
        active: accepted.document.active(),
        document: accepted.document,
        status: 200,
        action: "user.replaced",
        explanation: "Replaced.",
        notes: accepted.notes,
    };
    rewrite(connection, service, call, caller, &stored, change)
}

/// Patches a User (RFC 7644 §3.5.2).
///
/// # Errors
/// `not_found`, `precondition_failed`, and those of the operations and of the rules.
pub fn patch(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    id: ResourceId,
    body: &Value,
    if_match: Option<&str>,
) -> Result<Planned<Shown>> {
    let (usage, stored) = load(connection, service, caller, id, if_match)?;
    let plan = patch::plan(&stored.document, body, user_type(caller))?;
    let change = Rewrite {
        usage,
        active: plan.active,
        document: plan.document,
        status: 200,
        action: "user.patched",
        explanation: "Changed.",
        notes: plan.notes,
    };
    rewrite(connection, service, call, caller, &stored, change)
}

/// Deletes a User: 404 from now on, the userName and the seat are free (RFC 7644 §3.6).
///
/// # Errors
/// `not_found`, `precondition_failed`, `last_owner`.
pub fn delete(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    id: ResourceId,
    if_match: Option<&str>,
) -> Result<Planned<()>> {
    let (usage, stored) = load(connection, service, caller, id, if_match)?;
    let mut ledger = Change::default();
    ledger.moves(stored.role(), Some(stored.standing()), None);
    usage.keep_an_owner(&ledger, &stored.name())?;
    let mut batch = Batch::default();
    resources::delete(&mut batch, caller.organization, Kind::User, id, stored.resource.version, &stored.derived);
    let unique = unique_values(&stored.document, user_type(caller));
    unique_values::change(&mut batch, caller.organization, id, &unique, &[]);
    let memberships = if stored.resource.in_groups {
        group_members::groups_of(connection, caller.organization, &[id])?
    } else {
        Vec::new()
    };
    if stored.resource.in_groups {
        let now = service.clock.now().to_millisecond().0;
        group_members::delete_of(&mut batch, caller.organization, id, Kind::User, now);
    }
    if ledger.used < 0 {
        admit_next(connection, service, caller, &usage, &mut batch, &mut ledger)?;
    }
    organizations::change_usage(&mut batch, caller.organization, &ledger);
    let before = with_memberships(&stored.resource.document, memberships.iter().filter(|m| m.direct).map(|m| m.group));
    let outcome = Outcome {
        status: 204,
        action: "user.deleted",
        kind: Some(Kind::User),
        resource: Some(id),
        explanation: "Deleted.",
        before: Some(&before),
        after: None,
    };
    record(&mut batch, service, call, caller, outcome);
    Ok(Planned { batch, answer: () })
}

/// What undo needs of a deleted resource: the document and the groups it was in.
fn with_memberships(document: &str, groups: impl Iterator<Item = ResourceId>) -> String {
    let groups: Vec<String> = groups.map(|id| id.to_string()).collect();
    if groups.is_empty() {
        return document.to_owned();
    }
    format!("{},\"groups\":{}}}", document.strip_suffix('}').unwrap_or(document), Value::from(groups))
}

fn load(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    id: ResourceId,
    if_match: Option<&str>,
) -> Result<(Usage, Stored)> {
    let (usage, found) = members::user(connection, caller.organization, id)?;
    let found = found.ok_or_else(|| not_found(&id.to_string()))?;
    check_version(if_match, found.0.version)?;
    Ok((usage, Stored::new(service, found)?))
}

/// Compares `If-Match` with a resource's version (RFC 7644 §3.14).
///
/// # Errors
/// `precondition_failed`.
pub fn check_version(if_match: Option<&str>, version: i64) -> Result<()> {
    match if_match {
        Some(condition) if !matches_version(condition, version) => Err(Error::new(
            Code::PreconditionFailed,
            format!(
                "The resource is at version W/\"{version}\", which If-Match does not name. Get it again and repeat the change."
            ),
        )),
        _ => Ok(()),
    }
}

fn shown(connection: &mut Connection, caller: &Caller, resource: Resource, with_groups: bool) -> Result<Shown> {
    let groups = if with_groups && resource.in_groups {
        group_members::groups_of(connection, caller.organization, &[resource.id])?
    } else {
        Vec::new()
    };
    Ok(Shown { kind: Kind::User, resource, groups, members: Members::Left })
}

fn user_type(caller: &Caller) -> &ResourceType {
    caller.registry.resource_type(Kind::User)
}

/// The 404 of a resource; the same for an id of another organization.
#[must_use]
pub fn not_found(id: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no resource with the id {id}."))
}
