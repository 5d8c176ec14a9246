//! Queries over all resource types (RFC 7644 §3.4.2.1): users, then groups; one order when sorted.

use serde_json::Value;

use super::answer::{Relations, Shown};
use super::cursor::{self, Position};
use super::list::{Found, Page, Query, Row, SortKey, add_relations, find, is_sorted_by, order, page_size, sort_key};
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
    let walk = (caller.token, cursor::fingerprint(Kind::User, query));
    let begins = match query.cursor.as_deref() {
        Some(text) => Some(position(service, query, text)?),
        None => service.walks.at(walk, query.start_index),
    };
    let mut found = match query.sort_by.as_deref() {
        Some(path) if Kind::ALL.iter().any(|kind| is_sorted_by(path, caller.registry.resource_type(*kind))) => {
            sorted(connection, service, caller, query, begins.map(|(_, position)| position), count)?
        }
        _ => in_turn(connection, service, caller, query, begins.as_ref(), count)?,
    };
    match found.next {
        Some((kind, position)) if query.cursor.is_some() => {
            let expires = service.clock.now().plus_seconds(service.options.cursor_lifetime_seconds);
            let (key, fingerprint) = (&service.cursor_key, cursor::fingerprint(kind, query));
            let begun_with = query.count.unwrap_or(count);
            found.page.next_cursor = Some(cursor::write(key, &position, fingerprint, begun_with, expires));
        }
        Some((kind, position)) => service.walks.remember(walk, found.page.next_index(), kind, position),
        None => {}
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
    begins: Option<&(Kind, Position)>,
    count: i64,
) -> Result<Everything> {
    let mut page = empty(query);
    let mut next = None;
    for kind in Kind::ALL.into_iter().filter(|kind| begins.is_none_or(|(begins, _)| kind >= begins)) {
        let room = count - length(&page);
        let part = Query { start_index: (query.start_index - page.total).max(1), ..query.clone() };
        let position = begins.map(|(begins, position)| {
            let here = if kind == *begins { position } else { &Position::FIRST };
            Position { total: Position::FIRST.total, ..here.clone() }
        });
        let Found { page: found, next: behind } = find(connection, service, caller, kind, &part, position, room)?;
        if next.is_none() {
            let begins_here = (room == 0 && found.total > 0).then_some(Position::FIRST);
            next = behind.or(begins_here).map(|position| (kind, position));
        }
        page.total += found.total;
        page.resources.extend(found.resources);
    }
    // A walk carries the total that the first page told, which is that of everything.
    page.total = begins.map(|(_, position)| position.total).filter(|total| *total >= 0).unwrap_or(page.total);
    let total = page.total;
    let next = next.filter(|_| count > 0).map(|(kind, position)| (kind, Position { total, ..position }));
    Ok(Everything { page, next })
}

/// Both kinds in one order. Where no walk is continued, what comes before the page is read too, so only
/// so much is offered.
fn sorted(
    connection: &mut Connection,
    service: &Service,
    caller: &Caller,
    query: &Query,
    position: Option<Position>,
    count: i64,
) -> Result<Everything> {
    let skipped = if position.is_some() { 0 } else { (query.start_index - 1).max(0) };
    let wanted = skipped.saturating_add(count);
    if wanted > service.options.unindexed_limit {
        let detail = "A sorted query over all resource types cannot be read so far. Query /Users and /Groups instead.";
        return Err(Error::new(Code::TooMany, detail));
    }
    let number = |number: i64| usize::try_from(number).unwrap_or(0);
    let mut page = empty(query);
    let mut all: Vec<(Option<SortKey>, Shown)> = Vec::new();
    let mut more = false;
    let path = query.sort_by.as_deref().unwrap_or_default();
    for kind in Kind::ALL {
        let resource_type = caller.registry.resource_type(kind);
        let keyed = is_sorted_by(path, resource_type);
        // What the order says nothing of stands together, in the order of ids.
        let sort_by = if keyed { query.sort_by.clone() } else { Some("id".to_owned()) };
        let part = Query { sort_by, start_index: 1, ..query.clone() };
        let (begins, wanted) = match position.as_ref().map(|position| part_of(position, keyed, query.descending)) {
            None => (None, wanted),
            Some(Some(begins)) => (Some(begins), wanted),
            Some(None) => (None, 0),
        };
        let Found { page: found, next } = find(connection, service, caller, kind, &part, begins, wanted)?;
        more |= next.is_some();
        page.total += found.total;
        for shown in found.resources {
            let value: Value = serde_json::from_str(&shown.text(&caller.base)).map_err(Error::internal)?;
            all.push((sort_key(&value, path, resource_type), shown));
        }
    }
    all.sort_by(|a, b| order(row(a), row(b), query.descending));
    more |= all.len() > number(wanted);
    all.truncate(number(wanted));
    page.total = page.total.max(position.map_or(0, |position| position.total));
    let last = all.last().filter(|_| more && count > 0);
    let next =
        last.map(|(key, shown)| Position { after: Some(shown.resource.id), key: key.clone(), total: page.total });
    page.resources = all.into_iter().skip(number(skipped)).map(|(_, shown)| shown).collect();
    Ok(Everything { page, next: next.map(|position| (Kind::User, position)) })
}

fn row((key, shown): &(Option<SortKey>, Shown)) -> Row<'_> {
    Row { key: key.as_ref(), id: shown.resource.id }
}

/// Where one type begins behind a row of either; `None` when all of it stands before that.
fn part_of(position: &Position, keyed: bool, descending: bool) -> Option<Position> {
    let position = Position { total: Position::FIRST.total, ..position.clone() };
    match (keyed, &position.key, position.after) {
        (true, ..) | (false, _, None) => Some(position),
        (false, None, Some(after)) => Some(Position { key: Some(after.to_string()), ..position }),
        // Without a value one comes last in ascending order, first in descending.
        (false, Some(_), _) => (!descending).then_some(Position::FIRST),
    }
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
