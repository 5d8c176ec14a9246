//! Queries (RFC 7644 §3.4.2): filter, sort, index and cursor paging (RFC 9865).
//!
//! What indexes can answer is answered by the database. For the rest at most `unindexed_limit`
//! resources are read and the evaluator decides; beyond that the client is told which attribute
//! stood in the way (`tooMany`).

mod evaluated;
mod indexed;
mod relations;
mod sort;
mod walks;

use super::answer::{Members, Relations, Shown};
use super::cursor::{self, Position};
use super::{Caller, Service};
use crate::error::{Code, Error, Result};
use crate::scim::filter::Filter;
use crate::scim::registry::{Kind, ResourceType};
use crate::store::connection::Connection;
use crate::store::filter_sql::{self, Place, Predicate};
use crate::store::resources::Resource;

pub(super) use self::relations::add_relations;
use self::sort::Sort;
pub(super) use self::sort::{Row, SortKey, is_sorted_by, order, sort_key};
pub use self::walks::Walks;

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
    /// `totalResults`: all that the filter finds, not only this page's.
    pub total: i64,
    /// 1-based.
    pub start_index: i64,
    pub resources: Vec<Shown>,
    /// Where the next page begins; `None` on the last one and without a cursor in the query.
    pub next_cursor: Option<String>,
    /// Whether the client pages by cursor: then `startIndex` is left out (RFC 9865 §2).
    pub by_cursor: bool,
}

impl Page {
    /// The `startIndex` of the page behind this one.
    pub(super) fn next_index(&self) -> i64 {
        self.start_index.saturating_add(i64::try_from(self.resources.len()).unwrap_or(i64::MAX))
    }
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
    let walk = (caller.token, fingerprint);
    let position = match query.cursor.as_deref() {
        None => service.walks.at(walk, query.start_index).map(|(_, position)| position),
        Some(text) => Some(cursor::read(&service.cursor_key, text, fingerprint, query.count, now)?),
    };
    let count = page_size(service, query)?;
    let Found { mut page, next } = find(connection, service, caller, kind, query, position, count)?;
    match next {
        Some(next) if query.cursor.is_some() => {
            let expires = now.plus_seconds(service.options.cursor_lifetime_seconds);
            let begun_with = query.count.unwrap_or(count);
            page.next_cursor = Some(cursor::write(&service.cursor_key, &next, fingerprint, begun_with, expires));
        }
        Some(next) => service.walks.remember(walk, page.next_index(), kind, next),
        None => {}
    }
    if query.relations != Relations::None {
        add_relations(connection, caller, kind, query.relations, &mut page.resources)?;
    }
    Ok(page)
}

/// How many resources a page has at most. With a cursor a larger count is an error (RFC 9865 §2.1),
/// else it means as many as there can be (RFC 7644 §3.4.2.4).
///
/// # Errors
/// `invalidCount`.
pub(super) fn page_size(service: &Service, query: &Query) -> Result<i64> {
    let largest = service.options.max_page_size;
    if query.cursor.is_some() && query.count.is_some_and(|count| count > largest) {
        return Err(Error::new(Code::InvalidCount, format!("count must be between 0 and {largest}.")));
    }
    Ok(query.count.unwrap_or(service.options.default_page_size).clamp(0, largest))
}

/// A page and where the next one begins.
pub(super) struct Found {
    pub(super) page: Page,
    pub(super) next: Option<Position>,
}

/// How the resources of a page are found.
struct Plan<'a> {
    query: &'a Query,
    position: Option<Position>,
    count: i64,
    place: Place<'a>,
    filter: Option<Filter>,
    predicate: Predicate,
    sort: Option<Sort>,
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
    let filter = query.filter.as_deref().map(|text| parse(text, caller, kind, query)).transpose()?;
    let place = Place { organization: caller.organization, kind, storage: &service.storage };
    let predicate = match &filter {
        Some(filter) => filter_sql::predicate(filter, place),
        None => Predicate { sql: None, exact: true, narrow: false },
    };
    let sort = Sort::asked(query, resource_type);
    let plan = Plan { query, position, count, place, filter, predicate, sort };
    if plan.predicate.exact && plan.sort.as_ref().is_none_or(Sort::is_indexed) {
        indexed::page(connection, caller, &plan)
    } else {
        evaluated::page(connection, service, caller, &plan)
    }
}

/// Reads a filter; over all types it may name attributes that the other type alone has.
fn parse(text: &str, caller: &Caller, kind: Kind, query: &Query) -> Result<Filter> {
    let resource_type = |kind| -> &ResourceType { caller.registry.resource_type(kind) };
    if query.over_all_types {
        let other = if kind == Kind::User { Kind::Group } else { Kind::User };
        Filter::parse_among(text, resource_type(kind), resource_type(other))
    } else {
        Filter::parse(text, resource_type(kind))
    }
}

impl Plan<'_> {
    /// What a resource is sorted by.
    fn sort_key(&self, caller: &Caller, resource: &Resource) -> Result<Option<SortKey>> {
        let Some(sort) = &self.sort else { return Ok(None) };
        let kind = self.place.kind;
        let text = bare(kind, resource.clone()).text(&caller.base);
        let value = serde_json::from_str(&text).map_err(Error::internal)?;
        Ok(sort_key(&value, &sort.path, caller.registry.resource_type(kind)))
    }

    /// The answer with these resources.
    fn found(&self, total: i64, resources: Vec<Resource>, next: Option<Position>) -> Found {
        let resources = resources.into_iter().map(|resource| bare(self.place.kind, resource)).collect();
        let page = Page {
            total,
            start_index: self.query.start_index.max(1),
            resources,
            next_cursor: None,
            by_cursor: self.query.cursor.is_some(),
        };
        Found { page, next }
    }
}

/// A resource without what it is related to.
fn bare(kind: Kind, resource: Resource) -> Shown {
    Shown { kind, resource, groups: Vec::new(), members: Members::Left }
}
