//! The beginning: by an address, at an organization's own door, or sent by another site.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::super::State;
use super::super::browser::own_path;
use super::super::pages::{self, SignIn};
use super::{Failed, Sent, Visit, link, read, redirect_uri, see_other};
use crate::error::{Code, Error};
use crate::oidc::authorization::Request;
use crate::secret::SecretHash;
use crate::sign_in::refusals::Reason;
use crate::sign_in::{self, Destination, Memory, Started};
use crate::text::address_key;

/// Where to go afterwards.
#[derive(Debug, Deserialize)]
pub struct Return {
    return_to: Option<String>,
}

/// The form of `/sign-in`.
#[derive(Debug, Deserialize)]
pub struct Form {
    email: Option<String>,
    csrf: Option<String>,
    return_to: Option<String>,
    /// The organization whose door the form was at; only where links are mailed.
    organization: Option<String>,
}

/// A sign-in that another site begins (OpenID Connect Core §4).
#[derive(Debug, Deserialize)]
pub struct Initiation {
    iss: Option<String>,
    target_link_uri: Option<String>,
    login_hint: Option<String>,
}

/// `GET /sign-in`.
pub async fn form(http: HttpRequest, query: Sent<web::Query<Return>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let page = |query: web::Query<Return>| {
        let return_to = own_path(query.return_to.as_deref());
        asking(&visit, &return_to, None, None)
    };
    visit.finish(read(query).map(page)).await
}

/// The form, perhaps at an organization's own door, perhaps with what was wrong with what was typed.
pub(super) fn asking(
    visit: &Visit<'_>,
    return_to: &str,
    organization: Option<&str>,
    problem: Option<&str>,
) -> HttpResponse {
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let by_link = visit.state.door.provider.is_none();
    pages::page(status, &SignIn { csrf: &visit.form_token(), return_to, organization, by_link, problem })
}

/// `POST /sign-in`: the domain of the address leads to the organization, and looks alike whether one has it.
pub async fn submit(http: HttpRequest, form: Sent<web::Form<Form>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = by_form(&visit, form).await;
    visit.finish(outcome).await
}

async fn by_form(visit: &Visit<'_>, form: Sent<web::Form<Form>>) -> Result<HttpResponse, Failed> {
    let form = read(form)?;
    visit.check_form(form.csrf.as_deref())?;
    let return_to = own_path(form.return_to.as_deref());
    let address = form.email.as_deref().unwrap_or_default().trim();
    if address_key(address).is_none() {
        visit.note(&Reason::AddressMalformed.into()).await;
        let problem = Some("This is not an e-mail address. It looks like you@company.example.");
        return Ok(asking(visit, &return_to, form.organization.as_deref(), problem));
    }
    if visit.state.door.provider.is_none() {
        return link::mail(visit, address, form.organization.clone(), return_to).await;
    }
    by_address(visit, Some(address), return_to).await
}

/// `GET /sign-in/{organization}`.
pub async fn at_organization(
    http: HttpRequest,
    slug: web::Path<String>,
    query: Sent<web::Query<Return>>,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = at(&visit, slug.into_inner(), query).await;
    visit.finish(outcome).await
}

async fn at(visit: &Visit<'_>, slug: String, query: Sent<web::Query<Return>>) -> Result<HttpResponse, Failed> {
    let return_to = own_path(read(query)?.return_to.as_deref());
    if visit.state.door.provider.is_none() {
        return link::door(visit, slug, &return_to).await;
    }
    let destination = destination(visit, slug).await?;
    send(visit, destination, None, return_to).await
}

/// Where the door of an organization leads.
pub(super) async fn destination(visit: &Visit<'_>, slug: String) -> Result<Destination, Failed> {
    let find = move |connection: &mut _| sign_in::destination_of_organization(connection, &slug);
    visit.state.store.read(find).await.map_err(unknown)
}

/// Why the door of an organization leads nowhere.
pub(super) fn unknown(error: Error) -> Failed {
    match error.code {
        Code::NotFound => Failed::because(Reason::OrganizationUnknown, error),
        _ => error.into(),
    }
}

/// `GET /sign-in/initiate`.
pub async fn initiate_by_link(
    http: HttpRequest,
    query: Sent<web::Query<Initiation>>,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = initiate(&visit, query.map(web::Query::into_inner)).await;
    visit.finish(outcome).await
}

/// `POST /sign-in/initiate`.
pub async fn initiate_by_form(
    http: HttpRequest,
    form: Sent<web::Form<Initiation>>,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = initiate(&visit, form.map(web::Form::into_inner)).await;
    visit.finish(outcome).await
}

async fn initiate(visit: &Visit<'_>, wanted: Sent<Initiation>) -> Result<HttpResponse, Failed> {
    let wanted = read(wanted)?;
    if wanted.iss.as_deref() != Some(visit.provider()?.issuer()) {
        let error = Error::new(Code::BadRequest, "Sign-ins are begun here for the configured issuer only.");
        return Err(Failed::because(Reason::IssuerForeign, error));
    }
    // The address of a page of ours, or its path.
    let target = wanted.target_link_uri.as_deref();
    let path = target.map(|target| target.strip_prefix(visit.state.public_url.as_ref()).unwrap_or(target));
    // A hint is anybody's word: what is no address goes no further.
    let address = wanted.login_hint.as_deref().filter(|hint| address_key(hint).is_some());
    by_address(visit, address, own_path(path)).await
}

async fn by_address(visit: &Visit<'_>, address: Option<&str>, return_to: String) -> Result<HttpResponse, Failed> {
    let wanted = address.unwrap_or_default().to_owned();
    let destination =
        visit.state.store.read(move |connection| sign_in::destination_of_address(connection, &wanted)).await?;
    send(visit, destination, address, return_to).await
}

/// Remembers the sign-in and sends the browser to the provider.
async fn send(
    visit: &Visit<'_>,
    destination: Destination,
    address: Option<&str>,
    return_to: String,
) -> Result<HttpResponse, Failed> {
    let redirect_uri = redirect_uri(visit.state);
    let request = Request { redirect_uri: &redirect_uri, tenant: destination.tenant_id.as_deref(), address };
    let (url, pending) = visit.provider()?.begin(&request).await.map_err(super::callback::of_provider)?;
    let started = Started {
        state: SecretHash::of(pending.state.as_bytes()),
        browser: visit.browser.hash(),
        memory: Memory { nonce: pending.nonce, verifier: pending.verifier },
        destination,
        return_to,
    };
    let service = Arc::clone(&visit.state.door.service);
    visit.state.store.write(move |_| sign_in::start(&service, &started)).await?;
    Ok(see_other(url.as_str()))
}
