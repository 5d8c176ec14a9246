//! Bulk requests (floor 1; RFC 7644 §3.7): reading them, the order in which references allow them to
//! run, and putting ids in the place of `bulkId:…`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::lenient;
use super::message::BULK_REQUEST;
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;

/// One operation of the request.
#[derive(Clone, Debug)]
pub struct BulkOperation {
    pub method: &'static str,
    pub bulk_id: Option<String>,
    pub path: String,
    /// Entity tag the resource must have, as `If-Match` has it.
    pub version: Option<String>,
    pub data: Arc<Value>,
    /// Whether others of the request need to know what it made.
    pub is_referred_to: bool,
    /// The bulkIds its path and data refer to.
    references: Vec<String>,
}

/// An operation that cannot be read: what its answer has to name (§3.7.3), as far as it is there.
#[derive(Debug)]
pub struct Unread {
    pub method: Option<String>,
    pub bulk_id: Option<String>,
    pub path: Option<String>,
    pub error: Arc<Error>,
}

/// A request: each operation, or why it cannot be read.
#[derive(Debug)]
pub struct BulkRequest {
    pub operations: Vec<Result<BulkOperation, Unread>>,
    /// After so many errors the rest is left undone; `None`: never.
    pub fail_on_errors: Option<u64>,
}

/// An operation's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its place in the request.
    pub position: usize,
    /// Whether it refers, through others, to itself: its members have to be added afterwards.
    pub circular: bool,
}

/// What the bulkIds that are referred to came to.
pub type Ids = HashMap<String, ResourceId>;

impl BulkRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// `invalidSyntax`; `payload_too_large` above `limit` operations (§3.7.4).
    pub fn read(body: Value, limit: usize) -> Result<Self> {
        let Value::Object(mut body) = body else {
            return Err(Error::new(Code::InvalidSyntax, "The body must be a JSON object."));
        };
        lenient::names_message(&body, BULK_REQUEST)?;
        let fail_on_errors = match lenient::any_case(&body, "failOnErrors") {
            None | Some(Value::Null) => None,
            Some(errors) => match errors.as_u64() {
                Some(errors) => Some(errors).filter(|errors| *errors > 0),
                None => return Err(Error::new(Code::InvalidValue, "failOnErrors must be a positive integer.")),
            },
        };
        let Some(Value::Array(mut operations)) = lenient::take_any_case(&mut body, "Operations") else {
            return Err(Error::new(Code::InvalidSyntax, "Operations must be an array."));
        };
        if operations.len() > limit {
            return Err(Error::new(
                Code::PayloadTooLarge,
                format!("A bulk request may have {limit} operations; this one has {}. Split it.", operations.len()),
            ));
        }
        let read = |(position, operation): (usize, &mut Value)| {
            BulkOperation::read(operation)
                .map_err(|error| Unread::new(operation, error.at(format_args!("Operations[{position}]"))))
        };
        let mut operations: Vec<_> = operations.iter_mut().enumerate().map(read).collect();
        refuse_repeated(&mut operations);
        mark_referred_to(&mut operations);
        Ok(Self { operations, fail_on_errors })
    }

    /// The order in which everything that is referred to exists before it is referred to. A circle
    /// is broken at its first operation.
    #[must_use]
    pub fn turns(&self) -> Vec<Turn> {
        let made: HashSet<&str> = self
            .operations
            .iter()
            .flatten()
            .filter(|operation| operation.method == "POST")
            .filter_map(|operation| operation.bulk_id.as_deref())
            .collect();
        let mut done: HashSet<&str> = HashSet::new();
        let mut open: Vec<usize> = (0..self.operations.len()).collect();
        let mut turns = Vec::with_capacity(open.len());
        while !open.is_empty() {
            let mut left = Vec::new();
            for position in &open {
                let references = self.operations[*position].as_ref().map_or(&[][..], |operation| &operation.references);
                let ready = references.iter().all(|id| !made.contains(id.as_str()) || done.contains(id.as_str()));
                if ready {
                    turns.push(Turn { position: *position, circular: false });
                    done.extend(self.bulk_id(*position));
                } else {
                    left.push(*position);
                }
            }
            if left.len() == open.len() {
                let position = left.remove(0);
                turns.push(Turn { position, circular: true });
                done.extend(self.bulk_id(position));
            }
            open = left;
        }
        turns
    }

    fn bulk_id(&self, position: usize) -> Option<&str> {
        self.operations[position].as_ref().ok()?.bulk_id.as_deref()
    }
}

/// A bulkId is unique in the request (§3.7), else a reference to it could mean either.
fn refuse_repeated(operations: &mut [Result<BulkOperation, Unread>]) {
    let mut seen = HashSet::new();
    for (position, read) in operations.iter_mut().enumerate() {
        let Ok(BulkOperation { bulk_id: Some(bulk_id), method, path, .. }) = read else { continue };
        if seen.insert(bulk_id.clone()) {
            continue;
        }
        let detail = format!("the bulkId \"{bulk_id}\" is that of an earlier operation; it must be unique.");
        let error = Error::new(Code::InvalidValue, detail).at(format_args!("Operations[{position}]"));
        *read = Err(Unread {
            method: Some((*method).to_owned()),
            bulk_id: Some(bulk_id.clone()),
            path: Some(path.clone()),
            error: Arc::new(error),
        });
    }
}

fn mark_referred_to(operations: &mut [Result<BulkOperation, Unread>]) {
    let referred_to: HashSet<String> =
        operations.iter().flatten().flat_map(|operation| operation.references.iter().cloned()).collect();
    for operation in operations.iter_mut().flatten() {
        operation.is_referred_to = operation.bulk_id.as_ref().is_some_and(|id| referred_to.contains(id));
    }
}

impl Unread {
    fn new(operation: &Value, error: Error) -> Self {
        let text = |name: &str| {
            let value = operation.as_object().and_then(|operation| lenient::any_case(operation, name));
            value.and_then(Value::as_str).map(str::to_owned)
        };
        Self { method: text("method"), bulk_id: text("bulkId"), path: text("path"), error: Arc::new(error) }
    }
}

impl BulkOperation {
    fn read(operation: &mut Value) -> Result<Self> {
        let Value::Object(operation) = operation else {
            return Err(Error::new(Code::InvalidSyntax, "An operation must be a JSON object."));
        };
        let data = lenient::take_any_case(operation, "data").unwrap_or(Value::Null);
        let text = |name: &str| lenient::any_case(operation, name).and_then(Value::as_str);
        let method = match text("method").map(str::to_ascii_uppercase).as_deref() {
            Some("POST") => "POST",
            Some("PUT") => "PUT",
            Some("PATCH") => "PATCH",
            Some("DELETE") => "DELETE",
            _ => return Err(Error::new(Code::InvalidSyntax, "method must be POST, PUT, PATCH or DELETE.")),
        };
        let bulk_id = text("bulkId").map(str::to_owned);
        if method == "POST" && bulk_id.as_deref().is_none_or(str::is_empty) {
            return Err(Error::new(Code::InvalidValue, "bulkId is required with POST (RFC 7644 §3.7)."));
        }
        let path = text("path").ok_or_else(|| Error::new(Code::InvalidSyntax, "path is required."))?.to_owned();
        if method != "DELETE" && !data.is_object() {
            return Err(Error::new(Code::InvalidSyntax, format!("data is required with {method}.")));
        }
        let mut references = Vec::new();
        collect(&data, &mut references);
        references.extend(path.rsplit('/').next().and_then(|id| id.strip_prefix("bulkId:")).map(str::to_owned));
        let version = text("version").map(str::to_owned);
        Ok(Self { method, bulk_id, path, version, data: data.into(), is_referred_to: false, references })
    }

    /// The path with the id in the place of a reference.
    #[must_use]
    pub fn resolved_path(&self, ids: &Ids) -> String {
        match self.path.rsplit_once('/') {
            Some((head, id)) => match id.strip_prefix("bulkId:").and_then(|id| ids.get(id)) {
                Some(id) => format!("{head}/{id}"),
                None => self.path.clone(),
            },
            None => self.path.clone(),
        }
    }

    /// The data with ids in the place of references.
    ///
    /// # Errors
    /// `conflict` when a reference names nothing that was made (§3.7.2).
    pub fn resolved_data(&self, ids: &Ids) -> Result<Arc<Value>> {
        let mut data = Arc::clone(&self.data);
        if self.references.is_empty() {
            return Ok(data);
        }
        match replace(Arc::make_mut(&mut data), ids) {
            Some(id) => Err(Error::new(
                Code::Conflict,
                format!("bulkId:{id} names no operation of this request that succeeded (RFC 7644 §3.7.2)."),
            )),
            None => Ok(data),
        }
    }

    /// Takes the members out of a group that refer to operations yet to run; their bulkIds.
    pub fn take_unknown_members(&mut self, ids: &Ids) -> Vec<String> {
        let Some(members) = Arc::make_mut(&mut self.data).get_mut("members").and_then(Value::as_array_mut) else {
            return Vec::new();
        };
        let unknown = |member: &Value| {
            let id = member["value"].as_str()?.strip_prefix("bulkId:")?;
            (!ids.contains_key(id)).then(|| id.to_owned())
        };
        let taken = members.iter().filter_map(unknown).collect();
        members.retain(|member| unknown(member).is_none());
        taken
    }
}

/// The bulkIds a value refers to.
fn collect(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.extend(text.strip_prefix("bulkId:").map(str::to_owned)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, out)),
        Value::Object(object) => object.values().for_each(|value| collect(value, out)),
        _ => {}
    }
}

/// Replaces references; the first that names nothing.
fn replace(value: &mut Value, ids: &Ids) -> Option<String> {
    match value {
        Value::String(text) => {
            let id = text.strip_prefix("bulkId:")?;
            match ids.get(id) {
                Some(id) => {
                    *text = id.to_string();
                    None
                }
                None => Some(id.to_owned()),
            }
        }
        Value::Array(values) => values.iter_mut().find_map(|value| replace(value, ids)),
        Value::Object(object) => object.values_mut().find_map(|value| replace(value, ids)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn turns(operations: Value) -> Vec<(usize, bool)> {
        let request = BulkRequest::read(json!({"Operations": operations}), 100).unwrap();
        request.turns().into_iter().map(|turn| (turn.position, turn.circular)).collect()
    }

    fn group(bulk_id: &str, member: &str) -> Value {
        json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id,
               "data": {"members": [{"value": format!("bulkId:{member}")}]}})
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        let user = json!({"method": "POST", "path": "/Users", "bulkId": "ann", "data": {}});
        let delete = json!({"method": "DELETE", "path": "/Groups/bulkId:staff"});
        assert_eq!(
            turns(json!([delete, group("staff", "ann"), user])),
            [(2, false), (1, false), (0, false)],
            "forward references wait"
        );
        assert_eq!(turns(json!([group("staff", "nobody")])), [(0, false)], "what nothing makes is not waited for");
    }

    #[test]
    fn a_circle_is_broken_at_its_first_operation() {
        assert_eq!(turns(json!([group("a", "b"), group("b", "a")])), [(0, true), (1, false)]);
    }
}
