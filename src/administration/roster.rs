//! Members as people see them: a page in any order, one of them, and who holds which seat and why.

use serde_json::{Value, json};

use super::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::membership;
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::seats::{Standing, Usage};
use crate::scim::document::Document;
use crate::scim::index;
use crate::store::connection::Connection;
use crate::store::organizations;
use crate::store::roster::{self, Listed, Part, Query, Sort, SortKey};
use crate::text::scim_key;

/// Who waits for a seat is named up to so many.
const WAITING: i64 = 100;

/// What a list of members is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub sort: Sort,
    pub descending: bool,
    /// What an address or a name begins with.
    pub search: Option<String>,
    /// As it is shown; `removed` for those who were.
    pub status: Option<String>,
    pub role: Option<Role>,
    pub after: Option<(SortKey, ResourceId)>,
    pub limit: u32,
}

/// A page of members.
#[derive(Clone, Debug)]
pub struct Page {
    pub items: Vec<Value>,
    /// Behind which line the next page begins.
    pub next: Option<(SortKey, ResourceId)>,
    pub totals: Value,
}

/// A page of the organization's members, or of those removed.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn page(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    wanted: Wanted,
) -> Result<Page> {
    by.check(Action::ViewMembers)?;
    let organization = named(connection, by, slug)?.id;
    let usage = membership::usage_at(connection, organization, administration.clock.now().0)?;
    let part = if wanted.status.as_deref() == Some("removed") { Part::Removed } else { Part::Members };
    if part == Part::Removed {
        // Who has gone is nobody's to see but of who could bring them back.
        by.check(Action::ManageMembers)?;
    }
    let query = Query {
        part,
        sort: wanted.sort,
        descending: wanted.descending,
        role: wanted.role,
        status: wanted.status.filter(|_| part == Part::Members),
        begins: wanted.search.map(|text| (text.to_ascii_lowercase(), scim_key(&text))),
        after: wanted.after,
    };
    let mut lines = roster::members(connection, organization, &query, i64::from(wanted.limit) + 1)?;
    let is_last = lines.len() <= wanted.limit as usize;
    lines.truncate(wanted.limit as usize);
    let next = lines.last().filter(|_| !is_last).map(|last| (last.sorted_by.clone(), last.id));
    let items = lines.iter().map(|line| describe(by, line, &usage)).collect::<Result<_>>()?;
    Ok(Page { items, next, totals: totals(&usage) })
}

/// One member; for whoever manages them also one that was removed.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn show(connection: &mut Connection, by: &By, slug: &str, member: &str) -> Result<Value> {
    by.check(Action::ViewMembers)?;
    let organization = named(connection, by, slug)?.id;
    let absent = || Error::new(Code::NotFound, format!("There is no member with the id \"{member}\"."));
    let id = member.parse().map_err(|_| absent())?;
    let usage = organizations::usage(connection, organization)?;
    let line = match roster::line(connection, organization, Part::Members, id)? {
        Some(line) => line,
        None if by.check(Action::ManageMembers).is_err() => return Err(absent()),
        None => roster::line(connection, organization, Part::Removed, id)?.ok_or_else(absent)?,
    };
    describe(by, &line, &usage)
}

/// The seats, and who waits for one in turn.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn seats(connection: &mut Connection, administration: &Administration, by: &By, slug: &str) -> Result<Value> {
    by.check(Action::ViewMembers)?;
    let organization = named(connection, by, slug)?.id;
    let usage = membership::usage_at(connection, organization, administration.clock.now().0)?;
    let mut seats = totals(&usage);
    let waiting = if usage.waiting == 0 { Vec::new() } else { roster::waiting(connection, organization, WAITING)? };
    let place = |line: &Listed| {
        let document = Document::from_stored(&line.document)?;
        Ok(json!({
            "member_id": line.id.to_string(), "email": index::address(&document), "name": index::shown_name(&document),
            "waiting_since": line.waiting_since.map(|at| Timestamp(at).to_string())
        }))
    };
    seats["waitlist"] = waiting.iter().map(place).collect::<Result<Vec<_>>>()?.into();
    Ok(seats)
}

fn totals(usage: &Usage) -> Value {
    json!({
        "seats": usage.seats, "used": usage.used, "pending": usage.pending, "waiting": usage.waiting,
        "available": (usage.seats - usage.used - usage.pending).max(0), "members": usage.users
    })
}

/// A member as whoever asks sees them.
pub(super) fn describe(by: &By, listed: &Listed, usage: &Usage) -> Result<Value> {
    let document = Document::from_stored(&listed.document)?;
    let standing = listed.status.as_deref().map(Standing::from_name);
    let mut shown = json!({
        "id": listed.id.to_string(), "email": index::address(&document), "name": index::shown_name(&document),
        "role": listed.role, "status": standing.map_or("removed", |standing| standing.shown(listed.suspended)),
        "source": listed.source, "joined_at": listed.id.made_at().to_string()
    });
    if by.check(Action::ManageMembers).is_err() {
        return Ok(shown);
    }
    shown["role_source"] = listed.role_source.as_str().into();
    // What provisioning says of somebody whom an admin has suspended is shown too.
    shown["provisioned"] = listed.provisioned.into();
    shown["standing"] = standing.map(Standing::name).into();
    shown["suspended"] = listed.suspended.into();
    shown["last_sign_in_at"] = listed.signed_in_at.map(|at| Timestamp(at).to_string()).into();
    shown["identity"] =
        listed.identity.as_ref().map(|(issuer, subject)| json!({"issuer": issuer, "subject": subject})).into();
    shown["seat"] = seat(listed, standing);
    shown["permissions"] = permissions(by, listed, standing, usage);
    Ok(shown)
}

/// Whether a seat is held, and why.
fn seat(listed: &Listed, standing: Option<Standing>) -> Value {
    let (holds, why) = match standing {
        Some(Standing::Active) if listed.suspended => (true, "Suspended by an admin; the seat is kept."),
        Some(Standing::Active) => (true, "An active member."),
        Some(Standing::Waiting) => (false, "Waits for a seat to become free."),
        Some(Standing::Deactivated) => (false, "Switched off by provisioning."),
        None => (false, "Removed."),
    };
    json!({"holds": holds, "why": why})
}

/// Why something cannot be done to a member; `null` where it can.
fn permissions(by: &By, listed: &Listed, standing: Option<Standing>, usage: &Usage) -> Value {
    let role: Role = listed.role.parse().unwrap_or(Role::Read);
    let touch = by.check_grant(Some(listed.id), role, role).err().map(|error| error.detail.into_owned());
    let runs = role == Role::Owner && standing == Some(Standing::Active) && !listed.suspended;
    let last = (runs && usage.active_owners <= 1)
        .then(|| "This is the last active owner. Make another member an owner first.".to_owned());
    let removed = standing.is_none().then(|| "This member was removed. Bring the member back first.".to_owned());
    let manage = by.why_not(Action::ManageMembers).or_else(|| touch.clone());
    let loses = manage.clone().or_else(|| removed.clone()).or_else(|| last.clone());
    json!({
        "change_role": by.why_not(Action::ManageRoles).or(touch).or_else(|| removed.clone()).or(last),
        "grant_owner": by.why_not(Action::GrantOwner).or_else(|| removed.clone()),
        "suspend": loses, "remove": loses,
        "sign_out": manage.or(removed)
    })
}
