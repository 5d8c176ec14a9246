//! Delivery over HTTP (floor 6): handlers translate between bytes and use cases; they decide nothing.

pub mod api;
pub mod browser;
pub mod checkout;
pub mod downloads;
pub mod limits;
pub mod oauth;
pub mod operations;
pub mod outbox;
mod pages;
pub mod scim;
pub mod sign_in;
mod web;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, Resource};

use crate::administration::Administration;
use crate::clock::Clock;
use crate::id::{IdGenerator, of};
use crate::provisioning::Service;
use crate::provisioning::client_assertion::Audience;
use crate::secret::Random;
use crate::store::Store;

/// What every handler shares.
pub struct State {
    pub store: Store,
    pub provisioning: Arc<Service>,
    pub administration: Administration,
    pub clock: Arc<dyn Clock>,
    pub ids: IdGenerator,
    pub random: Arc<dyn Random>,
    /// This service as an OAuth 2.0 authorization server.
    pub audience: Arc<Audience>,
    /// The address people and identity providers use, without a trailing slash.
    pub public_url: Arc<str>,
    /// `https://host/scim/v2`.
    pub scim_base: Arc<str>,
    /// Where people sign in.
    pub door: sign_in::Door,
    /// How much is taken from one address.
    pub limits: limits::Limits,
    /// Whether only this machine reaches the service and no mail server is configured: see [`outbox`].
    pub is_local: bool,
    /// Whether a proxy stands in front and tells where requests come from.
    pub behind_proxy: bool,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Requests of one organization that run at once at most.
    pub lanes: scim::Lanes,
    pub metrics: operations::Metrics,
    pub life: operations::Life,
}

/// Echoed, or made, on every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A client's own request id if it is one that can stand in a log line, else a new one.
fn request_id(headers: &HeaderMap, ids: &IdGenerator) -> String {
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    given
        .filter(|id| !id.is_empty() && id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map_or_else(|| ids.next::<of::Event>().to_string(), str::to_owned)
}

/// Puts the routes on an application; shared by `serve` and the tests.
pub fn routes(state: web::Data<State>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(state)
            // First: each pattern that is tried before costs a request of an identity provider a regular expression.
            .service(web::resource("/scim/v2").route(web::route().to(scim::handle)))
            .service(web::resource("/scim/v2/{path:.*}").route(web::route().to(scim::handle)))
            // Without a version the most recent one is meant (RFC 7644 §3.13).
            .service(web::resource("/scim/{path:.*}").route(web::route().to(scim::handle)))
            .service(page("/healthz", "GET").route(web::get().to(operations::healthz)))
            .service(page("/readyz", "GET").route(web::get().to(operations::readyz)))
            .service(page("/", "GET").route(web::get().to(sign_in::home)))
            .service(page("/assets/headcount.css", "GET").route(web::get().to(pages::style)))
            .service(page("/downloads", "GET").route(web::get().to(downloads::page)))
            .service(page("/outbox", "GET").route(web::get().to(outbox::page)))
            .configure(sign_in_routes)
            .configure(checkout_routes)
            .configure(api::routes)
            .service(
                web::resource("/oauth/token")
                    .route(web::post().to(oauth::token))
                    .default_service(web::route().to(oauth::wrong_method)),
            )
            .service(page("/.well-known/oauth-authorization-server", "GET").route(web::get().to(oauth::metadata)))
            .service(page("/documentation", "GET").route(web::get().to(operations::documentation)))
            .default_service(web::route().to(operations::nothing_here));
    }
}

fn checkout_routes(config: &mut web::ServiceConfig) {
    config
        .service(
            page("/checkout/{id}", "GET, POST")
                .route(web::get().to(checkout::open))
                .route(web::post().to(checkout::submit)),
        )
        .service(page("/checkout/{id}/done", "GET").route(web::get().to(checkout::done)));
}

fn sign_in_routes(config: &mut web::ServiceConfig) {
    config
        .service(
            // The form costs nothing and may be looked at by anybody as often as they like.
            page("/sign-in", "GET, POST")
                .route(web::get().to(sign_in::form))
                .route(web::post().to(sign_in::submit).wrap(from_fn(limits::sign_in))),
        )
        .service(
            page("/sign-in/initiate", "GET, POST")
                .wrap(from_fn(limits::sign_in))
                .route(web::get().to(sign_in::initiate_by_link))
                .route(web::post().to(sign_in::initiate_by_form)),
        )
        .service(
            page("/sign-in/callback", "GET").wrap(from_fn(limits::callback)).route(web::get().to(sign_in::callback)),
        )
        .service(page("/sign-in/backchannel-logout", "POST").route(web::post().to(sign_in::backchannel_logout)))
        .service(
            page("/setup", "GET, POST")
                .wrap(from_fn(limits::sign_in))
                .route(web::get().to(sign_in::open_setup))
                .route(web::post().to(sign_in::submit_setup)),
        )
        .service(
            page("/sign-in/recovery", "GET, POST")
                .wrap(from_fn(limits::sign_in))
                .route(web::get().to(sign_in::recovery_form))
                .route(web::post().to(sign_in::recovery_submit)),
        )
        .service(page("/sign-in/recovery/sso", "POST").route(web::post().to(sign_in::recovery_decide)))
        .service(
            page("/sign-in/link", "GET, POST")
                .wrap(from_fn(limits::sign_in))
                .route(web::get().to(sign_in::open_link))
                .route(web::post().to(sign_in::follow_link)),
        )
        .service(
            page("/sign-in/{organization}", "GET")
                .wrap(from_fn(limits::sign_in))
                .route(web::get().to(sign_in::at_organization)),
        )
        .service(
            page("/invitations/{secret}", "GET, POST")
                .wrap(from_fn(limits::sign_in))
                .route(web::get().to(sign_in::open_invitation))
                .route(web::post().to(sign_in::accept_invitation)),
        )
        .service(page("/sign-out", "POST").route(web::post().to(sign_in::sign_out)))
        .service(page("/sign-out/session", "POST").route(web::post().to(sign_in::end_session)))
        .service(page("/sign-out/others", "POST").route(web::post().to(sign_in::end_others)));
}

/// The header `Allow` for these methods: what is read by GET is read by HEAD too.
fn allow(methods: &str) -> HeaderValue {
    let methods = methods.replace("GET", "GET, HEAD");
    HeaderValue::from_str(&methods).unwrap_or_else(|_| HeaderValue::from_static("GET, HEAD"))
}

/// A page with these methods; what asks by another one reads a page too.
fn page(path: &str, methods: &'static str) -> Resource {
    web::resource(path).default_service(web::route().to(move |http: HttpRequest, state: web::Data<State>| async move {
        sign_in::wrong_method(&http, &state, methods)
    }))
}
