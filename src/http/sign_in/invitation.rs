//! Invitations over HTTP: the page their links open, and its button (product.md §4).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::super::State;
use super::super::pages::{self, Invitation, Notice};
use super::{Failed, Sent, Visit, read, see_other};
use crate::error::Code;
use crate::secret::SecretHash;
use crate::sign_in::invitation::{self, Accepted, Offer, Over, Stands};
use crate::sign_in::refusals::{Reason, Refused};

/// The form with the button.
#[derive(Debug, Deserialize)]
pub struct Form {
    csrf: Option<String>,
}

/// `GET /invitations/{secret}`: what it says, and what to do to accept it. Opening it accepts nothing.
pub async fn open(http: HttpRequest, secret: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = async { shown(&visit, &secret, StatusCode::OK).await };
    visit.finish(outcome.await).await
}

async fn shown(visit: &Visit<'_>, secret: &str, status: StatusCode) -> Result<HttpResponse, Failed> {
    let (service, hash) = (Arc::clone(&visit.state.door.service), SecretHash::of(secret.as_bytes()));
    let session = visit.state.door.cookies.session(visit.http);
    let look = move |connection: &mut _| invitation::look(connection, &service, hash, session);
    match visit.state.store.read(look).await? {
        Ok(offer) => Ok(page(visit, secret, &offer, status)),
        Err(over) => Ok(gone(visit, over)),
    }
}

fn page(visit: &Visit<'_>, secret: &str, offer: &Offer, status: StatusCode) -> HttpResponse {
    let problem = match &offer.stands {
        Stands::SignedOut | Stands::Ready => None,
        Stands::Another(Some(account)) => {
            Some(format!("You are signed in as {account}, which does not prove that this invitation is yours."))
        }
        Stands::Another(None) => Some("You are signed in with an account that proves no e-mail address.".to_owned()),
        Stands::NotByTenant => Some(format!("{} lets people in through its own sign-in only.", offer.organization)),
    };
    let until = offer.expires_at.to_string();
    let page = Invitation {
        csrf: &visit.form_token(),
        secret,
        organization: &offer.organization,
        inviter: offer.inviter.as_deref(),
        message: offer.message.as_deref(),
        role: &offer.role,
        address: &offer.address,
        until: &until[..10],
        by_tenant: offer.by_tenant.then_some(offer.slug.as_str()),
        problem: problem.as_deref(),
        signed_in: problem.is_some(),
        ready: offer.stands == Stands::Ready,
    };
    pages::page(status, &page)
}

fn gone(visit: &Visit<'_>, over: Over) -> HttpResponse {
    let status = StatusCode::from_u16(over.code().row().status).unwrap_or(StatusCode::CONFLICT);
    let next = Some(("/sign-in", "Sign in"));
    let notice = Notice { title: over.title(), sentence: over.sentence(), next, request_id: &visit.request_id };
    pages::page(status, &notice)
}

/// `POST /invitations/{secret}`: accepts it.
pub async fn accept(
    http: HttpRequest,
    secret: web::Path<String>,
    form: Sent<web::Form<Form>>,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = enter(&visit, &secret, form).await;
    visit.finish(outcome).await
}

async fn enter(visit: &Visit<'_>, secret: &str, form: Sent<web::Form<Form>>) -> Result<HttpResponse, Failed> {
    visit.check_form(read(form)?.csrf.as_deref())?;
    let Some(session) = visit.state.door.cookies.session(visit.http) else {
        return shown(visit, secret, StatusCode::UNAUTHORIZED).await;
    };
    let (service, circumstances, hash) =
        (Arc::clone(&visit.state.door.service), visit.circumstances(), SecretHash::of(secret.as_bytes()));
    let write = move |connection: &mut _| invitation::accept(connection, &service, &circumstances, hash, session);
    let accepted = match visit.state.store.write(write).await {
        Err(error) if error.code == Code::Unauthorized => {
            return shown(visit, secret, StatusCode::UNAUTHORIZED).await;
        }
        accepted => accepted?,
    };
    match accepted {
        Accepted::Joined => Ok(see_other("/")),
        Accepted::Another => shown(visit, secret, StatusCode::FORBIDDEN).await,
        Accepted::Refused { organization, organization_id, refusal } => {
            let refused = Refused { organization: Some(organization_id), ..Reason::Rule(refusal).into() };
            visit.note(&refused).await;
            let title = format!("{organization} does not let you in");
            let next = Some(("/sign-in", "Sign in with another account"));
            let notice = Notice { title: &title, sentence: refusal.sentence(), next, request_id: &visit.request_id };
            Ok(pages::page(StatusCode::FORBIDDEN, &notice))
        }
        Accepted::Over(over, organization) => {
            visit.note(&Refused { organization, ..Reason::LinkUnusable.into() }).await;
            Ok(gone(visit, over))
        }
    }
}
