//! The addresses of the JSON API. Each has its row in `tests/it/routes.rs` and its description in `openapi`.

use std::future::ready;

use actix_web::Resource;

use super::super::web;
use super::{me, openapi, organizations, sessions};

/// Puts the API on an application.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/api/openapi.json", "GET").route(web::get().to(openapi::show)))
        .service(resource("/api/v1/me", "GET").route(web::get().to(me::show)))
        .service(resource("/api/v1/me/sessions", "GET").route(web::get().to(sessions::list)))
        .service(resource("/api/v1/me/sessions/{id}", "DELETE").route(web::delete().to(sessions::revoke)))
        .service(resource("/api/v1/organizations", "GET").route(web::get().to(organizations::list)))
        .service(
            resource("/api/v1/organizations/{organization}", "GET, PATCH")
                .route(web::get().to(organizations::show))
                .route(web::patch().to(organizations::set)),
        )
        .service(web::resource("/api/{path:.*}").route(web::route().to(super::nothing_here)));
}

/// An address with these methods; any other one is answered 405.
fn resource(path: &str, methods: &'static str) -> Resource {
    let refuse = move |http, state| ready(super::wrong_method(&http, &state, methods));
    web::resource(path).default_service(web::route().to(refuse))
}
