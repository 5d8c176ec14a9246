//! `/api/v1/organizations/{organization}/webhooks`: endpoints that are told what happens in the organization.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body;
use super::call::answer;
use super::list::{Query, page, whole};
use super::openapi::Refused;
use super::version;
use crate::administration::idempotency::Answer;
use crate::administration::webhook::{self, Settings, deliveries};
use crate::administration::{Administration, By};
use crate::error::Result;
use crate::http::State;
use crate::id::DeliveryId;
use crate::organization::permission::Action;
use crate::store::Planned;
use crate::store::connection::Connection;

/// A new endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Where it is; https.
    url: String,
    #[serde(default)]
    description: String,
    /// The types of the events it is told of; none for all of them.
    #[serde(default)]
    events: Vec<String>,
}

/// What is set of an endpoint: a merge patch (RFC 7396).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    url: Option<String>,
    description: Option<String>,
    events: Option<Vec<String>>,
    /// Whether it is told anything.
    enabled: Option<bool>,
}

/// `GET /api/v1/organizations/{organization}/webhooks`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/webhooks", tag = "webhooks", summary = "The webhooks, oldest first",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        Query::read(call, &[])?;
        let name = organization.to_owned();
        let endpoints = call.read(&organization, move |connection, _, by| webhook::list(connection, by, &name)).await?;
        Ok(HttpResponse::Ok().json(whole(endpoints.iter().map(webhook::describe).collect())))
    })
    .await
}

/// `POST /api/v1/organizations/{organization}/webhooks`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/webhooks", tag = "webhooks",
    summary = "Make a webhook; only this answer shows its secret, by which what it is told is signed (Standard Webhooks)",
    params(("organization" = String, Path, description = "Its id or slug")),
    request_body(content = Wanted, content_type = "application/json"),
    responses((status = 201, body = Object), Refused)
)]
pub(super) async fn create(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageWebhooks)?;
        let Wanted { url, description, events } = body::json(call, payload).await?;
        let settings =
            Settings { url: Some(url), description: Some(description), events: Some(events), ..Settings::default() };
        let slug = organization.to_owned();
        let create = move |connection: &mut _, administration: &_, by: &_| {
            let Planned { batch, answer } = webhook::create(connection, administration, by, &slug, &settings)?;
            let place = format!("/api/v1/organizations/{slug}/webhooks/{}", answer["id"].as_str().unwrap_or_default());
            Ok(Planned { batch, answer: Answer::created(place, answer) })
        };
        call.make(&organization, create).await
    })
    .await
}

/// `GET /api/v1/organizations/{organization}/webhooks/{id}`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/webhooks/{id}", tag = "webhooks", summary = "A webhook",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn show(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let slug = organization.clone();
        call.read(&organization, move |connection, _, by| webhook::show(connection, by, &slug, &id))
            .await
            .map(version::answer)
    })
    .await
}

/// `PATCH /api/v1/organizations/{organization}/webhooks/{id}`.
#[utoipa::path(
    patch, path = "/api/v1/organizations/{organization}/webhooks/{id}", tag = "webhooks", summary = "Change a webhook",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag of the webhook as it was read")
    ),
    request_body(content = Change, content_type = "application/json"),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn set(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        call.known()?;
        let Change { url, description, events, enabled } = body::json(call, payload).await?;
        let settings = Settings { url, description, events, enabled, expected_version: version::expected(call.http)? };
        let slug = organization.clone();
        let set = move |connection: &mut _, administration: &_, by: &_| {
            webhook::set(connection, administration, by, (&slug, &id), &settings)
        };
        call.write(&organization, set).await.map(version::answer)
    })
    .await
}

/// `DELETE /api/v1/organizations/{organization}/webhooks/{id}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/webhooks/{id}", tag = "webhooks",
    summary = "Remove a webhook with the log of its deliveries",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 204), Refused)
)]
pub(super) async fn remove(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let slug = organization.clone();
        let remove = move |connection: &mut _, administration: &_, by: &_| {
            webhook::remove(connection, administration, by, &slug, &id)
        };
        call.write(&organization, remove).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}

/// A use case that does something to an endpoint by a POST without a body.
async fn done(
    http: &HttpRequest,
    state: &web::Data<State>,
    organization: &str,
    use_case: impl Fn(&mut Connection, &Administration, &By) -> Result<Planned<Value>> + Send + Sync + 'static,
) -> HttpResponse {
    let once = move |connection: &mut Connection, administration: &Administration, by: &By| {
        let planned = use_case(connection, administration, by)?;
        Ok(Planned { batch: planned.batch, answer: Answer::done(planned.answer) })
    };
    answer(http, state, async |call| call.make(organization, once).await).await
}

/// `POST /api/v1/organizations/{organization}/webhooks/{id}/test`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/webhooks/{id}/test", tag = "webhooks",
    summary = "Send `webhook.test` once; its delivery tells what came of it",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn test(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    let (organization, id) = path.into_inner();
    let slug = organization.clone();
    let test = move |connection: &mut _, administration: &_, by: &_| {
        deliveries::test(connection, administration, by, &slug, &id)
    };
    done(&http, &state, &organization, test).await
}

/// `POST /api/v1/organizations/{organization}/webhooks/{id}/rotate-secret`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/webhooks/{id}/rotate-secret", tag = "webhooks",
    summary = "Another secret, which only this answer shows; the one before signs too for a day",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn rotate(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    let (organization, id) = path.into_inner();
    let slug = organization.clone();
    let rotate = move |connection: &mut _, administration: &_, by: &_| {
        webhook::rotate(connection, administration, by, &slug, &id)
    };
    done(&http, &state, &organization, rotate).await
}

/// `GET /api/v1/organizations/{organization}/webhooks/{id}/deliveries`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/webhooks/{id}/deliveries", tag = "webhooks",
    summary = "What it was told, newest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("id" = String, Path),
        ("limit" = Option<u32>, Query, description = "How many, at most 100"),
        ("after" = Option<String>, Query, description = "The cursor `next` of the page before")
    ),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn log(http: HttpRequest, path: web::Path<(String, String)>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let query = Query::read(call, &[])?;
        let after = query.after_id::<DeliveryId>()?;
        let (slug, limit) = (organization.clone(), query.limit as usize);
        let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let look =
            move |connection: &mut _, _: &_, by: &_| deliveries::list(connection, by, (&slug, &id), (after, most));
        let mut told = call.read(&organization, look).await?;
        let goes_on = told.len() > limit;
        told.truncate(limit);
        let next = told.last().filter(|_| goes_on).map(|last| last.id.to_string());
        Ok(HttpResponse::Ok().json(page(told.iter().map(deliveries::describe).collect(), next.as_ref())?))
    })
    .await
}

/// `POST /api/v1/organizations/{organization}/webhooks/{id}/deliveries/{delivery}/replay`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/webhooks/{id}/deliveries/{delivery}/replay", tag = "webhooks",
    summary = "Deliver it again, with the same id",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("id" = String, Path),
        ("delivery" = String, Path)
    ),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn replay(
    http: HttpRequest,
    path: web::Path<(String, String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    let (organization, id, delivery) = path.into_inner();
    let slug = organization.clone();
    let replay = move |connection: &mut _, administration: &_, by: &_| {
        deliveries::replay(connection, administration, by, (&slug, &id), &delivery)
    };
    done(&http, &state, &organization, replay).await
}
