//! `/api/v1/me`: who is signed in and where that leads.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::call::answer;
use super::refusals::Unknown;
use crate::clock::Timestamp;
use crate::http::{State, sign_in};
use crate::id::{OrganizationId, ResourceId};
use crate::organization::role::Role;
use crate::organization::seats::{Standing, Status};
use crate::sign_in::session::Visitor;
use crate::store::memberships::Membership;

/// `GET /api/v1/me`.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me", summary = "Who is signed in, and the organizations that opens", security(("session" = [])),
    responses((status = 200, body = Me), Unknown)
)]
pub(super) async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (visitor, memberships) = match call.session() {
            Ok(_) => sign_in::who(&http, &state).await,
            Err(error) => Err(error),
        }?;
        Ok(HttpResponse::Ok().json(describe(&visitor, &memberships)))
    })
    .await
}

/// Who is signed in, and where that leads.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    #[schema(required)]
    email: Option<String>,
    /// Whether the session has proven that the address is theirs; who founds an organization has.
    email_verified: bool,
    #[schema(required)]
    name: Option<String>,
    memberships: Vec<Place>,
    /// `sso_settings`: what a session that a recovery code has opened is for; absent for any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<&'static str>,
    /// Whose settings it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    organization: Option<Recovered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_at: Option<Timestamp>,
}

/// One's place in an organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnMembership)]
struct Place {
    organization: Named,
    member_id: ResourceId,
    role: Role,
    status: Status,
    /// By which way one came.
    source: String,
}

/// An organization by its names.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NamedOrganization)]
struct Named {
    id: OrganizationId,
    slug: String,
    name: String,
}

/// The organization that a recovery code was of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecoveredOrganization)]
struct Recovered {
    id: OrganizationId,
}

fn describe(visitor: &Visitor, memberships: &[Membership]) -> Me {
    let recovers = visitor.recovers();
    Me {
        email: visitor.identity.address.clone(),
        email_verified: visitor.proven_address().is_some(),
        name: visitor.identity.name.clone(),
        memberships: memberships.iter().map(place).collect(),
        scope: recovers.map(|_| "sso_settings"),
        organization: recovers.map(|(id, _)| Recovered { id }),
        expires_at: recovers.map(|_| Timestamp(visitor.session.expires_at)),
    }
}

fn place(membership: &Membership) -> Place {
    Place {
        organization: Named {
            id: membership.organization,
            slug: membership.slug.clone(),
            name: membership.name.clone(),
        },
        member_id: membership.member,
        role: membership.role.parse().unwrap_or(Role::Read),
        status: Standing::from_name(&membership.status).shown(membership.suspended),
        source: membership.source.clone(),
    }
}
