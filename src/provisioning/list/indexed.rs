//! Pages that indexes answer: the database filters, orders and counts.

use diesel::sql_types::BigInt;

use super::sort::{Part, Sort, order_by};
use super::{Found, Plan};
use crate::error::Result;
use crate::id::ResourceId;
use crate::provisioning::Caller;
use crate::provisioning::cursor::Position;
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
pub(super) fn page(connection: &mut Connection, caller: &Caller, plan: &Plan<'_>) -> Result<Found> {
    let (query, position, count) = (plan.query, plan.position.as_ref(), plan.count);
    if position.is_none_or(|position| *position == Position::FIRST)
        && query.start_index <= 1
        && let Some(found) = handful(connection, plan)?
    {
        return Ok(found);
    }
    let total = match position.map(|position| position.total).filter(|total| *total >= 0) {
        Some(total) => total,
        None => total(connection, plan)?,
    };
    // One row more tells whether a cursor's page is the last (RFC 9865 §2: it has no nextCursor).
    let ahead = i64::from(query.cursor.is_some());
    let mut resources = if count == 0 { Vec::new() } else { rows(connection, plan, total, count + ahead)? };
    let full = length(&resources) == count + ahead && count > 0;
    resources.truncate(usize::try_from(count).unwrap_or(0));
    let next = match resources.last().filter(|_| full) {
        Some(last) => Some(Position { after: Some(last.id), key: plan.sort_key(caller, last)?, total }),
        None => None,
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
    let next = last.map(|after| Position { after: Some(after), key: None, total });
    Ok(Some(plan.found(total, resources, next)))
}

/// `totalResults`: how many resources the filter finds.
pub(super) fn total(connection: &mut Connection, plan: &Plan<'_>) -> Result<i64> {
    if plan.filter.is_none() {
        // Counted in the transaction of each change, not here.
        let usage = organizations::usage(connection, plan.place.organization)?;
        return Ok(match plan.place.kind {
            Kind::User => usage.users,
            Kind::Group => usage.groups,
        });
    }
    count_of(connection, filter_sql::from_where(plan.place, plan.predicate.sql.as_ref()))
}

/// The rows of a page: behind the last one's, or by counting.
fn rows(connection: &mut Connection, plan: &Plan<'_>, total: i64, count: i64) -> Result<Vec<Resource>> {
    let offset = if plan.position.is_some() { 0 } else { (plan.query.start_index - 1).max(0) };
    let behind = plan.position.as_ref().and_then(Position::row);
    let mut from = filter_sql::from_where(plan.place, plan.predicate.sql.as_ref());
    match &plan.sort {
        // What a filter's own index finds is sorted; else an index of the order is walked.
        Some(sort) if !plan.predicate.narrow => return sorted_rows(connection, plan, sort, total, offset, count),
        Some(sort) => {
            if let Some(row) = behind {
                from.push(" AND ").append(sort.behind(row));
            }
        }
        None => {
            if let Some(row) = behind {
                from.push(" AND r.id > ").push_bind(row.id);
            }
        }
    }
    rows_of(connection, plan, from, &order_by(plan.sort.as_ref()), offset, count)
}

/// The rows of a page from the parts of an order.
fn sorted_rows(
    connection: &mut Connection,
    plan: &Plan<'_>,
    sort: &Sort,
    total: i64,
    mut offset: i64,
    count: i64,
) -> Result<Vec<Resource>> {
    let behind = plan.position.as_ref().and_then(Position::row);
    let parts = sort.parts(behind);
    let mut found: Vec<Resource> = Vec::new();
    for (position, part) in parts.iter().enumerate() {
        let mut room = count - length(&found);
        let from = from_part(plan, part);
        // Nobody looks through everything for those without a value who are not there.
        if part.unassigned && behind.is_none_or(|row| row.key.is_some()) {
            let these = unassigned(connection, plan, sort, total)?;
            if these <= offset {
                offset -= these;
                continue;
            }
            room = room.min(these - offset);
        }
        let rows = rows_of(connection, plan, from.clone(), &part.order, offset, room)?;
        let is_last = position + 1 == parts.len();
        if !is_last {
            // The page goes on in the next part, or begins there.
            let nothing = rows.is_empty() && offset > 0;
            offset = if nothing { (offset - count_of(connection, from)?).max(0) } else { 0 };
        }
        found.extend(rows);
        if length(&found) >= count {
            break;
        }
    }
    Ok(found)
}

/// How many have no value to be sorted by. The total of a walk's first page would not do: others came and went.
fn unassigned(connection: &mut Connection, plan: &Plan<'_>, sort: &Sort, total: i64) -> Result<i64> {
    let all = if plan.position.is_some() { self::total(connection, plan)? } else { total };
    let assigned = match sort.parts(None).iter().find(|part| !part.unassigned) {
        Some(part) => count_of(connection, from_part(plan, part))?,
        None => 0,
    };
    Ok((all - assigned).max(0))
}

fn from_part(plan: &Plan<'_>, part: &Part) -> Sql {
    let mut from = filter_sql::from_where(plan.place, plan.predicate.sql.as_ref());
    from.push(" AND ").append(part.condition.clone());
    from
}

fn count_of(connection: &mut Connection, from: Sql) -> Result<i64> {
    let mut sql = Sql::new("SELECT count(*)");
    sql.append(from);
    Ok(sql.first::<BigInt, i64>(connection).map_err(database_error)?.unwrap_or(0))
}

fn length(resources: &[Resource]) -> i64 {
    i64::try_from(resources.len()).unwrap_or(i64::MAX)
}

/// Rows in an order; with an offset the ids come from the covering index first.
fn rows_of(
    connection: &mut Connection,
    plan: &Plan<'_>,
    from: Sql,
    order: &str,
    offset: i64,
    count: i64,
) -> Result<Vec<Resource>> {
    let mut sql = Sql::new("SELECT ");
    if offset > 0 {
        let mut ids = Sql::new("SELECT r.id");
        ids.append(from).push(order).push(" LIMIT ").push_bind(count).push(" OFFSET ").push_bind(offset);
        let ids = ids.load::<SqlId, ResourceId>(connection).map_err(database_error)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let these = filter_sql::from_where(plan.place, None);
        sql.push(COLUMNS).append(these).push(" AND r.id IN ").push_list(ids).push(order);
    } else {
        sql.push(COLUMNS).append(from).push(order).push(" LIMIT ").push_bind(count);
    }
    let rows = sql.load::<ResourceColumns, ResourceRow>(connection).map_err(database_error)?;
    Ok(rows.into_iter().map(from_row).collect())
}
