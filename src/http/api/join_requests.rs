//! `/api/v1/organizations/{organization}/join-requests`: people who ask to be let in (product.md §5).

use actix_web::{HttpRequest, HttpResponse, web};

use super::call::answer;
use super::list::{List, Query};
use super::refusals::{Invalid, Refused, Repeatable, Repeated};
use super::values::Paged;
use crate::administration::idempotency::Answer;
use crate::administration::join_request::{self, Decided, Shown};
use crate::http::State;
use crate::id::IdentityId;
use crate::organization::permission::Action;
use crate::store::Planned;

/// `GET …/join-requests`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/join-requests", tag = "join requests",
    summary = "Who asks to be let in, and who was declined, in the order in which they first came",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Paged
    ),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let query = Query::read(call, &[])?;
        let (slug, after, limit) = (organization.clone(), query.after_id::<IdentityId>()?, query.one_more());
        let look = move |connection: &mut _, administration: &_, by: &_| {
            join_request::list(connection, administration, by, &slug, after, limit)
        };
        let requests = call.read(&organization, look).await?;
        Ok(HttpResponse::Ok().json(List::page(&query, requests, |request| request.id.clone())?))
    })
    .await
}

/// `POST …/join-requests/{id}/approve`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/join-requests/{id}/approve", tag = "join requests",
    summary = "Make whoever asks a member with the domain's role, also who was declined",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("id" = String, Path),
        Repeatable
    ),
    responses((status = 200, body = Decided), Refused, Repeated)
)]
pub(super) async fn approve(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let slug = organization.clone();
        let approve = move |connection: &mut _, administration: &_, by: &_| {
            let Planned { batch, answer } = join_request::approve(connection, administration, by, &slug, &id)?;
            Ok(Planned { batch, answer: Answer::did(&answer)? })
        };
        call.make((&organization, Action::ManageJoinRequests), approve).await
    })
    .await
}

/// `POST …/join-requests/{id}/decline`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/join-requests/{id}/decline", tag = "join requests",
    summary = "Keep whoever asks out for 90 days",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("id" = String, Path),
        Repeatable
    ),
    responses((status = 200, body = Decided), Refused, Repeated)
)]
pub(super) async fn decline(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let slug = organization.clone();
        let decline = move |connection: &mut _, administration: &_, by: &_| {
            let Planned { batch, answer } = join_request::decline(connection, administration, by, &slug, &id)?;
            Ok(Planned { batch, answer: Answer::did(&answer)? })
        };
        call.make((&organization, Action::ManageJoinRequests), decline).await
    })
    .await
}
