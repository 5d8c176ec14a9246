//! Sorting (RFC 7644 §3.4.2.3): by a column that an index holds, or by a key the evaluator reads.
//!
//! An index is walked a part at a time, because it holds no row without a value: those that have one
//! in their order, and those that have none in the order of ids.

use std::cmp::Ordering;

use serde_json::Value;

use super::Query;
use crate::clock::Timestamp;
use crate::scim::registry::{Named, ResourceType};
use crate::scim::schema::{AttributeType, Returned};
use crate::scim::validate::is_primary;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The condition for being one of them.
    pub(super) condition: String,
    pub(super) order: String,
    /// Whether they are those without a value.
    pub(super) unassigned: bool,
}

impl Sort {
    /// The order `sortBy` asks for. One that names nothing sorts nothing (RFC 7644 §3.4.2.3 asks for
    /// no error).
    pub(super) fn asked(query: &Query, resource_type: &ResourceType) -> Option<Self> {
        let Named::Attribute(target) = resource_type.resolve(query.sort_by.as_deref()?)? else { return None };
        // An order would tell what is never returned.
        if [target.attribute, target.leaf()].iter().any(|attribute| attribute.returned == Returned::Never) {
            return None;
        }
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

    /// The parts of the order, each of which an index has as it is.
    pub(super) fn parts(&self) -> Vec<Part> {
        let Some(Column { name, then, is_optional }) = self.column else { return Vec::new() };
        let order = |columns: &str| {
            let columns = if self.descending { columns.replace(", ", " DESC, ") + " DESC" } else { columns.to_owned() };
            format!(" ORDER BY {columns}")
        };
        // The condition lets an index be used that has no rows without a value.
        let assigned = Part {
            condition: format!("{name} IS NOT NULL"),
            order: order(&format!("{name}{then}")),
            unassigned: false,
        };
        if !is_optional {
            return vec![assigned];
        }
        let unassigned = Part { condition: format!("{name} IS NULL"), order: order("r.id"), unassigned: true };
        // Unassigned values come last in ascending order and first in descending (RFC 7644 §3.4.2.3).
        if self.descending { vec![unassigned, assigned] } else { vec![assigned, unassigned] }
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

/// A text whose byte order is the order of values of one attribute.
pub(in crate::provisioning) type SortKey = String;

/// The key to sort a resource by; `None` when it has no value there. The primary or first value of a multi-valued attribute decides (RFC 7644 §3.4.2.3).
pub(in crate::provisioning) fn sort_key(resource: &Value, path: &str, resource_type: &ResourceType) -> Option<SortKey> {
    let Named::Attribute(target) = resource_type.resolve(path)? else { return None };
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
            // Two zones can tell the same time. The sign bit is flipped, so that times before 1970 come first.
            Timestamp::parse(text).map(|at| format!("{:016x}", at.0.cast_unsigned() ^ (1 << 63)))
        }
        Value::String(text) if leaf.compares_exactly() => Some(text.clone()),
        Value::String(text) => Some(text::scim_key(text)),
        Value::Number(number) => number.as_f64().map(text::number_key),
        Value::Bool(boolean) => Some(boolean.to_string()),
        _ => None,
    }
}

/// Unassigned values come last in ascending order and first in descending (RFC 7644 §3.4.2.3).
pub(in crate::provisioning) fn order(a: Option<&SortKey>, b: Option<&SortKey>, descending: bool) -> Ordering {
    let ascending = match (a, b) {
        (Some(a), Some(b)) => a.cmp(b),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    };
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
        assert_eq!((asked("USERNAME"), asked("meta.created")), (Some(true), Some(true)));
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
        let ascending = |a: Option<&str>, b: Option<&str>, descending| {
            order(a.map(str::to_owned).as_ref(), b.map(str::to_owned).as_ref(), descending)
        };
        assert_eq!(ascending(Some("a"), None, false), Ordering::Less);
        assert_eq!(ascending(Some("a"), None, true), Ordering::Greater, "unassigned comes first then");
    }
}
