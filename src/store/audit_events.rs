//! The audit trail (floor 2): written in the transaction of what it tells of, and read a page at a time.

use diesel::sql_types::{BigInt, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Rows, Sql, SqlId, Type};
use crate::error::Result;
use crate::id::{EventId, OrganizationId, ResourceId};
use crate::organization::webhook;

/// An audit event: who did what to what. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    pub id: EventId,
    pub at: i64,
    pub actor: &'a str,
    pub action: &'a str,
    pub target_kind: &'a str,
    pub target_id: Option<ResourceId>,
    pub request_id: Option<&'a str>,
    pub address: Option<&'a str>,
    pub detail: &'a str,
}

/// The trail of the service itself: of what belongs to no organization.
pub const SERVICE: OrganizationId = OrganizationId::from_bytes([0; 16]);

/// Forgets what all trails tell of sign-ins that came to nothing before a time.
pub fn forget_refusals(batch: &mut Batch, before: i64) {
    // The words of the index that is made for this.
    let sql = Sql::new(
        "DELETE FROM audit_events WHERE at < ? AND action IN ('sign_in.failed', 'sign_in.refused', 'logout.refused')",
    );
    batch.run(sql.bind(before));
}

/// Appends an audit event, and marks it for whoever tells webhooks of it.
pub fn insert(batch: &mut Batch, organization: OrganizationId, event: &Event<'_>) {
    batch.insert(Rows {
        insert: "INSERT INTO audit_events (organization_id, id, at, actor, action, target_kind, target_id, request_id, address, detail, untold)",
        types: &[
            Type::Id,
            Type::Id,
            Type::Integer,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Id,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Found("SELECT 1 FROM webhook_endpoints w WHERE w.organization_id = ?"),
        ],
        conflict: "",
        rows: vec![vec![
            organization.into(),
            event.id.into(),
            event.at.into(),
            event.actor.into(),
            event.action.into(),
            event.target_kind.into(),
            event.target_id.into(),
            event.request_id.into(),
            event.address.into(),
            event.detail.into(),
            webhook::is_told(event.action).then_some(organization).into(),
        ]],
    });
}

/// Events that a page looks through at most for what is wanted of them.
const WINDOW: i64 = 50_000;

/// What is wanted of a trail. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Any of these names.
    pub actors: Vec<String>,
    /// An action, or what begins the names of several: `member` for `member.suspended`.
    pub action: Option<String>,
    pub target: Option<Target>,
    /// From this time on.
    pub from: Option<i64>,
    /// Before this time.
    pub to: Option<i64>,
    /// A text in it, without regard to the case of A to Z.
    pub search: Option<String>,
}

/// What was done to.
#[derive(Clone, Debug)]
pub enum Target {
    Kind(String),
    Id(ResourceId),
}

/// An audit event as stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub id: EventId,
    pub at: i64,
    pub actor: String,
    pub action: String,
    pub target_kind: String,
    pub target_id: Option<ResourceId>,
    pub request_id: Option<String>,
    pub address: Option<String>,
    pub detail: String,
}

/// A page of a trail, newest first: its events, and behind which id the next page begins.
#[derive(Debug)]
pub struct Page {
    pub events: Vec<StoredEvent>,
    pub next: Option<EventId>,
}

/// The events that are wanted, newest first, behind `before`. A page that has looked through many events ends
/// even where it found few.
///
/// # Errors
/// The database's.
pub fn page(
    connection: &mut Connection,
    organization: OrganizationId,
    wanted: &Wanted,
    before: Option<EventId>,
    limit: i64,
) -> Result<Page> {
    let before = before.unwrap_or(EventId::from_bytes([u8::MAX; 16]));
    let floor = if wanted.filters() { floor(connection, organization, before)? } else { None };
    let mut sql = Sql::new(
        "SELECT id, at, actor, action, target_kind, target_id, request_id, address, detail FROM audit_events \
         WHERE organization_id = ? AND id < ?",
    )
    .bind(organization)
    .bind(before);
    if let Some(floor) = floor {
        sql.push(" AND id >= ").push_bind(floor);
    }
    wanted.push_to(&mut sql, connection.is_sqlite());
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(limit + 1);
    let mut events = load(connection, sql)?;
    let next = if i64::try_from(events.len()).unwrap_or(i64::MAX) > limit {
        events.pop();
        events.last().map(|event| event.id)
    } else {
        floor
    };
    Ok(Page { events, next })
}

fn load(connection: &mut Connection, sql: Sql) -> Result<Vec<StoredEvent>> {
    type Columns = (SqlId, BigInt, Text, Text, Text, Nullable<SqlId>, Nullable<Text>, Nullable<Text>, Text);
    type Row = (EventId, i64, String, String, String, Option<ResourceId>, Option<String>, Option<String>, String);
    let event = |(id, at, actor, action, target_kind, target_id, request_id, address, detail): Row| StoredEvent {
        id,
        at,
        actor,
        action,
        target_kind,
        target_id,
        request_id,
        address,
        detail,
    };
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(event).collect())
}

/// The last event that is looked at, if there are more than are.
fn floor(connection: &mut Connection, organization: OrganizationId, before: EventId) -> Result<Option<EventId>> {
    Sql::new("SELECT id FROM audit_events WHERE organization_id = ? AND id < ? ORDER BY id DESC LIMIT 1 OFFSET ?")
        .bind(organization)
        .bind(before)
        .bind(WINDOW - 1)
        .first::<SqlId, EventId>(connection)
        .map_err(database_error)
}

impl Wanted {
    /// Whether it leaves out some of what was done in its time.
    const fn filters(&self) -> bool {
        !self.actors.is_empty() || self.action.is_some() || self.target.is_some() || self.search.is_some()
    }

    fn push_to(&self, sql: &mut Sql, sqlite: bool) {
        super::push_time(sql, self.from, self.to);
        if !self.actors.is_empty() {
            sql.push(" AND actor IN ").push_list(self.actors.iter().map(String::as_str));
        }
        if let Some(action) = &self.action {
            sql.push(" AND (action = ").push_bind(action.as_str());
            sql.push(" OR action LIKE ").push_bind(format!("{}.%", super::plain(action))).push(" ESCAPE '\\')");
        }
        match &self.target {
            Some(Target::Id(id)) => sql.push(" AND target_id = ").push_bind(*id),
            Some(Target::Kind(kind)) => sql.push(" AND target_kind = ").push_bind(kind.as_str()),
            None => sql,
        };
        if let Some(search) = &self.search {
            sql.push(" AND (actor || ' ' || action || ' ' || COALESCE(request_id, '') || ' ' || COALESCE(address, '') || ' ' || detail)");
            sql.push(if sqlite { " LIKE " } else { " ILIKE " });
            sql.push_bind(format!("%{}%", super::plain(search))).push(" ESCAPE '\\'");
        }
    }
}
