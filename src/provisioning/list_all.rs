//! Queries over all resource types (RFC 7644 §3.4.2.1): users, then groups; one order when sorted.

use serde_json::Value;

use super::answer::{Relations, Shown};
use super::cursor::{self, Position};
use super::list::{Found, Page, Query, SortKey, add_relations, find, order, page_size, sort_key};
use super::{Caller, Service};
use crate::error::{Code, Error, Result};
use crate::scim::registry::Kind;
use crate::store::connection::Connection;

/// Answers a query on everything; `relations` says for each kind what is shown beside its documents.
///
/// # Errors
/// `invalidFilter`, `tooMany`, `invalidCursor`, `expiredCursor`, `invalidCount`.
pub fn list_all(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    query: &Query,
    relations: impl Fn(Kind) -> Relations,
) -> Result<Page> {
    let query = &Query { over_all_types: true, ..query.clone() };
    let count = page_size(service, query)?;
    let begins = match query.cursor.as_deref() {
        Some(text) => Some(position(service, query, text)?),
        None => None,
    };
    let mut found = if query.sort_by.is_some() {
        sorted(connection, service, caller, query, begins.map(|(_, position)| position), count)?
    } else {
        in_turn(connection, service, caller, query, begins, count)?
    };
    if let (Some((kind, position)), true) = (found.next, query.cursor.is_some()) {
        let expires = service.clock.now().plus_seconds(service.options.cursor_lifetime_seconds);
        let (key, fingerprint) = (&service.cursor_key, cursor::fingerprint(kind, query));
        let begun_with = query.count.unwrap_or(count);
        found.page.next_cursor = Some(cursor::write(key, position, fingerprint, begun_with, expires));
    }
    for shown in &mut found.page.resources {
        let relations = relations(shown.kind);
        if relations != Relations::None {
            add_relations(connection, caller, shown.kind, relations, std::slice::from_mut(shown))?;
        }
    }
    Ok(found.page)
}

/// A page, and the kind and place where the next one begins.
struct Everything {
    page: Page,
    next: Option<(Kind, Position)>,
}

/// Reads a cursor; what it is signed for tells the kind it stands in.
fn position(service: &Service, query: &Query, text: &str) -> Result<(Kind, Position)> {
    let now = service.clock.now();
    let read = |kind| cursor::read(&service.cursor_key, text, cursor::fingerprint(kind, query), query.count, now);
    match read(Kind::User) {
        Err(error) if error.code == Code::InvalidCursor => read(Kind::Group).map(|position| (Kind::Group, position)),
        position => position.map(|position| (Kind::User, position)),
    }
}

/// Users up to their last, then groups.
fn in_turn(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    query: &Query,
    begins: Option<(Kind, Position)>,
    count: i64,
) -> Result<Everything> {
    let mut page = empty(query);
    let mut next = None;
    for kind in Kind::ALL.into_iter().filter(|kind| begins.is_none_or(|(begins, _)| *kind >= begins)) {
        let room = count - length(&page);
        let part = Query { start_index: (query.start_index - page.total).max(1), ..query.clone() };
        let position = begins.map(|(begins, position)| {
            let here = if kind == begins { position } else { Position::FIRST };
            Position { total: Position::FIRST.total, ..here }
        });
        let Found { page: found, next: behind } = find(connection, service, caller, kind, &part, position, room)?;
        if next.is_none() {
            let begins_here = (room == 0 && found.total > 0).then_some(Position::FIRST);
            next = behind.or(begins_here).map(|position| (kind, position));
        }
        page.total += found.total;
        page.resources.extend(found.resources);
    }
    // A cursor carries the total that the first page told, which is that of everything.
    page.total = begins.map(|(_, position)| position.total).filter(|total| *total >= 0).unwrap_or(page.total);
    let total = page.total;
    let next = next.filter(|_| count > 0).map(|(kind, position)| (kind, Position { total, ..position }));
    Ok(Everything { page, next })
}

/// Both kinds in one order; what comes before the page is read too, so only so much is offered.
fn sorted(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    query: &Query,
    position: Option<Position>,
    count: i64,
) -> Result<Everything> {
    let offset = position.map_or(query.start_index - 1, |position| position.offset).max(0);
    let end = offset.saturating_add(count);
    if end > service.options.unindexed_limit {
        let detail = "A sorted query over all resource types cannot be read so far. Query /Users and /Groups instead.";
        return Err(Error::new(Code::TooMany, detail));
    }
    let mut page = empty(query);
    let mut all: Vec<(Option<SortKey>, Shown)> = Vec::new();
    let path = query.sort_by.as_deref().unwrap_or_default();
    for kind in Kind::ALL {
        let part = Query { start_index: 1, cursor: None, ..query.clone() };
        let found = find(connection, service, caller, kind, &part, None, end)?.page;
        page.total += found.total;
        for shown in found.resources {
            let value: Value = serde_json::from_str(&shown.text(&caller.base)).map_err(Error::internal)?;
            all.push((sort_key(&value, path, caller.registry.resource_type(kind)), shown));
        }
    }
    all.sort_by(|(a, _), (b, _)| order(a.as_ref(), b.as_ref(), query.descending));
    let number = |number: i64| usize::try_from(number).unwrap_or(0);
    page.resources = all.into_iter().skip(number(offset)).take(number(count)).map(|(_, shown)| shown).collect();
    let total = page.total;
    let next = (end < total && count > 0).then_some((Kind::User, Position { after: None, offset: end, total }));
    Ok(Everything { page, next })
}

fn empty(query: &Query) -> Page {
    Page {
        total: 0,
        start_index: query.start_index.max(1),
        resources: Vec::new(),
        next_cursor: None,
        by_cursor: query.cursor.is_some(),
    }
}

fn length(page: &Page) -> i64 {
    i64::try_from(page.resources.len()).unwrap_or(i64::MAX)
}
