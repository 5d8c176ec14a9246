//! A filter as a predicate on `resources r` (floor 2), as far as columns and index rows can tell.
//!
//! What they cannot tell is left out, never guessed: the predicate then lets too much through and
//! the evaluator of `scim::filter` decides. `lower()` and `LIKE` are never used: keys are
//! normalised in Rust, so both databases compare bytes.

use super::resources::kind_number;
use super::sql::Sql;
use crate::id::{OrganizationId, ResourceId};
use crate::scim::filter::{AttributeRef, Filter, Literal, Operator};
use crate::scim::index::Storage;
use crate::scim::registry::Kind;
use crate::text::scim_key;

/// A predicate.
#[derive(Debug)]
pub struct Predicate {
    /// `None`: everything may match.
    pub sql: Option<Sql>,
    /// Whether the predicate says all that the filter says.
    pub exact: bool,
    /// Whether an index finds the matches.
    pub narrow: bool,
}

impl Predicate {
    const fn unknown() -> Self {
        Self { sql: None, exact: false, narrow: false }
    }

    const fn exact(sql: Sql, narrow: bool) -> Self {
        Self { sql: Some(sql), exact: true, narrow }
    }
}

/// Where the filter applies.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub organization: OrganizationId,
    pub kind: Kind,
    pub storage: &'a Storage,
}

/// Translates a filter.
#[must_use]
pub fn predicate(filter: &Filter, place: Place<'_>) -> Predicate {
    match filter {
        Filter::And(parts) => {
            let parts: Vec<Predicate> = parts.iter().map(|part| predicate(part, place)).collect();
            let exact = parts.iter().all(|part| part.exact);
            let narrow = parts.iter().any(|part| part.narrow);
            Predicate { sql: join(parts.into_iter().filter_map(|part| part.sql), " AND "), exact, narrow }
        }
        Filter::Or(parts) => {
            let parts: Vec<Predicate> = parts.iter().map(|part| predicate(part, place)).collect();
            if parts.iter().any(|part| part.sql.is_none()) {
                return Predicate::unknown();
            }
            let exact = parts.iter().all(|part| part.exact);
            let narrow = parts.iter().all(|part| part.narrow);
            Predicate { sql: join(parts.into_iter().filter_map(|part| part.sql), " OR "), exact, narrow }
        }
        Filter::Not(inner) => negate(predicate(inner, place)),
        Filter::Present(attribute) => present(attribute, place.kind),
        Filter::Compare { attribute, operator: Operator::Ne, literal } => {
            negate(compare(attribute, Operator::Eq, literal, place))
        }
        Filter::Compare { attribute, operator, literal } => compare(attribute, *operator, literal, place),
        Filter::ValuePath { attribute, filter } => value_path(attribute, filter, place),
    }
}

fn join(parts: impl Iterator<Item = Sql>, word: &str) -> Option<Sql> {
    let mut joined: Option<Sql> = None;
    for part in parts {
        match &mut joined {
            None => {
                let mut sql = Sql::new("(");
                sql.append(part);
                joined = Some(sql);
            }
            Some(sql) => {
                sql.push(word).append(part);
            }
        }
    }
    if let Some(sql) = &mut joined {
        sql.push(")");
    }
    joined
}

/// An absent value is NULL in SQL, and `not` of a comparison with it is true in SCIM.
fn negate(inner: Predicate) -> Predicate {
    match inner {
        Predicate { sql: Some(sql), exact: true, .. } => {
            let mut negated = Sql::new("(NOT coalesce(");
            negated.append(sql).push(", 1 = 0))");
            Predicate::exact(negated, false)
        }
        _ => Predicate::unknown(),
    }
}

/// A text column with its key rule.
fn text_column(attribute: &AttributeRef, kind: Kind) -> Option<&'static str> {
    match (attribute.extension.as_deref(), attribute.name.as_str(), attribute.sub.as_deref(), kind) {
        (None, "userName", None, Kind::User) => Some("r.user_name_key"),
        (None, "displayName", None, _) => Some("r.display_name_key"),
        (None, "externalId", None, _) => Some("r.external_id"),
        _ => None,
    }
}

fn present(attribute: &AttributeRef, kind: Kind) -> Predicate {
    if attribute.foreign {
        return nothing();
    }
    match (attribute.name.as_str(), text_column(attribute, kind)) {
        ("id" | "meta", _) if attribute.extension.is_none() => Predicate::exact(Sql::new("(1 = 1)"), false),
        (_, Some(column)) => {
            let mut sql = Sql::new("(");
            sql.push(column).push(" IS NOT NULL)");
            Predicate::exact(sql, false)
        }
        _ => Predicate::unknown(),
    }
}

/// What an attribute of another resource type comes to.
fn nothing() -> Predicate {
    Predicate::exact(Sql::new("(1 = 0)"), true)
}

fn compare(attribute: &AttributeRef, operator: Operator, literal: &Literal, place: Place<'_>) -> Predicate {
    match (attribute.foreign, operator, literal) {
        (true, Operator::Eq, Literal::Null) => return Predicate::exact(Sql::new("(1 = 1)"), false),
        (true, ..) => return nothing(),
        _ => {}
    }
    if let Some(column) = text_column(attribute, place.kind) {
        return match literal {
            Literal::Text { key, .. } => compare_text(Sql::default(), column, operator, key)
                .map_or_else(Predicate::unknown, |sql| Predicate::exact(sql, true)),
            _ => Predicate::unknown(),
        };
    }
    let core = attribute.extension.is_none();
    match (attribute.name.as_str(), attribute.sub.as_deref(), operator, literal) {
        ("id", None, Operator::Eq, Literal::Text { value: text, .. }) if core => {
            Predicate::exact(equals_id("r.id", text), true)
        }
        ("meta", Some("resourceType"), Operator::Eq, Literal::Text { value, .. })
            if core && value == place.kind.name() =>
        {
            Predicate::exact(Sql::new("(1 = 1)"), false)
        }
        ("meta", Some("resourceType"), Operator::Eq, Literal::Text { .. }) if core => nothing(),
        ("active", None, Operator::Eq, Literal::Boolean(active)) if core => {
            Predicate::exact(Sql::new("(r.active = ?)").bind(*active), false)
        }
        ("meta", Some(time @ ("created" | "lastModified")), _, Literal::DateTime(at)) if core => {
            compare_time(time, operator, at.0)
        }
        ("members", Some("value"), Operator::Eq, Literal::Text { value: text, .. })
            if core && place.kind == Kind::Group =>
        {
            Predicate::exact(has_member(text, place.organization), true)
        }
        ("groups", Some("value"), Operator::Eq, Literal::Text { value: text, .. })
            if core && place.kind == Kind::User =>
        {
            Predicate::exact(in_group(text, place.organization), true)
        }
        (_, _, _, Literal::Text { key, .. }) => indexed(attribute, operator, key, place),
        _ => Predicate::unknown(),
    }
}

/// `co` and `ew` find nothing by an index; they are left to the evaluator.
fn compare_text(mut sql: Sql, column: &str, operator: Operator, key: &str) -> Option<Sql> {
    let sign = match operator {
        Operator::Eq => " = ",
        Operator::Gt => " > ",
        Operator::Ge => " >= ",
        Operator::Lt => " < ",
        Operator::Le => " <= ",
        Operator::Sw => {
            sql.push("(").push(column).push(" >= ").push_bind(key);
            if let Some(end) = successor(key) {
                sql.push(" AND ").push(column).push(" < ").push_bind(end);
            }
            sql.push(")");
            return Some(sql);
        }
        Operator::Ne | Operator::Co | Operator::Ew => return None,
    };
    sql.push("(").push(column).push(sign).push_bind(key).push(")");
    Some(sql)
}

/// The first text behind all that start with `prefix`, in byte order.
fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = (last as u32 + 1..=char::MAX as u32).find_map(char::from_u32);
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn compare_time(time: &str, operator: Operator, at: i64) -> Predicate {
    let column = if time == "created" { "r.created_at" } else { "r.updated_at" };
    let sign = match operator {
        Operator::Eq => " = ",
        Operator::Gt => " > ",
        Operator::Ge => " >= ",
        Operator::Lt => " < ",
        Operator::Le => " <= ",
        _ => return Predicate::unknown(),
    };
    let mut sql = Sql::new("(");
    sql.push(column).push(sign).push_bind(at).push(")");
    Predicate::exact(sql, time == "lastModified")
}

fn equals_id(column: &str, text: &str) -> Sql {
    match text.parse::<ResourceId>() {
        Ok(id) if id.to_string() == text => {
            let mut sql = Sql::new("(");
            sql.push(column).push(" = ").push_bind(id).push(")");
            sql
        }
        _ => Sql::new("(1 = 0)"),
    }
}

fn has_member(text: &str, organization: OrganizationId) -> Sql {
    let mut sql = Sql::new("(r.id IN (SELECT gm.group_id FROM group_members gm WHERE gm.organization_id = ")
        .bind_here(organization);
    sql.push(" AND ").append(equals_id("gm.member_id", text)).push("))");
    sql
}

/// Members of a group, directly or through nested groups, as `User.groups` has them.
fn in_group(text: &str, organization: OrganizationId) -> Sql {
    let mut sql = Sql::new("(r.id IN (WITH RECURSIVE down(member_id) AS (SELECT gm.member_id FROM group_members gm WHERE gm.organization_id = ").bind_here(organization);
    sql.push(" AND ").append(equals_id("gm.group_id", text));
    sql.push(" UNION SELECT gm.member_id FROM down CROSS JOIN group_members gm WHERE gm.organization_id = ")
        .push_bind(organization);
    sql.push(" AND gm.group_id = down.member_id) SELECT member_id FROM down))");
    sql
}

fn indexed(attribute: &AttributeRef, operator: Operator, key: &str, place: Place<'_>) -> Predicate {
    let number = place.storage.number(attribute.extension.as_deref(), &attribute.name, attribute.sub.as_deref());
    let Some(number) = number.filter(|_| place.kind == Kind::User) else { return Predicate::unknown() };
    match compare_text(values_of(number, place.organization), "v.value_key", operator, key) {
        Some(mut sql) => {
            sql.push("))");
            Predicate::exact(sql, true)
        }
        None => Predicate::unknown(),
    }
}

fn values_of(number: u16, organization: OrganizationId) -> Sql {
    let mut sql = Sql::new("(r.id IN (SELECT v.resource_id FROM attribute_values v WHERE v.organization_id = ")
        .bind_here(organization);
    sql.push(" AND v.attribute = ").push_bind(i64::from(number)).push(" AND ");
    sql
}

/// One index row is one element, so its columns correlate. Only a conjunction that compares the
/// value is exact: elements without a value have no row.
fn value_path(attribute: &AttributeRef, filter: &Filter, place: Place<'_>) -> Predicate {
    if attribute.foreign {
        return nothing();
    }
    let parts = match filter {
        Filter::And(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    if let [Filter::Compare { attribute: inner, operator: Operator::Eq, literal }] = parts
        && inner.sub.as_deref() == Some("value")
    {
        return compare(inner, Operator::Eq, literal, place);
    }
    let number = place.storage.number(attribute.extension.as_deref(), &attribute.name, Some("value"));
    let Some(number) = number.filter(|_| place.kind == Kind::User) else { return Predicate::unknown() };
    let mut sql = values_of(number, place.organization);
    let mut has_value = false;
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            sql.push(" AND ");
        }
        let Filter::Compare { attribute: inner, operator, literal } = part else { return Predicate::unknown() };
        let piece = match (inner.sub.as_deref(), operator, literal) {
            (Some("value"), _, Literal::Text { key, .. }) => {
                has_value = true;
                compare_text(Sql::default(), "v.value_key", *operator, key)
            }
            (Some("type"), Operator::Eq, Literal::Text { value: text, .. }) => {
                compare_text(Sql::default(), "v.type_key", Operator::Eq, &scim_key(text))
            }
            (Some("primary"), Operator::Eq, Literal::Boolean(true)) => Some(Sql::new("(v.is_primary = ?)").bind(true)),
            _ => None,
        };
        let Some(piece) = piece else { return Predicate::unknown() };
        sql.append(piece);
    }
    sql.push("))");
    if has_value { Predicate::exact(sql, true) } else { Predicate::unknown() }
}

/// `FROM resources r WHERE …` of an organization's resources of a kind, with the predicate.
#[must_use]
pub fn from_where(place: Place<'_>, predicate: Option<&Sql>) -> Sql {
    let mut sql = Sql::new(" FROM resources r WHERE r.organization_id = ").bind_here(place.organization);
    sql.push(" AND r.kind = ").push_bind(kind_number(place.kind));
    if let Some(predicate) = predicate {
        sql.push(" AND ").append(predicate.clone());
    }
    sql
}
