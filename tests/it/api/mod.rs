//! The JSON API: what pages and programs of an organization ask for.

pub mod api_keys;
mod audit;
pub mod client;
mod cursors;
pub mod described;
mod domains;
mod founding;
mod home;
mod kept_answers;
mod leaving;
mod log_of_several;
mod meanwhile;
mod members;
mod organizations;
mod provisioning;
mod provisioning_log;
mod role_mappings;
mod ways_in;
