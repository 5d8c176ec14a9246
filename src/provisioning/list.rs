//! Queries (RFC 7644 §3.4.2): filter, sort, index and cursor paging (RFC 9865).
//!
//! What indexes can answer is answered by the database. For the rest at most `unindexed_limit`
//! resources are read and the evaluator decides; beyond that the client is told which attribute
//! stood in the way (`tooMany`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use diesel::sql_types::BigInt;
use serde_json::Value;

use super::answer::{Members, Relations, Shown};
use super::cursor::{self, Position};
use super::{Caller, Service, groups};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{ResourceId, TokenId};
use crate::scim::filter::{AttributeRef, Filter};
use crate::scim::registry::{Kind, Named, ResourceType};
use crate::scim::schema::{AttributeType, Returned};
use crate::store::connection::Connection;
use crate::store::filter_sql::{self, Place, Predicate};
use crate::store::group_members::Membership;
use crate::store::resources::{COLUMNS, Resource, ResourceColumns, ResourceRow, from_row};
use crate::store::sql::{Sql, SqlId};
use crate::store::{database_error, group_members, organizations};

/// A query as the client asked it.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub filter: Option<String>,
    pub sort_by: Option<String>,
    pub descending: bool,
    /// 1-based; 1 when the client gave none.
    pub start_index: i64,
    pub count: Option<i64>,
    /// `Some("")` asks for the first page by cursor (RFC 9865 §2).
    pub cursor: Option<String>,
    /// Whether the answer shows a User's groups or a Group's members.
    pub relations: Relations,
    /// Whether resources of every type are asked for (RFC 7644 §3.4.2.1).
    pub over_all_types: bool,
}

/// A page.
#[derive(Debug)]
pub struct Page {
    pub total: i64,
    pub start_index: i64,
    pub resources: Vec<Shown>,
    pub next_cursor: Option<String>,
    pub by_cursor: bool,
}

/// Where walks by `startIndex` stand, by token and query: the next page continues from the key
/// where the last one ended, so that deletions meanwhile lose nobody and no offset is counted.
#[derive(Debug, Default)]
pub struct Walks(Mutex<HashMap<(TokenId, u64), Walk>>);

#[derive(Clone, Copy, Debug)]
struct Walk {
    next_index: i64,
    after: ResourceId,
    total: i64,
}

/// Walks remembered at most; a forgotten one continues by counting.
const WALKS: usize = 4_096;

impl Walks {
    fn at(&self, walk: (TokenId, u64), start_index: i64) -> Option<Walk> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.get(&walk).copied().filter(|known| known.next_index == start_index && start_index > 1)
    }

    fn remember(&self, walk: (TokenId, u64), at: Walk) {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if walks.len() >= WALKS && !walks.contains_key(&walk) {
            walks.clear();
        }
        walks.insert(walk, at);
    }
}

/// How the resources of a page are found.
struct Plan<'a> {
    place: Place<'a>,
    filter: Option<Filter>,
    predicate: Option<Sql>,
    exact: bool,
    narrow: bool,
    sort: Option<Sort>,
}

struct Sort {
    path: String,
    column: Option<&'static str>,
    descending: bool,
}

/// Answers a query on one resource type.
///
/// # Errors
/// `invalidFilter`, `tooMany`, `invalidCursor`, `expiredCursor`, `invalidCount`.
pub fn list(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    kind: Kind,
    query: &Query,
) -> Result<Page> {
    let fingerprint = cursor::fingerprint(kind, query);
    let now = service.clock.now();
    let position = match query.cursor.as_deref() {
        None => None,
        Some(text) => Some(cursor::read(&service.cursor_key, text, fingerprint, query.count, now)?),
    };
    let count = page_size(service, query)?;
    let mut page = find(connection, service, caller, kind, query, position, count)?;
    if let Some(next) = page.next.filter(|_| query.cursor.is_some()) {
        let expires = now.plus_seconds(service.options.cursor_lifetime_seconds);
        page.page.next_cursor =
            Some(cursor::write(&service.cursor_key, next, fingerprint, query.count.unwrap_or(count), expires));
    }
    if query.relations != Relations::None {
        add_relations(connection, caller, kind, query.relations, &mut page.page.resources)?;
    }
    Ok(page.page)
}

/// How many resources a page has at most. With a cursor a larger count is an error (RFC 9865 §2.1),
/// else it means as many as there can be (RFC 7644 §3.4.2.4).
///
/// # Errors
/// `invalidCount`.
pub(super) fn page_size(service: &Service, query: &Query) -> Result<i64> {
    let largest = service.options.max_page_size;
    let count = query.count.unwrap_or(service.options.default_page_size);
    if query.cursor.is_some() && count > largest {
        return Err(Error::new(Code::InvalidCount, format!("count must be between 0 and {largest}.")));
    }
    Ok(count.clamp(0, largest))
}

/// A page and where the next one begins.
pub(super) struct Found {
    pub(super) page: Page,
    pub(super) next: Option<Position>,
}

/// Finds a page, without what its resources are related to.
///
/// # Errors
/// `invalidFilter`, `tooMany`.
pub(super) fn find(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    kind: Kind,
    query: &Query,
    position: Option<Position>,
    count: i64,
) -> Result<Found> {
    let resource_type = caller.registry.resource_type(kind);
    let other = caller.registry.resource_type(if kind == Kind::User { Kind::Group } else { Kind::User });
    let parse = |text: &str| {
        if query.over_all_types {
            Filter::parse_among(text, resource_type, other)
        } else {
            Filter::parse(text, resource_type)
        }
    };
    let filter = query.filter.as_deref().map(parse).transpose()?;
    let plan = plan(service, caller, kind, filter, sort(query, resource_type));
    if plan.exact && plan.sort.as_ref().is_none_or(|sort| sort.column.is_some()) {
        by_index(connection, service, caller, &plan, query, position, count, cursor::fingerprint(kind, query))
    } else {
        by_evaluation(connection, service, caller, &plan, query, position, count)
    }
}

fn plan<'a>(service: &'a Service, caller: &Caller, kind: Kind, filter: Option<Filter>, sort: Option<Sort>) -> Plan<'a> {
    let place = Place { organization: caller.organization, kind, storage: &service.storage };
    let predicate = match &filter {
        Some(filter) => filter_sql::predicate(filter, place),
        None => Predicate { sql: None, exact: true, narrow: false },
    };
    Plan { place, filter, predicate: predicate.sql, exact: predicate.exact, narrow: predicate.narrow, sort }
}

fn sort(query: &Query, resource_type: &ResourceType) -> Option<Sort> {
    // A sortBy that names nothing sorts nothing (RFC 7644 §3.4.2.3 asks for no error).
    let Named::Attribute(target) = resource_type.resolve(query.sort_by.as_deref()?)? else { return None };
    // An order would tell what is never returned.
    if [target.attribute, target.leaf()].iter().any(|attribute| attribute.returned == Returned::Never) {
        return None;
    }
    let sub = target.sub_attribute.map(|sub| sub.name.as_str());
    let column = match (target.extension, target.attribute.name.as_str(), sub) {
        (None, "userName", None) => Some("r.user_name_key"),
        (None, "displayName", None) => Some("r.display_name_key"),
        (None, "externalId", None) => Some("r.external_id"),
        (None, "id", None) => Some("r.id"),
        (None, "meta", Some("created")) => Some("r.created_at"),
        (None, "meta", Some("lastModified")) => Some("r.updated_at"),
        _ => None,
    };
    Some(Sort { path: query.sort_by.clone().unwrap_or_default(), column, descending: query.descending })
}

fn order_by(sort: Option<&Sort>) -> String {
    match sort.and_then(|sort| Some((sort.column?, sort.descending))) {
        // Unassigned values come last in ascending order and first in descending (RFC 7644 §3.4.2.3).
        Some((column, false)) => format!(" ORDER BY ({column} IS NULL), {column}, r.id"),
        Some((column, true)) => format!(" ORDER BY ({column} IS NULL) DESC, {column} DESC, r.id DESC"),
        None => " ORDER BY r.id".to_owned(),
    }
}

#[expect(clippy::too_many_arguments, reason = "the whole of one query")]
fn by_index(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    plan: &Plan<'_>,
    query: &Query,
    position: Option<Position>,
    count: i64,
    fingerprint: u64,
) -> Result<Found> {
    if position.is_none_or(|position| position == Position::FIRST)
        && query.start_index <= 1
        && let Some(found) = handful(connection, plan, query, count)?
    {
        return Ok(found);
    }
    let walk = (caller.token, fingerprint);
    let known =
        if plan.sort.is_none() && position.is_none() { service.walks.at(walk, query.start_index) } else { None };
    let total = match (known, position.map(|position| position.total).filter(|total| *total >= 0)) {
        (Some(known), _) => known.total,
        (None, Some(total)) => total,
        (None, None) => total(connection, plan)?,
    };
    let (after, offset) = match (known, position) {
        (Some(known), _) => (Some(known.after), 0),
        (None, Some(position)) => (position.after, position.offset),
        (None, None) => (None, (query.start_index - 1).max(0)),
    };
    // One row more tells whether a cursor's page is the last (RFC 9865 §2: it has no nextCursor).
    let ahead = i64::from(position.is_some());
    let mut resources = if count == 0 { Vec::new() } else { rows(connection, plan, after, offset, count + ahead)? };
    let full = i64::try_from(resources.len()).unwrap_or(0) == count + ahead && count > 0;
    resources.truncate(usize::try_from(count).unwrap_or(0));
    let last = resources.last().map(|resource| resource.id);
    if let (None, None, Some(after), true) = (&plan.sort, position, last, full) {
        service.walks.remember(walk, Walk { next_index: query.start_index + count, after, total });
    }
    let next = match (full, plan.sort.is_none(), last) {
        (true, true, Some(after)) => Some(Position { after: Some(after), offset: 0, total }),
        (true, false, _) => Some(Position { after: None, offset: offset + count, total }),
        _ => None,
    };
    Ok(Found { page: page(plan, query, total, resources), next })
}

/// Resources a narrow filter most often finds at most.
const HANDFUL: usize = 32;

/// The first page of a filter that an index answers, read whole and counted here, in one statement.
/// `None` when there is more than a handful.
fn handful(connection: &mut Connection, plan: &Plan<'_>, query: &Query, count: i64) -> Result<Option<Found>> {
    if !plan.narrow || plan.sort.is_some() {
        return Ok(None);
    }
    let mut sql = Sql::new("SELECT ");
    // No ORDER BY: it would make the planner walk the primary key instead of the filter's index.
    sql.push(COLUMNS).append(filter_sql::from_where(plan.place, plan.predicate.as_ref())).push(" LIMIT ");
    sql.push_bind(i64::try_from(HANDFUL).unwrap_or(0) + 1);
    let rows = sql.load::<ResourceColumns, ResourceRow>(connection).map_err(database_error)?;
    if rows.len() > HANDFUL {
        return Ok(None);
    }
    let total = i64::try_from(rows.len()).unwrap_or(0);
    let mut resources: Vec<Resource> = rows.into_iter().map(from_row).collect();
    resources.sort_unstable_by_key(|resource| resource.id);
    resources.truncate(usize::try_from(count).unwrap_or(0));
    let last = resources.last().filter(|_| count < total).map(|resource| resource.id);
    let next = last.map(|after| Position { after: Some(after), offset: 0, total });
    Ok(Some(Found { page: page(plan, query, total, resources), next }))
}

fn total(connection: &mut Connection, plan: &Plan<'_>) -> Result<i64> {
    if plan.filter.is_none() {
        // Counted in the transaction of each change, not here.
        let usage = organizations::usage(connection, plan.place.organization)?;
        return Ok(match plan.place.kind {
            Kind::User => usage.users,
            Kind::Group => usage.groups,
        });
    }
    let mut sql = Sql::new("SELECT count(*)");
    sql.append(filter_sql::from_where(plan.place, plan.predicate.as_ref()));
    Ok(sql.first::<BigInt, i64>(connection).map_err(database_error)?.unwrap_or(0))
}

/// The rows of a page; with an offset the ids come from the covering index first.
fn rows(
    connection: &mut Connection,
    plan: &Plan<'_>,
    after: Option<ResourceId>,
    offset: i64,
    count: i64,
) -> Result<Vec<Resource>> {
    let order = order_by(plan.sort.as_ref());
    let mut from = filter_sql::from_where(plan.place, plan.predicate.as_ref());
    if let Some(after) = after {
        from.push(" AND r.id > ").push_bind(after);
    }
    let mut sql = Sql::new("SELECT ");
    if offset > 0 {
        let mut ids = Sql::new("SELECT r.id");
        ids.append(from).push(&order).push(" LIMIT ").push_bind(count).push(" OFFSET ").push_bind(offset);
        let ids = ids.load::<SqlId, ResourceId>(connection).map_err(database_error)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        sql.push(COLUMNS)
            .append(filter_sql::from_where(plan.place, None))
            .push(" AND r.id IN ")
            .push_list(ids)
            .push(&order);
    } else {
        sql.push(COLUMNS).append(from).push(&order).push(" LIMIT ").push_bind(count);
    }
    Ok(sql
        .load::<ResourceColumns, ResourceRow>(connection)
        .map_err(database_error)?
        .into_iter()
        .map(from_row)
        .collect())
}

/// The database narrows, the evaluator decides.
fn by_evaluation(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    plan: &Plan<'_>,
    query: &Query,
    position: Option<Position>,
    count: i64,
) -> Result<Found> {
    let limit = service.options.unindexed_limit;
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS)
        .append(filter_sql::from_where(plan.place, plan.predicate.as_ref()))
        .push(" ORDER BY r.id LIMIT ")
        .push_bind(limit + 1);
    let candidates = sql.load::<ResourceColumns, ResourceRow>(connection).map_err(database_error)?;
    if i64::try_from(candidates.len()).unwrap_or(i64::MAX) > limit {
        return Err(too_many(plan, limit));
    }
    let resource_type = caller.registry.resource_type(plan.place.kind);
    let relations = plan.filter.as_ref().is_some_and(names_relations)
        || plan.sort.as_ref().is_some_and(|sort| sorts_by_relations(&sort.path, resource_type));
    let mut matches: Vec<(Option<SortKey>, Resource)> = Vec::new();
    for candidates in candidates.chunks(500) {
        let mut shown: Vec<Shown> = candidates.iter().map(|row| bare(plan.place.kind, from_row(row.clone()))).collect();
        if relations {
            add_all_relations(connection, caller, plan.place.kind, &mut shown)?;
        }
        for shown in shown {
            let value: Value = serde_json::from_str(&shown.text(&caller.base)).map_err(Error::internal)?;
            if plan.filter.as_ref().is_none_or(|filter| filter.matches(&value)) {
                let key = plan.sort.as_ref().and_then(|sort| sort_key(&value, &sort.path, resource_type));
                matches.push((key, shown.resource));
            }
        }
    }
    if let Some(sort) = &plan.sort {
        matches.sort_by(|(a, _), (b, _)| order(a.as_ref(), b.as_ref(), sort.descending));
    }
    let total = i64::try_from(matches.len()).unwrap_or(i64::MAX);
    let offset = position.map_or(query.start_index - 1, |position| position.offset).max(0);
    let take = |number: i64| usize::try_from(number).unwrap_or(0);
    let resources: Vec<Resource> =
        matches.into_iter().skip(take(offset)).take(take(count)).map(|(_, resource)| resource).collect();
    let end = offset + i64::try_from(resources.len()).unwrap_or(0);
    let next = (end < total && count > 0).then_some(Position { after: None, offset: end, total });
    Ok(Found { page: page(plan, query, total, resources), next })
}

fn page(plan: &Plan<'_>, query: &Query, total: i64, resources: Vec<Resource>) -> Page {
    Page {
        total,
        start_index: query.start_index.max(1),
        resources: resources.into_iter().map(|resource| bare(plan.place.kind, resource)).collect(),
        next_cursor: None,
        by_cursor: query.cursor.is_some(),
    }
}

fn bare(kind: Kind, resource: Resource) -> Shown {
    Shown { kind, resource, groups: Vec::new(), members: Members::Left }
}

pub(super) type SortKey = String;

/// The primary or first value of a multi-valued attribute decides (RFC 7644 §3.4.2.3).
pub(super) fn sort_key(resource: &Value, path: &str, resource_type: &ResourceType) -> Option<SortKey> {
    let Named::Attribute(target) = resource_type.resolve(path)? else { return None };
    let holder = match target.extension {
        Some(schema) => resource.get(&schema.id)?,
        None => resource,
    };
    let mut value = holder.get(&target.attribute.name)?;
    if let Value::Array(values) = value {
        value =
            values.iter().find(|value| value.get("primary") == Some(&Value::Bool(true))).or_else(|| values.first())?;
    }
    // `sortBy=emails` means `emails.value`, as in filters.
    let sub = target.sub_attribute.or_else(|| target.attribute.sub_attribute("value"));
    let (leaf, value) = match sub {
        Some(sub) => (sub, value.get(&sub.name)?),
        None => (target.attribute, value),
    };
    match value {
        // An empty text is no value, so it stands with the unassigned ones.
        Value::String(text) if text.is_empty() => None,
        Value::String(text) if leaf.kind == AttributeType::DateTime => {
            // Two zones can tell the same time. The sign bit is flipped, so that times before 1970 come first.
            Timestamp::parse(text).map(|at| format!("{:016x}", at.0.cast_unsigned() ^ (1 << 63)))
        }
        Value::String(text) if leaf.compares_exactly() => Some(text.clone()),
        Value::String(text) => Some(crate::text::scim_key(text)),
        Value::Number(number) => number.as_f64().map(crate::text::number_key),
        Value::Bool(boolean) => Some(boolean.to_string()),
        _ => None,
    }
}

/// Unassigned values come last in ascending order and first in descending (RFC 7644 §3.4.2.3).
pub(super) fn order(a: Option<&SortKey>, b: Option<&SortKey>, descending: bool) -> std::cmp::Ordering {
    let ascending = match (a, b) {
        (Some(a), Some(b)) => a.cmp(b),
        (None, None) => std::cmp::Ordering::Equal,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (Some(_), None) => std::cmp::Ordering::Less,
    };
    if descending { ascending.reverse() } else { ascending }
}

fn too_many(plan: &Plan<'_>, limit: i64) -> Error {
    let what = plan
        .filter
        .as_ref()
        .map(ToString::to_string)
        .or_else(|| plan.sort.as_ref().map(|sort| sort.path.clone()))
        .unwrap_or_default();
    Error::new(
        Code::TooMany,
        format!(
            "No index answers \"{what}\", and it would look at more than {limit} resources. \
             Add a clause on userName, externalId, displayName, emails.value, name.familyName, name.givenName or employeeNumber with eq or sw."
        ),
    )
}

/// Whether a filter looks at what is not in the document: memberships, and the version, which tells
/// of a User's groups too.
fn names_relations(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(names_relations),
        Filter::Not(inner) => names_relations(inner),
        Filter::ValuePath { attribute, filter } => is_relation(attribute) || names_relations(filter),
        Filter::Compare { attribute, .. } | Filter::Present(attribute) => is_relation(attribute),
    }
}

fn is_relation(attribute: &AttributeRef) -> bool {
    attribute.extension.is_none()
        && matches!(
            (attribute.name.as_str(), attribute.sub.as_deref()),
            ("groups" | "members", _) | ("meta", Some("version"))
        )
}

fn sorts_by_relations(path: &str, resource_type: &ResourceType) -> bool {
    matches!(resource_type.resolve(path), Some(Named::Attribute(target)) if is_relation(&AttributeRef::new(&target)))
}

/// The groups of a page of users with one query; the first members of a page of groups.
pub(super) fn add_relations(
    connection: &mut Connection,
    caller: &Caller,
    kind: Kind,
    relations: Relations,
    shown: &mut [Shown],
) -> Result<()> {
    match kind {
        Kind::User => add_groups(connection, caller, shown),
        Kind::Group => {
            for shown in shown {
                shown.members = groups::first_members(connection, caller.organization, shown.resource.id, relations)?;
            }
            Ok(())
        }
    }
}

fn add_all_relations(connection: &mut Connection, caller: &Caller, kind: Kind, shown: &mut [Shown]) -> Result<()> {
    match kind {
        Kind::User => add_groups(connection, caller, shown),
        Kind::Group => {
            for shown in shown {
                let members = group_members::all_named(connection, caller.organization, shown.resource.id)?;
                shown.members = Members::All(members);
            }
            Ok(())
        }
    }
}

fn add_groups(connection: &mut Connection, caller: &Caller, shown: &mut [Shown]) -> Result<()> {
    let ids: Vec<ResourceId> =
        shown.iter().filter(|shown| shown.resource.in_groups).map(|shown| shown.resource.id).collect();
    let mut of_member: HashMap<ResourceId, Vec<Membership>> = HashMap::new();
    for membership in group_members::groups_of(connection, caller.organization, &ids)? {
        of_member.entry(membership.member).or_default().push(membership);
    }
    for shown in shown {
        shown.groups = of_member.remove(&shown.resource.id).unwrap_or_default();
    }
    Ok(())
}
