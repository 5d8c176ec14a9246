//! `/api/v1/organizations/{organization}/audit`: what people and the system did.

use actix_web::{HttpRequest, HttpResponse, web};

use super::call::Call;
use super::export::{self, Format};
use super::list::{self, Query};
use super::openapi::Refused;
use crate::administration::audit::{self, Wanted};
use crate::error::Result;
use crate::http::State;
use crate::id::EventId;

/// What of the trail is wanted.
const FILTERS: [&str; 6] = ["actor", "action", "target", "from", "to", "search"];

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
        ("from" = Option<String>, Query, description = "A time or a day: not before it"),
        ("to" = Option<String>, Query, description = "A time or a day: before it"),
        ("search" = Option<String>, Query, description = "A text anywhere in the event"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "The next of the page before")
    ),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    let call = Call::new(&http, &state);
    let outcome = listed(&call, &organization).await;
    call.finish(outcome)
}

async fn listed(call: &Call<'_>, organization: &str) -> Result<HttpResponse> {
    let query = Query::read(call, &FILTERS)?;
    let (wanted, after, limit) = (wanted(&query), after(&query)?, query.limit);
    let name = organization.to_owned();
    let read = move |connection: &mut _, _: &_, by: &_| audit::page(connection, by, Some(&name), &wanted, after, limit);
    let page = call.scan(organization, read).await?;
    Ok(HttpResponse::Ok().json(list::page(page.items, page.next.map(|id| id.to_string()).as_ref())?))
}

/// `GET /api/v1/organizations/{organization}/audit/export`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/audit/export", tag = "audit",
    summary = "The same as a file: all that is wanted, newest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("format" = Option<String>, Query, description = "csv, which a spreadsheet computes nothing in, or ndjson"),
        ("actor" = Option<String>, Query), ("action" = Option<String>, Query), ("target" = Option<String>, Query),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query), ("search" = Option<String>, Query)
    ),
    responses((status = 200, content((String = "text/csv"), (String = "application/x-ndjson"))), Refused)
)]
pub(super) async fn export(
    http: HttpRequest,
    organization: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    let call = Call::new(&http, &state);
    let outcome = exported(&call, &organization).await;
    call.finish(outcome)
}

async fn exported(call: &Call<'_>, organization: &str) -> Result<HttpResponse> {
    let query = Query::read_whole(call, &[["format"].as_slice(), &FILTERS].concat())?;
    let (format, wanted) = (Format::read(&query)?, wanted(&query));
    let name = organization.to_owned();
    let page = move |connection: &mut _, by: &_, after| {
        let page = audit::page(connection, by, Some(&name), &wanted, after, export::PAGE)?;
        Ok((page.items, page.next))
    };
    let file = export::File { name: "audit", format, columns: &audit::COLUMNS, cells: audit::cells };
    export::answer(call, organization, file, page).await
}

/// Where the page begins.
pub(super) fn after(query: &Query) -> Result<Option<EventId>> {
    let invalid = |_| crate::error::Error::new(crate::error::Code::InvalidCursor, "after is not of this list.");
    query.after::<String>()?.map(|id| id.parse().map_err(invalid)).transpose()
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
