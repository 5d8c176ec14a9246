//! `/api/v1/organizations/{organization}/provisioning-log`: what the identity provider asked and what came of it.

use actix_web::{HttpRequest, HttpResponse, web};

use super::call::answer;
use super::export::Log;
use super::list::{List, Query};
use super::refusals::{Invalid, Refused};
use super::values::{ExportFormat, LoggedOutcome, Paged, Period};
use crate::administration::provisioning_log::{self, Entry, Wanted};
use crate::http::State;

static LOG: Log<Wanted, Entry> = Log {
    name: "provisioning-log",
    filters: &["person", "token", "outcome", "method", "from", "to"],
    wanted,
    page: provisioning_log::page,
    columns: &provisioning_log::COLUMNS,
    cells: provisioning_log::cells,
};

/// `GET /api/v1/organizations/{organization}/provisioning-log`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/provisioning-log", tag = "provisioning log",
    summary = "What the identity provider asked and what came of it, newest first",
    description = "Every write and every refusal; reads as far as there is room for them. A page that has looked through many \
                   entries for what is wanted may have few or none, and a next one all the same.",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("person" = Option<String>, Query, description = "A userName, an address, an external id or a member's id, as it is or was"),
        ("token" = Option<String>, Query, description = "A token's id or name"),
        ("outcome" = inline(Option<LoggedOutcome>), Query),
        ("method" = Option<String>, Query, description = "Such as PATCH"),
        Period,
        Paged
    ),
    responses((status = 200, body = List<Entry>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| LOG.list(call, &organization).await).await
}

/// `GET /api/v1/organizations/{organization}/provisioning-log/{id}`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/provisioning-log/{id}", tag = "provisioning log",
    summary = "An entry with what was asked and answered, without secrets, and what is another than before",
    description = "The answer to a write that succeeded is shown as the resource was then, whole.",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("id" = String, Path)
    ),
    responses((status = 200, body = Entry), Refused)
)]
pub(super) async fn show(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let name = organization.clone();
        let read = move |connection: &mut _, administration: &_, by: &_| {
            provisioning_log::show(connection, administration, by, &name, &id)
        };
        let shown = call.read(&organization, read).await?;
        Ok(HttpResponse::Ok().json(shown))
    })
    .await
}

/// `GET /api/v1/organizations/{organization}/provisioning-log/export`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/provisioning-log/export", tag = "provisioning log",
    summary = "The same list as a file: all that is wanted, newest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("format" = inline(Option<ExportFormat>), Query, description = "A spreadsheet computes nothing in csv"),
        ("person" = Option<String>, Query), ("token" = Option<String>, Query), ("outcome" = inline(Option<LoggedOutcome>), Query),
        ("method" = Option<String>, Query), Period
    ),
    responses((status = 200, content((String = "text/csv"), (String = "application/x-ndjson"))), Refused, Invalid)
)]
pub(super) async fn export(
    http: HttpRequest,
    organization: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| LOG.export(call, &organization).await).await
}

fn wanted(query: &Query) -> Wanted {
    let value = |name| query.value(name).map(str::to_owned);
    Wanted {
        person: value("person"),
        token: value("token"),
        outcome: value("outcome"),
        method: value("method"),
        from: value("from"),
        to: value("to"),
    }
}
