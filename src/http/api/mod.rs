//! The JSON API (product.md §10): errors are problem+json (RFC 9457) with a stable code.
//!
//! A browser is known by its session cookie. What changes something needs the header `X-CSRF-Token` as
//! well: the token of the forms, which every answer to a session has in its header of that name. Another
//! site can make a browser send its cookies, and neither read that header nor set one.

pub mod sessions;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::browser::Browser;
use super::{REQUEST_ID, State, sign_in};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::secret::SecretHash;
use crate::sign_in::session;
use crate::sign_in::session::Visitor;
use crate::store::memberships::Membership;

/// The token by which a request is known to be made by a page of ours.
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// A request to the API.
struct Call<'r> {
    http: &'r HttpRequest,
    state: &'r web::Data<State>,
    browser: Browser,
    request_id: String,
}

impl<'r> Call<'r> {
    fn new(http: &'r HttpRequest, state: &'r web::Data<State>) -> Self {
        let browser = state.door.cookies.browser(http, state.random.as_ref());
        Self { http, state, browser, request_id: super::request_id(http.headers(), &state.ids) }
    }

    /// The session that is presented.
    fn session(&self) -> Result<SecretHash> {
        self.state.door.cookies.session(self.http).ok_or_else(session::not_signed_in)
    }

    /// Refuses what another site may have made the browser send.
    fn check_token(&self) -> Result<()> {
        let presented = self.http.headers().get(CSRF_TOKEN).and_then(|value| value.to_str().ok());
        if presented.is_some_and(|token| self.state.door.cookies.is_form_token(&self.browser, token)) {
            return Ok(());
        }
        Err(Error::new(
            Code::Forbidden,
            "The header X-CSRF-Token is missing or not this browser's. Send the one that GET /api/v1/me answers.",
        ))
    }

    /// The answer as it leaves, whether it is one or an error.
    fn finish(&self, outcome: Result<HttpResponse>) -> HttpResponse {
        let mut response = outcome.unwrap_or_else(|error| problem(&error, &self.request_id));
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = self.request_id.parse() {
            headers.insert(REQUEST_ID, id);
        }
        if self.session().is_ok() {
            if let Ok(token) = self.state.door.cookies.form_token(&self.browser).parse() {
                headers.insert(CSRF_TOKEN, token);
            }
            if self.browser.is_new {
                sign_in::set_cookie(&mut response, &self.state.door.cookies.of_browser(&self.browser));
            }
        }
        response
    }
}

/// `GET /api/v1/me`: who is signed in and where that leads.
pub async fn me(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let call = Call::new(&http, &state);
    let known = sign_in::who(&http, &state).await;
    call.finish(known.map(|(visitor, memberships)| HttpResponse::Ok().json(describe(&visitor, &memberships))))
}

/// A path that means nothing.
pub async fn nothing_here(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    Call::new(&http, &state).finish(Err(Error::new(Code::NotFound, "There is nothing at this address of the API.")))
}

/// A method that a path does not know.
#[must_use]
pub fn wrong_method(http: &HttpRequest, state: &web::Data<State>, allowed: &'static str) -> HttpResponse {
    let error = Error::new(Code::MethodNotAllowed, format!("The method here is {allowed}."));
    let mut response = Call::new(http, state).finish(Err(error));
    response.headers_mut().insert(ALLOW, super::allow(allowed));
    response
}

fn describe(visitor: &Visitor, memberships: &[Membership]) -> Value {
    let place = |membership: &Membership| {
        json!({
            "organization": {
                "id": membership.organization.to_string(), "slug": membership.slug, "name": membership.name
            },
            "member_id": membership.member.to_string(),
            "role": membership.role,
            "status": if membership.suspended { "suspended" } else { membership.status.as_str() },
            "source": membership.source
        })
    };
    let mut described = json!({
        "email": visitor.identity.address,
        "name": visitor.identity.name,
        "memberships": memberships.iter().map(place).collect::<Vec<_>>()
    });
    // A session that a recovery code opened says what it is for.
    if let Some((organization, _)) = visitor.recovers() {
        described["scope"] = "sso_settings".into();
        described["organization"] = json!({"id": organization.to_string()});
        described["expires_at"] = Timestamp(visitor.session.expires_at).to_string().into();
    }
    described
}

/// The problem+json face of an error.
fn problem(error: &Error, request_id: &str) -> HttpResponse {
    let row = error.code.row();
    if row.status >= 500 {
        tracing::error!(code = row.code, error = ?error, request_id, "a request failed");
    }
    let mut response =
        HttpResponse::build(StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    response.insert_header((CONTENT_TYPE, "application/problem+json"));
    if let Some(seconds) = error.retry_after {
        response.insert_header((RETRY_AFTER, seconds));
    }
    let body = json!({
        "title": row.title, "status": row.status, "detail": error.detail, "code": row.code, "request_id": request_id
    });
    response.body(body.to_string())
}
