//! `/api/v1/organizations/{organization}/provisioning-tokens`: the bearer tokens of identity providers.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::api_keys::lifetime;
use super::body;
use super::call::answer;
use super::list::{List, Query};
use super::refusals::{Invalid, Refused, Repeatable, Repeated, Unfit, Unread};
use super::values::{Length, Name, Paged};
use crate::administration::By;
use crate::administration::idempotency::Answer;
use crate::administration::provisioning_token::{self, PREFIX, Shown};
use crate::http::State;
use crate::id::TokenId;
use crate::organization::permission::Action;
use crate::secret::{Revealed, SecretToken};
use crate::store::Planned;

/// `GET …/provisioning-tokens`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/provisioning-tokens", tag = "provisioning tokens",
    summary = "The provisioning tokens without their secrets, oldest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Paged
    ),
    responses((status = 200, body = List<Shown>), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let query = Query::read(call, &[])?;
        let (slug, after, limit) = (organization.clone(), query.after_id::<TokenId>()?, query.one_more());
        let look =
            move |connection: &mut _, _: &_, by: &_| provisioning_token::list(connection, by, &slug, after, limit);
        let tokens = call.read(&organization, look).await?;
        Ok(HttpResponse::Ok().json(List::page(&query, tokens, |token| token.id.clone())?))
    })
    .await
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewProvisioningToken)]
pub(super) struct New {
    /// By which people know it.
    #[schema(value_type = Name)]
    name: String,
    /// How long it works, such as `365d` or `24h`; for ever without it.
    #[schema(value_type = Option<Length>)]
    expires_in: Option<String>,
    /// The HMAC secret of Descope's outbound connector: the token is taken only with its signature
    /// (`x-descope-webhook-s256`).
    #[schema(value_type = Option<String>, min_length = 1, max_length = 250)]
    descope_signing_secret: Option<Revealed>,
}

/// `POST …/provisioning-tokens`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/provisioning-tokens", tag = "provisioning tokens",
    summary = "Make a provisioning token; only this answer shows it, as `token`",
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
        let lifetime = lifetime(new.expires_in)?;
        let token = SecretToken::generate(PREFIX, call.state.random.as_ref());
        let slug = organization.clone();
        let create = move |connection: &mut _, administration: &_, by: &_| {
            let signing_secret = new.descope_signing_secret.as_ref().map(|secret| secret.0.as_str());
            let new = provisioning_token::New { name: &new.name, lifetime, signing_secret, token: &token };
            let Planned { batch, answer } = provisioning_token::create(connection, administration, by, &slug, new)?;
            let place = format!("/api/v1/organizations/{slug}/provisioning-tokens/{}", answer.id);
            Ok(Planned { batch, answer: Answer::made(place, &answer)? })
        };
        call.make((&organization, Action::ManageProvisioning), create).await
    })
    .await
}

/// `DELETE …/provisioning-tokens/{id}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/provisioning-tokens/{id}", tag = "provisioning tokens",
    summary = "Revoke a provisioning token: from the next request on it opens nothing",
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
            // An address names one thing, and a name may be several tokens'.
            id.parse::<TokenId>().map_err(|_| provisioning_token::no_token(&id))?;
            provisioning_token::revoke(connection, administration, by, &slug, &id)
        };
        call.write(&organization, revoke).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}
