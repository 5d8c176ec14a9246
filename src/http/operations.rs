//! What operators and load balancers ask: alive, ready, metrics.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix_web::{HttpResponse, web};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::Notify;

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
    /// Organizations whose seats or subscription were found to differ from the payment provider's.
    pub billing_drift: Counter,
    /// Reads, and refusals before anything was planned, that the provisioning log had no room for.
    pub provisioning_log_dropped: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("headcount");
        let scim_requests = Family::default();
        let scim_seconds =
            Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]);
        registry.register("scim_requests", "SCIM requests by method and status", scim_requests.clone());
        registry.register("scim_request_duration_seconds", "Time to answer a SCIM request", scim_seconds.clone());
        let billing_drift = Counter::default();
        registry.register(
            "billing_drift",
            "Differences from the payment provider that were found",
            billing_drift.clone(),
        );
        let provisioning_log_dropped = Counter::default();
        registry.register(
            "provisioning_log_dropped",
            "Reads and early refusals that the provisioning log had no room for",
            provisioning_log_dropped.clone(),
        );
        Self { registry, scim_requests, scim_seconds, billing_drift, provisioning_log_dropped }
    }
}

/// Where the process stands between start and end.
#[derive(Debug, Default)]
pub struct Life {
    serving: AtomicBool,
    draining: AtomicBool,
    running: AtomicUsize,
    idle: Notify,
}

impl Life {
    /// The database has this binary's schema: SCIM is answered from now on.
    pub fn serve(&self) {
        self.serving.store(true, Ordering::SeqCst);
    }

    /// Whether SCIM is answered.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.serving.load(Ordering::SeqCst)
    }

    /// The end has begun: load balancers are to look elsewhere.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether the end has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Counts a request as running until the guard is dropped.
    pub fn run(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::SeqCst);
        Running(self)
    }

    /// Waits until no request is running.
    pub async fn idle(&self) {
        loop {
            let changed = self.idle.notified();
            if self.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }
}

/// A request that is running.
#[derive(Debug)]
pub struct Running<'l>(&'l Life);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// The documentation for people that `ServiceProviderConfig` points to (RFC 7643 §5).
pub async fn documentation() -> HttpResponse {
    HttpResponse::Ok().content_type("text/markdown; charset=utf-8").body(include_str!("../../README.md"))
}

/// The process is alive.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// The database answers and has this binary's schema, and the process is not about to end.
pub async fn readyz(state: web::Data<State>) -> HttpResponse {
    if state.life.is_draining() {
        return HttpResponse::ServiceUnavailable().content_type("text/plain").body("draining\n");
    }
    if !state.life.is_serving() {
        return HttpResponse::ServiceUnavailable().content_type("text/plain").body("starting\n");
    }
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
