//! The JSON API (product.md §10): errors are problem+json (RFC 9457) with a stable code.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::{REQUEST_ID, State, sign_in};
use crate::error::Error;
use crate::sign_in::session::Visitor;
use crate::store::sessions::Membership;

/// `GET /api/v1/me`: who is signed in and where that leads.
pub async fn me(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    match sign_in::who(&http, &state).await {
        Ok((visitor, memberships)) => {
            HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(describe(&visitor, &memberships))
        }
        Err(error) => problem(&error, &super::request_id(http.headers(), &state.ids)),
    }
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
    json!({
        "email": visitor.identity.address,
        "name": visitor.identity.name,
        "memberships": memberships.iter().map(place).collect::<Vec<_>>()
    })
}

/// The problem+json face of an error.
fn problem(error: &Error, request_id: &str) -> HttpResponse {
    let row = error.code.row();
    if row.status >= 500 {
        tracing::error!(code = row.code, error = ?error, request_id, "a request failed");
    }
    let mut response =
        HttpResponse::build(StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    response
        .insert_header((CONTENT_TYPE, "application/problem+json"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REQUEST_ID, request_id));
    if let Some(seconds) = error.retry_after {
        response.insert_header((RETRY_AFTER, seconds));
    }
    let body = json!({
        "title": row.title, "status": row.status, "detail": error.detail, "code": row.code, "request_id": request_id
    });
    response.body(body.to_string())
}
