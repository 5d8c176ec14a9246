//! `/api/v1/organizations/{organization}/provisioning-clients`: who gets access tokens by OAuth 2.0 client credentials.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::call::answer;
use super::list::{List, Query};
use super::refusals::{Invalid, Refused, Repeatable, Repeated, Unfit, Unread};
use super::values::{Name, Paged};
use crate::administration::By;
use crate::administration::idempotency::Answer;
use crate::administration::provisioning_client::{self, Credential, SECRET_PREFIX, Shown};
use crate::http::State;
use crate::organization::permission::Action;
use crate::provisioning::client_credentials::ClientName;
use crate::secret::SecretToken;
use crate::store::Planned;

/// `GET …/provisioning-clients`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/provisioning-clients", tag = "provisioning clients",
    summary = "The provisioning clients without their secrets, oldest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Paged
    ),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let query = Query::read(call, &[])?;
        let after = query.after_id::<ClientName>()?.map(|name| name.client);
        let (slug, limit) = (organization.clone(), query.one_more());
        let look =
            move |connection: &mut _, _: &_, by: &_| provisioning_client::list(connection, by, &slug, after, limit);
        let clients = call.read(&organization, look).await?;
        Ok(HttpResponse::Ok().json(List::page(&query, clients, |client| client.client_id.clone())?))
    })
    .await
}

/// A new client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewProvisioningClient)]
pub(super) struct New {
    /// By which people know it.
    #[schema(value_type = Name)]
    name: String,
    /// Its public keys (a JWK Set, RFC 7517): it proves itself by signatures and has no secret.
    #[schema(value_type = Option<Object>)]
    jwks: Option<serde_json::Value>,
}

/// `POST …/provisioning-clients`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/provisioning-clients", tag = "provisioning clients",
    summary = "Make a provisioning client; only this answer shows its secret, as `client_secret`",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Repeatable
    ),
    request_body(content = New, content_type = "application/json"),
    responses((status = 201, body = Shown), Refused, Unread, Repeated)
)]
pub(super) async fn create(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageProvisioning)?;
        let new: New = body::json(call, payload).await?;
        let credential = match new.jwks {
            Some(keys) => Credential::Keys(keys.to_string()),
            None => Credential::Secret(SecretToken::generate(SECRET_PREFIX, call.state.random.as_ref())),
        };
        let (slug, name) = (organization.clone(), new.name);
        let create = move |connection: &mut _, administration: &_, by: &_| {
            let Planned { batch, answer } =
                provisioning_client::create(connection, administration, by, &slug, &name, &credential)?;
            let place = format!("/api/v1/organizations/{slug}/provisioning-clients/{}", answer.client_id);
            Ok(Planned { batch, answer: Answer::made(place, &answer)? })
        };
        call.make((&organization, Action::ManageProvisioning), create).await
    })
    .await
}

/// `DELETE …/provisioning-clients/{id}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/provisioning-clients/{id}", tag = "provisioning clients",
    summary = "Revoke a provisioning client and every access token it has",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 204), Refused, Unfit)
)]
pub(super) async fn revoke(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (organization, id) = path.into_inner();
        let slug = organization.clone();
        let revoke = move |connection: &mut _, administration: &_, by: &By| {
            by.check(Action::ManageProvisioning)?;
            // An address names one thing, and a name may be several clients'.
            id.parse::<ClientName>().map_err(|_| provisioning_client::no_client(&id))?;
            provisioning_client::revoke(connection, administration, by, &slug, &id)
        };
        call.transact(&organization, revoke).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}
