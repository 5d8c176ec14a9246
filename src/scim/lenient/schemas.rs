//! Names: `schemas`, URNs and the keys of messages.

use serde_json::{Map, Value};

use super::Notes;
use crate::error::{Code, Error, Result};
use crate::scim::registry::{ENTERPRISE_USER, GROUP, ResourceType, USER};

/// OneLogin sends the URNs of the drafts of SCIM; their meaning did not change. `onelogin.json`.
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

/// `schemas` may be missing (`scimgateway.json`), in a draft's form (`onelogin.json`), leave out an
/// extension that the body has (`keycloak.json`), or have URNs of the client's own beside a known one
/// (Entra ID's groups, `entra.json`); only unknown ones is a mistake.
///
/// # Errors
/// `invalidValue` when every URN is unknown.
pub fn schemas(value: Option<&Value>, resource_type: &ResourceType, notes: &mut Notes) -> Result<()> {
    let Some(Value::Array(urns)) = value else {
        notes.rewrote("schemas", "missing");
        return Ok(());
    };
    // The oldest drafts had one URN for users and groups alike.
    let is_known = |urn: &str| {
        urn.starts_with("urn:scim:schemas:core:")
            || resource_type.schema_ids().any(|id| id.eq_ignore_ascii_case(draft_urn(urn)))
    };
    let urns: Vec<&str> = urns.iter().filter_map(Value::as_str).collect();
    if !urns.is_empty() && !urns.iter().any(|urn| is_known(urn)) {
        return Err(Error::new(
            Code::InvalidValue,
            format!(
                "schemas names none of this resource's schemas. Use {}.",
                resource_type.schema_ids().collect::<Vec<_>>().join(", ")
            ),
        ));
    }
    for urn in urns.iter().filter(|urn| !is_known(urn)) {
        notes.ignored(urn);
    }
    Ok(())
}

/// The same for the one URN of a message: it may be missing (`scimgateway.json`), a draft's, or stand
/// beside others, but others alone are another message.
///
/// # Errors
/// `invalidSyntax` when `schemas` has URNs and none is the message's.
pub fn names_message(body: &Map<String, Value>, message: &str) -> Result<()> {
    let Some(Value::Array(urns)) = any_case(body, "schemas") else { return Ok(()) };
    let is_known = |urn: &Value| {
        urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(message) || urn.starts_with("urn:scim:schemas:"))
    };
    if urns.is_empty() || urns.iter().any(is_known) {
        return Ok(());
    }
    Err(Error::new(Code::InvalidSyntax, format!("schemas does not name {message}.")))
}

/// The value of a message's key, whatever its case: attribute names have none (RFC 7643 §2.1), and
/// clients vary the names in messages as well. `ping.json`.
#[must_use]
pub fn any_case<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Like [`any_case`], taking the value out. `ping.json`.
pub fn take_any_case(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    object.remove(name).or_else(|| {
        let key = object.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
        object.remove(&key)
    })
}
