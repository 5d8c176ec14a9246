//! Pages that no index answers: the database narrows, the evaluator decides, within `unindexed_limit`.

use serde_json::Value;

use super::relations::add_all_relations;
use super::sort::{Row, SortKey, order, sort_key};
use super::{Found, Plan, bare, indexed};
use crate::error::{Code, Error, Result};
use crate::provisioning::answer::Shown;
use crate::provisioning::cursor::Position;
use crate::provisioning::{Caller, Service};
use crate::scim::filter::{AttributeRef, Filter};
use crate::scim::registry::{Named, ResourceType};
use crate::store::connection::Connection;
use crate::store::database_error;
use crate::store::filter_sql;
use crate::store::resources::{COLUMNS, Resource, ResourceColumns, ResourceRow, from_row};
use crate::store::sql::Sql;

/// Resources whose relations are read at a time.
const CHUNK: usize = 500;

/// Finds a page among what the database could not rule out.
///
/// # Errors
/// `tooMany` when that is more than `unindexed_limit`.
pub(super) fn page(connection: &mut Connection, service: &Service, caller: &Caller, plan: &Plan<'_>) -> Result<Found> {
    let candidates = candidates(connection, service.options.unindexed_limit, plan)?;
    let mut matches = matches(connection, caller, plan, &candidates)?;
    let descending = plan.sort.as_ref().is_some_and(|sort| sort.descending);
    if plan.sort.is_some() {
        matches.sort_by(|a, b| order(row(a), row(b), descending));
    }
    let number = |number: i64| usize::try_from(number).unwrap_or(0);
    let total = i64::try_from(matches.len()).unwrap_or(i64::MAX);
    // A walk's later pages tell no less than its first, and go on behind the last row told.
    let (total, told) = match &plan.position {
        None => (total, number(plan.query.start_index - 1)),
        Some(position) => {
            // Without a sort the position's key is of another type's order.
            let told = position.row().map(|told| Row { key: told.key.filter(|_| plan.sort.is_some()), ..told });
            let is_told = |found: &Match| told.is_some_and(|told| order(row(found), told, descending).is_le());
            (total.max(position.total), matches.partition_point(is_told))
        }
    };
    let more = matches.len() > told.saturating_add(number(plan.count));
    let page: Vec<Match> = matches.into_iter().skip(told).take(number(plan.count)).collect();
    let last = page.last().filter(|_| more);
    let next = last.map(|(key, resource)| Position { after: Some(resource.id), key: key.clone(), total });
    Ok(plan.found(total, page.into_iter().map(|(_, resource)| resource).collect(), next))
}

/// What a filter finds, with its key to sort by.
type Match = (Option<SortKey>, Resource);

fn row((key, resource): &Match) -> Row<'_> {
    Row { key: key.as_ref(), id: resource.id }
}

/// What the database cannot rule out.
fn candidates(connection: &mut Connection, limit: i64, plan: &Plan<'_>) -> Result<Vec<ResourceRow>> {
    if plan.filter.is_none() && indexed::total(connection, plan)? > limit {
        return Err(too_many(plan, limit));
    }
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS)
        .append(filter_sql::from_where(plan.place, plan.predicate.sql.as_ref()))
        .push(" ORDER BY r.id LIMIT ")
        .push_bind(limit + 1);
    let candidates = sql.load::<ResourceColumns, ResourceRow>(connection).map_err(database_error)?;
    if i64::try_from(candidates.len()).unwrap_or(i64::MAX) > limit {
        return Err(too_many(plan, limit));
    }
    Ok(candidates)
}

/// Which candidates the filter finds, each with its key to sort by.
fn matches(
    connection: &mut Connection,
    caller: &Caller,
    plan: &Plan<'_>,
    candidates: &[ResourceRow],
) -> Result<Vec<Match>> {
    let kind = plan.place.kind;
    let resource_type = caller.registry.resource_type(kind);
    let relations = plan.filter.as_ref().is_some_and(names_relations)
        || plan.sort.as_ref().is_some_and(|sort| sorts_by_relations(&sort.path, resource_type));
    let mut matches = Vec::new();
    for candidates in candidates.chunks(CHUNK) {
        let mut shown: Vec<Shown> = candidates.iter().map(|row| bare(kind, from_row(row.clone()))).collect();
        if relations {
            add_all_relations(connection, caller, kind, &mut shown)?;
        }
        for shown in shown {
            let value: Value = serde_json::from_str(&shown.text(&caller.base)).map_err(Error::internal)?;
            if plan.filter.as_ref().is_none_or(|filter| filter.matches(&value)) {
                let key = plan.sort.as_ref().and_then(|sort| sort_key(&value, &sort.path, resource_type));
                matches.push((key, shown.resource));
            }
        }
    }
    Ok(matches)
}

fn too_many(plan: &Plan<'_>, limit: i64) -> Error {
    // What the database filters is in the way only by its order.
    if let Some(sort) = plan.sort.as_ref().filter(|sort| plan.predicate.exact && !sort.is_indexed()) {
        return Error::new(
            Code::TooMany,
            format!(
                "No index has the order of \"{}\", and more than {limit} resources would have to be sorted. \
                 Sort by userName, displayName, externalId, id, meta.created or meta.lastModified, or filter for fewer.",
                sort.path
            ),
        );
    }
    let what = plan.filter.as_ref().map(ToString::to_string).unwrap_or_default();
    Error::new(
        Code::TooMany,
        format!(
            "No index answers \"{what}\", and it would look at more than {limit} resources. \
             Add a clause on userName, externalId, displayName, emails.value or employeeNumber with eq or sw."
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
