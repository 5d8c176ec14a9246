//! The manager of a User (floor 1; RFC 7643 §4.3): `$ref` follows from `value` where that is an id of
//! this service, so it is derived for each answer and not stored.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::registry::ENTERPRISE_USER;
use crate::id::ResourceId;

/// Forgets a `$ref` that a client sent beside an id of this service: it would outlive a change of `value`.
pub(super) fn forget_reference(document: &mut Map<String, Value>) {
    let manager = document.get_mut(ENTERPRISE_USER).and_then(|extension| extension.get_mut("manager"));
    if let Some(Value::Object(manager)) = manager
        && manager.get("value").and_then(Value::as_str).and_then(id).is_some()
    {
        manager.shift_remove("$ref");
    }
}

/// The manager's id in the text of a document, and the place in the text where its `$ref` goes.
#[must_use]
pub fn find(document: &str) -> Option<(usize, ResourceId)> {
    #[derive(Deserialize)]
    struct Extension<'d> {
        #[serde(borrow)]
        manager: Option<&'d RawValue>,
    }
    // `schemas` comes first and the core's schema first in it: most Users without extensions are known by that.
    document.strip_prefix(CORE_AND_MORE)?;
    let key = format!("\"{ENTERPRISE_USER}\":");
    // Within a text the quotation marks would be escaped.
    let start = document.find(&key)? + key.len();
    let extension = &document[start..];
    let mut values = serde_json::Deserializer::from_str(extension).into_iter::<Extension<'_>>();
    let manager = values.next()?.ok()?.manager?.get();
    let id = id(manager.strip_prefix("{\"value\":\"")?.strip_suffix("\"}")?)?;
    let at = start + extension.find(manager)? + manager.len() - 1;
    Some((at, id))
}

const CORE_AND_MORE: &str = "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\",";

/// Ids of this service are UUIDs of version 7; those of directories are not.
fn id(text: &str) -> Option<ResourceId> {
    text.parse().ok().filter(|_| text.as_bytes().get(14) == Some(&b'7'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "0193a1b2-0000-7000-8000-000000000001";

    fn text(extension: Value, more: (&str, Value)) -> String {
        let core = "urn:ietf:params:scim:schemas:core:2.0:User";
        let mut document = json!({"schemas": [core, ENTERPRISE_USER], "userName": format!("\"{ENTERPRISE_USER}\":{{")});
        document[more.0] = more.1;
        document[ENTERPRISE_USER] = extension;
        document.to_string()
    }

    #[test]
    fn only_an_id_of_this_service_is_referred_to() {
        let manager = |value: &str| json!({"department": "}\"{", "manager": {"value": value}, "division": "x"});
        let none = ("title", json!("x"));
        let document = text(manager(ID), none.clone());
        let (at, id) = find(&document).unwrap();
        assert_eq!(id.to_string(), ID);
        let with = format!("{},\"$ref\":\"r\"{}", &document[..at], &document[at..]);
        let with: Value = serde_json::from_str(&with).unwrap();
        assert_eq!(with[ENTERPRISE_USER]["manager"], json!({"value": ID, "$ref": "r"}));
        for other in ["m1", "26118915-6090-4610-87e4-49d8ca9f808d", "{0193a1b2-0000-7000-8000-00000000001"] {
            assert_eq!(find(&text(manager(other), none.clone())), None, "{other}");
        }
        // Another schema's attribute of the same name has no such sub-attribute.
        let badge = ("urn:example:badge", json!({"manager": {"value": ID}}));
        assert_eq!(find(&text(json!({"department": "x"}), badge)), None);
    }
}
