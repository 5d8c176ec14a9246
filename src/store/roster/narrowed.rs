//! Which lines a page of members has (floor 2).
//!
//! The indexes begin with the role and the status, so that any of them and any order has its rows side by side. A page is
//! the first rows of each of the few places where there may be some, put together in their order: a few times as many as
//! it shows, however many members there are. Indexes of all there are would spare it that, and cost each new User more.

use super::super::sql::{Sql, Value};
use super::{Part, Query, Sort, SortKey};
use crate::id::OrganizationId;
use crate::organization::role::Role;

const ROLES: [Role; 4] = [Role::Read, Role::Write, Role::Admin, Role::Owner];
const STATUSES: [&str; 4] = ["active", "deactivated", "suspended", "waiting"];

/// One of the places: the role, and the status where there is one.
pub(super) type Place = (Role, Option<&'static str>);

/// Places that are looked at together, in the order in which they are looked at until a page is full. `None`: all
/// there are.
pub(super) fn groups(query: &Query) -> Vec<Vec<Option<Place>>> {
    if is_whole(query) {
        return vec![vec![None]];
    }
    let places = places(query);
    if !is_by_place(query) {
        return vec![places.into_iter().map(Some).collect()];
    }
    // What comes first in the order fills the page, as a rule.
    let mut groups: Vec<Vec<Option<Place>>> = if query.sort == Sort::Role {
        ROLES.map(|role| places.iter().filter(|place| place.0 == role).copied().map(Some).collect()).into()
    } else {
        STATUSES.map(|status| places.iter().filter(|place| place.1 == Some(status)).copied().map(Some).collect()).into()
    };
    groups.retain(|group| !group.is_empty());
    if query.descending {
        groups.reverse();
    }
    groups
}

/// `SELECT` of the ids of a page of these places, in its order.
pub(super) fn lines(organization: OrganizationId, query: &Query, places: &[Option<Place>], limit: i64) -> Sql {
    let direction = if query.descending { " DESC" } else { "" };
    let mut sql = Sql::new("SELECT w.id FROM (");
    for (position, place) in places.iter().enumerate() {
        // Each has a LIMIT of its own, which a compound select takes only inside parentheses.
        sql.push(if position > 0 { " UNION ALL SELECT * FROM (" } else { "SELECT * FROM (" });
        sql.append(of_place(organization, query, *place, limit)).push(") s");
    }
    sql.push(") w ORDER BY w.sorted").push(direction).push(", w.id").push(direction);
    sql.push(" LIMIT ").push_bind(limit);
    sql
}

/// Whether all there are is wanted, in the order of ids: that of the table.
fn is_whole(query: &Query) -> bool {
    let is_narrowed = query.role.is_some() || query.status.is_some() || query.begins.is_some();
    !is_narrowed && query.sort.column(query.part).is_none()
}

/// The places where there may be rows of the page.
fn places(query: &Query) -> Vec<Place> {
    let roles = ROLES.into_iter().filter(|role| query.role.is_none_or(|wanted| wanted == *role));
    let statuses: Vec<Option<&'static str>> = match query.part {
        Part::Removed => vec![None],
        Part::Members => {
            let wanted = |status: &&str| query.status.as_deref().is_none_or(|wanted| wanted == *status);
            STATUSES.into_iter().filter(wanted).map(Some).collect()
        }
    };
    let places = roles.flat_map(|role| statuses.iter().map(move |status| (role, *status)));
    places.filter(|place| is_ahead(query, *place)).collect()
}

/// Whether a place may have rows behind the last one of the page before, where the order is that of the places.
fn is_ahead(query: &Query, (role, status): Place) -> bool {
    let order = match &query.after {
        Some((SortKey::Rank(rank), _)) => role.rank().cmp(rank),
        Some((SortKey::Text(text), _)) if is_by_place(query) => status.unwrap_or_default().cmp(text),
        _ => return true,
    };
    if query.descending { order.is_le() } else { order.is_ge() }
}

/// Whether the order is that of the places: by role, or by status.
fn is_by_place(query: &Query) -> bool {
    query.sort.column(query.part).is_some_and(|(column, _)| matches!(column, "role_sort" | "status_sort"))
}

/// The first rows of one place behind the last one of the page before.
fn of_place(organization: OrganizationId, query: &Query, place: Option<Place>, limit: i64) -> Sql {
    let column = query.sort.column(query.part).map(|(column, _)| column);
    let direction = if query.descending { " DESC" } else { "" };
    let sorted = column.map_or_else(|| "0".to_owned(), |column| format!("p.{column}"));
    let select = |more: Sql| {
        let mut sql = Sql::new("SELECT p.id, ");
        sql.push(&sorted).push(" AS sorted FROM ").push(table(query.part)).push(" p WHERE p.organization_id = ");
        sql.push_bind(organization).append(more);
        sql
    };
    // What is searched for is looked up by its beginning, and put into order then.
    if let Some((email, name)) = &query.begins {
        let found = |range: Sql| {
            let mut sql = place.map(is_in).unwrap_or_default();
            sql.append(behind(query, place)).append(range);
            select(sql)
        };
        let mut sql = found(begins("email_sort", email));
        sql.push(" UNION ").append(found(begins("name_sort", name)));
        return sql;
    }
    let (within, order) = match place {
        None => (behind(query, None), String::new()),
        Some(place) if column.is_none() || is_by_place(query) => between(query, place),
        Some(place) => {
            let mut sql = is_in(place);
            sql.append(behind(query, Some(place)));
            (sql, format!("{sorted}{direction}, "))
        }
    };
    let mut sql = select(within);
    sql.push(" ORDER BY ").push(&order).push("p.id").push(direction).push(" LIMIT ").push_bind(limit);
    sql
}

const fn table(part: Part) -> &'static str {
    match part {
        Part::Members => "members",
        Part::Removed => "removed_members",
    }
}

fn is_in((role, status): Place) -> Sql {
    let mut sql = Sql::new(" AND p.role_sort = ").bind_here(role.rank());
    if let Some(status) = status {
        sql.push(" AND p.status_sort = ").push_bind(status);
    }
    sql
}

/// The rows of a place in the order of ids, and what stands before the id in `ORDER BY`.
///
/// Between two ends of its index's last column, and in the order of that column: by equality the order would be that of
/// the ids alone, which the table has too, and a planner that thinks the place large would walk the table for the few that
/// are there. Both ends are the column alone but for the one the page begins at: PostgreSQL begins a scan at a row, but
/// does not end it at one.
fn between(query: &Query, (role, status): Place) -> (Sql, String) {
    let last = if stands_in(query, (role, status)) { query.after.as_ref().map(|(_, id)| *id) } else { None };
    let (mut sql, column, value): (Sql, _, Value) = match status {
        Some(status) => (Sql::new(" AND p.role_sort = ").bind_here(role.rank()), "p.status_sort", status.into()),
        None => (Sql::default(), "p.role_sort", role.rank().into()),
    };
    let (behind, before) = if query.descending { (None, last) } else { (last, None) };
    for (comparison, last) in [(">", behind), ("<", before)] {
        match last {
            Some(last) => {
                sql.push(" AND (").push(column).push(", p.id) ").push(comparison).push(" (");
                sql.push_bind(value.clone()).push(", ").push_bind(last).push(")");
            }
            None => {
                sql.push(" AND ").push(column).push(" ").push(comparison).push("= ").push_bind(value.clone());
            }
        }
    }
    let direction = if query.descending { " DESC" } else { "" };
    (sql, format!("{column}{direction}, "))
}

/// Whether the last row of the page before is of this place, where the order is that of the places; in any other the
/// rows of each place stand before and behind it.
fn stands_in(query: &Query, (role, status): Place) -> bool {
    match &query.after {
        Some((SortKey::Rank(rank), _)) => role.rank() == *rank,
        Some((SortKey::Text(text), _)) if is_by_place(query) => status == Some(text.as_str()),
        _ => true,
    }
}

/// Behind the last row of the page before. Where the order is that of the places, those further on have all of theirs.
fn behind(query: &Query, place: Option<Place>) -> Sql {
    let mut sql = Sql::default();
    let Some((key, id)) = query.after.as_ref().filter(|_| place.is_none_or(|place| stands_in(query, place))) else {
        return sql;
    };
    let beyond = if query.descending { " < " } else { " > " };
    match (key, query.sort.column(query.part)) {
        (SortKey::Text(text), Some((column, _))) if !is_by_place(query) => {
            sql.push(" AND (p.").push(column).push(", p.id)").push(beyond).push("(").push_bind(text.as_str());
            sql.push(", ").push_bind(*id).push(")");
        }
        _ => {
            sql.push(" AND p.id").push(beyond).push_bind(*id);
        }
    }
    sql
}

/// A range of an index: what begins with a text.
fn begins(column: &str, text: &str) -> Sql {
    let mut sql = Sql::new(" AND p.");
    sql.push(column).push(" >= ").push_bind(text).push(" AND p.").push(column).push(" < ");
    // Behind every text that begins so.
    sql.push_bind(format!("{text}\u{10FFFF}").as_str());
    sql
}
