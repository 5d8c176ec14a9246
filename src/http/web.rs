//! What the route table is written with: actix's, but what is read by GET is read by HEAD as well.

use actix_web::{Route, guard};

pub use actix_web::web::*;

/// GET, and HEAD, which is GET whose body the server leaves out (RFC 9110 §9.1, §9.3.2): one handler for both,
/// so that HEAD can do nothing that GET does not.
pub fn get() -> Route {
    route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
