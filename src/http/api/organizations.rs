//! `/api/v1/organizations`: one's own, and what is set of one.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{self, Nullable, present};
use super::call::answer;
use super::list::{List, Query};
use super::refusals::{Invalid, Outdated, Refused, Unfit, Unknown, Unread};
use super::values::{EmailAddress, JoiningRole, Name, PhoneNumber, SessionLength, Slug, TenantId};
use super::version;
use crate::administration::organization::{self, Settings, Shown};
use crate::error::{Code, Error, Result};
use crate::http::{self, sign_in};
use crate::id::{OrganizationId, ResourceId};
use crate::organization::State;
use crate::organization::joining::Sso;
use crate::organization::plan::Plan;
use crate::organization::postal_address::PostalAddress;
use crate::organization::role::Role;
use crate::organization::seats::{SeatPolicy, Standing, Status};
use crate::store::memberships::Membership;
use crate::text::duration;

/// `GET /api/v1/organizations`.
#[utoipa::path(
    get, path = "/api/v1/organizations", tag = "organizations", summary = "The organizations one is a member of",
    security(("session" = [])),
    responses((status = 200, body = List<Own>), Unknown, Invalid)
)]
pub(super) async fn list(http: HttpRequest, state: web::Data<http::State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        Query::read_whole(call, &[])?;
        call.session()?;
        let (_, memberships) = sign_in::who(call.http, call.state).await?;
        Ok(HttpResponse::Ok().json(List::whole(memberships.iter().map(describe).collect())))
    })
    .await
}

/// An organization, and one's place in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnOrganization)]
pub(super) struct Own {
    id: OrganizationId,
    slug: String,
    name: String,
    state: State,
    plan: Plan,
    role: Role,
    member_id: ResourceId,
    status: Status,
}

fn describe(membership: &Membership) -> Own {
    Own {
        id: membership.organization,
        slug: membership.slug.clone(),
        name: membership.name.clone(),
        state: State::from_name(&membership.state),
        plan: membership.plan.parse().unwrap_or(Plan::Yearly),
        role: membership.role.parse().unwrap_or(Role::Read),
        member_id: membership.member,
        status: Standing::from_name(&membership.status).shown(membership.suspended),
    }
}

/// `GET /api/v1/organizations/{organization}`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}", tag = "organizations",
    summary = "An organization; with its settings for admins",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = Shown, headers(("ETag" = String))), Refused)
)]
pub(super) async fn show(http: HttpRequest, slug: web::Path<String>, state: web::Data<http::State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let name = slug.clone();
        call.read(&slug, move |connection, administration, by| {
            organization::show(connection, administration, by, &name)
        })
        .await
        .map(|shown| answered(&shown))
    })
    .await
}

fn answered(shown: &Shown) -> HttpResponse {
    version::answer(shown, shown.settings.as_ref().map(|settings| settings.version))
}

/// What is set of an organization: a merge patch (RFC 7396).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationPatch)]
pub(super) struct Patch {
    #[schema(value_type = Option<Name>)]
    name: Option<String>,
    #[schema(value_type = Option<Slug>)]
    slug: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Name>)]
    contact_name: Option<Nullable<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<EmailAddress>)]
    contact_email: Option<Nullable<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<PhoneNumber>)]
    contact_phone: Option<Nullable<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<PostalAddress>)]
    address: Option<Nullable<PostalAddress>>,
    /// The organization's tenant at Descope; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<TenantId>)]
    descope_tenant_id: Option<Nullable<String>>,
    /// `off`, `optional` or `required`.
    #[schema(value_type = Option<Sso>)]
    sso: Option<String>,
    /// How long sessions last at most, such as `4h`; `null` for as long as the service lets them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<SessionLength>)]
    session_length: Option<Nullable<String>>,
    /// `read` or `write`: the role of whom provisioning makes a member.
    #[schema(value_type = Option<JoiningRole>)]
    scim_role: Option<String>,
    /// `reject` or `waitlist`.
    #[schema(value_type = Option<SeatPolicy>)]
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
    responses((status = 200, body = Shown, headers(("ETag" = String))), Refused, Unread, Outdated, Unfit)
)]
pub(super) async fn set(
    http: HttpRequest,
    slug: web::Path<String>,
    payload: web::Payload,
    state: web::Data<http::State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        let patch: Patch = body::json(call, payload).await?;
        let settings = patch.settings(version::expected(call.http)?)?;
        let name = slug.to_owned();
        let set = move |connection: &mut _, administration: &_, by: &_| {
            organization::set(connection, administration, by, &name, &settings)
        };
        call.write(&slug, set).await.map(|shown| answered(&shown))
    })
    .await
}
