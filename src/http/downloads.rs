//! `/downloads`: where the desktop application is, for people who have not joined yet (product.md §9 Home).

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, USER_AGENT, VARY};
use actix_web::{HttpRequest, HttpResponse, web};

use super::State;
use super::pages::{self, DownloadsPage};
use crate::organization::home::Platform;

/// It is the same for everybody on a platform, and changes with the settings.
pub(super) const CACHEABLE: &str = "public, max-age=300";
/// What tells the platform.
pub(super) const VARIES_BY: &str = "User-Agent, Sec-CH-UA-Platform";
/// What a browser runs on, which Chromium says of itself.
const PLATFORM: HeaderName = HeaderName::from_static("sec-ch-ua-platform");

/// What the visitor's browser runs on.
pub(super) fn visitor(http: &HttpRequest) -> Option<Platform> {
    let header = |name: HeaderName| http.headers().get(name).and_then(|value| value.to_str().ok());
    Platform::of_visitor(header(PLATFORM), header(USER_AGENT))
}

/// `GET /downloads`.
pub async fn page(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let resources = &state.administration.resources;
    let downloads = resources.downloads(visitor(&http));
    let notice = resources.notice(None);
    let template = DownloadsPage { downloads: &downloads, notice: notice.as_deref(), links: &resources.links };
    let mut response = pages::page(StatusCode::OK, &template);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(CACHEABLE));
    response.headers_mut().insert(VARY, HeaderValue::from_static(VARIES_BY));
    response
}
