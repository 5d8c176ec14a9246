//! The one way a User's document changes: seats, owner rule, waitlist, uniqueness, log.

use super::{shown, user_type};
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::membership::{self, Stored};
use crate::organization::seats::{Change, Standing, Usage};
use crate::provisioning::answer::Shown;
use crate::provisioning::record::{Outcome, record};
use crate::provisioning::{Call, Caller, Planned, Service, names};
use crate::scim::document::Document;
use crate::scim::index::Derived;
use crate::scim::lenient::Notes;
use crate::scim::registry::Kind;
use crate::scim::unique::{UniqueValue, unique_values};
use crate::store::audit_events::{self, Event};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::members::{self, User};
use crate::store::resources::{self, Resource, Written};
use crate::store::{organizations, unique_values};

/// A change as its operation planned it.
pub(super) struct Rewrite {
    /// The ledger as it was read with the User.
    pub(super) usage: Usage,
    pub(super) document: Document,
    /// What the request says of `active`; `None`: the standing stays.
    pub(super) active: Option<bool>,
    /// The status the answer will have, for the log.
    pub(super) status: u16,
    /// What the log calls it.
    pub(super) action: &'static str,
    /// What the log says of it when something changes.
    pub(super) explanation: &'static str,
    pub(super) notes: Notes,
}

/// Plans the change.
///
/// # Errors
/// `uniqueness`, `seat_limit_reached`, `last_owner`, and those of what is stored.
pub(super) fn rewrite(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    stored: &Stored,
    change: Rewrite,
) -> Result<Planned<Shown>> {
    let Rewrite { usage, mut document, active, status, action, explanation, mut notes } = change;
    if !stored.member.provisioned && document.get("emails") != stored.document.get("emails") {
        // First contact with a member who came another way: nobody's address changes by it (product.md §7).
        document.keep_emails_of(&stored.document);
        notes.rewrote("emails", "first contact: the member's own stay");
    }
    let derived = service.storage.derive(&document, Kind::User)?;
    if derived.user_name_key != stored.derived.user_name_key {
        refuse_taken(connection, caller, stored.resource.id, &derived, &document)?;
    }
    let (mut batch, mut ledger) = (Batch::default(), Change::default());
    let now = service.clock.now().to_millisecond().0;
    let comes_back = active == Some(true) && stored.standing() == Standing::Deactivated;
    let usage = if comes_back {
        let key = derived.address_key.as_deref();
        membership::make_room(connection, &mut batch, caller.organization, usage, key, (now, &mut ledger))?
    } else {
        usage
    };
    let standing = match active {
        Some(active) => usage.admit(caller.seat_policy, Some(stored.standing()), active)?,
        None => stored.standing(),
    };
    let derived = hold_back(&mut document, derived, standing);
    ledger.moves(stored.counted_role(), Some(stored.standing()), Some(standing));
    usage.keep_an_owner(&ledger, &stored.name())?;
    // Not the texts: the order of names in an object means nothing (RFC 7643 §2.3.8).
    let changed = document != stored.document;
    let resource = if changed {
        write_document(connection, caller, &mut batch, stored, &document, &derived, now)?
    } else {
        stored.resource.clone()
    };
    if changed || !stored.member.provisioned || standing != stored.standing() {
        let waiting_since = (standing == Standing::Waiting).then_some(now);
        let member = (resource.id, &stored.member);
        members::update_member(&mut batch, caller.organization, member, standing.name(), &derived, waiting_since);
    }
    if standing != Standing::Active {
        membership::end_sessions(&mut batch, caller.organization, (resource.id, &stored.member));
    }
    if ledger.used < 0 {
        admit_next(connection, service, caller.organization, &usage, &mut batch, &mut ledger)?;
    }
    organizations::change_usage(&mut batch, caller.organization, &ledger);
    let outcome = Outcome {
        status,
        action: what(action, stored.standing(), standing),
        kind: Some(Kind::User),
        resource: Some(resource.id),
        explanation: &notes.after(if changed { explanation } else { "Nothing to change." }),
        before: changed.then_some(stored.resource.document.as_str()),
        after: changed.then_some(resource.document.as_str()),
        refused: None,
        names: &if changed { names::of_former(&stored.derived, Some(&derived)) } else { Vec::new() },
    };
    record(&mut batch, service, call, caller, outcome);
    let answer = shown(connection, caller, resource, true)?;
    Ok(Planned { batch, answer })
}

/// What the trail calls it: whether somebody has access says more than by which verb that changed.
const fn what(action: &'static str, before: Standing, after: Standing) -> &'static str {
    match (before, after) {
        (Standing::Active, Standing::Deactivated) => "user.deactivated",
        (Standing::Deactivated | Standing::Waiting, Standing::Active) => "user.reactivated",
        _ => action,
    }
}

/// Writes another document in the stored one's place; the resource as it will be.
fn write_document(
    connection: &mut Connection,
    caller: &Caller,
    batch: &mut Batch,
    stored: &Stored,
    document: &Document,
    derived: &Derived,
    now: i64,
) -> Result<Resource> {
    let resource = &stored.resource;
    let text = document.to_text();
    let written = Written { id: resource.id, kind: Kind::User, now, document: &text, derived };
    resources::update(batch, caller.organization, resource.version, written, &stored.derived);
    let before = unique_values(&stored.document, user_type(caller));
    let after = unique_values(document, user_type(caller));
    refuse_shared(connection, caller, Some(resource.id), &after)?;
    unique_values::change(batch, caller.organization, resource.id, &before, &after);
    Ok(Resource { version: resource.version + 1, updated_at: now, document: text, ..resource.clone() })
}

/// While a member waits for a seat, SCIM shows it inactive.
pub(super) fn hold_back(document: &mut Document, mut derived: Derived, standing: Standing) -> Derived {
    if standing == Standing::Waiting && document.active().is_some() {
        document.set_active(false);
        derived.active = false;
    }
    derived
}

/// Gives a seat that has become free to whoever has waited longest.
///
/// # Errors
/// When the stored document cannot be read.
pub fn admit_next(
    connection: &mut Connection,
    service: &Service,
    organization: OrganizationId,
    usage: &Usage,
    batch: &mut Batch,
    ledger: &mut Change,
) -> Result<()> {
    if usage.waiting == 0 {
        return Ok(());
    }
    let Some(found) = members::waiting(connection, organization, 1)?.pop() else {
        return Ok(());
    };
    admit(service, organization, found, batch, ledger)
}

/// Activates a waiting User in the same batch as what freed the seat.
///
/// # Errors
/// When the stored document cannot be read.
pub fn admit(
    service: &Service,
    organization: OrganizationId,
    found: User,
    batch: &mut Batch,
    ledger: &mut Change,
) -> Result<()> {
    let stored = Stored::read(&service.storage, found)?;
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
        (stored.resource.id, &stored.member),
        Standing::Active.name(),
        &derived,
        None,
    );
    ledger.moves(stored.counted_role(), Some(Standing::Waiting), Some(Standing::Active));
    let event = Event {
        id: service.ids.next(),
        at: service.clock.now().0,
        actor: "system",
        action: "member.admitted",
        target_kind: Kind::User.name(),
        target_id: Some(stored.resource.id),
        request_id: None,
        address: None,
        detail: r#"{"before":"waiting","after":"active"}"#,
    };
    audit_events::insert(batch, organization, &event);
    Ok(())
}

/// Refuses a value of an extension attribute that another User has (RFC 7643 §7 "uniqueness").
pub(super) fn refuse_shared(
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

/// Refuses a userName that another User has (RFC 7643 §4.1.1).
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
