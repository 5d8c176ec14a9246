//! `/api/v1/me`: who is signed in and where that leads.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::call::answer;
use super::openapi::Refused;
use crate::clock::Timestamp;
use crate::http::{State, sign_in};
use crate::sign_in::session::Visitor;
use crate::store::memberships::Membership;

/// `GET /api/v1/me`.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me", summary = "Who is signed in, and the organizations that opens",
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (visitor, memberships) = match call.session() {
            Ok(_) => sign_in::who(&http, &state).await,
            Err(error) => Err(error),
        }?;
        Ok(HttpResponse::Ok().json(describe(&visitor, &memberships)))
    })
    .await
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
