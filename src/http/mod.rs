//! Delivery over HTTP (floor 6): handlers translate between bytes and use cases; they decide nothing.

pub mod oauth;
pub mod operations;
pub mod scim;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::web;

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
    pub clock: Arc<dyn Clock>,
    pub ids: IdGenerator,
    pub random: Arc<dyn Random>,
    /// This service as an OAuth 2.0 authorization server.
    pub audience: Arc<Audience>,
    /// `https://host/scim/v2`.
    pub scim_base: Arc<str>,
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
            .service(web::resource("/healthz").route(web::get().to(operations::healthz)))
            .service(web::resource("/readyz").route(web::get().to(operations::readyz)))
            .service(
                web::resource("/oauth/token")
                    .route(web::post().to(oauth::token))
                    .default_service(web::route().to(oauth::wrong_method)),
            )
            .service(web::resource("/.well-known/oauth-authorization-server").route(web::get().to(oauth::metadata)))
            .service(web::resource("/documentation").route(web::get().to(operations::documentation)))
            .service(web::resource("/scim/v2").route(web::route().to(scim::handle)))
            .service(web::resource("/scim/v2/{path:.*}").route(web::route().to(scim::handle)))
            // Without a version the most recent one is meant (RFC 7644 §3.13).
            .service(web::resource("/scim/{path:.*}").route(web::route().to(scim::handle)))
            .default_service(web::route().to(operations::nothing_here));
    }
}
