//! The founder's setup link over HTTP: opened at `/setup`, which asks for the address and has a button.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::super::State;
use super::super::pages::{self, Setup};
use super::link::unusable;
use super::{Failed, Sent, Visit, read, see_other, set_cookie};
use crate::error::Code;
use crate::secret::{SecretHash, SecretToken};
use crate::sign_in::arrival::SESSION_PREFIX;
use crate::sign_in::link;
use crate::sign_in::refusals::Reason;
use crate::sign_in::setup::{self, Beginning};

/// The secret of the link, as its address carries it.
#[derive(Debug, Deserialize)]
pub struct Opened {
    secret: Option<String>,
}

/// The form with the button.
#[derive(Debug, Deserialize)]
pub struct Form {
    secret: Option<String>,
    csrf: Option<String>,
    email: Option<String>,
}

/// `GET /setup`.
pub async fn open(http: HttpRequest, query: Sent<web::Query<Opened>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = preview(&visit, query).await;
    visit.finish(outcome).await
}

async fn preview(visit: &Visit<'_>, query: Sent<web::Query<Opened>>) -> Result<HttpResponse, Failed> {
    let secret = read(query)?.into_inner().secret.unwrap_or_default();
    let (service, hash) = (Arc::clone(&visit.state.door.service), SecretHash::of(secret.as_bytes()));
    visit.state.store.read(move |connection| setup::preview(connection, &service, hash)).await.map_err(unusable)?;
    Ok(asking(visit, &secret, None))
}

fn asking(visit: &Visit<'_>, secret: &str, problem: Option<&str>) -> HttpResponse {
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    pages::page(status, &Setup { csrf: &visit.form_token(), secret, problem })
}

/// `POST /setup`: signs the founder in.
pub async fn submit(http: HttpRequest, form: Sent<web::Form<Form>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = start(&visit, form).await;
    visit.finish(outcome).await
}

async fn start(visit: &Visit<'_>, form: Sent<web::Form<Form>>) -> Result<HttpResponse, Failed> {
    let form = read(form)?.into_inner();
    visit.check_form(form.csrf.as_deref())?;
    let secret = form.secret.unwrap_or_default();
    let address = form.email.as_deref().unwrap_or_default().trim().to_owned();
    let hash = SecretHash::of(secret.as_bytes());
    let random = visit.state.random.as_ref();
    let session = SecretToken::generate(SESSION_PREFIX, random);
    let public_url = visit.state.public_url.to_string();
    let proof = visit.state.door.provider.is_none().then(|| (SecretToken::generate(link::PREFIX, random), public_url));
    let beginning = Beginning { secret: hash, address, session: session.clone(), proof };
    let (service, circumstances) = (Arc::clone(&visit.state.door.service), visit.circumstances());
    let plan = move |connection: &mut _| setup::start(connection, &service, &circumstances, &beginning);
    match visit.state.store.write(plan).await {
        Ok(()) => {
            let mut response = see_other("/");
            set_cookie(&mut response, &visit.state.door.cookies.of_session(&session));
            Ok(response)
        }
        // The link works still: another address may do.
        Err(error) if matches!(error.code, Code::InvalidValue | Code::Conflict) => {
            let reason = if error.code == Code::Conflict { Reason::AddressTaken } else { Reason::AddressMalformed };
            visit.note(&reason.into()).await;
            Ok(asking(visit, &secret, Some(&error.detail)))
        }
        Err(error) => Err(unusable(error)),
    }
}
