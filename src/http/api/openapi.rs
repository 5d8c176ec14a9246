//! `GET /api/openapi.json`: the API described as `OpenAPI` 3.1, made of what stands beside the handlers.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::call::answer;
use super::refusals::Problem;
use super::{
    api_keys, audit, billing, domains, founding, home, invitations, join_requests, me, member_sessions, members,
    organizations, provisioning_clients, provisioning_log, provisioning_tokens, recovery_codes, role_mappings, schemas,
    sessions, single_sign_on, webhooks,
};
use crate::http::State;

#[derive(OpenApi)]
#[openapi(
    info(title = "Headcount", description = "Organizations, their members, and what becomes of them."),
    paths(
        api_keys::create,
        api_keys::list,
        api_keys::revoke,
        api_keys::show,
        audit::export,
        audit::list,
        billing::check_out,
        billing::invoices,
        billing::portal,
        billing::preview,
        billing::set,
        billing::show,
        domains::add,
        domains::check,
        domains::list,
        domains::remove,
        domains::set,
        domains::show,
        founding::delete,
        founding::found,
        founding::restore,
        founding::transfer,
        home::downloads,
        home::show,
        invitations::create,
        invitations::import,
        invitations::link,
        invitations::list,
        invitations::preview,
        invitations::resend,
        invitations::revoke,
        invitations::show,
        join_requests::approve,
        join_requests::decline,
        join_requests::list,
        me::show,
        member_sessions::end,
        member_sessions::list,
        member_sessions::list_of_member,
        member_sessions::revoke,
        members::list,
        members::remove,
        members::seats,
        members::set,
        members::show,
        members::sign_out,
        members::unlink,
        organizations::list,
        organizations::set,
        organizations::show,
        provisioning_clients::create,
        provisioning_clients::list,
        provisioning_clients::revoke,
        provisioning_log::export,
        provisioning_log::list,
        provisioning_log::show,
        provisioning_tokens::create,
        provisioning_tokens::list,
        provisioning_tokens::revoke,
        recovery_codes::confirm,
        recovery_codes::create,
        recovery_codes::list,
        role_mappings::list,
        role_mappings::preview,
        role_mappings::remove,
        role_mappings::set,
        schemas::add,
        schemas::list,
        schemas::remove,
        sessions::list,
        sessions::revoke,
        show,
        single_sign_on::set,
        single_sign_on::show,
        webhooks::create,
        webhooks::list,
        webhooks::log,
        webhooks::remove,
        webhooks::replay,
        webhooks::rotate,
        webhooks::set,
        webhooks::show,
        webhooks::test
    ),
    components(schemas(Problem<'static>)),
    modifiers(&Security),
    security(("session" = []), ("api_key" = []))
)]
struct Api;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("headcount_session")));
        let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let token = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "X-CSRF-Token",
            "The header of this name in every answer to a session, such as of GET /api/v1/me.",
        )));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("session", session);
        components.add_security_scheme("csrf_token", token);
        components.add_security_scheme("api_key", key);
    }
}

/// The description.
#[must_use]
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let mut document = serde_json::to_value(Api::openapi()).unwrap_or_default();
        for (_, operations) in members(document.get_mut("paths")) {
            for (method, operation) in members(Some(operations)) {
                name(operation);
                leave_out(operation);
                protect(method, operation);
            }
        }
        together(&mut document);
        document
    });
    &DOCUMENT
}

fn members(value: Option<&mut Value>) -> impl Iterator<Item = (&String, &mut Value)> {
    value.and_then(Value::as_object_mut).into_iter().flatten()
}

fn items(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_array_mut).into_iter().flatten()
}

/// A handler is called what it is within its noun, which is the tag.
fn name(operation: &mut Value) {
    let (noun, verb) = (operation["tags"][0].as_str(), operation["operationId"].as_str());
    let name = format!("{} {}", noun.unwrap_or_default(), verb.unwrap_or_default());
    operation["operationId"] = name.replace([' ', '-'], "_").into();
}

/// What is not sent is absent: no parameter of an address or a header is `null`.
fn leave_out(operation: &mut Value) {
    for parameter in items(operation.get_mut("parameters")) {
        if let Some(kinds) = parameter["schema"]["type"].as_array() {
            parameter["schema"]["type"] = kinds.iter().find(|kind| **kind != "null").cloned().unwrap_or_default();
        }
    }
}

/// Who may ask. What changes something takes the token of the browser beside its cookie.
fn protect(method: &str, operation: &mut Value) {
    if operation.get("security").is_none() {
        operation["security"] = json!([{"session": []}, {"api_key": []}]);
    }
    for requirement in items(operation.get_mut("security")) {
        if method != "get" && requirement.get("session").is_some() {
            requirement["csrf_token"] = json!([]);
        }
    }
}

/// Members that are there together or not at all: the derived schema says that the whole may be `null`.
fn together(schema: &mut Value) {
    for part in items(schema.get_mut("allOf")) {
        if part.pointer("/oneOf/0/type").is_some_and(|kind| kind == "null") {
            *part = json!({"anyOf": [part["oneOf"][1], {"type": "object"}]});
        }
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(together),
        Value::Array(items) => items.iter_mut().for_each(together),
        _ => {}
    }
}

/// `GET /api/openapi.json`.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "description", summary = "This description", security(()),
    responses((status = 200, body = Object))
)]
pub(super) async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |_| Ok(HttpResponse::Ok().json(document()))).await
}
