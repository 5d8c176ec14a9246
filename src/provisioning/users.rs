//! Users: create (with adoption and restore), get, replace, patch, delete (RFC 7644 §3.3–3.6).

use serde_json::Value;

use super::answer::{Members, Shown, matches_version};
use super::record::{Outcome, record};
use super::{Call, Caller, Planned, Service};
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::organization::role::Role;
use crate::organization::seats::{Change, Standing, Usage};
use crate::scim::document::{Accepted, Document};
use crate::scim::index::Derived;
use crate::scim::lenient::Notes;
use crate::scim::patch;
use crate::scim::registry::{Kind, ResourceType};
use crate::scim::unique::{UniqueValue, unique_values};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::members::{self, Candidates, Member, NewMember, User};
use crate::store::resources::{self, Resource, Written};
use crate::store::{group_members, organizations, unique_values};

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

/// Creates a User, adopts a member that provisioning did not manage yet, or restores a deactivated
/// one (product.md §7). Always 201.
///
/// # Errors
/// `uniqueness` when the userName is in use, `seat_limit_reached`, and those of the document.
pub fn create(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    body: &Value,
) -> Result<Planned<Shown>> {
    let accepted = Document::from_request(body, user_type(caller))?;
    let derived = service.storage.derive(&accepted.document, Kind::User)?;
    let (usage, candidates) = members::candidates(
        connection,
        caller.organization,
        derived.user_name_key.as_deref(),
        derived.external_id.as_deref(),
        derived.address_key.as_deref(),
    )?;
    match meant(candidates, &derived) {
        Some(found) => {
            let stored = Stored::new(service, found)?;
            take_over(connection, service, call, caller, usage, stored, accepted, &derived)
        }
        None => create_new(connection, service, call, caller, usage, accepted, derived),
    }
}

/// The User a POST means: by userName, else by an externalId only it has, else by its address.
fn meant(candidates: Candidates, derived: &Derived) -> Option<User> {
    let is_restorable = |(_, member): &User| {
        member.status == Standing::Deactivated.name()
            && member.address_key.is_some()
            && member.address_key == derived.address_key
    };
    candidates
        .by_user_name
        .or_else(|| candidates.by_external_id.filter(is_restorable))
        .or_else(|| candidates.by_address.filter(|(_, member)| !member.provisioned))
}

fn create_new(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    usage: Usage,
    accepted: Accepted,
    derived: Derived,
) -> Result<Planned<Shown>> {
    let Accepted { mut document, notes, .. } = accepted;
    let standing = usage.admit(caller.seat_policy, None, derived.active)?;
    let derived = hold_back(&mut document, derived, standing);
    let now = service.clock.now().to_millisecond().0;
    let id = service.ids.next();
    let text = document.to_text();
    let mut batch = Batch::default();
    resources::insert(
        &mut batch,
        caller.organization,
        Written { id, kind: Kind::User, now, document: &text, derived: &derived },
    );
    let unique = unique_values(&document, user_type(caller));
    refuse_shared(connection, caller, None, &unique)?;
    unique_values::change(&mut batch, caller.organization, id, &[], &unique);
    members::insert_member(
        &mut batch,
        caller.organization,
        id,
        NewMember {
            role: Role::Read.name(),
            role_source: "default",
            status: standing.name(),
            source: "scim",
            provisioned: true,
            address_key: derived.address_key.as_deref(),
            waiting_since: (standing == Standing::Waiting).then_some(now),
        },
    );
    let mut change = Change::default();
    change.moves(Role::Read, None, Some(standing));
    organizations::change_usage(&mut batch, caller.organization, &change);
    let explanation = if standing == Standing::Waiting { "Created, waiting for a seat." } else { "Created." };
    let outcome = Outcome {
        status: 201,
        action: "user.created",
        kind: Some(Kind::User),
        resource: Some(id),
        explanation: &notes.after(explanation),
        before: None,
        after: Some(&text),
    };
    record(&mut batch, service, call, caller, outcome);
    let resource = Resource { id, version: 1, created_at: now, updated_at: now, document: text, in_groups: false };
    Ok(Planned { batch, answer: Shown { kind: Kind::User, resource, groups: Vec::new(), members: Members::Left } })
}

/// A POST met a User that exists: adopt, restore, or 409.
#[expect(clippy::too_many_arguments, reason = "the whole of one decision")]
fn take_over(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    usage: Usage,
    stored: Stored,
    accepted: Accepted,
    derived: &Derived,
) -> Result<Planned<Shown>> {
    let (action, explanation) = if stored.member.provisioned {
        let contradicts =
            matches!((&stored.derived.external_id, &derived.external_id), (Some(theirs), Some(ours)) if theirs != ours);
        if stored.standing() != Standing::Deactivated || contradicts {
            return Err(Error::new(
                Code::Uniqueness,
                format!(
                    "A user with the userName \"{}\" exists already. Find it with a filter and update it instead.",
                    stored.name()
                ),
            ));
        }
        ("user.restored", "Restored: the same id as before.")
    } else {
        ("user.adopted", "Adopted: this member is managed by provisioning from now on.")
    };
    let Accepted { document, notes, .. } = accepted;
    let change = Rewrite { usage, document, status: 201, action, explanation, notes };
    rewrite(connection, service, call, caller, &stored, change)
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
        document: plan.document,
        status: 200,
        action: "user.patched",
        explanation: "Changed.",
        notes: plan.notes,
    };
    rewrite(connection, service, call, caller, &stored, change)
}

struct Rewrite {
    /// The ledger as it was read with the User.
    usage: Usage,
    document: Document,
    status: u16,
    action: &'static str,
    explanation: &'static str,
    notes: Notes,
}

/// The one way a User's document changes: seats, owner rule, waitlist, log.
fn rewrite(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    stored: &Stored,
    change: Rewrite,
) -> Result<Planned<Shown>> {
    let Rewrite { usage, mut document, status, action, explanation, mut notes } = change;
    if !stored.member.provisioned && document.get("emails") != stored.document.get("emails") {
        // First contact with a member who came another way: nobody's address changes by it (product.md §7).
        document.keep_emails_of(&stored.document);
        notes.rewrote("emails", "first contact: the member's own stay");
    }
    let derived = service.storage.derive(&document, Kind::User)?;
    if derived.user_name_key != stored.derived.user_name_key {
        refuse_taken(connection, caller, stored.resource.id, &derived, &document)?;
    }
    let standing = usage.admit(caller.seat_policy, Some(stored.standing()), derived.active)?;
    let derived = hold_back(&mut document, derived, standing);
    let mut ledger = Change::default();
    ledger.moves(stored.role(), Some(stored.standing()), Some(standing));
    usage.keep_an_owner(&ledger, &stored.name())?;
    let text = document.to_text();
    let mut batch = Batch::default();
    let mut resource = stored.resource.clone();
    // Not the texts: the order of names in an object means nothing (RFC 7643 §2.3.8).
    let changed = document != stored.document;
    let now = service.clock.now().to_millisecond().0;
    if changed {
        let written = Written { id: resource.id, kind: Kind::User, now, document: &text, derived: &derived };
        resources::update(&mut batch, caller.organization, resource.version, written, &stored.derived);
        let before = unique_values(&stored.document, user_type(caller));
        let after = unique_values(&document, user_type(caller));
        refuse_shared(connection, caller, Some(resource.id), &after)?;
        unique_values::change(&mut batch, caller.organization, resource.id, &before, &after);
        resource = Resource { version: resource.version + 1, updated_at: now, document: text, ..resource };
    }
    if changed || !stored.member.provisioned || standing != stored.standing() {
        let waiting_since = (standing == Standing::Waiting).then_some(now);
        members::update_member(
            &mut batch,
            caller.organization,
            resource.id,
            standing.name(),
            derived.address_key.as_deref(),
            waiting_since,
        );
    }
    if ledger.used < 0 {
        admit_next(connection, service, caller, &usage, resource.id, &mut batch, &mut ledger)?;
    }
    organizations::change_usage(&mut batch, caller.organization, &ledger);
    let (before, after) = if changed {
        (Some(stored.resource.document.as_str()), Some(resource.document.as_str()))
    } else {
        (None, None)
    };
    let explanation = if changed { explanation } else { "Nothing to change." };
    record(
        &mut batch,
        service,
        call,
        caller,
        Outcome {
            status,
            action,
            kind: Some(Kind::User),
            resource: Some(resource.id),
            explanation: &notes.after(explanation),
            before,
            after,
        },
    );
    let answer = shown(connection, caller, resource, true)?;
    Ok(Planned { batch, answer })
}

/// While a member waits for a seat, SCIM shows it inactive.
fn hold_back(document: &mut Document, mut derived: Derived, standing: Standing) -> Derived {
    if standing == Standing::Waiting {
        document.set_active(false);
        derived.active = false;
    }
    derived
}

/// Gives a seat that has become free to whoever has waited longest.
fn admit_next(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    usage: &Usage,
    except: ResourceId,
    batch: &mut Batch,
    ledger: &mut Change,
) -> Result<()> {
    if usage.waiting == 0 {
        return Ok(());
    }
    let Some(found) = members::waiting(connection, caller.organization, Some(except), 1)?.pop() else {
        return Ok(());
    };
    admit(service, caller.organization, found, batch, ledger)
}

/// Activates a waiting User in the same batch as what freed the seat.
///
/// # Errors
/// When the stored document cannot be read.
pub fn admit(
    service: &Service,
    organization: crate::id::OrganizationId,
    found: User,
    batch: &mut Batch,
    ledger: &mut Change,
) -> Result<()> {
    let stored = Stored::new(service, found)?;
    let mut document = stored.document.clone();
    document.set_active(true);
    let derived = service.storage.derive(&document, Kind::User)?;
    let text = document.to_text();
    let now = service.clock.now().to_millisecond().0;
    let written = Written { id: stored.resource.id, kind: Kind::User, now, document: &text, derived: &derived };
    resources::update(batch, organization, stored.resource.version, written, &stored.derived);
    members::update_member(
        batch,
        organization,
        stored.resource.id,
        Standing::Active.name(),
        derived.address_key.as_deref(),
        None,
    );
    ledger.moves(stored.role(), Some(Standing::Waiting), Some(Standing::Active));
    Ok(())
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
        group_members::delete_of(&mut batch, caller.organization, id, Kind::User);
    }
    if ledger.used < 0 {
        admit_next(connection, service, caller, &usage, id, &mut batch, &mut ledger)?;
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

/// Refuses a value of an extension attribute that another User has (RFC 7643 §7 "uniqueness").
fn refuse_shared(
    connection: &mut Connection,
    caller: &Caller,
    id: Option<ResourceId>,
    values: &[UniqueValue],
) -> Result<()> {
    match unique_values::taken(connection, caller.organization, id, values)? {
        Some(value) => Err(Error::new(
            Code::Uniqueness,
            format!("Another user has this value of {}, which must be unique. Choose another.", value.attribute),
        )),
        None => Ok(()),
    }
}

fn refuse_taken(
    connection: &mut Connection,
    caller: &Caller,
    id: ResourceId,
    derived: &Derived,
    document: &Document,
) -> Result<()> {
    let Some(key) = &derived.user_name_key else { return Ok(()) };
    if members::user_name_is_taken(connection, caller.organization, key, id)? {
        return Err(Error::new(
            Code::Uniqueness,
            format!(
                "Another user has the userName \"{}\". Choose another or update that user.",
                document.user_name().unwrap_or_default()
            ),
        ));
    }
    Ok(())
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
