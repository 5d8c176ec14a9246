//! `/api/v1/organizations/{organization}/role-mappings`: roles that members get by their groups.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::call::{Call, answer};
use super::list::{List, Query};
use super::organizations::parsed;
use super::refusals::{Invalid, Refused, Unfit, Unread};
use super::values::LesserRole;
use crate::administration::role_mapping::{self, Changed, Shown};
use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::organization::role::Role;

/// `GET …/role-mappings`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/role-mappings", tag = "role mappings",
    summary = "Groups that give roles",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, slug: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        Query::read_whole(call, &[])?;
        let name = slug.to_owned();
        let mappings = call.read(&slug, move |connection, _, by| role_mapping::list(connection, by, &name)).await?;
        Ok(HttpResponse::Ok().json(List::whole(mappings)))
    })
    .await
}

/// What a group gives.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRoleMapping)]
pub(super) struct Mapping {
    /// `read`, `write` or `admin`.
    #[schema(value_type = LesserRole)]
    role: String,
}

/// `PUT …/role-mappings/{group}`.
#[utoipa::path(
    put, path = "/api/v1/organizations/{organization}/role-mappings/{group}", tag = "role mappings",
    summary = "Map a group to a role",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("group" = String, Path, description = "The group's SCIM id")
    ),
    request_body = Mapping,
    responses((status = 200, body = Changed), Refused, Unread, Unfit)
)]
pub(super) async fn set(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, group) = path.into_inner();
        call.known()?;
        let Mapping { role } = body::json(call, payload).await?;
        let answer = apply(call, &slug, &group, parsed("role", Some(role))?).await?;
        Ok(HttpResponse::Ok().json(answer))
    })
    .await
}

async fn apply(call: &Call<'_>, slug: &str, group: &str, role: Option<Role>) -> Result<Changed> {
    let (name, group) = (slug.to_owned(), group.to_owned());
    let set = move |connection: &mut _, administration: &_, by: &_| {
        role_mapping::set(connection, administration, by, &name, (&group, role))
    };
    call.transact(slug, set).await
}

/// `DELETE …/role-mappings/{group}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/role-mappings/{group}", tag = "role mappings",
    summary = "Map a group to no role any more",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("group" = String, Path, description = "The group's SCIM id")
    ),
    responses((status = 204), Refused)
)]
pub(super) async fn remove(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        apply(call, &path.0, &path.1, None).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}

/// What is looked at before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedRoleMapping)]
pub(super) struct Wanted {
    /// The group's SCIM id.
    group: String,
    /// `read`, `write` or `admin`; `null` for no role any more.
    #[schema(value_type = Option<LesserRole>)]
    role: Option<String>,
}

/// `POST …/role-mappings/preview`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/role-mappings/preview", tag = "role mappings",
    summary = "Who would go from which role to which",
    params(("organization" = String, Path, description = "Its id or slug")),
    request_body = Wanted,
    responses((status = 200, body = role_mapping::Preview), Refused, Unread)
)]
pub(super) async fn preview(
    http: HttpRequest,
    slug: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        let Wanted { group, role } = body::json(call, payload).await?;
        if group.len() > 100 {
            return Err(Error::new(Code::InvalidValue, "group is the SCIM id of a group."));
        }
        let (name, role) = (slug.to_owned(), parsed("role", role)?);
        let look =
            move |connection: &mut _, _: &_, by: &_| role_mapping::preview(connection, by, &name, (&group, role));
        Ok(HttpResponse::Ok().json(call.read(&slug, look).await?))
    })
    .await
}
