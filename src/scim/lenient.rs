//! What clients really send and the RFC does not have: each deviation is one named rewrite.
//!
//! Answers stay strict; only what comes in is rewritten. `tests/transcripts/` has the clients.

use serde_json::{Map, Value};

use super::registry::{ENTERPRISE_USER, GROUP, ResourceType, USER};
use super::schema::Attribute;
use crate::error::{Code, Error, Result};

/// Entra ID sends booleans as `"True"` and `"False"` (its default, without `aadOptscim062020`).
#[must_use]
pub fn string_boolean(value: &Value) -> Option<bool> {
    let text = value.as_str()?;
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Custom attribute mappings send numbers as strings.
#[must_use]
pub fn string_number(value: &Value) -> Option<Value> {
    let number: Value = serde_json::from_str(value.as_str()?).ok()?;
    number.is_number().then_some(number)
}

/// Entra ID sends `manager` as a bare string, and several clients send members as bare ids: a
/// string where an object with a `value` is expected means that `value`.
#[must_use]
pub fn bare_value(attribute: &Attribute, value: Value) -> Value {
    match value {
        Value::String(text) if attribute.sub_attribute("value").is_some() => {
            let mut object = Map::new();
            object.insert("value".into(), Value::String(text));
            Value::Object(object)
        }
        other => other,
    }
}

/// Entra ID's `AppRoleAssignmentsComplex` puts a JSON object inside a string.
#[must_use]
pub fn json_in_string(value: Value) -> Value {
    match &value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => match serde_json::from_str::<Value>(text) {
            Ok(parsed @ (Value::Object(_) | Value::Array(_))) => parsed,
            _ => value,
        },
        _ => value,
    }
}

/// `OneLogin`'s template sends `manager: {managerId, displayName}`.
pub fn manager_id(attribute: &Attribute, object: &mut Map<String, Value>) {
    if attribute.name == "manager"
        && !object.contains_key("value")
        && let Some(id) = object.remove("managerId")
    {
        object.insert("value".into(), id);
    }
}

/// A single value where the RFC wants an array (django-scim2's adapter and others).
#[must_use]
pub fn one_for_many(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        other => vec![other],
    }
}

/// `OneLogin` sends the URNs of the drafts of SCIM; their meaning did not change.
#[must_use]
pub fn draft_urn(urn: &str) -> &str {
    let known = [
        ("urn:scim:schemas:core:2.0", USER),
        ("urn:scim:schemas:core:1.0", USER),
        ("urn:scim:schemas:core:2.0:User", USER),
        ("urn:scim:schemas:core:2.0:Group", GROUP),
        ("urn:scim:schemas:extension:enterprise:1.0", ENTERPRISE_USER),
        ("urn:scim:schemas:extension:enterprise:2.0", ENTERPRISE_USER),
        ("urn:scim:schemas:extension:enterprise:2.0:User", ENTERPRISE_USER),
    ];
    known.iter().find(|(draft, _)| draft.eq_ignore_ascii_case(urn)).map_or(urn, |(_, urn)| urn)
}

/// `schemas` may be missing (scimgateway), in a draft's form (`OneLogin`), or have URNs of the
/// client's own beside a known one (Entra ID's ADSCIM group); only unknown ones is a mistake.
///
/// # Errors
/// `invalidValue` when every URN is unknown.
pub fn schemas(value: Option<&Value>, resource_type: &ResourceType) -> Result<()> {
    let Some(Value::Array(urns)) = value else { return Ok(()) };
    let urns: Vec<&str> = urns.iter().filter_map(Value::as_str).collect();
    // The oldest drafts had one URN for users and groups alike.
    let is_known = |urn: &&str| {
        urn.starts_with("urn:scim:schemas:core:")
            || resource_type.schema_ids().any(|id| id.eq_ignore_ascii_case(draft_urn(urn)))
    };
    if urns.is_empty() || urns.iter().any(is_known) {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidValue,
        format!(
            "schemas names none of this resource's schemas. Use {}.",
            resource_type.schema_ids().collect::<Vec<_>>().join(", ")
        ),
    ))
}

/// The value of a key, whatever its case (Entra ID capitalises, hand-written connectors vary).
#[must_use]
pub fn any_case<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}
