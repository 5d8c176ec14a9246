//! Members as people see them: a page in any order, one of them, and who holds which seat and why.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::membership;
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::seats::{Standing, Status, Usage};
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
    pub items: Vec<Member>,
    /// Behind which line the next page begins.
    pub next: Option<(SortKey, ResourceId)>,
    pub totals: Totals,
}

/// A member, as whoever asks sees them: what is absent is for those who manage members.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Member {
    pub id: ResourceId,
    #[schema(required)]
    pub email: Option<String>,
    #[schema(required)]
    pub name: Option<String>,
    pub role: Role,
    pub status: Status,
    /// By which way they came: `founder`, `operator`, `invitation`, `domain`, `scim`.
    pub source: String,
    pub joined_at: Timestamp,
    #[serde(flatten)]
    #[schema(inline)]
    pub managed: Option<Managed>,
}

/// What those who manage members see.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Managed {
    /// `manual`, `group` or `default`.
    pub role_source: String,
    /// Whether the identity provider keeps the member.
    pub provisioned: bool,
    /// What provisioning says of somebody, also of whom an admin has suspended.
    #[schema(required)]
    pub standing: Option<Standing>,
    pub suspended: bool,
    #[schema(required)]
    pub last_sign_in_at: Option<Timestamp>,
    /// By whom the member signs in.
    #[schema(required)]
    pub identity: Option<Identity>,
    pub seat: Seat,
    pub permissions: Permissions,
}

/// An account at an identity provider.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Identity {
    pub issuer: String,
    pub subject: String,
}

/// Whether a member holds a seat, and why.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Seat {
    pub holds: bool,
    pub why: &'static str,
}

/// Why something cannot be done to a member by whoever asks; `null` where it can.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Permissions {
    #[schema(required)]
    pub change_role: Option<String>,
    #[schema(required)]
    pub grant_owner: Option<String>,
    #[schema(required)]
    pub suspend: Option<String>,
    #[schema(required)]
    pub remove: Option<String>,
    #[schema(required)]
    pub sign_out: Option<String>,
}

/// The seats of an organization, and its members.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = SeatTotals)]
pub struct Totals {
    pub seats: i64,
    pub used: i64,
    /// Held by open invitations.
    pub pending: i64,
    /// Members who wait for one.
    pub waiting: i64,
    pub available: i64,
    pub members: i64,
}

/// The seats, and who waits for one in turn.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Seats {
    #[serde(flatten)]
    pub totals: Totals,
    pub waitlist: Vec<Place>,
}

/// Somebody who waits for a seat.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WaitlistPlace)]
pub struct Place {
    pub member_id: ResourceId,
    #[schema(required)]
    pub email: Option<String>,
    #[schema(required)]
    pub name: Option<String>,
    #[schema(required)]
    pub waiting_since: Option<Timestamp>,
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
pub fn show(connection: &mut Connection, by: &By, slug: &str, member: &str) -> Result<Member> {
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
pub fn seats(connection: &mut Connection, administration: &Administration, by: &By, slug: &str) -> Result<Seats> {
    by.check(Action::ViewMembers)?;
    let organization = named(connection, by, slug)?.id;
    let usage = membership::usage_at(connection, organization, administration.clock.now().0)?;
    let waiting = if usage.waiting == 0 { Vec::new() } else { roster::waiting(connection, organization, WAITING)? };
    let place = |line: &Listed| {
        let document = Document::from_stored(&line.document)?;
        Ok(Place {
            member_id: line.id,
            email: index::address(&document).map(str::to_owned),
            name: index::shown_name(&document),
            waiting_since: line.waiting_since.map(Timestamp),
        })
    };
    Ok(Seats { totals: totals(&usage), waitlist: waiting.iter().map(place).collect::<Result<_>>()? })
}

fn totals(usage: &Usage) -> Totals {
    Totals {
        seats: usage.seats,
        used: usage.used,
        pending: usage.pending,
        waiting: usage.waiting,
        available: (usage.seats - usage.used - usage.pending).max(0),
        members: usage.users,
    }
}

/// A member as whoever asks sees them.
pub(super) fn describe(by: &By, listed: &Listed, usage: &Usage) -> Result<Member> {
    let document = Document::from_stored(&listed.document)?;
    let standing = listed.status.as_deref().map(Standing::from_name);
    Ok(Member {
        id: listed.id,
        email: index::address(&document).map(str::to_owned),
        name: index::shown_name(&document),
        role: listed.role.parse().unwrap_or(Role::Read),
        status: standing.map_or(Status::Removed, |standing| standing.shown(listed.suspended)),
        source: listed.source.clone(),
        joined_at: listed.id.made_at(),
        managed: by.check(Action::ManageMembers).is_ok().then(|| managed(by, listed, standing, usage)),
    })
}

fn managed(by: &By, listed: &Listed, standing: Option<Standing>, usage: &Usage) -> Managed {
    let identity = |(issuer, subject): &(String, String)| Identity { issuer: issuer.clone(), subject: subject.clone() };
    Managed {
        role_source: listed.role_source.clone(),
        provisioned: listed.provisioned,
        standing,
        suspended: listed.suspended,
        last_sign_in_at: listed.signed_in_at.map(Timestamp),
        identity: listed.identity.as_ref().map(identity),
        seat: seat(listed, standing),
        permissions: permissions(by, listed, standing, usage),
    }
}

/// Whether a seat is held, and why.
const fn seat(listed: &Listed, standing: Option<Standing>) -> Seat {
    let (holds, why) = match standing {
        Some(Standing::Active) if listed.suspended => (true, "Suspended by an admin; the seat is kept."),
        Some(Standing::Active) => (true, "An active member."),
        Some(Standing::Waiting) => (false, "Waits for a seat to become free."),
        Some(Standing::Deactivated) => (false, "Switched off by provisioning."),
        None => (false, "Removed."),
    };
    Seat { holds, why }
}

/// Why something cannot be done to a member; `null` where it can.
fn permissions(by: &By, listed: &Listed, standing: Option<Standing>, usage: &Usage) -> Permissions {
    let role: Role = listed.role.parse().unwrap_or(Role::Read);
    let touch = by.check_grant(Some(listed.id), role, role).err().map(|error| error.detail.into_owned());
    let runs = role == Role::Owner && standing == Some(Standing::Active) && !listed.suspended;
    let last = (runs && usage.active_owners <= 1)
        .then(|| "This is the last active owner. Make another member an owner first.".to_owned());
    let removed = standing.is_none().then(|| "This member was removed. Bring the member back first.".to_owned());
    let manage = by.why_not(Action::ManageMembers).or_else(|| touch.clone());
    let loses = manage.clone().or_else(|| removed.clone()).or_else(|| last.clone());
    Permissions {
        change_role: by.why_not(Action::ManageRoles).or(touch).or_else(|| removed.clone()).or(last),
        grant_owner: by.why_not(Action::GrantOwner).or_else(|| removed.clone()),
        suspend: loses.clone(),
        remove: loses,
        sign_out: manage.or(removed),
    }
}
