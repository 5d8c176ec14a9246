//! The end: signing out here and at the provider, and what the provider says is over.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::super::{REQUEST_ID, State, request_id};
use super::{Failed, Sent, Visit, circumstances, note, read, see_other, set_cookie};
use crate::error::Result;
use crate::sign_in::Circumstances;
use crate::sign_in::departure::{self, Notice};
use crate::sign_in::refusals::Reason;
use crate::sign_in::session::{self, Revoked};

/// The form of `/sign-out`.
#[derive(Debug, Deserialize)]
pub struct Form {
    csrf: Option<String>,
}

/// The body of a back-channel logout.
#[derive(Debug, Deserialize)]
pub struct Logout {
    logout_token: Option<String>,
}

/// `POST /sign-out`: here, then at the provider (OpenID Connect RP-Initiated Logout 1.0).
pub async fn sign_out(http: HttpRequest, form: Sent<web::Form<Form>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = leave(&visit, form).await;
    visit.finish(outcome).await
}

async fn leave(visit: &Visit<'_>, form: Sent<web::Form<Form>>) -> Result<HttpResponse, Failed> {
    visit.check_form(read(form)?.csrf.as_deref())?;
    let door = &visit.state.door;
    let id_token = match door.cookies.session(visit.http) {
        Some(secret) => {
            let (service, circumstances) = (Arc::clone(&door.service), visit.circumstances());
            let end = move |connection: &mut _| departure::sign_out(connection, &service, &circumstances, secret);
            visit.state.store.write(end).await?
        }
        None => None,
    };
    let at_provider = match (&door.provider, &id_token) {
        (Some(provider), Some(token)) => {
            let home = format!("{}/sign-in", visit.state.public_url);
            // The person is signed out here in any case.
            provider.end_session(Some(token), &home, None).await.unwrap_or_else(|failure| {
                tracing::warn!(reason = failure.reason.name(), "signed out here and not at the provider");
                None
            })
        }
        _ => None,
    };
    let mut response = see_other(at_provider.as_ref().map_or("/sign-in", |url| url.as_str()));
    set_cookie(&mut response, &door.cookies.without_session());
    Ok(response)
}

/// The form that ends another session.
#[derive(Debug, Deserialize)]
pub struct Another {
    csrf: Option<String>,
    session: Option<String>,
}

/// `POST /sign-out/session`: one of one's own.
pub async fn end_session(http: HttpRequest, form: Sent<web::Form<Another>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = async {
        let form = read(form)?;
        visit.check_form(form.csrf.as_deref())?;
        let id = form.session.as_deref().and_then(|id| id.parse().ok()).ok_or_else(session::no_such_session)?;
        revoke(&visit, Revoked::One(id)).await
    };
    visit.finish(outcome.await).await
}

/// `POST /sign-out/others`: everywhere but here.
pub async fn end_others(http: HttpRequest, form: Sent<web::Form<Form>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = async {
        visit.check_form(read(form)?.csrf.as_deref())?;
        revoke(&visit, Revoked::Others).await
    };
    visit.finish(outcome.await).await
}

async fn revoke(visit: &Visit<'_>, revoked: Revoked) -> Result<HttpResponse, Failed> {
    let door = &visit.state.door;
    let secret = door.cookies.session(visit.http).ok_or_else(session::not_signed_in)?;
    let service = Arc::clone(&door.service);
    let circumstances = visit.circumstances();
    let write = move |connection: &mut _| session::revoke(connection, &service, &circumstances, secret, revoked);
    visit.state.store.write(write).await?;
    // Whose own session that was is led to the form from there.
    Ok(see_other("/"))
}

/// `POST /sign-in/backchannel-logout`: 200, or 400 that tells nothing of what was sent.
pub async fn backchannel_logout(
    http: HttpRequest,
    form: Sent<web::Form<Logout>>,
    state: web::Data<State>,
) -> HttpResponse {
    let request_id = request_id(http.headers(), &state.ids);
    let circumstances = circumstances(&http, &state, &request_id);
    let status = match end(form, &state, &circumstances).await {
        Ok(status) => status,
        Err(reason) => {
            note(&state, &circumstances, &reason.into()).await;
            StatusCode::BAD_REQUEST
        }
    };
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REQUEST_ID, request_id))
        .finish()
}

async fn end(
    form: Sent<web::Form<Logout>>,
    state: &State,
    circumstances: &Circumstances,
) -> Result<StatusCode, Reason> {
    let request_id = circumstances.request_id.as_str();
    let Some(provider) = &state.door.provider else { return Ok(StatusCode::BAD_REQUEST) };
    let token = form.ok().and_then(|form| form.into_inner().logout_token).ok_or(Reason::LogoutTokenMissing)?;
    let over = match provider.logged_out(&token).await {
        Ok(over) => over,
        Err(failure) => {
            tracing::warn!(reason = failure.reason.name(), request_id, "a logout token was refused");
            return Err(Reason::Logout(failure.reason));
        }
    };
    let notice = Notice {
        issuer: over.issuer,
        subject: over.subject,
        provider_sid: over.sid,
        token: over.id,
        expires_at: over.refused_from.0,
    };
    let (service, noted) = (Arc::clone(&state.door.service), circumstances.clone());
    let end = move |connection: &mut _| departure::end_at_provider(connection, &service, &noted, &notice);
    Ok(match state.store.write(end).await {
        Ok(()) => StatusCode::OK,
        Err(error) => {
            tracing::error!(error = ?error, request_id, "a logout was not carried out");
            StatusCode::SERVICE_UNAVAILABLE
        }
    })
}
