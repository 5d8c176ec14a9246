//! The provider's answer: verified, decided, and turned into a session or a page that says why not.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::super::State;
use super::super::pages::{self, Notice};
use super::{Failed, Sent, Visit, read, redirect_uri, see_other, set_cookie};
use crate::error::{Code, Error};
use crate::oidc::authorization::{Pending, Response};
use crate::oidc::failure::{Class, Failure};
use crate::secret::{SecretHash, SecretToken};
use crate::sign_in::arrival::{self, Arrival, Outcome, SESSION_PREFIX};
use crate::sign_in::refusals::Reason;
use crate::sign_in::{self, Answered};

/// The parameters of the answer (RFC 6749 §4.1.2, RFC 9207).
#[derive(Debug, Deserialize)]
pub struct Parameters {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    iss: Option<String>,
}

impl Parameters {
    fn response(&self) -> Response<'_> {
        Response {
            code: self.code.as_deref(),
            iss: self.iss.as_deref(),
            error: self.error.as_deref(),
            error_description: self.error_description.as_deref(),
        }
    }
}

/// `GET /sign-in/callback`.
pub async fn callback(http: HttpRequest, query: Sent<web::Query<Parameters>>, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = answer(&visit, query).await;
    visit.finish(outcome).await
}

async fn answer(visit: &Visit<'_>, query: Sent<web::Query<Parameters>>) -> Result<HttpResponse, Failed> {
    let provider = visit.provider()?;
    let parameters = read(query)?.into_inner();
    let state = parameters.state.clone().unwrap_or_default();
    let (service, browser, hash) =
        (Arc::clone(&visit.state.door.service), visit.browser.hash(), SecretHash::of(state.as_bytes()));
    let take = move |connection: &mut _| sign_in::answered(connection, &service, hash, browser);
    let answered = visit.state.store.write(take).await?;
    let Answered { memory, destination, return_to, started_at } =
        answered.map_err(|reason| Failed::because(reason, sign_in::not_answered()))?;
    let pending = Pending {
        state,
        nonce: memory.nonce,
        verifier: memory.verifier,
        redirect_uri: redirect_uri(visit.state),
        tenant: destination.tenant_id.clone(),
        started_at,
    };
    let signed_in = provider
        .complete(&pending, &parameters.response())
        .await
        .map_err(|failure| {
            tracing::warn!(reason = failure.reason.name(), detail = %failure, request_id = %visit.request_id, "a sign-in failed");
            let reason = Reason::Provider(failure.reason);
            Failed { error: of_provider(failure), reason: Some((reason, destination.organization)) }
        })?;
    let arrival = Arrival {
        issuer: signed_in.issuer,
        subject: signed_in.subject,
        address: signed_in.address,
        address_verified: signed_in.address_verified,
        name: signed_in.name,
        tenant_proven: destination.tenant_id.as_deref().is_some_and(|tenant| signed_in.tenant.proves(tenant)),
        session_expiry: signed_in.session_expiry,
        provider_sid: signed_in.sid,
        id_token: Some(signed_in.id_token),
    };
    let secret = SecretToken::generate(SESSION_PREFIX, visit.state.random.as_ref());
    let (service, circumstances, kept) = (Arc::clone(&visit.state.door.service), visit.circumstances(), secret.clone());
    let outcome = visit
        .state
        .store
        .write(move |connection| arrival::arrive(connection, &service, &circumstances, &destination, &arrival, &kept))
        .await?;
    Ok(arrived(visit, outcome, &secret, &return_to).await)
}

/// What came of an arrival, as a browser sees it.
pub(super) async fn arrived(
    visit: &Visit<'_>,
    outcome: Outcome,
    secret: &SecretToken,
    return_to: &str,
) -> HttpResponse {
    match outcome {
        Outcome::Entered(refused) => {
            if let Some(refused) = refused {
                visit.note(&refused).await;
            }
            let mut response = see_other(return_to);
            set_cookie(&mut response, &visit.state.door.cookies.of_session(secret));
            response
        }
        Outcome::Asked { organization } => {
            let sentence =
                format!("An admin of {organization} has been asked to let you in. Sign in again once they have.");
            notice(visit, StatusCode::FORBIDDEN, "Your request is on its way", &sentence)
        }
        Outcome::Refused { organization, refusal, refused } => {
            visit.note(&refused).await;
            notice(visit, StatusCode::FORBIDDEN, &format!("{organization} does not let you in"), refusal.sentence())
        }
    }
}

fn notice(visit: &Visit<'_>, status: StatusCode, title: &str, sentence: &str) -> HttpResponse {
    let next = Some(("/sign-in", "Sign in with another account"));
    pages::page(status, &Notice { title, sentence, next, request_id: &visit.request_id })
}

/// What a person reads of a failure at the provider: nothing of what came from there.
pub(super) fn of_provider(failure: Failure) -> Error {
    match failure.reason.class() {
        Class::BadResponse => Error {
            source: Some(failure.into()),
            ..Error::new(
                Code::BadRequest,
                "The identity provider's answer cannot be trusted or does not belong to this sign-in. Nothing was changed. Start again.",
            )
        },
        Class::ProviderAway => Error::unavailable(
            "The identity provider does not answer as it should right now. Try again in a minute.",
            Some(failure.into()),
        ),
    }
}
