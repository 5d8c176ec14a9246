//! Recovery codes over HTTP: typed at `/sign-in/recovery`, and the one page the session they open is for.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::super::State;
use super::super::pages::{self, RecoveryForm, RecoverySettings};
use super::{Failed, Sent, Visit, read, see_other, set_cookie};
use crate::administration::actor::Member;
use crate::administration::{Actor, By, single_sign_on};
use crate::clock::Timestamp;
use crate::error::{Code, Error};
use crate::organization::joining::Sso;
use crate::organization::role::Role;
use crate::secret::{SecretHash, SecretToken};
use crate::sign_in::arrival::SESSION_PREFIX;
use crate::sign_in::recovery;
use crate::sign_in::refusals::Reason;
use crate::sign_in::session::{self, Visitor};
use crate::text::address_key;

/// The form of `/sign-in/recovery`.
#[derive(Debug, Deserialize)]
pub struct Form {
    email: Option<String>,
    code: Option<String>,
    csrf: Option<String>,
}

/// What a recovery session decides.
#[derive(Debug, Deserialize)]
pub struct Decision {
    sso: Option<String>,
    csrf: Option<String>,
}

/// `GET /sign-in/recovery`.
pub async fn form(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let page = asking(&visit, StatusCode::OK, None);
    visit.finish(Ok(page)).await
}

fn asking(visit: &Visit<'_>, status: StatusCode, problem: Option<&str>) -> HttpResponse {
    pages::page(status, &RecoveryForm { csrf: &visit.form_token(), problem })
}

/// `POST /sign-in/recovery`.
pub async fn submit(http: HttpRequest, form: Sent<web::Form<Form>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = enter(&visit, form).await;
    visit.finish(outcome).await
}

async fn enter(visit: &Visit<'_>, form: Sent<web::Form<Form>>) -> Result<HttpResponse, Failed> {
    let form = read(form)?.into_inner();
    visit.check_form(form.csrf.as_deref())?;
    let (address, code) = (form.email.unwrap_or_default().trim().to_owned(), form.code.unwrap_or_default());
    // Whether there is such an owner does not matter: who guesses is counted by what they type.
    let account = SecretHash::of(address_key(&address).unwrap_or_default().as_bytes());
    let session = SecretToken::generate(SESSION_PREFIX, visit.state.random.as_ref());
    let (service, circumstances, kept) =
        (Arc::clone(&visit.state.door.service), visit.circumstances(), session.clone());
    let plan =
        move |connection: &mut _| recovery::enter(connection, &service, &circumstances, (&address, &code), &kept);
    match visit.state.store.write(plan).await {
        Ok(()) => {
            let mut response = see_other("/");
            set_cookie(&mut response, &visit.state.door.cookies.of_session(&session));
            Ok(response)
        }
        // Only what is wrong counts: nobody keeps an owner out by typing their address.
        Err(error) if error.code == Code::Forbidden => {
            visit.state.limits.recovery.take(
                account,
                visit.state.clock.now(),
                "wrong recovery codes for this address",
            )?;
            visit.note(&Reason::RecoveryCode.into()).await;
            Ok(asking(visit, StatusCode::FORBIDDEN, Some(&error.detail)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What `/` is in a recovery session.
pub(super) async fn settings(visit: &Visit<'_>, visitor: &Visitor) -> Result<HttpResponse, Failed> {
    let place = visitor.recovers().ok_or_else(session::not_signed_in)?;
    let organization = visit.state.store.read(move |connection| recovery::organization(connection, place)).await?;
    let until = Timestamp(visitor.session.expires_at).to_string();
    let page = RecoverySettings {
        csrf: &visit.form_token(),
        organization: &organization.name,
        sso: &organization.sso,
        until: &until[11..16],
    };
    Ok(pages::page(StatusCode::OK, &page))
}

/// `POST /sign-in/recovery/sso`: whether the organization's tenant is the way in.
pub async fn decide(http: HttpRequest, form: Sent<web::Form<Decision>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = set(&visit, form).await;
    visit.finish(outcome).await
}

async fn set(visit: &Visit<'_>, form: Sent<web::Form<Decision>>) -> Result<HttpResponse, Failed> {
    let form = read(form)?.into_inner();
    visit.check_form(form.csrf.as_deref())?;
    let secret = visit.state.door.cookies.session(visit.http).ok_or_else(session::not_signed_in)?;
    let sso: Sso = form
        .sso
        .unwrap_or_default()
        .parse()
        .map_err(|_| Error::new(Code::BadRequest, "Choose off, optional or required."))?;
    let (service, administration) = (Arc::clone(&visit.state.door.service), visit.state.administration.clone());
    let circumstances = visit.circumstances();
    let plan = move |connection: &mut _| {
        let visitor = session::recovering(connection, &service, secret)?;
        let (organization, id) = visitor.recovers().ok_or_else(session::not_signed_in)?;
        let member = Member {
            organization,
            id,
            role: Role::Owner,
            identity: visitor.identity.id,
            signed_in_at: Timestamp(visitor.session.created_at),
            recovers: true,
            before_checkout: false,
        };
        let by = By {
            actor: Actor::Member(member),
            request_id: Some(circumstances.request_id.clone()),
            address: circumstances.client_address.clone(),
        };
        single_sign_on::set(connection, &administration, &by, &organization.to_string(), sso, None)
    };
    visit.state.store.write(plan).await?;
    Ok(see_other("/"))
}
