//! `/api/v1/organizations/{organization}/single-sign-on`: whether the organization's tenant is the way in, and what it
//! takes before it is the only one (product.md §6).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::call::answer;
use super::organizations::parsed;
use super::refusals::{Outdated, Refused, Unfit, Unread};
use super::{body, version};
use crate::administration::single_sign_on::{self, Shown};
use crate::error::{Code, Error};
use crate::http::State;
use crate::organization::joining::Sso;
use crate::organization::permission::Action;

/// `GET …/single-sign-on`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/single-sign-on", tag = "single sign-on",
    summary = "How people sign in, and what is missing before it can be only through the tenant",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = Shown, headers(("ETag" = String))), Refused)
)]
pub(super) async fn show(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let slug = organization.clone();
        let look = move |connection: &mut _, administration: &_, by: &_| {
            single_sign_on::show(connection, administration, by, &slug)
        };
        let shown = call.read(&organization, look).await?;
        Ok(version::answer(&shown, Some(shown.version)))
    })
    .await
}

/// What is decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SingleSignOnDecision)]
pub(super) struct Decision {
    /// `off`, `optional` or `required`.
    #[schema(value_type = Sso)]
    sso: String,
}

/// `PUT …/single-sign-on`.
#[utoipa::path(
    put, path = "/api/v1/organizations/{organization}/single-sign-on", tag = "single sign-on",
    summary = "Decide whether the tenant is the way in",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the settings as they were read")
    ),
    request_body(content = Decision, content_type = "application/json"),
    responses((status = 200, body = Shown, headers(("ETag" = String))), Refused, Unread, Outdated, Unfit)
)]
pub(super) async fn set(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageSingleSignOn)?;
        let Decision { sso } = body::json(call, payload).await?;
        let sso = parsed("sso", Some(sso))?.ok_or_else(|| Error::new(Code::InvalidValue, "sso is missing."))?;
        let (slug, expected) = (organization.clone(), version::expected(call.http)?);
        let set = move |connection: &mut _, administration: &_, by: &_| {
            single_sign_on::set(connection, administration, by, &slug, sso, expected)
        };
        let shown = call.write(&organization, set).await?;
        Ok(version::answer(&shown, Some(shown.version)))
    })
    .await
}
