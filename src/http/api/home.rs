//! `/api/v1/organizations/{organization}/home`: the home page as data, and `/api/v1/downloads`, which is anybody's.

use actix_web::http::header::{CACHE_CONTROL, VARY};
use actix_web::{HttpRequest, HttpResponse, web};

use super::call::answer;
use super::refusals::Refused;
use crate::administration::home::{self, Home};
use crate::http::{REQUEST_ID, State, downloads, request_id};
use crate::organization::home::Downloads;

/// `GET …/home`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/home", tag = "home",
    summary = "The home page: what is left to set up, the seats, downloads and where to read on",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = Home), Refused)
)]
pub(super) async fn show(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, visitor) = (organization.clone(), downloads::visitor(call.http));
        let look = move |connection: &mut _, administration: &_, by: &_| {
            home::show(connection, administration, by, &slug, visitor)
        };
        Ok(HttpResponse::Ok().json(call.read(&organization, look).await?))
    })
    .await
}

/// `GET /api/v1/downloads`.
#[utoipa::path(
    get, path = "/api/v1/downloads", tag = "home", security(()),
    summary = "Where the desktop application is, for what the visitor's browser runs on first",
    responses((status = 200, body = Downloads))
)]
pub(super) async fn downloads(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, downloads::CACHEABLE))
        .insert_header((VARY, downloads::VARIES_BY))
        .insert_header((REQUEST_ID, request_id(http.headers(), &state.ids)))
        .json(state.administration.resources.downloads(downloads::visitor(&http)))
}
