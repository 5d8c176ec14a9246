//! `GET /api/openapi.json`: the API described as `OpenAPI` 3.1, made of what stands beside the handlers.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

use super::call::answer;
use super::{
    api_keys, audit, billing, domains, founding, home, invitations, join_requests, me, member_sessions, members,
    organizations, provisioning_clients, provisioning_log, provisioning_tokens, recovery_codes, role_mappings, schemas,
    sessions, single_sign_on, webhooks,
};
use crate::http::State;

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    title: String,
    status: u16,
    /// What, why, and what to do.
    detail: String,
    /// Stable.
    code: String,
    request_id: String,
}

/// What every request may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
pub(super) enum Refused {
    /// Something of the request cannot be used
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
    /// Nobody is signed in, and there is no API key that is good
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// Not allowed
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is nothing here for whoever asks
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// The present state does not let it be done
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// It has changed meanwhile
    #[response(status = 412, content_type = "application/problem+json")]
    PreconditionFailed(Problem),
    /// The key was given to another request
    #[response(status = 422, content_type = "application/problem+json")]
    KeyReused(Problem),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is of another media type
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Problem),
    /// Too many requests
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
    /// The service cannot answer right now
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

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
    components(schemas(Problem)),
    modifiers(&Security),
    security(("session" = []), ("api_key" = []))
)]
struct Api;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("headcount_session")));
        let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("session", session);
        components.add_security_scheme("api_key", key);
    }
}

/// The description.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// `GET /api/openapi.json`.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "description", summary = "This description", security(()),
    responses((status = 200, body = Object))
)]
pub(super) async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |_| Ok(HttpResponse::Ok().json(document()))).await
}
