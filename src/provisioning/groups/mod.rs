//! Groups: create, get, replace, patch, delete (RFC 7644 §3.3–3.6).
//! Membership changes are rows and cost what they change.

mod membership;

use serde_json::Value;

use self::membership::{known, plan_members};
use super::answer::{Members, Relations, Shown};
use super::record::{Outcome, record};
use super::users::{check_version, not_found};
use super::{Call, Caller, Planned, Service};
use crate::error::Result;
use crate::id::ResourceId;
use crate::organization::seats::Change;
use crate::scim::document::Document;
use crate::scim::index::Derived;
use crate::scim::lenient::Notes;
use crate::scim::patch::{self, MemberChange};
use crate::scim::registry::{Kind, ResourceType};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::resources::{self, Resource, Written};
use crate::store::role_mappings::{self, Whose};
use crate::store::{group_members, organizations};

pub use self::membership::{FIRST_MEMBERS, first_members};

/// Creates a Group. displayName is not unique: a second one is created too.
///
/// # Errors
/// Those of the document.
pub fn create(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    body: &Value,
) -> Result<Planned<Shown>> {
    let accepted = Document::from_request(body, group_type(caller))?;
    let derived = service.storage.derive(&accepted.document, Kind::Group)?;
    let id: ResourceId = service.ids.next();
    let now = id.made_at().0;
    let text = accepted.document.to_text();
    let members = known(connection, caller.organization, accepted.members.as_deref().unwrap_or_default())?;
    let mut batch = Batch::default();
    resources::insert(
        &mut batch,
        caller.organization,
        Written { id, kind: Kind::Group, now, document: &text, derived: &derived },
    );
    members.apply(&mut batch, connection, caller, id);
    organizations::change_usage(&mut batch, caller.organization, &Change { groups: 1, ..Change::default() });
    let warning = warning(connection, caller, &derived, None)?;
    let explanation = members.explain("Created.", warning, &accepted.notes);
    let outcome = Outcome {
        status: 201,
        action: "group.created",
        kind: Some(Kind::Group),
        resource: Some(id),
        explanation: &explanation,
        before: None,
        after: Some(&text),
        refused: None,
        names: &[],
    };
    record(&mut batch, service, call, caller, outcome);
    let resource = Resource { id, version: 1, created_at: now, updated_at: now, document: text, in_groups: false };
    let answer = Shown { kind: Kind::Group, resource, groups: Vec::new(), members: members.shown() };
    Ok(Planned { batch, answer })
}

/// displayName is not unique, but who looks a group up by it should know of the other one.
fn warning(
    connection: &mut Connection,
    caller: &Caller,
    derived: &Derived,
    except: Option<ResourceId>,
) -> Result<&'static str> {
    let Some(key) = &derived.display_name_key else { return Ok("") };
    let taken = resources::is_display_name_taken(connection, caller.organization, Kind::Group, key, except)?;
    Ok(if taken { " Warning: another group has the same displayName." } else { "" })
}

/// Gets a Group; without members it never touches a member row.
///
/// # Errors
/// `not_found`.
pub fn get(connection: &mut Connection, caller: &Caller, id: ResourceId, relations: Relations) -> Result<Shown> {
    let resource = resources::get(connection, caller.organization, Kind::Group, id, None)?
        .ok_or_else(|| not_found(&id.to_string()))?;
    let members = first_members(connection, caller.organization, id, relations)?;
    Ok(Shown { kind: Kind::Group, resource, groups: Vec::new(), members })
}

/// Replaces a Group (PUT): the document, and the members as a set.
///
/// # Errors
/// `not_found`, `precondition_failed`, and those of the document.
pub fn replace(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    id: ResourceId,
    body: &Value,
    if_match: Option<&str>,
) -> Result<Planned<Shown>> {
    let resource = load(connection, caller, id, if_match)?;
    let accepted = Document::from_request(body, group_type(caller))?;
    let changes = [MemberChange::ReplaceAll(accepted.members.unwrap_or_default())];
    let change = Rewrite {
        document: accepted.document,
        changes: &changes,
        status: 200,
        action: "group.replaced",
        notes: accepted.notes,
        guarded: if_match.is_some(),
    };
    rewrite(connection, service, call, caller, resource, change)
}

/// Patches a Group (RFC 7644 §3.5.2).
///
/// # Errors
/// `not_found`, `precondition_failed`, and those of the operations.
pub fn patch(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    id: ResourceId,
    body: &Value,
    if_match: Option<&str>,
) -> Result<Planned<Shown>> {
    let resource = load(connection, caller, id, if_match)?;
    let plan = patch::plan(&Document::from_stored(&resource.document)?, body, group_type(caller))?;
    let change = Rewrite {
        document: plan.document,
        changes: &plan.members,
        status: 204,
        action: "group.patched",
        notes: plan.notes,
        guarded: if_match.is_some(),
    };
    rewrite(connection, service, call, caller, resource, change)
}

/// A change as its operation planned it.
struct Rewrite<'a> {
    document: Document,
    changes: &'a [MemberChange],
    /// The status the answer will have, for the log.
    status: u16,
    /// What the log calls it.
    action: &'a str,
    notes: Notes,
    /// Whether the client insists on the version it read.
    guarded: bool,
}

/// The one way a Group changes: document, memberships, log.
fn rewrite(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    resource: Resource,
    change: Rewrite<'_>,
) -> Result<Planned<Shown>> {
    let organization = caller.organization;
    let members = plan_members(connection, caller, resource.id, change.changes, &call.base)?;
    let text = change.document.to_text();
    let now = service.clock.now().to_millisecond().0;
    let stored = Document::from_stored(&resource.document)?;
    let document_changed = change.document != stored;
    let mut batch = Batch::default();
    let mut warning = "";
    if document_changed {
        let before = service.storage.derive(&stored, Kind::Group)?;
        let derived = service.storage.derive(&change.document, Kind::Group)?;
        let written = Written { id: resource.id, kind: Kind::Group, now, document: &text, derived: &derived };
        resources::update(&mut batch, organization, resource.version, written, &before);
        if derived.display_name_key != before.display_name_key {
            warning = self::warning(connection, caller, &derived, Some(resource.id))?;
        }
    } else if !members.is_empty() && change.guarded {
        resources::touch_version(&mut batch, organization, Kind::Group, resource.id, resource.version, now);
    } else if !members.is_empty() {
        // Memberships of different clients do not conflict, so the version read is not insisted on.
        resources::touch(&mut batch, organization, Kind::Group, resource.id, now);
    }
    members.apply(&mut batch, connection, caller, resource.id);
    let explanation = members.explain("Changed.", warning, &change.notes);
    let delta = members.delta();
    let outcome = Outcome {
        status: change.status,
        action: change.action,
        kind: Some(Kind::Group),
        resource: Some(resource.id),
        explanation: &explanation,
        before: document_changed.then_some(resource.document.as_str()),
        after: Some(if document_changed { &text } else { &delta }),
        refused: None,
        names: &[],
    };
    record(&mut batch, service, call, caller, outcome);
    let changed = document_changed || !members.is_empty();
    let resource = Resource {
        version: resource.version + i64::from(changed),
        updated_at: if changed { now } else { resource.updated_at },
        document: text,
        ..resource
    };
    Ok(Planned { batch, answer: Shown { kind: Kind::Group, resource, groups: Vec::new(), members: Members::Left } })
}

/// Deletes a Group.
///
/// # Errors
/// `not_found`, `precondition_failed`.
pub fn delete(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    id: ResourceId,
    if_match: Option<&str>,
) -> Result<Planned<()>> {
    let resource = load(connection, caller, id, if_match)?;
    let derived = service.storage.derive(&Document::from_stored(&resource.document)?, Kind::Group)?;
    let mut batch = Batch::default();
    resources::delete(&mut batch, caller.organization, Kind::Group, id, resource.version, &derived);
    let now = service.clock.now().to_millisecond().0;
    // Before the memberships go: SQLite runs one statement after the other.
    if caller.maps_roles {
        role_mappings::mark_below(&mut batch, caller.organization, id);
        role_mappings::put(&mut batch, caller.organization, id, None, now);
        role_mappings::lookup(&mut batch, connection, caller.organization, Whose::Marked);
    } else {
        role_mappings::expect_none(&mut batch, caller.organization);
    }
    group_members::delete_of(&mut batch, caller.organization, id, Kind::Group, now);
    organizations::change_usage(&mut batch, caller.organization, &Change { groups: -1, ..Change::default() });
    let outcome = Outcome {
        status: 204,
        action: "group.deleted",
        kind: Some(Kind::Group),
        resource: Some(id),
        explanation: "Deleted.",
        before: Some(&resource.document),
        after: None,
        refused: None,
        names: &[],
    };
    record(&mut batch, service, call, caller, outcome);
    Ok(Planned { batch, answer: () })
}

fn load(connection: &mut Connection, caller: &Caller, id: ResourceId, if_match: Option<&str>) -> Result<Resource> {
    let resource = resources::get(connection, caller.organization, Kind::Group, id, None)?
        .ok_or_else(|| not_found(&id.to_string()))?;
    check_version(if_match, resource.version)?;
    Ok(resource)
}

fn group_type(caller: &Caller) -> &ResourceType {
    caller.registry.resource_type(Kind::Group)
}
