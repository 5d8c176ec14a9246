//! PATCH operations in forms of the clients' own.

use serde_json::Value;

use super::{Notes, draft_urn, one_for_many};
use crate::scim::filter::{Filter, Literal, Operator};
use crate::scim::path::Path;
use crate::scim::registry::ResourceType;
use crate::scim::schema::Attribute;

/// Entra ID capitalises `op` (its default, without `aadOptscim062020`): `entra.json`.
pub fn operation_name(op: &str, notes: &mut Notes) -> String {
    let lower = op.to_ascii_lowercase();
    if lower != op {
        notes.rewrote("op", "capitals");
    }
    lower
}

/// A `path` that is null or an empty text is none; connectors that fill in a template send one:
/// `scimgateway.json`.
#[must_use]
pub fn no_path(path: Option<&Value>) -> bool {
    match path {
        None | Some(Value::Null) => true,
        Some(path) => path.as_str().is_some_and(|text| text.trim().is_empty()),
    }
}

/// Without a path the RFC knows attribute names as keys; Entra ID (`entra-aadoptscim062020.json`)
/// sends whole paths there: dotted (`name.givenName`), with a URN, with a filter. `None` if the key
/// names nothing, which is then ignored.
#[must_use]
pub fn key_as_path<'r>(key: &str, resource_type: &'r ResourceType, notes: &mut Notes) -> Option<Path<'r>> {
    let path = Path::parse(draft_urn(key), resource_type).ok();
    match &path {
        None => notes.ignored(key),
        Some(_) if key.contains(['.', '[']) && resource_type.extension(key).is_none() => {
            notes.rewrote(key, "key as a path");
        }
        Some(_) => {}
    }
    path
}

/// A group's member: an object with `value` (without `type` from Okta, with a null `$ref` from
/// Entra ID), or with its address in `$ref` alone, or the bare id (`jumpcloud.json`).
pub fn member_id<'v>(element: &'v Value, notes: &mut Notes) -> Option<&'v str> {
    match element {
        Value::String(id) => {
            notes.rewrote("members", "text as an object with value");
            Some(id)
        }
        Value::Object(object) => {
            let text = |name| super::any_case(object, name).and_then(Value::as_str);
            text("value").or_else(|| {
                let id = text("$ref")?.trim_end_matches('/').rsplit('/').next().filter(|id| !id.is_empty())?;
                notes.rewrote("members", "$ref as value");
                Some(id)
            })
        }
        _ => None,
    }
}

/// `remove` names the elements in `value` and not in a filter of its path: members in `entra.json`,
/// `jumpcloud.json` and `authentik.json`, roles in `entra.json`. Whether an element is one of them: it has every value
/// that was sent, a null is none.
#[must_use]
pub fn names_element(element: &Value, wanted: &Value) -> bool {
    match (element, wanted) {
        (Value::Object(element), Value::Object(wanted)) => wanted
            .iter()
            .filter(|(_, value)| !value.is_null())
            .all(|(name, value)| super::any_case(element, name) == Some(value)),
        (Value::Object(element), value) => element.get("value") == Some(value),
        (element, wanted) => element == wanted,
    }
}

/// The type of the element to create when a value filter matches nothing: only for `type eq` one of the
/// attribute's canonical values. Entra ID (`entra.json`) patches `emails[type eq "work"].value` of a
/// user who has none and expects the element to be made.
#[must_use]
pub fn typed_element<'a>(attribute: &'a Attribute, filter: &Filter) -> Option<&'a str> {
    let Filter::Compare { attribute: compared, operator: Operator::Eq, literal: Literal::Text { value, .. } } = filter
    else {
        return None;
    };
    let of_type = compared.sub.as_deref().filter(|sub| *sub == "type")?;
    let canonical = &attribute.sub_attribute(of_type)?.canonical_values;
    canonical.iter().find(|canonical| canonical.eq_ignore_ascii_case(value)).map(String::as_str)
}

/// An array of one object as the value of a path that selects elements (`rippling.json`), or of a
/// single-valued attribute such as `manager`.
pub fn one_in_array(value: Value, path: &str, notes: &mut Notes) -> Value {
    match value {
        Value::Array(values) if values.len() == 1 => {
            notes.rewrote(path, "array of one as its element");
            one_for_many(Value::Array(values), path, notes).remove(0)
        }
        other => other,
    }
}
