//! Bulk (RFC 7644 §3.7): many operations in one request, with references between them in any order.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use super::request::Request;
use super::write::{Operation, perform};
use super::{respond, write::Done};
use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::id::ResourceId;
use crate::provisioning::Call;
use crate::provisioning::users::not_found;
use crate::scim::lenient;
use crate::scim::message::{self, BULK_REQUEST, BULK_RESPONSE};
use crate::scim::registry::Kind;

/// One operation of the request.
struct Wanted {
    method: &'static str,
    bulk_id: Option<String>,
    path: String,
    version: Option<String>,
    data: Value,
}

pub(super) async fn handle(request: &mut Request<'_>, state: &web::Data<State>, call: Call) -> Result<HttpResponse> {
    request.authenticate(state, &call).await?;
    let body = request.json(state).await?;
    let Value::Object(body) = body else {
        return Err(Error::new(Code::InvalidSyntax, "The body must be a JSON object."));
    };
    lenient::names_message(&body, BULK_REQUEST)?;
    let fail_on_errors = lenient::any_case(&body, "failOnErrors").and_then(Value::as_u64);
    let Some(Value::Array(operations)) = lenient::any_case(&body, "Operations") else {
        return Err(Error::new(Code::InvalidSyntax, "Operations must be an array."));
    };
    let limit = state.provisioning.options.bulk_max_operations;
    if operations.len() > limit {
        return Err(Error::new(
            Code::PayloadTooLarge,
            format!("A bulk request may have {limit} operations; this one has {}. Split it.", operations.len()),
        ));
    }
    let wanted: Vec<Result<Wanted>> = operations.iter().map(read).collect();
    let mut run = Run {
        state,
        call,
        ids: HashMap::new(),
        results: wanted.iter().map(|_| None).collect(),
        errors: 0,
        fail_on_errors,
        circles: Vec::new(),
    };
    run.all(&wanted).await;
    let results: Vec<Value> = run.results.into_iter().flatten().collect();
    Ok(respond::json(200, &json!({"schemas": [BULK_RESPONSE], "Operations": results})))
}

fn read(operation: &Value) -> Result<Wanted> {
    let Value::Object(operation) = operation else {
        return Err(Error::new(Code::InvalidSyntax, "An operation must be a JSON object."));
    };
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
    let path = text("path").ok_or_else(|| Error::new(Code::InvalidPath, "path is required."))?.to_owned();
    let data = lenient::any_case(operation, "data").cloned().unwrap_or(Value::Null);
    if method != "DELETE" && !data.is_object() {
        return Err(Error::new(Code::InvalidSyntax, format!("data is required with {method}.")));
    }
    Ok(Wanted { method, bulk_id, path, version: text("version").map(str::to_owned), data })
}

struct Run<'s> {
    state: &'s web::Data<State>,
    call: Call,
    /// What each bulkId came to.
    ids: HashMap<String, ResourceId>,
    results: Vec<Option<Value>>,
    errors: u64,
    fail_on_errors: Option<u64>,
    /// Members of circles: the group that was made without them, and their bulkIds.
    circles: Vec<(ResourceId, Vec<String>)>,
}

impl Run<'_> {
    /// Runs each operation once what it refers to exists; circles are broken by leaving the
    /// reference out first and adding it afterwards.
    async fn all(&mut self, wanted: &[Result<Wanted>]) {
        let made: Vec<&str> = wanted
            .iter()
            .flatten()
            .filter(|wanted| wanted.method == "POST")
            .filter_map(|wanted| wanted.bulk_id.as_deref())
            .collect();
        let mut open: Vec<usize> = (0..wanted.len()).collect();
        while !open.is_empty() {
            let ready = open
                .iter()
                .position(|position| wanted[*position].as_ref().map_or(true, |wanted| self.is_ready(wanted, &made)));
            let position = open.remove(ready.unwrap_or(0));
            self.one(position, &wanted[position], ready.is_none()).await;
            if self.fail_on_errors.is_some_and(|limit| limit > 0 && self.errors >= limit) {
                break;
            }
        }
        self.close_circles().await;
    }

    /// Adds the members that did not exist yet when their group was made.
    async fn close_circles(&mut self) {
        for (group, bulk_ids) in std::mem::take(&mut self.circles) {
            let members: Vec<Value> =
                bulk_ids.iter().filter_map(|id| self.ids.get(id)).map(|id| json!({"value": id.to_string()})).collect();
            let body = json!({"Operations": [{"op": "add", "path": "members", "value": members}]});
            let path = format!("/Groups/{group}");
            let call = Call { method: "PATCH", path, started: self.state.clock.now(), ..self.call.clone() };
            if let Err(error) = perform(self.state, call, Kind::Group, Operation::Patch(group, body), None).await {
                tracing::warn!(error = ?error, "the members of a circle were not added");
            }
        }
    }

    /// Whether no reference points at an operation that has yet to run.
    fn is_ready(&self, wanted: &Wanted, made: &[&str]) -> bool {
        let mut references = Vec::new();
        collect(&wanted.data, &mut references);
        if let Some(id) = wanted.path.rsplit('/').next().and_then(|id| id.strip_prefix("bulkId:")) {
            references.push(id.to_owned());
        }
        references.iter().all(|id| self.ids.contains_key(id) || !made.contains(&id.as_str()) || self.has_failed(id))
    }

    fn has_failed(&self, bulk_id: &str) -> bool {
        self.results.iter().flatten().any(|result| result["bulkId"] == bulk_id)
    }

    async fn one(&mut self, position: usize, wanted: &Result<Wanted>, circular: bool) {
        let outcome = match wanted {
            Ok(wanted) => self.perform(wanted, circular).await,
            Err(error) => Err(Error::new(error.code, error.detail.clone())),
        };
        let mut result = Map::new();
        if let Ok(wanted) = wanted {
            result.insert("method".into(), wanted.method.into());
            if let Some(bulk_id) = &wanted.bulk_id {
                result.insert("bulkId".into(), bulk_id.as_str().into());
            }
        }
        match outcome {
            Ok((status, done)) => {
                if let Some(shown) = &done.shown {
                    if let Ok(Wanted { method: "POST", bulk_id: Some(bulk_id), .. }) = wanted {
                        self.ids.insert(bulk_id.clone(), shown.resource.id);
                    }
                    result.insert("version".into(), shown.etag().into());
                    result.insert("location".into(), shown.location(&self.state.scim_base).into());
                } else if let Ok(wanted) = wanted {
                    result.insert(
                        "location".into(),
                        format!("{}{}", self.state.scim_base, self.resolve_path(&wanted.path)).into(),
                    );
                }
                result.insert("status".into(), status.to_string().into());
            }
            Err(error) => {
                self.errors += 1;
                let row = error.code.row();
                if let Ok(wanted) = wanted
                    && wanted.method != "POST"
                {
                    result.insert(
                        "location".into(),
                        format!("{}{}", self.state.scim_base, self.resolve_path(&wanted.path)).into(),
                    );
                }
                result.insert("status".into(), row.status.to_string().into());
                result.insert("response".into(), message::error(row.status, row.scim_type, &error.detail));
            }
        }
        self.results[position] = Some(Value::Object(result));
    }

    async fn perform(&mut self, wanted: &Wanted, circular: bool) -> Result<(u16, Done)> {
        let path = self.resolve_path(&wanted.path);
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let endpoint = |name: &str| Kind::ALL.into_iter().find(|kind| kind.endpoint().trim_start_matches('/') == name);
        let invalid =
            || Error::new(Code::InvalidPath, format!("The path \"{}\" does not fit {}.", wanted.path, wanted.method));
        let mut data = wanted.data.clone();
        let later = if circular { take_unknown_members(&mut data, &self.ids) } else { Vec::new() };
        self.substitute(&mut data)?;
        let mut call =
            Call { method: wanted.method, path: path.clone(), started: self.state.clock.now(), ..self.call.clone() };
        let (kind, operation, status) = match (wanted.method, segments.as_slice()) {
            ("POST", [name]) => (endpoint(name).ok_or_else(invalid)?, Operation::Create(data), 201),
            (method, [name, id]) if method != "POST" => {
                let kind = endpoint(name).ok_or_else(invalid)?;
                let id: ResourceId = id.parse().map_err(|_| not_found(id))?;
                match method {
                    "PUT" => (kind, Operation::Replace(id, data), 200),
                    "PATCH" => (kind, Operation::Patch(id, data), 200),
                    _ => (kind, Operation::Delete(id), 204),
                }
            }
            _ => return Err(invalid()),
        };
        call.path = path;
        let done = perform(self.state, call, kind, operation, wanted.version.clone()).await?;
        if let (Some(shown), false) = (&done.shown, later.is_empty()) {
            self.circles.push((shown.resource.id, later));
        }
        Ok((status, done))
    }

    fn resolve_path(&self, path: &str) -> String {
        match path.rsplit_once('/') {
            Some((head, id)) => match id.strip_prefix("bulkId:").and_then(|id| self.ids.get(id)) {
                Some(id) => format!("{head}/{id}"),
                None => path.to_owned(),
            },
            None => path.to_owned(),
        }
    }

    /// Puts ids in the place of `bulkId:…`.
    fn substitute(&self, value: &mut Value) -> Result<()> {
        let mut unknown = Vec::new();
        replace(value, &self.ids, &mut unknown);
        match unknown.first() {
            Some(id) => Err(Error::new(
                Code::Conflict,
                format!("bulkId:{id} names no operation of this request that succeeded (RFC 7644 §3.7.2)."),
            )),
            None => Ok(()),
        }
    }
}

/// Takes the members that refer to operations that have not run out of a group; their bulkIds.
fn take_unknown_members(data: &mut Value, ids: &HashMap<String, ResourceId>) -> Vec<String> {
    let Some(members) = data.get_mut("members").and_then(Value::as_array_mut) else { return Vec::new() };
    let unknown = |member: &Value| {
        let id = member["value"].as_str()?.strip_prefix("bulkId:")?;
        (!ids.contains_key(id)).then(|| id.to_owned())
    };
    let taken = members.iter().filter_map(unknown).collect();
    members.retain(|member| unknown(member).is_none());
    taken
}

fn collect(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.extend(text.strip_prefix("bulkId:").map(str::to_owned)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, out)),
        Value::Object(object) => object.values().for_each(|value| collect(value, out)),
        _ => {}
    }
}

fn replace(value: &mut Value, ids: &HashMap<String, ResourceId>, unknown: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            if let Some(id) = text.strip_prefix("bulkId:") {
                match ids.get(id) {
                    Some(id) => *text = id.to_string(),
                    None => unknown.push(id.to_owned()),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, ids, unknown)),
        Value::Object(object) => object.values_mut().for_each(|value| replace(value, ids, unknown)),
        _ => {}
    }
}
