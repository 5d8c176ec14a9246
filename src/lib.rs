//! Headcount: SCIM 2.0 provisioning and single sign-on for the organizations of a SaaS vendor.
//!
//! The modules stand on floors; each imports only from floors below its own
//! (`tests/it/floors.rs` guards it):
//!
//! ```text
//! 0  clock  id  secret  sealing  text  spreadsheet  error
//! 1  scim  organization  jwt  rate
//! 2  store
//! 3  oidc  dns  mail  billing
//! 4  membership
//! 5  provisioning  administration  sign_in
//! 6  http  jobs
//! 7  config  telemetry  assembly  demo  stand_in  cli
//! ```
pub mod administration;
pub mod assembly;
pub mod billing;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod dns;
pub mod error;
pub mod http;
pub mod id;
pub mod jobs;
pub mod jwt;
pub mod mail;
pub mod membership;
pub mod oidc;
pub mod organization;
pub mod provisioning;
pub mod rate;
pub mod scim;
pub mod sealing;
pub mod secret;
pub mod sign_in;
pub mod spreadsheet;
pub mod stand_in;
pub mod store;
pub mod telemetry;
pub mod text;
pub mod webhooks;
