//! Where an organization's members are signed in: `/api/v1/organizations/{organization}/sessions`, and
//! `…/members/{id}/sessions` of one of them.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::call::{Call, answer};
use super::list::{List, Query};
use super::refusals::{Invalid, Refused, Repeatable, Repeated, Unread};
use super::values::{Paged, only_true};
use crate::administration::idempotency::Answer;
use crate::administration::session::{self, Revoked, Shown};
use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::organization::permission::Action;
use crate::store::Planned;

/// `GET …/sessions`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/sessions", tag = "sessions",
    summary = "Where members are signed in, by member",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Paged
    ),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| listed(call, &organization, None).await).await
}

/// `GET …/members/{id}/sessions`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/members/{id}/sessions", tag = "sessions",
    summary = "Where a member is signed in",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("id" = String, Path),
        Paged
    ),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list_of_member(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, member) = path.into_inner();
        listed(call, &organization, Some(member)).await
    })
    .await
}

async fn listed(call: &Call<'_>, organization: &str, member: Option<String>) -> Result<HttpResponse> {
    let query = Query::read(call, &[])?;
    let after = query.after_pair()?;
    let (slug, limit) = (organization.to_owned(), query.limit as usize + 1);
    let look = move |connection: &mut _, administration: &_, by: &_| {
        session::list(connection, administration, by, (&slug, member.as_deref()), after, limit)
    };
    let sessions = call.scan(organization, look).await?;
    Ok(HttpResponse::Ok().json(List::page(&query, sessions, Shown::place)?))
}

/// Whom to sign out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevokeSessions)]
pub(super) struct Whom {
    /// `true`: every member, whoever asks too.
    #[schema(schema_with = only_true)]
    everybody: bool,
}

/// `POST …/sessions/revoke`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/sessions/revoke", tag = "sessions",
    summary = "Sign every member out everywhere; an owner does that",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Repeatable
    ),
    request_body(content = Whom, content_type = "application/json"),
    responses((status = 200, body = Revoked), Refused, Unread, Repeated)
)]
pub(super) async fn revoke(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageMembers)?;
        let Whom { everybody } = body::json(call, payload).await?;
        if !everybody {
            return Err(Error::new(Code::InvalidValue, "everybody is true, or somebody is signed out as a member."));
        }
        let slug = organization.clone();
        let revoke = move |connection: &mut _, administration: &_, by: &_| {
            let Planned { batch, answer } = session::revoke(connection, administration, by, &slug, None)?;
            Ok(Planned { batch, answer: Answer::did(&answer)? })
        };
        call.make((&organization, Action::ManageMembers), revoke).await
    })
    .await
}

/// `DELETE …/members/{id}/sessions/{session}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/members/{id}/sessions/{session}", tag = "sessions",
    summary = "End one session of a member",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("id" = String, Path),
        ("session" = String, Path)
    ),
    responses((status = 204), Refused)
)]
pub(super) async fn end(
    http: HttpRequest,
    path: web::Path<(String, String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, member, id) = path.into_inner();
        let slug = organization.clone();
        let end = move |connection: &mut _, administration: &_, by: &_| {
            session::end(connection, administration, by, (&slug, &member), &id)
        };
        call.write(&organization, end).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}
