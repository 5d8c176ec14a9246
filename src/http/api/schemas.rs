//! `/api/v1/organizations/{organization}/schemas`: the organization's own SCIM extension schemas (RFC 7643 §7).

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body;
use super::call::answer;
use super::list::{List, Query};
use super::refusals::{Invalid, Refused, Repeatable, Repeated, Unfit, Unread};
use crate::administration::idempotency::Answer;
use crate::administration::schema::{self, Added, Shown};
use crate::error::Error;
use crate::http::State;
use crate::organization::permission::Action;
use crate::store::Planned;

/// `GET …/schemas`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/schemas", tag = "schemas",
    summary = "The organization's own extension schemas",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        Query::read_whole(call, &[])?;
        let slug = organization.clone();
        let schemas = call.read(&organization, move |connection, _, by| schema::list(connection, by, &slug)).await?;
        Ok(HttpResponse::Ok().json(List::whole(schemas)))
    })
    .await
}

/// A new extension schema.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSchema)]
pub(super) struct New {
    /// A Schema resource (RFC 7643 §7).
    #[schema(value_type = Object)]
    schema: Value,
    /// Whether every User must have the extension.
    #[serde(default)]
    required: bool,
}

/// `POST …/schemas`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/schemas", tag = "schemas",
    summary = "Add an extension schema",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Repeatable
    ),
    request_body(content = New, content_type = "application/json"),
    responses((status = 201, body = Added), Refused, Unread, Repeated)
)]
pub(super) async fn add(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageProvisioning)?;
        let new: New = body::json(call, payload).await?;
        let slug = organization.clone();
        let add = move |connection: &mut _, administration: &_, by: &_| {
            let Planned { batch, answer } =
                schema::add(connection, administration, by, &slug, new.schema.clone(), new.required)?;
            let place = format!("/api/v1/organizations/{slug}/schemas/{}", answer.schema);
            Ok(Planned { batch, answer: Answer::made(place, &answer)? })
        };
        call.make((&organization, Action::ManageProvisioning), add).await
    })
    .await
}

/// `DELETE …/schemas/{schema}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/schemas/{schema}", tag = "schemas",
    summary = "Remove an extension schema with the values that people have of it",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("schema" = String, Path, description = "Its URN")
    ),
    responses((status = 204), Refused, Unfit)
)]
pub(super) async fn remove(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, urn) = path.into_inner();
        call.known()?;
        let by = call.by(&organization).await?;
        let state = Arc::clone(call.state);
        // It goes on when whoever asked does not wait: the values of many people are taken away in slices.
        let work = actix_web::rt::spawn(async move {
            schema::remove(&state.store, &state.administration, &by, &organization, &urn).await
        });
        work.await.map_err(Error::internal)??;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}
