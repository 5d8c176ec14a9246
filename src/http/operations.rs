//! What operators and load balancers ask: alive, ready, metrics.

use actix_web::{HttpResponse, web};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::State;
use crate::error::Error;
use crate::store::migrate;

/// Labels of a SCIM operation: no value comes from a request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Operation {
    pub method: &'static str,
    pub status: u16,
}

/// The counters of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub scim_requests: Family<Operation, Counter>,
    pub scim_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("headcount");
        let scim_requests = Family::default();
        let scim_seconds =
            Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]);
        registry.register("scim_requests", "SCIM requests by method and status", scim_requests.clone());
        registry.register("scim_request_duration_seconds", "Time to answer a SCIM request", scim_seconds.clone());
        Self { registry, scim_requests, scim_seconds }
    }
}

/// The process is alive.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// The database answers and has this binary's schema.
pub async fn readyz(state: web::Data<State>) -> HttpResponse {
    let current = state
        .store
        .scan(|connection| {
            migrate::is_current(connection)
                .map_err(|source| Error::unavailable("The database does not answer.", Some(source)))
        })
        .await;
    match current {
        Ok(true) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Ok(false) => HttpResponse::ServiceUnavailable()
            .content_type("text/plain")
            .body("the database waits for migrations: run headcount migrate\n"),
        Err(error) => {
            tracing::warn!(error = ?error, "not ready");
            HttpResponse::ServiceUnavailable()
                .insert_header(("Retry-After", "2"))
                .content_type("text/plain")
                .body(format!("{error}\n"))
        }
    }
}

/// Prometheus' text format, on its own listener.
pub async fn metrics(state: web::Data<State>) -> HttpResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &state.metrics.registry) {
        Ok(()) => {
            HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text)
        }
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// No page lives here.
pub async fn nothing_here() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain").body("There is nothing here. SCIM lives under /scim/v2.\n")
}
