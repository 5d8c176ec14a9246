//! Users: get, replace, patch, delete (RFC 7644 §3.4–3.6); created by [`creation`], changed by
//! [`rewriting`].

mod creation;
mod rewriting;

use serde_json::Value;

use self::rewriting::{Rewrite, rewrite};
use super::answer::{Members, Shown, matches_version};
use super::record::{Outcome, record};
use super::{Call, Caller, Planned, Service, names};
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::membership::{self, Removal, Stored};
use crate::organization::seats::Usage;
use crate::scim::document::Document;
use crate::scim::patch;
use crate::scim::registry::{Kind, ResourceType};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::members;
use crate::store::resources::{self, Resource};
use crate::store::sql::Sql;
use crate::store::{group_members, organizations};

pub use self::creation::{Newcomer, create, create_many, create_new};
pub use self::rewriting::{admit, admit_next};

/// Gets a User.
///
/// # Errors
/// `not_found`.
pub fn get(connection: &mut Connection, caller: &Caller, id: ResourceId, with_groups: bool) -> Result<Shown> {
    find(connection, caller, id, with_groups, None)?.ok_or_else(|| not_found(&id.to_string()))
}

/// Gets a User if there is one and, where a proof is asked for, that finds something.
///
/// # Errors
/// The database's.
pub fn find(
    connection: &mut Connection,
    caller: &Caller,
    id: ResourceId,
    with_groups: bool,
    proof: Option<Sql>,
) -> Result<Option<Shown>> {
    let found = resources::get(connection, caller.organization, Kind::User, id, proof)?;
    found.map(|resource| shown(connection, caller, resource, with_groups)).transpose()
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
    let mut batch = Batch::default();
    let removal = Removal {
        organization: caller.organization,
        user_type: user_type(caller),
        removed_by: "provisioning",
        now: service.clock.now().to_millisecond().0,
    };
    let (mut ledger, groups) = membership::remove(connection, &mut batch, &removal, &usage, &stored)?;
    if ledger.used < 0 {
        admit_next(connection, service, caller.organization, &usage, &mut batch, &mut ledger)?;
    }
    organizations::change_usage(&mut batch, caller.organization, &ledger);
    let before = with_groups(&stored.resource.document, &groups);
    let outcome = Outcome {
        status: 204,
        action: "user.deleted",
        kind: Some(Kind::User),
        resource: Some(id),
        explanation: "Deleted.",
        before: Some(&before),
        after: None,
        refused: None,
        names: &names::of_former(&stored.derived, None),
    };
    record(&mut batch, service, call, caller, outcome);
    Ok(Planned { batch, answer: () })
}

/// What undo needs of a deleted resource: the document and the groups it was in.
fn with_groups(document: &str, groups: &[ResourceId]) -> String {
    if groups.is_empty() {
        return document.to_owned();
    }
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
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
    Ok((usage, Stored::read(&service.storage, found)?))
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
