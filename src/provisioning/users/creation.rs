//! What a POST of a User comes to: a new one, one adopted, one restored, or 409 (product.md §7).

use serde_json::Value;

use super::rewriting::{Rewrite, hold_back, refuse_shared, rewrite};
use super::user_type;
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::membership::{self, Stored};
use crate::organization::seats::{Change, Standing, Usage};
use crate::provisioning::answer::{Members, Shown};
use crate::provisioning::record::{Outcome, record};
use crate::provisioning::{Call, Caller, Planned, Service};
use crate::scim::document::{Accepted, Document};
use crate::scim::index::Derived;
use crate::scim::registry::{Kind, ResourceType};
use crate::scim::unique::{UniqueValue, unique_values};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::known_keys::{self, Key};
use crate::store::members::{self, Candidates, NewMember, User};
use crate::store::resources::{self, Resource, Written};
use crate::store::{invitations, organizations, unique_values};

/// The body of a POST, read: all of it that needs no database.
#[derive(Debug)]
pub struct Newcomer {
    accepted: Accepted,
    derived: Derived,
    unique: Vec<UniqueValue>,
    /// What is stored of one who has not to wait for a seat.
    text: String,
}

impl Newcomer {
    /// Reads a body.
    ///
    /// # Errors
    /// Those of the document.
    pub fn read(service: &Service, user_type: &ResourceType, body: &Value) -> Result<Self> {
        let accepted = Document::from_request(body, user_type)?;
        let derived = service.storage.derive(&accepted.document, Kind::User)?;
        let unique = unique_values(&accepted.document, user_type);
        let text = accepted.document.to_text();
        Ok(Self { accepted, derived, unique, text })
    }

    /// By what it may mean somebody who is there.
    fn keys(&self) -> impl Iterator<Item = Key> {
        let Derived { user_name_key, external_id, address_key, .. } = self.derived.clone();
        let keys = [user_name_key.map(Key::UserName), external_id.map(Key::ExternalId), address_key.map(Key::Address)];
        keys.into_iter().flatten()
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
    let newcomer = Newcomer::read(service, user_type(caller), body)?;
    let derived = &newcomer.derived;
    let (usage, candidates) = members::candidates(
        connection,
        caller.organization,
        derived.user_name_key.as_deref(),
        derived.external_id.as_deref(),
        derived.address_key.as_deref(),
    )?;
    if let Some(found) = meant(candidates, derived) {
        let stored = Stored::read(&service.storage, found)?;
        let change = take_over(usage, &stored, newcomer.accepted, &newcomer.derived)?;
        return rewrite(connection, service, call, caller, &stored, change);
    }
    let (mut batch, mut change) = (Batch::default(), Change::default());
    let usage = if derived.active {
        let now = service.clock.now().0;
        let key = derived.address_key.as_deref();
        membership::make_room(connection, &mut batch, caller.organization, usage, key, (now, &mut change))?
    } else {
        usage
    };
    let standing = usage.admit(caller.seat_policy, None, derived.active)?;
    change.moves(caller.scim_role, None, Some(standing));
    refuse_shared(connection, caller, None, &newcomer.unique)?;
    let answer = add(&mut batch, service, call, caller, &newcomer, standing);
    organizations::change_usage(&mut batch, caller.organization, &change);
    Ok(Planned { batch, answer })
}

/// Creates a User of whom it is presumed that nobody here can be it and that the ledger takes it; else
/// the batch is stale or refused.
///
/// # Errors
/// Those of the document.
pub fn create_new(service: &Service, call: &Call, caller: &Caller, body: &Value) -> Result<Planned<Shown>> {
    let newcomer = Newcomer::read(service, user_type(caller), body)?;
    let (mut batch, mut change) = (Batch::default(), Change::default());
    let Derived { user_name_key, external_id, address_key, active, .. } = &newcomer.derived;
    batch.expect(
        0,
        known_keys::holders(
            caller.organization,
            user_name_key.as_deref(),
            external_id.as_deref(),
            address_key.as_deref(),
        ),
    );
    let standing = if *active { Standing::Active } else { Standing::Deactivated };
    change.moves(caller.scim_role, None, Some(standing));
    let answer = add(&mut batch, service, call, caller, &newcomer, standing);
    organizations::change_usage(&mut batch, caller.organization, &change);
    Ok(Planned { batch, answer })
}

/// Creates Users with one look at who is there: as many, from the first on, as nobody here can be
/// and the ledger takes. The next may be somebody, or be refused; [`create`] tells.
///
/// # Errors
/// The database's.
pub fn create_many(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    newcomers: &[(&Call, &Newcomer)],
) -> Result<Planned<Vec<Shown>>> {
    let keys: Vec<Key> = newcomers.iter().flat_map(|(_, newcomer)| newcomer.keys()).collect();
    let (usage, mut taken) = known_keys::find(connection, caller.organization, &keys)?;
    if usage.pending > 0 {
        // Who is invited has a seat already.
        let addresses =
            keys.iter().filter_map(|key| if let Key::Address(key) = key { Some(key.as_str()) } else { None });
        let invited = invitations::held_for(connection, caller.organization, addresses)?;
        taken.extend(invited.into_iter().map(|(_, key)| Key::Address(key)));
    }
    let (mut batch, mut change, mut answer) = (Batch::default(), Change::default(), Vec::new());
    for (call, newcomer) in newcomers {
        let is_new = newcomer.unique.is_empty() && newcomer.keys().all(|key| taken.insert(key));
        let standing = usage.after(&change).admit(caller.seat_policy, None, newcomer.derived.active);
        let (true, Ok(standing)) = (is_new, standing) else { break };
        change.moves(caller.scim_role, None, Some(standing));
        answer.push(add(&mut batch, service, call, caller, newcomer, standing));
    }
    organizations::change_usage(&mut batch, caller.organization, &change);
    Ok(Planned { batch, answer })
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

/// Adds a User whom nobody here can be to a batch.
fn add(
    batch: &mut Batch,
    service: &Service,
    call: &Call,
    caller: &Caller,
    newcomer: &Newcomer,
    standing: Standing,
) -> Shown {
    let Newcomer { accepted, derived, unique, text } = newcomer;
    let held_back = (standing == Standing::Waiting).then(|| {
        let mut document = accepted.document.clone();
        let derived = hold_back(&mut document, derived.clone(), standing);
        (document.to_text(), derived)
    });
    let (text, derived) = held_back.as_ref().map_or((text, derived), |(text, derived)| (text, derived));
    let id: ResourceId = service.ids.next();
    let now = id.made_at().0;
    resources::insert(batch, caller.organization, Written { id, kind: Kind::User, now, document: text, derived });
    unique_values::change(batch, caller.organization, id, &[], unique);
    members::insert_member(
        batch,
        caller.organization,
        id,
        NewMember {
            role: caller.scim_role.name(),
            role_source: "default",
            status: standing.name(),
            source: "scim",
            provisioned: true,
            address_key: derived.address_key.as_deref(),
            name_key: &derived.name_key,
            waiting_since: (standing == Standing::Waiting).then_some(now),
            identity: None,
        },
    );
    let explanation = if standing == Standing::Waiting { "Created, waiting for a seat." } else { "Created." };
    let outcome = Outcome {
        status: 201,
        action: "user.created",
        kind: Some(Kind::User),
        resource: Some(id),
        explanation: &accepted.notes.after(explanation),
        before: None,
        after: Some(text),
        refused: None,
        names: &[],
    };
    record(batch, service, call, caller, outcome);
    let document = text.clone();
    let resource = Resource { id, version: 1, created_at: now, updated_at: now, document, in_groups: false };
    Shown { kind: Kind::User, resource, groups: Vec::new(), members: Members::Left }
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
