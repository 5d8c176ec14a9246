//! What RFC 7643, RFC 7644 and RFC 9865 ask of a service provider, statement by statement, over HTTP.
//!
//! Each check names the section of its statement. A case runs many statements on one server.

mod bulk;
mod cursors;
mod discovery;
mod http;
mod patch;
mod queries;
mod resources;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Server;

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// An organization's own extension, with an attribute of each characteristic.
pub const BADGE: &str = "urn:example:params:scim:schemas:badge:1.0:User";

/// Sends a request that must be refused with this status and `scimType`, as RFC 7644 §3.12 has it.
pub async fn refused(
    server: &Server,
    method: Method,
    path: &str,
    body: Option<&Value>,
    status: u16,
    scim_type: Option<&str>,
) {
    let (found, error) = server.send(method.clone(), path, body).await;
    let what = format!("{method} {path} {}: {error}", body.unwrap_or(&Value::Null));
    assert_eq!(found, status, "{what}");
    assert_eq!(error["schemas"], json!([ERROR]), "{what}");
    assert_eq!(error["status"], status.to_string(), "RFC 7644 §3.12: the status is a string: {what}");
    assert_eq!(error["scimType"].as_str(), scim_type, "RFC 7644 table 9: {what}");
    assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{what}");
}

/// Sends PATCH operations that must be refused with 400 and this `scimType`.
pub async fn patch_refused(server: &Server, path: &str, operations: Value, scim_type: &str) {
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
    refused(server, Method::PATCH, path, Some(&body), 400, Some(scim_type)).await;
}

/// Patches; the resource as it is answered.
pub async fn patched(server: &Server, path: &str, operations: Value) -> Value {
    let (status, resource) = server.patch(path, operations.clone()).await;
    assert_eq!(status, 200, "{operations}: {resource}");
    resource
}

/// Creates a resource; its answer and its path.
pub async fn created(server: &Server, endpoint: &str, body: &Value) -> (Value, String) {
    let (status, resource) = server.post(endpoint, body).await;
    assert_eq!(status, 201, "{body}: {resource}");
    let path = format!("{endpoint}/{}", resource["id"].as_str().unwrap());
    (resource, path)
}

/// Gives the organization the extension [`BADGE`].
pub fn add_badge(server: &Server, required: bool) {
    let schema = json!({
        "id": BADGE,
        "name": "Badge",
        "attributes": [
            {"name": "number", "type": "string", "uniqueness": "server", "description": "On the card."},
            {"name": "serial", "type": "string", "mutability": "immutable"},
            {"name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never"},
            {"name": "note", "type": "string", "returned": "request"},
            {"name": "kind", "type": "string", "returned": "always"},
            {"name": "issued", "type": "dateTime", "mutability": "readOnly"},
            {"name": "floors", "type": "integer", "multiValued": true},
            {"name": "height", "type": "decimal"},
            {"name": "until", "type": "dateTime"},
            {"name": "print", "type": "binary"},
            {"name": "sign", "type": "string", "caseExact": true},
            {"name": "owner", "type": "reference", "referenceTypes": ["User"]},
            {"name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value", "type": "string", "required": true},
                {"name": "open", "type": "boolean"},
                {"name": "code", "type": "string", "returned": "never"}
            ]}
        ]
    });
    let file =
        std::env::temp_dir().join(format!("headcount-badge-{}-{}.json", std::process::id(), crate::support::unique()));
    std::fs::write(&file, schema.to_string()).unwrap();
    let file_name = file.to_str().unwrap();
    let mut arguments = vec!["schema", "add", "--organization", "acme", "--file", file_name, "--json"];
    if required {
        arguments.push("--required");
    }
    server.command(&arguments);
    std::fs::remove_file(&file).unwrap();
}
