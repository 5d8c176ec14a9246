//! Compares an answer with what the client needs, and with what every answer owes (product.md §7, "strict out").

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::format::Expect;

/// An answer, read.
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

/// What is wrong with an answer.
pub fn answer(answer: &Answer, expect: &Expect) -> Result<(), String> {
    if answer.status != expect.status {
        return Err(format!("expected status {}, found {}", expect.status, answer.status));
    }
    for (pointer, wanted) in &expect.body {
        match answer.body.pointer(pointer) {
            Some(found) if includes(found, wanted) => {}
            Some(found) => return Err(format!("expected {pointer} to be {wanted}, found {found}")),
            None => return Err(format!("expected {pointer} to be {wanted}, found nothing")),
        }
    }
    for pointer in &expect.absent {
        if let Some(found) = answer.body.pointer(pointer) {
            return Err(format!("expected nothing at {pointer}, found {found}"));
        }
    }
    for (pointer, other) in &expect.differs {
        if answer.body.pointer(pointer) == Some(other) {
            return Err(format!("expected {pointer} to be anything but {other}"));
        }
    }
    for (name, wanted) in &expect.headers {
        let found = answer.headers.get(&name.to_ascii_lowercase());
        if found != Some(wanted) {
            return Err(format!("expected the header {name}: {wanted}, found {found:?}"));
        }
    }
    strict(answer)
}

/// Whether `wanted` is in `found`: objects may have more, arrays may not.
fn includes(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| found.get(name).is_some_and(|found| includes(found, wanted)))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| includes(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

/// What every answer owes, whoever asks.
fn strict(answer: &Answer) -> Result<(), String> {
    if !answer.headers.contains_key("x-request-id") {
        return Err("the answer has no X-Request-Id".into());
    }
    if answer.body.is_null() {
        return if answer.status == 204 { Ok(()) } else { Err("the answer is empty".into()) };
    }
    let media_type = answer.headers.get("content-type").map(String::as_str);
    if media_type != Some("application/scim+json") {
        return Err(format!("the media type is {media_type:?}"));
    }
    if answer.status >= 400 {
        return error(answer);
    }
    if let Some(resources) = answer.body.get("Resources").and_then(Value::as_array) {
        for counter in ["totalResults", "itemsPerPage"] {
            if !answer.body[counter].is_u64() {
                return Err(format!("{counter} is no integer"));
            }
        }
        if answer.body["itemsPerPage"].as_u64() != u64::try_from(resources.len()).ok() {
            return Err("itemsPerPage is not the number of resources".into());
        }
        return resources.iter().try_for_each(resource);
    }
    let location = answer.body.pointer("/meta/location").and_then(Value::as_str);
    if matches!(answer.body.pointer("/meta/resourceType").and_then(Value::as_str), Some("User" | "Group"))
        && (answer.headers.get("location").map(String::as_str) != location || !answer.headers.contains_key("etag"))
    {
        return Err("Location is not meta.location, or there is no ETag".into());
    }
    resource(&answer.body)
}

fn error(answer: &Answer) -> Result<(), String> {
    let body = &answer.body;
    let well_formed = body["schemas"] == serde_json::json!(["urn:ietf:params:scim:api:messages:2.0:Error"])
        && body["status"].as_str() == Some(answer.status.to_string().as_str())
        && body["detail"].as_str().is_some_and(|detail| !detail.is_empty());
    if well_formed { Ok(()) } else { Err("this is no SCIM Error with a status in a text and a detail".into()) }
}

fn resource(resource: &Value) -> Result<(), String> {
    if resource.get("password").is_some() {
        return Err("the answer has the password".into());
    }
    if resource.pointer("/meta/resourceType").and_then(Value::as_str) == Some("User") {
        if !resource["active"].is_boolean() {
            return Err("active is no boolean".into());
        }
        let manager = resource.pointer("/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager");
        if manager.is_some_and(|manager| !manager.is_object()) {
            return Err("manager is no object".into());
        }
    }
    Ok(())
}
