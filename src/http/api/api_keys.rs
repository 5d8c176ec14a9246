//! `/api/v1/organizations/{organization}/api-keys`: keys of the organization's own programs.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::call::answer;
use super::list::{List, Query};
use super::organizations::parsed;
use super::refusals::{Invalid, Refused, Repeatable, Repeated, Unread};
use super::values::{Length, LesserRole, Name, Paged};
use crate::administration::api_key::{self, Created, New, PREFIX, Shown};
use crate::administration::idempotency::made;
use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::id::ApiKeyId;
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::secret::SecretToken;
use crate::text::duration;

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedApiKey)]
pub(super) struct Wanted {
    /// By which people know it.
    #[schema(value_type = Name)]
    name: String,
    /// `read`, `write` or `admin`; it is never more than its creator's.
    #[schema(value_type = LesserRole)]
    role: String,
    /// How long it works, such as `365d` or `24h`; for ever without it.
    #[schema(value_type = Option<Length>)]
    expires_in: Option<String>,
}

/// `GET /api/v1/organizations/{organization}/api-keys`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/api-keys", tag = "api keys", summary = "The API keys, newest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Paged
    ),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let query = Query::read(call, &[])?;
        let (name, after, most) = (organization.clone(), query.after_id::<ApiKeyId>()?, query.one_more());
        let look = move |connection: &mut _, _: &_, by: &_| api_key::list(connection, by, &name, after, most);
        let keys = call.read(&organization, look).await?.iter().map(api_key::describe).collect();
        Ok(HttpResponse::Ok().json(List::page(&query, keys, |key: &Shown| key.id)?))
    })
    .await
}

/// `POST /api/v1/organizations/{organization}/api-keys`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/api-keys", tag = "api keys",
    summary = "Make an API key; only this answer shows it, as `key`",
    params(("organization" = String, Path, description = "Its id or slug"), Repeatable),
    request_body(content = Wanted, content_type = "application/json"),
    responses((status = 201, body = Created, headers(("Location" = String))), Refused, Unread, Repeated)
)]
pub(super) async fn create(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageApiKeys)?;
        let wanted: Wanted = body::json(call, payload).await?;
        let role: Role = parsed("role", Some(wanted.role))?.unwrap_or(Role::Read);
        let lifetime = lifetime(wanted.expires_in)?;
        let key = SecretToken::generate(PREFIX, call.state.random.as_ref());
        let (slug, name) = (organization.to_owned(), wanted.name);
        let create = move |connection: &mut _, administration: &_, by: &_| {
            let new = New { name: &name, role, lifetime, key: &key };
            let planned = api_key::create(connection, administration, by, &slug, new)?;
            made(planned, |key| format!("/api/v1/organizations/{slug}/api-keys/{}", key.shown.id))
        };
        call.make((&organization, Action::ManageApiKeys), create).await
    })
    .await
}

/// How long a secret works.
pub(super) fn lifetime(expires_in: Option<String>) -> Result<Option<Duration>> {
    let invalid = |why: String| Error::new(Code::InvalidValue, format!("expires_in: {why}."));
    expires_in.map(|text| duration(&text).map_err(invalid)).transpose()
}

/// `GET /api/v1/organizations/{organization}/api-keys/{id}`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/api-keys/{id}", tag = "api keys",
    summary = "An API key, also one that is revoked, without its secret",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 200, body = Shown), Refused)
)]
pub(super) async fn show(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let slug = organization.clone();
        let look = move |connection: &mut _, _: &_, by: &_| api_key::show(connection, by, &slug, &id);
        let key = call.read(&organization, look).await?;
        Ok(HttpResponse::Ok().json(api_key::describe(&key)))
    })
    .await
}

/// `DELETE /api/v1/organizations/{organization}/api-keys/{id}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/api-keys/{id}", tag = "api keys", summary = "Revoke an API key",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 204), Refused)
)]
pub(super) async fn revoke(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        // An address names one thing, and a name may be several keys'.
        id.parse::<ApiKeyId>().map_err(|_| api_key::no_key(&id))?;
        let slug = organization.clone();
        let revoke = move |connection: &mut _, administration: &_, by: &_| {
            api_key::revoke(connection, administration, by, &slug, &id)
        };
        call.write(&organization, revoke).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}
