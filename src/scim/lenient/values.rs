//! Values in another form than the schema's type.

use serde_json::{Map, Value};

use super::{Notes, boolean_text};
use crate::scim::json;
use crate::scim::schema::{Attribute, Mutability};

/// Entra ID sends booleans as `"True"` and `"False"` (its default, without `aadOptscim062020`):
/// `entra.json`.
pub fn string_boolean(value: &Value, path: &str, notes: &mut Notes) -> Option<bool> {
    let boolean = boolean_text(value.as_str()?)?;
    notes.rewrote(path, "text as a boolean");
    Some(boolean)
}

/// Attribute mappings of hand-written connectors send numbers as texts: `scimgateway.json`.
pub fn string_number(value: Value, path: &str, notes: &mut Notes) -> Value {
    match value.as_str().and_then(|text| serde_json::from_str::<serde_json::Number>(text).ok()) {
        Some(number) => {
            notes.rewrote(path, "text as a number");
            Value::Number(number)
        }
        None => value,
    }
}

/// An empty text where no text belongs means that there is no value: connectors send a column of
/// theirs that is empty. `scimgateway.json`.
pub fn empty_text(value: &Value, path: &str, notes: &mut Notes) -> bool {
    let empty = value.as_str().is_some_and(|text| text.trim().is_empty());
    if empty {
        notes.rewrote(path, "empty text as no value");
    }
    empty
}

/// Entra ID sends `manager` as a bare string, and mappings of roles and e-mails do the same: a
/// string where an object with a `value` is expected means that `value`. `entra.json`.
pub fn bare_value(attribute: &Attribute, value: Value, path: &str, notes: &mut Notes) -> Value {
    match value {
        Value::String(text) if attribute.sub_attribute("value").is_some() => {
            notes.rewrote(path, "text as an object with value");
            Value::Object(Map::from_iter([("value".to_owned(), Value::String(text))]))
        }
        other => other,
    }
}

/// Whether a body has a text where an array of objects belongs: no client sends one in a POST or PUT but for
/// roles, and JSON in a text and an empty text mean something else. `entra.json`.
#[must_use]
pub fn is_bare_text(attribute: &Attribute, value: &Value) -> bool {
    let is_text = |text: &str| !text.trim().is_empty() && !text.trim_start().starts_with(['{', '[']);
    attribute.name != "roles" && value.as_str().is_some_and(is_text)
}

/// Entra ID's `AppRoleAssignmentsComplex` puts a JSON object inside a string: `entra.json`.
pub fn json_in_string(value: Value, path: &str, notes: &mut Notes) -> Value {
    match &value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => match json::read(text) {
            Ok(parsed @ (Value::Object(_) | Value::Array(_))) => {
                notes.rewrote(path, "JSON in a text");
                parsed
            }
            _ => value,
        },
        _ => value,
    }
}

/// OneLogin's template sends `manager: {managerId, displayName}`: `onelogin.json`.
pub fn manager_id(attribute: &Attribute, object: &mut Map<String, Value>, path: &str, notes: &mut Notes) {
    if attribute.name == "manager"
        && !object.contains_key("value")
        && let Some(id) = object.remove("managerId")
    {
        notes.rewrote(path, "managerId as value");
        object.insert("value".into(), id);
    }
}

/// One value where the RFC wants an array, as in OneLogin's `emails`: `onelogin.json`.
pub fn one_for_many(value: Value, path: &str, notes: &mut Notes) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        other => {
            notes.rewrote(path, "one value as an array");
            vec![other]
        }
    }
}

/// An object whose every value is an empty text says that there is none: Entra ID unassigns a manager
/// by `""`, which is `{"value": ""}` here. Beside other values an empty text is one. `entra.json`.
#[must_use]
pub fn is_empty_object(object: &Map<String, Value>) -> bool {
    object.values().all(|value| value.as_str() == Some(""))
}

/// What this service sets comes back from clients that send a whole resource (Okta's `groups` and
/// `meta`, the `id` that scim-for-keycloak chooses): it is not theirs to change and left out. In the
/// body of a POST or PUT RFC 7644 §3.3 and §3.5.1 want that; in a PATCH without a path it is a
/// courtesy, and with a path it is refused. `keycloak.json`, `okta-oin.json`.
pub fn read_only(attribute: &Attribute, value: &Value, path: &str, notes: &mut Notes) -> bool {
    let read_only = attribute.mutability == Mutability::ReadOnly;
    if read_only && !value.is_null() && value.as_array().is_none_or(|values| !values.is_empty()) {
        notes.ignored(path);
    }
    read_only
}
