//! The JSON API: what pages and programs of an organization ask for.

mod audit;
pub mod client;
mod founding;
mod leaving;
mod members;
mod organizations;
mod provisioning_log;
