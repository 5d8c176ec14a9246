//! `/billing/stripe/webhook`: Stripe says that something has changed. The event is kept and answered at once; what
//! has changed is asked afterwards.

use actix_web::{HttpRequest, HttpResponse, web};

use super::call::{Call, answer};
use crate::administration::billing::events::{self, Received};
use crate::administration::billing::operations;
use crate::billing::stripe::webhook;
use crate::error::{Code, Error, Result};
use crate::http::State;

/// Bytes of an event at most.
const MAX_BODY: usize = 256 << 10;

/// `POST /billing/stripe/webhook`.
pub(super) async fn webhook(http: HttpRequest, payload: web::Payload, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| received(call, payload).await).await
}

async fn received(call: &Call<'_>, payload: web::Payload) -> Result<HttpResponse> {
    let administration = &call.state.administration;
    let client = administration
        .billing
        .provider
        .stripe()
        .ok_or_else(|| Error::new(Code::NotFound, "Payments are not made with Stripe here."))?;
    let too_large = |_| Error::new(Code::PayloadTooLarge, format!("An event has {MAX_BODY} bytes at most."));
    let broken = |_| Error::new(Code::BadRequest, "The body did not arrive whole.");
    let all = tokio::time::timeout(call.state.body_timeout, payload.to_bytes_limited(MAX_BODY)).await;
    let late = |_| Error::new(Code::RequestTimeout, "The body took too long to arrive.");
    let body = all.map_err(late)?.map_err(too_large)?.map_err(broken)?;
    let header = call.http.headers().get("stripe-signature").and_then(|value| value.to_str().ok());
    webhook::verify(header, &body, client.webhook_secrets(), administration.clock.now())?;
    let event = webhook::event(&body)?;
    let own = administration.clone();
    let taken = call.state.store.write(move |connection| events::receive(connection, &own, &event)).await?;
    if let Received::Taken(organization) = taken {
        // Behind the answer; what comes in between is done by the job.
        let state = call.state.clone();
        actix_web::rt::spawn(async move {
            let driven = operations::drive(&state.store, &state.administration, Some(organization)).await;
            if let Err(error) = driven {
                tracing::warn!(?error, "what a payment event is about is asked by the job");
            }
        });
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({"received": true})))
}
