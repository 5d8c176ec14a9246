//! `/api/v1/organizations/{organization}/domains`: associated domains (product.md §5).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::call::{Call, answer};
use super::list::{List, Query};
use super::organizations::parsed;
use super::refusals::{Invalid, Refused, Repeatable, Repeated, Unfit, Unread};
use super::values::{JoiningPolicy, JoiningRole};
use crate::administration::domain::{self, Settings, Shown};
use crate::administration::idempotency::Answer;
use crate::error::Result;
use crate::http::State;
use crate::organization::permission::Action;
use crate::store::Planned;

/// `GET …/domains`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/domains", tag = "domains",
    summary = "The associated domains, by name, with the TXT records that prove them",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        Query::read_whole(call, &[])?;
        let slug = organization.clone();
        let domains = call.read(&organization, move |connection, _, by| domain::list(connection, by, &slug)).await?;
        Ok(HttpResponse::Ok().json(List::whole(domains)))
    })
    .await
}

/// A new domain.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDomain)]
pub(super) struct New {
    /// Such as `acme.example`.
    #[schema(format = "hostname")]
    domain: String,
    /// Who becomes a member by it, once it is proven: `automatic` (without it), `ask_admin` or `invite_only`.
    #[schema(value_type = Option<JoiningPolicy>)]
    joining: Option<String>,
    /// What who joins by it may do: `read` (without it) or `write`.
    #[schema(value_type = Option<JoiningRole>)]
    role: Option<String>,
}

/// `POST …/domains`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/domains", tag = "domains",
    summary = "Associate a domain; its TXT record proves it",
    params(
        ("organization" = String, Path, description = "Its id or slug"), Repeatable),
    request_body(content = New, content_type = "application/json"),
    responses((status = 201, body = Shown), Refused, Unread, Repeated)
)]
pub(super) async fn add(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageDomains)?;
        let new: New = body::json(call, payload).await?;
        let settings = settings(new.joining, new.role)?;
        let slug = organization.clone();
        let add = move |connection: &mut _, administration: &_, by: &_| {
            let Planned { batch, answer } = domain::add(connection, administration, by, &slug, &new.domain, settings)?;
            let place = format!("/api/v1/organizations/{slug}/domains/{}", answer.domain);
            Ok(Planned { batch, answer: Answer::made(place, &answer)? })
        };
        call.make((&organization, Action::ManageDomains), add).await
    })
    .await
}

fn settings(joining: Option<String>, role: Option<String>) -> Result<Settings> {
    Ok(Settings { vouched: false, joining: parsed("joining", joining)?, role: parsed("role", role)? })
}

/// `GET …/domains/{domain}`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/domains/{domain}", tag = "domains", summary = "A domain",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("domain" = String, Path, description = "In A-labels or as people read it")
    ),
    responses((status = 200, body = Shown), Refused)
)]
pub(super) async fn show(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, name) = path.into_inner();
        let slug = organization.clone();
        let look = move |connection: &mut _, _: &_, by: &_| domain::show(connection, by, &slug, &name);
        Ok(HttpResponse::Ok().json(call.read(&organization, look).await?))
    })
    .await
}

/// What is changed of a domain: a merge patch (RFC 7396).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DomainPatch)]
pub(super) struct Patch {
    /// `automatic`, `ask_admin` or `invite_only`.
    #[schema(value_type = Option<JoiningPolicy>)]
    joining: Option<String>,
    /// `read` or `write`.
    #[schema(value_type = Option<JoiningRole>)]
    role: Option<String>,
}

/// `PATCH …/domains/{domain}`.
#[utoipa::path(
    patch, path = "/api/v1/organizations/{organization}/domains/{domain}", tag = "domains",
    summary = "Change who joins by a domain, and with which role",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("domain" = String, Path, description = "In A-labels or as people read it")
    ),
    request_body(content = Patch, content_type = "application/json"),
    responses((status = 200, body = Shown), Refused, Unread, Unfit)
)]
pub(super) async fn set(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, name) = path.into_inner();
        call.known()?;
        call.by(&organization).await?.check(Action::ManageDomains)?;
        let Patch { joining, role } = body::json(call, payload).await?;
        let settings = settings(joining, role)?;
        let slug = organization.clone();
        let set = move |connection: &mut _, administration: &_, by: &_| {
            domain::set(connection, administration, by, &slug, &name, settings)
        };
        Ok(HttpResponse::Ok().json(call.write(&organization, set).await?))
    })
    .await
}

/// `POST …/domains/{domain}/check`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/domains/{domain}/check", tag = "domains",
    summary = "Look for the TXT record now; `seen` is what the DNS has shown",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("domain" = String, Path, description = "In A-labels or as people read it")
    ),
    responses((status = 200, body = Shown), Refused, Unfit)
)]
pub(super) async fn check(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, name) = path.into_inner();
        call.known()?;
        let by = call.by(&organization).await?;
        let Call { state, .. } = call;
        let looked = domain::verify(&state.store, &state.administration, &by, &organization, &name).await?;
        Ok(HttpResponse::Ok().json(looked))
    })
    .await
}

/// `DELETE …/domains/{domain}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/domains/{domain}", tag = "domains",
    summary = "Remove a domain; members stay",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("domain" = String, Path, description = "In A-labels or as people read it")
    ),
    responses((status = 204), Refused, Unfit)
)]
pub(super) async fn remove(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, name) = path.into_inner();
        let slug = organization.clone();
        let remove = move |connection: &mut _, administration: &_, by: &_| {
            domain::remove(connection, administration, by, &slug, &name)
        };
        call.write(&organization, remove).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}
