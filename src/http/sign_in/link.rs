//! Mailed links over HTTP: asked for at `/sign-in`, opened at `/sign-in/link`, followed by its button.
//! Offered only without an issuer (product.md §6): people of a provider sign in there.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::super::State;
use super::super::limits;
use super::super::pages::{self, FollowLink, Notice};
use super::callback::arrived;
use super::start::{asking, destination, unknown};
use super::{Failed, Sent, Visit, read};
use crate::error::{Code, Error, Result};
use crate::secret::{SecretHash, SecretToken};
use crate::sign_in::arrival::SESSION_PREFIX;
use crate::sign_in::link::{self, PREFIX, Wanted};
use crate::sign_in::refusals::Reason;

/// The secret of a link, as its address carries it.
#[derive(Debug, Deserialize)]
pub struct Opened {
    secret: Option<String>,
}

/// The form with the button.
#[derive(Debug, Deserialize)]
pub struct Form {
    secret: Option<String>,
    csrf: Option<String>,
}

/// The form of an organization's own door, where links are mailed.
pub(super) async fn door(visit: &Visit<'_>, slug: String, return_to: &str) -> Result<HttpResponse, Failed> {
    destination(visit, slug.clone()).await?;
    Ok(asking(visit, return_to, Some(&slug), None))
}

/// Mails a link. The answer is the same whether somebody can sign in with the address.
pub(super) async fn mail(
    visit: &Visit<'_>,
    address: &str,
    organization: Option<String>,
    return_to: String,
) -> Result<HttpResponse, Failed> {
    limits::link(visit.http, visit.state)?;
    let wanted =
        Wanted { address: address.to_owned(), organization, return_to, public_url: visit.state.public_url.to_string() };
    let service = Arc::clone(&visit.state.door.service);
    let secret = SecretToken::generate(PREFIX, visit.state.random.as_ref());
    let written = visit.state.store.write(move |connection| link::request(connection, &service, &wanted, &secret));
    written.await.map_err(unknown)?;
    let next = visit.state.shows_outbox(visit.http).then_some(("/outbox", "Open the outbox"));
    let notice = Notice {
        title: "Look into your mailbox",
        sentence: "A mail with a link is on its way to this address. \
                   The link works once, for an hour, in any browser.",
        next,
        request_id: "",
    };
    Ok(pages::page(StatusCode::OK, &notice))
}

/// `GET /sign-in/link`: a page with a button. Mail scanners open links, so opening one signs nobody in.
pub async fn open(http: HttpRequest, query: Sent<web::Query<Opened>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = preview(&visit, query).await;
    visit.finish(outcome).await
}

async fn preview(visit: &Visit<'_>, query: Sent<web::Query<Opened>>) -> Result<HttpResponse, Failed> {
    offered(visit)?;
    let secret = read(query)?.into_inner().secret.unwrap_or_default();
    let (service, hash) = (Arc::clone(&visit.state.door.service), SecretHash::of(secret.as_bytes()));
    let address = visit.state.store.read(move |connection| link::preview(connection, &service, hash)).await;
    let address = address.map_err(unusable)?;
    let page = FollowLink { csrf: &visit.form_token(), secret: &secret, address: &address };
    Ok(pages::page(StatusCode::OK, &page))
}

/// `POST /sign-in/link`: signs in.
pub async fn follow(http: HttpRequest, form: Sent<web::Form<Form>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = enter(&visit, form).await;
    visit.finish(outcome).await
}

async fn enter(visit: &Visit<'_>, form: Sent<web::Form<Form>>) -> Result<HttpResponse, Failed> {
    offered(visit)?;
    let form = read(form)?.into_inner();
    visit.check_form(form.csrf.as_deref())?;
    let hash = SecretHash::of(form.secret.unwrap_or_default().as_bytes());
    let session = SecretToken::generate(SESSION_PREFIX, visit.state.random.as_ref());
    let (service, circumstances, kept) =
        (Arc::clone(&visit.state.door.service), visit.circumstances(), session.clone());
    let followed = visit
        .state
        .store
        .write(move |connection| link::follow(connection, &service, &circumstances, hash, &kept))
        .await
        .map_err(unusable)?;
    Ok(arrived(visit, followed.outcome, &session, &followed.return_to).await)
}

/// A link that is none, or none any more.
pub(super) fn unusable(error: Error) -> Failed {
    if error.status() < 500 { Failed::because(Reason::LinkUnusable, error) } else { error.into() }
}

fn offered(visit: &Visit<'_>) -> Result<()> {
    match visit.state.door.provider {
        None => Ok(()),
        Some(_) => Err(Error::new(Code::NotFound, "Links are not mailed here. Sign in with your work account.")),
    }
}
