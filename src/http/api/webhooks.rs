//! `/api/v1/organizations/{organization}/webhooks`: endpoints that are told what happens in the organization.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::call::answer;
use super::list::{List, Query};
use super::refusals::{Invalid, Outdated, Refused, Repeatable, Repeated, Unread};
use super::values::{Note, Paged};
use super::version;
use crate::administration::idempotency::{done, made};
use crate::administration::webhook::{self, Settings, Shown, WithSecret, deliveries};
use crate::http::State;
use crate::id::DeliveryId;
use crate::organization::permission::Action;

/// A new endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedWebhook)]
pub(super) struct Wanted {
    /// Where it is; https.
    #[schema(format = "uri", pattern = "^https://")]
    url: String,
    #[serde(default)]
    #[schema(value_type = Note)]
    description: String,
    /// The types of the events it is told of; none for all of them.
    #[serde(default)]
    events: Vec<String>,
}

/// What is set of an endpoint: a merge patch (RFC 7396).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookPatch)]
pub(super) struct Change {
    #[schema(format = "uri", pattern = "^https://")]
    url: Option<String>,
    #[schema(value_type = Option<Note>)]
    description: Option<String>,
    events: Option<Vec<String>>,
    /// Whether it is told anything.
    enabled: Option<bool>,
}

/// `GET /api/v1/organizations/{organization}/webhooks`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/webhooks", tag = "webhooks", summary = "The webhooks, oldest first",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        Query::read_whole(call, &[])?;
        let name = organization.to_owned();
        let endpoints = call.read(&organization, move |connection, _, by| webhook::list(connection, by, &name)).await?;
        Ok(HttpResponse::Ok().json(List::whole(endpoints.iter().map(webhook::describe).collect())))
    })
    .await
}

/// `POST /api/v1/organizations/{organization}/webhooks`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/webhooks", tag = "webhooks",
    summary = "Make a webhook; only this answer shows its secret, by which what it is told is signed (Standard Webhooks)",
    params(("organization" = String, Path, description = "Its id or slug"), Repeatable),
    request_body(content = Wanted, content_type = "application/json"),
    responses((status = 201, body = WithSecret, headers(("Location" = String))), Refused, Unread, Repeated)
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
            let planned = webhook::create(connection, administration, by, &slug, &settings)?;
            made(planned, |webhook| format!("/api/v1/organizations/{slug}/webhooks/{}", webhook.shown.id))
        };
        call.make((&organization, Action::ManageWebhooks), create).await
    })
    .await
}

/// `GET /api/v1/organizations/{organization}/webhooks/{id}`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/webhooks/{id}", tag = "webhooks", summary = "A webhook",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 200, body = Shown, headers(("ETag" = String))), Refused)
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
            .map(|shown| version::answer(&shown, Some(shown.version)))
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
    responses((status = 200, body = Shown, headers(("ETag" = String))), Refused, Unread, Outdated)
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
        call.write(&organization, set).await.map(|shown| version::answer(&shown, Some(shown.version)))
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

/// `POST /api/v1/organizations/{organization}/webhooks/{id}/test`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/webhooks/{id}/test", tag = "webhooks",
    summary = "Send `webhook.test` once; its delivery tells what came of it",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path), Repeatable),
    responses((status = 200, body = deliveries::Shown), Refused, Repeated)
)]
pub(super) async fn test(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let slug = organization.clone();
        let test = move |connection: &mut _, administration: &_, by: &_| {
            done(deliveries::test(connection, administration, by, &slug, &id)?)
        };
        call.make((&organization, Action::ManageWebhooks), test).await
    })
    .await
}

/// `POST /api/v1/organizations/{organization}/webhooks/{id}/rotate-secret`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/webhooks/{id}/rotate-secret", tag = "webhooks",
    summary = "Another secret, which only this answer shows; the one before signs too for a day",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path), Repeatable),
    responses((status = 200, body = WithSecret), Refused, Repeated)
)]
pub(super) async fn rotate(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let slug = organization.clone();
        let rotate = move |connection: &mut _, administration: &_, by: &_| {
            done(webhook::rotate(connection, administration, by, &slug, &id)?)
        };
        call.make((&organization, Action::ManageWebhooks), rotate).await
    })
    .await
}

/// `GET /api/v1/organizations/{organization}/webhooks/{id}/deliveries`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/webhooks/{id}/deliveries", tag = "webhooks",
    summary = "What it was told, newest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("id" = String, Path),
        Paged
    ),
    responses((status = 200, body = List<deliveries::Shown>), Refused, Invalid)
)]
pub(super) async fn log(http: HttpRequest, path: web::Path<(String, String)>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let query = Query::read(call, &[])?;
        let (slug, after, most) = (organization.clone(), query.after_id::<DeliveryId>()?, query.one_more());
        let look =
            move |connection: &mut _, _: &_, by: &_| deliveries::list(connection, by, (&slug, &id), (after, most));
        let told = call.read(&organization, look).await?.iter().map(deliveries::describe).collect();
        Ok(HttpResponse::Ok().json(List::page(&query, told, |told: &deliveries::Shown| told.id)?))
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
        ("delivery" = String, Path), Repeatable),
    responses((status = 200, body = deliveries::Shown), Refused, Repeated)
)]
pub(super) async fn replay(
    http: HttpRequest,
    path: web::Path<(String, String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id, delivery) = path.into_inner();
        let slug = organization.clone();
        let replay = move |connection: &mut _, administration: &_, by: &_| {
            done(deliveries::replay(connection, administration, by, (&slug, &id), &delivery)?)
        };
        call.make((&organization, Action::ManageWebhooks), replay).await
    })
    .await
}
