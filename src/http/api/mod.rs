//! The JSON API (product.md §10): one file per noun; errors are problem+json (RFC 9457) with a stable code.

mod api_keys;
mod audit;
mod billing;
mod body;
mod call;
mod caller;
mod domains;
mod export;
mod founding;
mod home;
mod invitations;
mod join_requests;
mod list;
mod me;
mod member_sessions;
mod members;
pub mod openapi;
mod organizations;
mod provisioning_clients;
mod provisioning_log;
mod provisioning_tokens;
mod recovery_codes;
mod refusals;
mod role_mappings;
mod routes;
mod schemas;
mod sessions;
mod single_sign_on;
mod stripe;
mod values;
mod version;
mod webhooks;

use actix_web::http::header::ALLOW;
use actix_web::{HttpRequest, HttpResponse, web};

use self::call::answer;
pub use self::routes::routes;
use super::State;
use crate::error::{Code, Error};

/// A path that means nothing.
async fn nothing_here(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let error = Error::new(Code::NotFound, "There is nothing at this address of the API.");
    answer(&http, &state, async |_| Err(error)).await
}

/// A method that a path does not know.
async fn wrong_method(http: HttpRequest, state: web::Data<State>, allowed: &'static str) -> HttpResponse {
    let error = Error::new(Code::MethodNotAllowed, format!("The method here is {allowed}."));
    let mut response = answer(&http, &state, async |_| Err(error)).await;
    response.headers_mut().insert(ALLOW, super::allow(allowed));
    response
}
