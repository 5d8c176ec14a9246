//! `/api/v1/organizations/{organization}/recovery-codes`: by which owners come in when single sign-on does not work
//! (product.md §6). An owner makes their own.

use actix_web::{HttpRequest, HttpResponse, web};

use super::call::answer;
use super::list::{List, Query};
use super::refusals::{Invalid, Refused, Repeatable, Repeated};
use crate::administration::idempotency::{Answer, done};
use crate::administration::recovery_codes::{self, Made, Shown, Whom};
use crate::http::State;
use crate::organization::permission::Action;
use crate::store::Planned;

/// `GET …/recovery-codes`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/recovery-codes", tag = "recovery codes",
    summary = "Which owners have how many codes left",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        Query::read_whole(call, &[])?;
        let slug = organization.clone();
        let look = move |connection: &mut _, _: &_, by: &_| recovery_codes::list(connection, by, &slug);
        Ok(HttpResponse::Ok().json(List::whole(call.read(&organization, look).await?)))
    })
    .await
}

/// `POST …/recovery-codes`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/recovery-codes", tag = "recovery codes",
    summary = "Make one's own codes, in place of those before; only this answer shows them",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Repeatable
    ),
    responses((status = 201, body = Made), Refused, Repeated)
)]
pub(super) async fn create(
    http: HttpRequest,
    organization: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let slug = organization.clone();
        let create = move |connection: &mut _, administration: &_, by: &_| {
            let Planned { batch, answer } =
                recovery_codes::create(connection, administration, by, &slug, &Whom::Oneself)?;
            let place = format!("/api/v1/organizations/{slug}/recovery-codes");
            Ok(Planned { batch, answer: Answer::made(place, &answer)? })
        };
        call.make((&organization, Action::ManageRecoveryCodes), create).await
    })
    .await
}

/// `POST …/recovery-codes/confirm`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/recovery-codes/confirm", tag = "recovery codes",
    summary = "Say that one's codes are kept somewhere safe",
    params(("organization" = String, Path, description = "Its id or slug"), Repeatable),
    responses((status = 200, body = Shown), Refused, Repeated)
)]
pub(super) async fn confirm(
    http: HttpRequest,
    organization: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let slug = organization.clone();
        let confirm = move |connection: &mut _, administration: &_, by: &_| {
            done(recovery_codes::confirm(connection, administration, by, &slug, &Whom::Oneself)?)
        };
        call.make((&organization, Action::ManageRecoveryCodes), confirm).await
    })
    .await
}
