//! `/api/v1/organizations/{organization}/audit`: what people and the system did.

use actix_web::{HttpRequest, HttpResponse, web};

use super::call::answer;
use super::export::Log;
use super::list::{List, Query};
use super::refusals::{Invalid, Refused};
use super::values::{ExportFormat, Paged, Period};
use crate::administration::audit::{self, Wanted};
use crate::http::State;

static LOG: Log<Wanted, audit::Event> = Log {
    name: "audit",
    filters: &["actor", "action", "target", "from", "to", "search"],
    wanted,
    page: |connection, by, name, wanted, after, limit| audit::page(connection, by, Some(name), wanted, after, limit),
    columns: &audit::COLUMNS,
    cells: audit::cells,
};

/// `GET /api/v1/organizations/{organization}/audit`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/audit", tag = "audit",
    summary = "What people and the system did, newest first",
    description = "A page that has looked through many events for what is wanted may have few or none, and a next one all the same.",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("actor" = Option<String>, Query, description = "operator, system, provisioning, sign-in, or the id of who acted"),
        ("action" = Option<String>, Query, description = "Such as member.suspended, or member for all that begin so"),
        ("target" = Option<String>, Query, description = "An id, or a kind such as User"),
        Period,
        ("search" = Option<String>, Query, description = "A text anywhere in the event"),
        Paged
    ),
    responses((status = 200, body = List<audit::Event>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| LOG.list(call, &organization).await).await
}

/// `GET /api/v1/organizations/{organization}/audit/export`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/audit/export", tag = "audit",
    summary = "The same as a file: all that is wanted, newest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("format" = inline(Option<ExportFormat>), Query, description = "A spreadsheet computes nothing in csv"),
        ("actor" = Option<String>, Query), ("action" = Option<String>, Query), ("target" = Option<String>, Query),
        Period, ("search" = Option<String>, Query)
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
        actor: value("actor"),
        action: value("action"),
        target: value("target"),
        from: value("from"),
        to: value("to"),
        search: value("search"),
    }
}
