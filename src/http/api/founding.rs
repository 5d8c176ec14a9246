//! An organization's beginning and its end: founded, transferred, deleted, restored.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::call::answer;
use super::refusals::{Refused, Repeatable, Repeated, Unfit, Unread};
use super::values::{Name, Slug, whole_number};
use crate::administration::idempotency::{done, made};
use crate::administration::organization::{self, Founded, Founding, Restored, Transferred};
use crate::error::{Code, Error};
use crate::http::State;
use crate::organization::permission::Action;
use crate::organization::plan::Plan;

/// An organization to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrganization)]
pub(super) struct New {
    #[schema(value_type = Name)]
    name: String,
    /// Its name in addresses; made of the name when it is not given.
    #[schema(value_type = Option<Slug>)]
    slug: Option<String>,
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 1, maximum = 100_000)]
    seats: i64,
    /// `enterprise_seat_yearly`, `enterprise_seat_quarterly` or `enterprise_seat_monthly`.
    #[schema(value_type = Plan)]
    plan: String,
}

/// `POST /api/v1/organizations`.
#[utoipa::path(
    post, path = "/api/v1/organizations", tag = "organizations",
    summary = "Found an organization, which waits for its checkout",
    security(("session" = [])),
    params(Repeatable),
    request_body = New,
    responses((status = 201, body = Founded, headers(("Location" = String))), Refused, Unread, Repeated)
)]
pub(super) async fn found(http: HttpRequest, payload: web::Payload, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        // No key founds an organization.
        call.session()?;
        call.known()?;
        let New { name, slug, seats, plan } = body::json(call, payload).await?;
        let plan = plan.parse().map_err(|why: String| Error::new(Code::InvalidValue, format!("plan: {why}.")))?;
        let new = Founding { name, slug, seats, plan };
        let found = move |connection: &mut _, administration: &_, by: &_| {
            let planned = organization::found(connection, administration, by, &new)?;
            made(planned, |founded| format!("/api/v1/organizations/{}", founded.id))
        };
        call.make_as_person(found).await
    })
    .await
}

/// Who is to own it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Transfer {
    member_id: String,
}

/// `POST /api/v1/organizations/{organization}/transfer`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/transfer", tag = "organizations",
    summary = "Make another active member the owner and oneself an admin",
    params(("organization" = String, Path, description = "Its id or slug"), Repeatable),
    request_body = Transfer,
    responses((status = 200, body = Transferred), Refused, Unread, Repeated)
)]
pub(super) async fn transfer(
    http: HttpRequest,
    slug: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        let Transfer { member_id } = body::json(call, payload).await?;
        let name = slug.to_owned();
        let transfer = move |connection: &mut _, administration: &_, by: &_| {
            done(organization::transfer(connection, administration, by, &name, (&member_id, None))?)
        };
        // Whoever has given it away is told so again: they are no owner any more.
        call.make((&slug, Action::ViewOrganization), transfer).await
    })
    .await
}

/// That it is meant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deletion {
    /// The exact name of the organization.
    name: String,
}

/// `DELETE /api/v1/organizations/{organization}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}", tag = "organizations",
    summary = "Delete the organization; it can be restored for 14 days",
    params(("organization" = String, Path, description = "Its id or slug")),
    request_body = Deletion,
    responses((status = 204), Refused, Unread, Unfit)
)]
pub(super) async fn delete(
    http: HttpRequest,
    slug: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        let Deletion { name } = body::json(call, payload).await?;
        let named = slug.to_owned();
        let delete = move |connection: &mut _, administration: &_, by: &_| {
            organization::delete(connection, administration, by, &named, &name)
        };
        call.write(&slug, delete).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}

/// `POST /api/v1/organizations/{organization}/restore`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/restore", tag = "organizations",
    summary = "Bring back a deleted organization that one owns",
    security(("session" = [])),
    params(("organization" = String, Path, description = "Its id or slug"), Repeatable),
    responses((status = 200, body = Restored), Refused, Repeated)
)]
pub(super) async fn restore(http: HttpRequest, slug: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let restore = move |connection: &mut _, administration: &_, by: &_| {
            done(organization::restore(connection, administration, by, &slug)?)
        };
        call.make_as_person(restore).await
    })
    .await
}
