//! `/api/v1/me/sessions`: where one is signed in, and ending it there.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::call::answer;
use super::list::{List, Query};
use super::refusals::{Invalid, Refused, Unknown};
use crate::clock::Timestamp;
use crate::http::{State, sign_in};
use crate::id::SessionId;
use crate::sign_in::session::{self, Revoked};
use crate::store::sessions::Session;

/// `GET /api/v1/me/sessions`.
#[utoipa::path(
    get, path = "/api/v1/me/sessions", tag = "me", summary = "Where one is signed in, newest first", security(("session" = [])),
    responses((status = 200, body = List<Shown>), Unknown, Invalid)
)]
pub(super) async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (service, secret) = (Arc::clone(&call.state.door.service), call.session()?);
        Query::read_whole(call, &[])?;
        let idle = service.options.idle_micros();
        let (visitor, sessions) =
            call.state.store.read(move |connection| session::list(connection, &service, secret)).await?;
        let sessions = sessions.into_iter().map(|session| describe(session, visitor.session.id, idle)).collect();
        Ok(HttpResponse::Ok().json(List::whole(sessions)))
    })
    .await
}

/// Where one is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnSession)]
pub(super) struct Shown {
    id: SessionId,
    started_at: Timestamp,
    last_used_at: Timestamp,
    ends_at: Timestamp,
    #[schema(required)]
    address: Option<String>,
    #[schema(required)]
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

fn describe(session: Session, current: SessionId, idle: i64) -> Shown {
    Shown {
        id: session.id,
        started_at: Timestamp(session.created_at),
        last_used_at: Timestamp(session.seen_at),
        ends_at: Timestamp(session.ends_at(idle)),
        current: session.id == current,
        address: session.client_address,
        user_agent: session.user_agent,
    }
}

/// `DELETE /api/v1/me/sessions/{id}`.
#[utoipa::path(
    delete, path = "/api/v1/me/sessions/{id}", tag = "me", summary = "End one of one's sessions", security(("session" = [])),
    params(("id" = String, Path)),
    responses((status = 204), Refused)
)]
pub(super) async fn revoke(http: HttpRequest, id: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let secret = call.session()?;
        call.check_token()?;
        let revoked = Revoked::One(id.parse::<SessionId>().map_err(|_| session::no_such_session())?);
        let service = Arc::clone(&call.state.door.service);
        let circumstances = sign_in::circumstances(call.http, call.state, &call.request_id);
        let revoke = move |connection: &mut _| session::revoke(connection, &service, &circumstances, secret, revoked);
        call.state.store.write(revoke).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}
