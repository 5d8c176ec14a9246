//! `/api/v1/organizations/{organization}/invitations`: who is invited, one by one or by a file.

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::call::{Call, answer, answered};
use super::list::{List, Query};
use super::organizations::parsed;
use super::refusals::{Invalid, Refused, Repeatable, Repeated, Unfit, Unread};
use super::values::{EmailAddress, Paged, Sentences};
use crate::administration::idempotency::{Answer, done, made};
use crate::administration::invitation::{self, Manner, Outcome, Page, Renewal, Renewed, Rows, Shown};
use crate::error::Result;
use crate::http::State;
use crate::id::InvitationId;
use crate::organization::invitation::{State as InvitationState, Wanted};
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::store::Planned;

/// The media types of a file of rows; browsers call what a spreadsheet wrote by the last.
const FILES: [&str; 3] = ["text/csv", "text/plain", "application/vnd.ms-excel"];

/// `GET …/invitations`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/invitations", tag = "invitations",
    summary = "Invitations, newest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("state" = inline(Option<InvitationState>), Query),
        Paged
    ),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, slug: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let query = Query::read(call, &["state"])?;
        let wanted = Page {
            state: parsed("state", query.value("state").map(str::to_owned))?,
            after: query.after_id::<InvitationId>()?,
            limit: query.limit,
        };
        let name = slug.to_owned();
        let look = move |connection: &mut _, administration: &_, by: &_| {
            invitation::list(connection, administration, by, &name, wanted)
        };
        let (items, next) = call.read(&slug, look).await?;
        Ok(HttpResponse::Ok().json(List::before(items, next.as_ref())?))
    })
    .await
}

/// Somebody to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInvitation {
    // Missing, it is no address: whoever may not invite is told that first.
    #[serde(default)]
    #[schema(required, value_type = EmailAddress, example = "ann@acme.example")]
    email: String,
    /// `read`, `write`, `admin` or `owner`; `read` when nothing is said.
    #[schema(value_type = Option<Role>)]
    role: Option<String>,
    /// What the mail says beside.
    #[schema(value_type = Option<Sentences>)]
    message: Option<String>,
}

/// `POST …/invitations`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/invitations", tag = "invitations",
    summary = "Invite somebody by a mail",
    params(("organization" = String, Path, description = "Its id or slug"), Repeatable),
    request_body(content = NewInvitation, content_type = "application/json"),
    responses((status = 201, body = Shown, headers(("Location" = String))), Refused, Unread, Repeated)
)]
pub(super) async fn create(
    http: HttpRequest,
    slug: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        let NewInvitation { email, role, message } = body::json(call, payload).await?;
        let wanted = Wanted { line: 1, email: email.trim().to_owned(), role };
        let (name, manner) = (slug.to_owned(), manner(call, message));
        let invite = move |connection: &mut _, administration: &_, by: &_| {
            let planned = invitation::create(connection, administration, by, &name, (&wanted, &manner))?;
            made(planned, |invitation| format!("/api/v1/organizations/{name}/invitations/{}", invitation.id))
        };
        call.make((&slug, Action::Invite), invite).await
    })
    .await
}

fn manner(call: &Call<'_>, message: Option<String>) -> Manner {
    Manner { public_url: call.state.public_url.to_string(), message }
}

/// Many to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedInvitations)]
pub(super) struct Import {
    #[serde(default)]
    #[schema(required, min_items = 1, max_items = 1000)]
    rows: Vec<Row>,
    /// What the mails say beside.
    #[schema(value_type = Option<Sentences>)]
    message: Option<String>,
}

/// One of many.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedInvitation)]
pub(super) struct Row {
    email: String,
    role: Option<String>,
}

/// The rows of a request: a file of `email,role`, or a list.
async fn rows(call: &Call<'_>, payload: web::Payload) -> Result<(Rows, Option<String>)> {
    call.known()?;
    let sent = call.http.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if sent.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        let Import { rows, message } = body::json(call, payload).await?;
        let rows = rows.into_iter().map(|Row { email, role }| (email.trim().to_owned(), role)).collect();
        return Ok((Rows::of_list(rows), message));
    }
    let types: Vec<&str> = FILES.into_iter().chain(["application/json"]).collect();
    let bytes = body::bytes(call, payload, &types).await?;
    Ok((Rows::of_file(&bytes)?, None))
}

/// Whether a file is asked for.
fn takes_a_file(call: &Call<'_>) -> bool {
    let accepted = call.http.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|range| range.trim().to_ascii_lowercase().starts_with("text/csv"))
}

/// `POST …/invitations/import/preview`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/invitations/import/preview", tag = "invitations",
    summary = "What would come of each row; as a file with Accept: text/csv",
    params(("organization" = String, Path, description = "Its id or slug")),
    request_body(content((Import = "application/json"), (String = "text/csv"))),
    responses((status = 200, content((Outcome = "application/json"), (String = "text/csv"))), Refused, Unread, Unfit)
)]
pub(super) async fn preview(
    http: HttpRequest,
    slug: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (rows, _) = rows(call, payload).await?;
        let name = slug.to_string();
        let look = move |connection: &mut _, administration: &_, by: &_| {
            invitation::preview(connection, administration, by, &name, &rows)
        };
        let seen = call.read(&slug, look).await?;
        Ok(if takes_a_file(call) {
            answered(Answer::file("invitations.csv", invitation::file(&seen)))
        } else {
            HttpResponse::Ok().json(seen)
        })
    })
    .await
}

/// `POST …/invitations/import`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/invitations/import", tag = "invitations",
    summary = "Invite everybody in the rows that are ready; the result as a file with Accept: text/csv",
    params(("organization" = String, Path, description = "Its id or slug"), Repeatable),
    request_body(content((Import = "application/json"), (String = "text/csv"))),
    responses((status = 200, content((Outcome = "application/json"), (String = "text/csv"))), Refused, Unread, Repeated)
)]
pub(super) async fn import(
    http: HttpRequest,
    slug: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (rows, message) = rows(call, payload).await?;
        let (name, manner) = (slug.to_string(), manner(call, message));
        let import = move |connection: &mut _, administration: &_, by: &_| {
            invitation::import(connection, administration, by, &name, (&rows, &manner))
        };
        let takes_a_file = takes_a_file(call);
        let once = move |connection: &mut _, administration: &_, by: &_| {
            let planned = import(connection, administration, by)?;
            if takes_a_file {
                let answer = Answer::file("invitations.csv", invitation::file(&planned.answer));
                return Ok(Planned { batch: planned.batch, answer });
            }
            done(planned)
        };
        call.make((&slug, Action::Invite), once).await
    })
    .await
}

/// The organization and the invitation of an address.
type Place = web::Path<(String, String)>;

/// `GET …/invitations/{id}`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/invitations/{id}", tag = "invitations", summary = "An invitation",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 200, body = Shown), Refused)
)]
pub(super) async fn show(http: HttpRequest, place: Place, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, id) = place.into_inner();
        let name = slug.clone();
        let look = move |connection: &mut _, administration: &_, by: &_| {
            invitation::show(connection, administration, by, &name, &id)
        };
        let shown = call.read(&slug, look).await?;
        Ok(HttpResponse::Ok().json(shown))
    })
    .await
}

/// `POST …/invitations/{id}/resend`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/invitations/{id}/resend", tag = "invitations",
    summary = "Send an invitation again, with a new link; the one before is dead",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path), Repeatable),
    responses((status = 200, body = Renewed), Refused, Repeated)
)]
pub(super) async fn resend(http: HttpRequest, place: Place, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, id) = place.into_inner();
        let (name, manner) = (slug.clone(), manner(call, None));
        let again = move |connection: &mut _, administration: &_, by: &_| {
            done(invitation::renew(connection, administration, by, (&name, &id), (Renewal::Mail, &manner))?)
        };
        call.make((&slug, Action::Invite), again).await
    })
    .await
}

/// `POST …/invitations/{id}/link`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/invitations/{id}/link", tag = "invitations",
    summary = "A new link to copy, shown once and to people only; the one before is dead",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path), Repeatable),
    responses((status = 200, body = Renewed), Refused, Repeated)
)]
pub(super) async fn link(http: HttpRequest, place: Place, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, id) = place.into_inner();
        let (name, manner) = (slug.clone(), manner(call, None));
        let renew = move |connection: &mut _, administration: &_, by: &_| {
            done(invitation::renew(connection, administration, by, (&name, &id), (Renewal::Copy, &manner))?)
        };
        call.make((&slug, Action::Invite), renew).await
    })
    .await
}

/// `DELETE …/invitations/{id}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/invitations/{id}", tag = "invitations",
    summary = "Take an invitation back; its seat is free",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 204), Refused, Unfit)
)]
pub(super) async fn revoke(http: HttpRequest, place: Place, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, id) = place.into_inner();
        let name = slug.clone();
        let revoke = move |connection: &mut _, administration: &_, by: &_| {
            invitation::revoke(connection, administration, by, &name, &id)
        };
        call.write(&slug, revoke).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}
