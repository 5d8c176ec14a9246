//! What a POST of a User comes to: a new one, one adopted, one restored, or 409 (product.md §7).

use serde_json::Value;

use super::rewriting::{Rewrite, hold_back, refuse_shared, rewrite};
use super::user_type;
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::membership::Stored;
use crate::organization::role::Role;
use crate::organization::seats::{Change, Standing, Usage};
use crate::provisioning::answer::{Members, Shown};
use crate::provisioning::record::{Outcome, record};
use crate::provisioning::{Call, Caller, Planned, Service};
use crate::scim::document::{Accepted, Document};
use crate::scim::index::Derived;
use crate::scim::registry::Kind;
use crate::scim::unique::unique_values;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::members::{self, Candidates, NewMember, User};
use crate::store::resources::{self, Resource, Written};
use crate::store::{organizations, unique_values};

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
            let stored = Stored::read(&service.storage, found)?;
            let change = take_over(usage, &stored, accepted, &derived)?;
            rewrite(connection, service, call, caller, &stored, change)
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

/// Creates a User whom nobody here can be.
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
    let id: ResourceId = service.ids.next();
    let now = id.made_at().0;
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
            identity: None,
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

/// What a POST comes to that means a User who exists: adopt, restore, or 409.
fn take_over(usage: Usage, stored: &Stored, accepted: Accepted, derived: &Derived) -> Result<Rewrite> {
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
    Ok(Rewrite { usage, active: document.active(), document, status: 201, action, explanation, notes })
}
