//! The audit trail: who did what to what, from where, by which way in, and what was what before.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{EventId, OrganizationId, ResourceId};
use crate::organization::permission::Action;
use crate::store::Store;
use crate::store::audit_events::SERVICE;
use crate::store::audit_events::{self, StoredEvent, Target};
use crate::store::connection::Connection;
use crate::store::retention::{self, Kept};
use crate::store::sql::Value as Bound;

/// Events that are forgotten in one transaction.
const BATCH: i64 = 500;

/// What is wanted of a trail, in words.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// `operator`, `system`, `provisioning`, `sign-in`, the name of somebody as the trail has it, or an id.
    pub actor: Option<String>,
    /// `member.suspended`, or `member` for all that begin so.
    pub action: Option<String>,
    /// An id, or a kind: `User`, `Group`, `Organization`.
    pub target: Option<String>,
    /// Not before this time.
    pub from: Option<String>,
    /// Before this time.
    pub to: Option<String>,
    pub search: Option<String>,
}

/// An event as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub struct Event {
    pub id: EventId,
    /// Of what provisioning has done: its entry in the provisioning log.
    #[schema(required)]
    pub provisioning_log_id: Option<EventId>,
    pub at: Timestamp,
    /// By which way in: `page`, `api`, `scim`, `command` or `system`.
    pub source: &'static str,
    /// Who: `member:` and an id, `api_key:` and an id, `operator`, `system`, `provisioning` and others.
    pub actor: String,
    /// Such as `member.suspended`.
    pub action: String,
    pub target: EventTarget,
    #[schema(required)]
    pub request_id: Option<String>,
    /// From which network address.
    #[schema(required)]
    pub address: Option<String>,
    /// An object or a sentence: what was what before, and is now.
    pub detail: Value,
}

/// What an event has happened to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditTarget)]
pub struct EventTarget {
    /// `User`, `Group`, `Organization` and others.
    pub kind: String,
    #[schema(required)]
    pub id: Option<ResourceId>,
}

/// A page of a list, and behind what the next one begins.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<EventId>,
}

/// The latest events of an organization, or of what belongs to none, newest first.
///
/// # Errors
/// `not_found`, `invalid_value`.
pub fn page(
    connection: &mut Connection,
    by: &By,
    organization: Option<&str>,
    wanted: &Wanted,
    after: Option<EventId>,
    limit: u32,
) -> Result<Page<Event>> {
    by.check(Action::ReadAudit)?;
    let trail = match organization {
        Some(name) => named(connection, by, name)?.id,
        // What belongs to no organization is the operator's.
        None if by.is_guarded() => return Err(Error::new(Code::Forbidden, "Name an organization.")),
        None => SERVICE,
    };
    let page = audit_events::page(connection, trail, &wanted.read()?, after, i64::from(limit))?;
    Ok(Page { items: page.events.into_iter().map(describe).collect(), next: page.next })
}

/// The latest events, so many at most, whatever has to be looked through for them.
///
/// # Errors
/// As [`page`].
pub fn list(
    connection: &mut Connection,
    by: &By,
    organization: Option<&str>,
    wanted: &Wanted,
    limit: u32,
) -> Result<Vec<Event>> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let left = limit - u32::try_from(items.len()).unwrap_or(limit).min(limit);
        let page = page(connection, by, organization, wanted, after, left.min(1_000))?;
        items.extend(page.items);
        after = page.next;
        if after.is_none() || items.len() >= limit as usize {
            return Ok(items);
        }
    }
}

/// What the columns of an export are called.
pub const COLUMNS: [&str; 10] =
    ["id", "at", "actor", "source", "action", "target_kind", "target_id", "address", "request_id", "detail"];

/// The cells of an event for [`COLUMNS`].
#[must_use]
pub fn cells(event: &Event) -> Vec<String> {
    let detail = event.detail.as_str().map_or_else(|| event.detail.to_string(), str::to_owned);
    vec![
        event.id.to_string(),
        event.at.to_string(),
        event.actor.clone(),
        event.source.to_owned(),
        event.action.clone(),
        event.target.kind.clone(),
        event.target.id.map(|id| id.to_string()).unwrap_or_default(),
        event.address.clone().unwrap_or_default(),
        event.request_id.clone().unwrap_or_default(),
        detail,
    ]
}

/// Forgets, of every trail, what is older than it is kept; how many events.
///
/// # Errors
/// The database's.
pub async fn forget(store: &Store, now: Timestamp, kept_for: Duration) -> Result<usize> {
    forget_older(store, Kept::AuditEvents, EventId::first_at(now.minus(kept_for))).await
}

/// Forgets what was made before a bound, one organization after the other and a little at a time, so that
/// nobody waits for it.
pub(super) async fn forget_older(
    store: &Store,
    kept: Kept,
    bound: impl Into<Bound> + Copy + Send + Sync + 'static,
) -> Result<usize> {
    let (mut forgotten, mut after) = (0, None::<OrganizationId>);
    let next = |after| move |connection: &mut Connection| retention::next_organization(connection, kept, after);
    while let Some(organization) = store.scan(next(after)).await? {
        after = Some(organization);
        let due = move |connection: &mut Connection| retention::is_due(connection, kept, organization, bound);
        while store.scan(due).await? {
            let forget = move |connection: &mut _| retention::forget(connection, kept, organization, bound, BATCH);
            forgotten += store.transaction(forget).await?;
        }
    }
    Ok(forgotten)
}

impl Wanted {
    fn read(&self) -> Result<audit_events::Wanted> {
        let target = self.target.as_ref().map(|target| match target.parse::<ResourceId>() {
            Ok(id) => Target::Id(id),
            Err(_) => Target::Kind(target.clone()),
        });
        Ok(audit_events::Wanted {
            actors: self.actor.as_deref().map(actors).unwrap_or_default(),
            action: self.action.clone(),
            target,
            from: time("from", self.from.as_deref())?,
            to: time("to", self.to.as_deref())?,
            search: self.search.clone(),
        })
    }
}

/// Somebody by what the trail may call them; an id is a member's, a key's or a person's.
fn actors(actor: &str) -> Vec<String> {
    match actor.parse::<ResourceId>() {
        Ok(id) => ["member", "recovery", "api_key", "person"].map(|kind| format!("{kind}:{id}")).into(),
        Err(_) => vec![actor.to_owned()],
    }
}

/// A point in time that somebody writes, or a day, which begins at midnight in UTC.
pub(super) fn time(name: &str, text: Option<&str>) -> Result<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    let day = || Timestamp::parse(&format!("{text}T00:00:00Z")).filter(|_| text.len() == 10);
    let at = Timestamp::parse(text).or_else(day).ok_or_else(|| {
        let why = format!("{name} is a time such as 2026-11-26T08:00:00Z, or a day such as 2026-11-26.");
        Error::new(Code::InvalidValue, why)
    })?;
    Ok(Some(at.0))
}

/// By which way in somebody acted, told by what the trail calls them.
fn source(actor: &str) -> &'static str {
    match actor.split(':').next().unwrap_or_default() {
        "operator" => "command",
        "system" | "provider" => "system",
        "provisioning" | "provisioning_client" => "scim",
        "api_key" => "api",
        _ => "page",
    }
}

fn describe(event: StoredEvent) -> Event {
    // Use cases write an object or a sentence.
    let detail = match serde_json::from_str::<Value>(&event.detail) {
        Ok(object @ Value::Object(_)) => object,
        _ => Value::String(event.detail),
    };
    Event {
        id: event.id,
        // An event of provisioning has the id of its entry in the provisioning log.
        provisioning_log_id: (event.actor == "provisioning").then_some(event.id),
        at: Timestamp(event.at),
        source: source(&event.actor),
        actor: event.actor,
        action: event.action,
        target: EventTarget { kind: event.target_kind, id: event.target_id },
        request_id: event.request_id,
        address: event.address,
        detail,
    }
}
