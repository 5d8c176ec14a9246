//! Sorting (RFC 7644 §3.4.2.3): by a column that an index holds, or by a key the evaluator reads.
//!
//! An index is walked a part at a time, because it holds no row without a value: those that have one
//! in their order, and those that have none in the order of ids.

use std::cmp::Ordering;

use serde_json::Value;

use super::Query;
use crate::clock::Timestamp;
use crate::id::ResourceId;
use crate::provisioning::cursor::Position;
use crate::scim::registry::{Named, ResourceType, Target};
use crate::scim::schema::{AttributeType, Returned};
use crate::scim::validate::is_primary;
use crate::store::sql::{self, Sql};
use crate::text;

/// The order that a query asks for.
pub(super) struct Sort {
    /// `sortBy` as the client wrote it.
    pub(super) path: String,
    /// The column that holds it, when one does.
    column: Option<Column>,
    pub(super) descending: bool,
}

/// A column that resources are sorted by.
#[derive(Clone, Copy)]
struct Column {
    name: &'static str,
    /// What puts the resources with the same value in an order; nothing where no two have the same.
    then: &'static str,
    /// Whether there may be resources without a value.
    is_optional: bool,
}

/// Resources that an index has next to each other, in the order that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The condition for being one of them.
    pub(super) condition: Sql,
    pub(super) order: String,
    /// Whether they are those without a value.
    pub(super) unassigned: bool,
}

impl Sort {
    /// The order `sortBy` asks for. One that names nothing sorts nothing (RFC 7644 §3.4.2.3 asks for
    /// no error).
    pub(super) fn asked(query: &Query, resource_type: &ResourceType) -> Option<Self> {
        let target = sorted_by(query.sort_by.as_deref()?, resource_type)?;
        let sub = target.sub_attribute.map(|sub| sub.name.as_str());
        let column = |name, then, is_optional| Some(Column { name, then, is_optional });
        let column = match (target.extension, target.attribute.name.as_str(), sub) {
            (None, "userName", None) => column("r.user_name_key", "", false),
            (None, "displayName", None) => column("r.display_name_key", ", r.id", !target.attribute.required),
            (None, "externalId", None) => column("r.external_id", ", r.id", true),
            // The order of ids is that of creation, and forward that of a list without sortBy, in which a
            // walk goes on behind the last id and counts nothing.
            (None, "id", None) | (None, "meta", Some("created")) if !query.descending => return None,
            (None, "id", None) | (None, "meta", Some("created")) => column("r.id", "", false),
            (None, "meta", Some("lastModified")) => column("r.updated_at", ", r.id", false),
            _ => None,
        };
        Some(Self { path: query.sort_by.clone().unwrap_or_default(), column, descending: query.descending })
    }

    /// Whether the database can sort by it.
    pub(super) fn is_indexed(&self) -> bool {
        self.column.is_some()
    }

    /// The parts of the order, each of which an index has as it is, as far as they lie behind a row.
    pub(super) fn parts(&self, behind: Option<Row<'_>>) -> Vec<Part> {
        let Some(Column { name, then, is_optional }) = self.column else { return Vec::new() };
        let order = |columns: &str| {
            let columns = if self.descending { columns.replace(", ", " DESC, ") + " DESC" } else { columns.to_owned() };
            format!(" ORDER BY {columns}")
        };
        let condition = |is: &str| {
            let mut sql = Sql::new("(");
            sql.push(name).push(is).push(")");
            sql
        };
        // The condition lets an index be used that has no rows without a value.
        let assigned =
            Part { condition: condition(" IS NOT NULL"), order: order(&format!("{name}{then}")), unassigned: false };
        let unassigned = Part { condition: condition(" IS NULL"), order: order("r.id"), unassigned: true };
        // Unassigned values come last in ascending order and first in descending (RFC 7644 §3.4.2.3).
        let mut parts = match (is_optional, self.descending) {
            (false, _) => vec![assigned],
            (true, true) => vec![unassigned, assigned],
            (true, false) => vec![assigned, unassigned],
        };
        if let Some(row) = behind {
            let here = parts.iter().position(|part| part.unassigned == row.key.is_none()).unwrap_or(0);
            parts.drain(..here);
            if let Some(part) = parts.first_mut() {
                part.condition.push(" AND ").append(self.keyset(row));
            }
        }
        parts
    }

    /// The condition for standing behind a row, among those with a value when it has one, else among
    /// those without.
    fn keyset(&self, row: Row<'_>) -> Sql {
        let sign = if self.descending { " < " } else { " > " };
        let mut sql = Sql::new("(");
        match (self.column, row.key) {
            (Some(Column { name, then, .. }), Some(key)) if name != "r.id" => {
                let key = if name == "r.updated_at" {
                    sql::Value::from(time_of(key))
                } else {
                    sql::Value::from(key.as_str())
                };
                if then.is_empty() {
                    sql.push(name).push(sign).push_bind(key);
                } else {
                    sql.push("(").push(name).push(", r.id)").push(sign).push("(").push_bind(key);
                    sql.push(", ").push_bind(row.id).push(")");
                }
            }
            _ => {
                sql.push("r.id").push(sign).push_bind(row.id);
            }
        }
        sql.push(")");
        sql
    }

    /// The condition for standing behind a row in the order over all parts.
    pub(super) fn behind(&self, row: Row<'_>) -> Sql {
        let mut sql = Sql::new("(");
        if let Some(Column { name, .. }) = self.column {
            sql.push(name).push(match (row.key.is_some(), self.descending) {
                (true, false) => " IS NULL OR ",
                (false, false) => " IS NULL AND ",
                (true, true) => " IS NOT NULL AND ",
                (false, true) => " IS NOT NULL OR ",
            });
        }
        sql.append(self.keyset(row)).push(")");
        sql
    }
}

/// A row in an order, which need not be there any more: what it was sorted by, and its id.
#[derive(Clone, Copy, Debug)]
pub(in crate::provisioning) struct Row<'a> {
    pub(in crate::provisioning) key: Option<&'a SortKey>,
    pub(in crate::provisioning) id: ResourceId,
}

impl Position {
    /// The row that a page begins behind.
    pub(in crate::provisioning) fn row(&self) -> Option<Row<'_>> {
        self.after.map(|id| Row { key: self.key.as_ref(), id })
    }
}

/// The ORDER BY over all parts, for the few that a filter's own index finds; without `sortBy` resources
/// come in the order of their creation.
pub(super) fn order_by(sort: Option<&Sort>) -> String {
    match sort.and_then(|sort| Some((sort.column?.name, sort.descending))) {
        Some((column, false)) => format!(" ORDER BY ({column} IS NULL), {column}, r.id"),
        Some((column, true)) => format!(" ORDER BY ({column} IS NULL) DESC, {column} DESC, r.id DESC"),
        None => " ORDER BY r.id".to_owned(),
    }
}

/// Whether `sortBy` gives the resources of a type an order.
pub(in crate::provisioning) fn is_sorted_by(path: &str, resource_type: &ResourceType) -> bool {
    sorted_by(path, resource_type).is_some()
}

/// What `sortBy` names, unless an order by it would tell what is never returned.
fn sorted_by<'r>(path: &str, resource_type: &'r ResourceType) -> Option<Target<'r>> {
    let Named::Attribute(target) = resource_type.resolve(path)? else { return None };
    let is_told = [target.attribute, target.leaf()].iter().all(|attribute| attribute.returned != Returned::Never);
    is_told.then_some(target)
}

/// A text whose byte order is the order of values of one attribute.
pub(in crate::provisioning) type SortKey = String;

/// The key to sort a resource by; `None` when it has no value there. The primary or first value of a multi-valued attribute decides (RFC 7644 §3.4.2.3).
pub(in crate::provisioning) fn sort_key(resource: &Value, path: &str, resource_type: &ResourceType) -> Option<SortKey> {
    let target = sorted_by(path, resource_type)?;
    let holder = match target.extension {
        Some(schema) => resource.get(&schema.id)?,
        None => resource,
    };
    let mut value = holder.get(&target.attribute.name)?;
    if let Value::Array(values) = value {
        value = values.iter().find(|value| is_primary(value)).or_else(|| values.first())?;
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
            // Two zones can tell the same time.
            Timestamp::parse(text).map(|at| time_key(at.0))
        }
        Value::String(text) if leaf.compares_exactly() => Some(bounded(text.clone())),
        Value::String(text) => Some(bounded(text::scim_key(text))),
        Value::Number(number) => number.as_f64().map(text::number_key),
        Value::Bool(boolean) => Some(boolean.to_string()),
        _ => None,
    }
}

/// A time as a key of its order: the sign bit is flipped, so that times before 1970 come first.
fn time_key(at: i64) -> SortKey {
    format!("{:016x}", at.cast_unsigned() ^ (1 << 63))
}

/// The time that a key was made of.
fn time_of(key: &str) -> i64 {
    u64::from_str_radix(key, 16).map_or(0, |at| (at ^ (1 << 63)).cast_signed())
}

/// A key that fits into a cursor. Whose keys begin alike for so long stand in the order of their ids.
fn bounded(mut key: SortKey) -> SortKey {
    const LONGEST: usize = 1_000;
    let end = (0..=LONGEST.min(key.len())).rev().find(|end| key.is_char_boundary(*end));
    key.truncate(end.unwrap_or(0));
    key
}

/// The order of rows; of rows with the same key that of their ids. Unassigned values come last in ascending
/// order and first in descending (RFC 7644 §3.4.2.3).
pub(in crate::provisioning) fn order(a: Row<'_>, b: Row<'_>, descending: bool) -> Ordering {
    let by_key = match (a.key, b.key) {
        (Some(a), Some(b)) => a.cmp(b),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    };
    let ascending = by_key.then(a.id.cmp(&b.id));
    if descending { ascending.reverse() } else { ascending }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::registry::{Kind, Registry};

    #[test]
    fn what_is_never_returned_gives_no_order() {
        let registry = Registry::standard().unwrap();
        let asked = |path: &str| {
            let query = Query { sort_by: Some(path.to_owned()), ..Query::default() };
            Sort::asked(&query, registry.resource_type(Kind::User)).map(|sort| sort.is_indexed())
        };
        assert_eq!(asked("password"), None);
        assert_eq!(asked("nothing"), None);
        assert_eq!((asked("USERNAME"), asked("meta.lastModified")), (Some(true), Some(true)));
        assert_eq!(asked("meta.created"), None, "the order of the list itself");
        assert_eq!(asked("title"), Some(false));
    }

    #[test]
    fn keys_order_as_the_values_do() {
        let registry = Registry::standard().unwrap();
        let key = |resource: &Value, path: &str| sort_key(resource, path, registry.resource_type(Kind::User));
        // The primary value decides, else the first.
        let emails = json!({"emails": [{"value": "B@x"}, {"value": "A@x", "primary": true}]});
        assert_eq!(key(&emails, "emails").as_deref(), Some("a@x"));
        assert_eq!(
            key(&json!({"emails": [{"value": "B@x"}, {"value": "a@x"}]}), "emails.value").as_deref(),
            Some("b@x")
        );
        assert_eq!(key(&json!({"title": ""}), "title"), None, "an empty text is no value");
        let at = |text: &str| key(&json!({"meta": {"created": text}}), "meta.created").unwrap();
        assert!(at("1969-12-31T23:59:59Z") < at("1970-01-01T00:00:00Z"));
        assert_eq!(at("2026-11-24T08:15:30Z"), at("2026-11-24T09:15:30+01:00"));
        let first = ResourceId::from_bytes([1; 16]);
        let ascending = |a: Option<&str>, b: Option<&str>, descending| {
            let (a, b) = (a.map(str::to_owned), b.map(str::to_owned));
            order(Row { key: a.as_ref(), id: first }, Row { key: b.as_ref(), id: first }, descending)
        };
        assert_eq!(ascending(Some("a"), None, false), Ordering::Less);
        assert_eq!(ascending(Some("a"), None, true), Ordering::Greater, "unassigned comes first then");
        let second = Row { key: None, id: ResourceId::from_bytes([2; 16]) };
        assert_eq!(order(Row { id: first, ..second }, second, true), Ordering::Greater, "and so do later ids");
        assert_eq!([i64::MIN, -1, 0, 7].map(|at| time_of(&time_key(at))), [i64::MIN, -1, 0, 7]);
        let long = "é".repeat(1_000);
        assert_eq!(key(&json!({"title": long}), "title"), Some("é".repeat(500)));
    }
}
