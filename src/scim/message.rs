//! SCIM messages (RFC 7644 §3): their URNs and the Error.

use serde_json::json;

/// `ListResponse` (§3.4.2).
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// `SearchRequest` (§3.4.3).
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// `PatchOp` (§3.5.2).
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// `BulkRequest` (§3.7).
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// `BulkResponse` (§3.7).
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// Error (§3.12).
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The body of an error; the status is a string (§3.12).
#[must_use]
pub fn error(status: u16, scim_type: Option<&str>, detail: &str) -> serde_json::Value {
    let mut body = json!({"schemas": [ERROR], "status": status.to_string()});
    if let (Some(scim_type), Some(object)) = (scim_type, body.as_object_mut()) {
        object.insert("scimType".into(), scim_type.into());
    }
    if let Some(object) = body.as_object_mut() {
        object.insert("detail".into(), detail.into());
    }
    body
}
