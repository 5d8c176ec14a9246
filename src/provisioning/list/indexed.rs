//! Pages that indexes answer: the database filters, orders and counts.

use diesel::sql_types::BigInt;

use super::sort::order_by;
use super::walks::Walk;
use super::{Found, Plan};
use crate::error::Result;
use crate::id::ResourceId;
use crate::provisioning::cursor::{self, Position};
use crate::provisioning::{Caller, Service};
use crate::scim::registry::Kind;
use crate::store::connection::Connection;
use crate::store::filter_sql;
use crate::store::resources::{COLUMNS, Resource, ResourceColumns, ResourceRow, from_row};
use crate::store::sql::{Sql, SqlId};
use crate::store::{database_error, organizations};

/// Finds a page where the last one ended, or by counting.
///
/// # Errors
/// The database's.
pub(super) fn page(connection: &mut Connection, service: &Service, caller: &Caller, plan: &Plan<'_>) -> Result<Found> {
    let Plan { query, position, count, .. } = *plan;
    if position.is_none_or(|position| position == Position::FIRST)
        && query.start_index <= 1
        && let Some(found) = handful(connection, plan)?
    {
        return Ok(found);
    }
    let walk = (caller.token, cursor::fingerprint(plan.place.kind, query));
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
    Ok(plan.found(total, resources, next))
}

/// Resources a narrow filter most often finds at most.
const HANDFUL: usize = 32;

/// The first page of a filter that an index answers, read whole and counted here, in one statement.
/// `None` when there is more than a handful.
fn handful(connection: &mut Connection, plan: &Plan<'_>) -> Result<Option<Found>> {
    if !plan.predicate.narrow || plan.sort.is_some() {
        return Ok(None);
    }
    let mut sql = Sql::new("SELECT ");
    // No ORDER BY: it would make the planner walk the primary key instead of the filter's index.
    sql.push(COLUMNS).append(filter_sql::from_where(plan.place, plan.predicate.sql.as_ref())).push(" LIMIT ");
    sql.push_bind(i64::try_from(HANDFUL).unwrap_or(0) + 1);
    let rows = sql.load::<ResourceColumns, ResourceRow>(connection).map_err(database_error)?;
    if rows.len() > HANDFUL {
        return Ok(None);
    }
    let total = i64::try_from(rows.len()).unwrap_or(0);
    let mut resources: Vec<Resource> = rows.into_iter().map(from_row).collect();
    resources.sort_unstable_by_key(|resource| resource.id);
    resources.truncate(usize::try_from(plan.count).unwrap_or(0));
    let last = resources.last().filter(|_| plan.count < total).map(|resource| resource.id);
    let next = last.map(|after| Position { after: Some(after), offset: 0, total });
    Ok(Some(plan.found(total, resources, next)))
}

/// `totalResults`: how many resources the filter finds.
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
    sql.append(filter_sql::from_where(plan.place, plan.predicate.sql.as_ref()));
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
    let mut from = filter_sql::from_where(plan.place, plan.predicate.sql.as_ref());
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
