//! Delivery over HTTP (floor 6): handlers translate between bytes and use cases; they decide nothing.

pub mod operations;
pub mod scim;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;

use crate::clock::Clock;
use crate::id::IdGenerator;
use crate::provisioning::Service;
use crate::store::Store;

/// What every handler shares.
pub struct State {
    pub store: Store,
    pub provisioning: Arc<Service>,
    pub clock: Arc<dyn Clock>,
    pub ids: IdGenerator,
    /// `https://host/scim/v2`.
    pub scim_base: Arc<str>,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Requests of one organization's token that run at once at most.
    pub metrics: operations::Metrics,
}

/// Puts the routes on an application; shared by `serve` and the tests.
pub fn routes(state: web::Data<State>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(state)
            .service(web::resource("/healthz").route(web::get().to(operations::healthz)))
            .service(web::resource("/readyz").route(web::get().to(operations::readyz)))
            .service(web::resource("/scim/v2").route(web::route().to(scim::handle)))
            .service(web::resource("/scim/v2/{path:.*}").route(web::route().to(scim::handle)))
            .default_service(web::route().to(operations::nothing_here));
    }
}
