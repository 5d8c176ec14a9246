//! `/api/v1/organizations`: one's own, and what is set of one.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::body::{self, Nullable, present};
use super::call::answer;
use super::list::{Query, whole};
use super::openapi::Refused;
use super::version;
use crate::administration::organization::{self, Settings};
use crate::error::{Code, Error, Result};
use crate::http::{State, sign_in};
use crate::organization::postal_address::PostalAddress;
use crate::store::memberships::Membership;
use crate::text::duration;

/// `GET /api/v1/organizations`.
#[utoipa::path(
    get, path = "/api/v1/organizations", tag = "organizations", summary = "The organizations one is a member of",
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        Query::read(call, &[])?;
        call.session()?;
        let (_, memberships) = sign_in::who(call.http, call.state).await?;
        Ok(HttpResponse::Ok().json(whole(memberships.iter().map(describe).collect())))
    })
    .await
}

fn describe(membership: &Membership) -> Value {
    json!({
        "id": membership.organization.to_string(), "slug": membership.slug, "name": membership.name,
        "state": membership.state, "plan": membership.plan, "role": membership.role,
        "member_id": membership.member.to_string(),
        "status": if membership.suspended { "suspended" } else { membership.status.as_str() }
    })
}

/// `GET /api/v1/organizations/{organization}`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}", tag = "organizations",
    summary = "An organization; with its settings for admins",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn show(http: HttpRequest, slug: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let name = slug.clone();
        call.read(&slug, move |connection, administration, by| {
            organization::show(connection, administration, by, &name)
        })
        .await
        .map(version::answer)
    })
    .await
}

/// What is set of an organization: a merge patch (RFC 7396).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    name: Option<String>,
    slug: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    contact_name: Option<Nullable<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    contact_email: Option<Nullable<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    contact_phone: Option<Nullable<String>>,
    /// `street`, `city`, `state`, `postal_code`, `country` (two letters).
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    address: Option<Nullable<PostalAddress>>,
    /// The organization's tenant at Descope; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    descope_tenant_id: Option<Nullable<String>>,
    /// `off`, `optional` or `required`.
    sso: Option<String>,
    /// How long sessions last at most, such as `4h`; `null` for as long as the service lets them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    session_length: Option<Nullable<String>>,
    /// `read` or `write`: the role of whom provisioning makes a member.
    scim_role: Option<String>,
    /// `reject` or `waitlist`.
    seat_policy: Option<String>,
}

impl Patch {
    fn settings(self, expected_version: Option<i64>) -> Result<Settings> {
        Ok(Settings {
            name: self.name,
            slug: self.slug,
            contact_name: self.contact_name.map(|Nullable(name)| name),
            contact_email: self.contact_email.map(|Nullable(email)| email),
            contact_phone: self.contact_phone.map(|Nullable(phone)| phone),
            postal_address: self.address.map(|Nullable(address)| address),
            seats: None,
            seat_policy: parsed("seat_policy", self.seat_policy)?,
            tenant_id: self.descope_tenant_id.map(|Nullable(tenant)| tenant.unwrap_or_default()),
            sso: parsed("sso", self.sso)?,
            session_length: self
                .session_length
                .map(|Nullable(text)| text.map(|text| session_length(&text)).transpose())
                .transpose()?,
            scim_role: parsed("scim_role", self.scim_role)?,
            expected_version,
        })
    }
}

/// A value with a grammar of its own.
pub(super) fn parsed<T: std::str::FromStr<Err = String>>(member: &str, text: Option<String>) -> Result<Option<T>> {
    let invalid = |why: String| Error::new(Code::InvalidValue, format!("{member}: {why}."));
    text.map(|text| text.parse().map_err(invalid)).transpose()
}

fn session_length(text: &str) -> Result<Duration> {
    duration(text).map_err(|why| Error::new(Code::InvalidValue, format!("session_length: {why}.")))
}

/// `PATCH /api/v1/organizations/{organization}`.
#[utoipa::path(
    patch, path = "/api/v1/organizations/{organization}", tag = "organizations", summary = "Change the settings",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the settings as they were read")
    ),
    request_body(content = Patch, content_type = "application/json"),
    responses((status = 200, body = Object), Refused)
)]
pub(super) async fn set(
    http: HttpRequest,
    slug: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        let patch: Patch = body::json(call, payload).await?;
        let settings = patch.settings(version::expected(call.http)?)?;
        let name = slug.to_owned();
        let set = move |connection: &mut _, administration: &_, by: &_| {
            organization::set(connection, administration, by, &name, &settings)
        };
        call.write(&slug, set).await.map(version::answer)
    })
    .await
}
