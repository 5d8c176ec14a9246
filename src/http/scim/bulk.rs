//! `POST /Bulk` (RFC 7644 §3.7): reads the request and writes the answer.

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use super::query::Parameters;
use super::request::Request;
use super::respond;
use crate::error::Result;
use crate::http::State;
use crate::provisioning::Call;
use crate::provisioning::bulk::{self, Answered};
use crate::scim::bulk::BulkRequest;
use crate::scim::message::{self, BULK_RESPONSE};

pub(super) async fn handle(
    request: &mut Request<'_>,
    state: &web::Data<State>,
    mut call: Call,
) -> Result<HttpResponse> {
    let caller = request.authenticate(state, &call).await?;
    call.ignored_parameters = Parameters::of_write(request.query())?.ignored;
    let body = request.json(state).await?;
    let wanted = BulkRequest::read(body, state.provisioning.options.bulk_max_operations)?;
    let answers = bulk::run(&state.store, &state.provisioning, &call, &caller, wanted).await?;
    let operations: Vec<Value> = answers.into_iter().map(json_of).collect();
    Ok(respond::json(200, &json!({"schemas": [BULK_RESPONSE], "Operations": operations})))
}

fn json_of(answered: Answered) -> Value {
    let mut json = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            json.insert(name.into(), value.into());
        }
    };
    put("method", Some(answered.method.into_owned()));
    put("bulkId", answered.bulk_id);
    put("version", answered.version);
    put("location", answered.location);
    put("status", Some(answered.status.to_string()));
    if let Some(error) = answered.error {
        let row = error.code.row();
        json.insert("response".into(), message::error(row.status, row.scim_type, &error.detail));
    }
    Value::Object(json)
}
