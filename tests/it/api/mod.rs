//! The JSON API: what pages and programs of an organization ask for.

pub mod client;
mod founding;
mod leaving;
mod organizations;
