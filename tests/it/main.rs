//! Integration tests: the real binary on real databases, over real HTTP.
//!
//! Each case runs on SQLite and, where its server binaries are installed, on PostgreSQL.

mod adoption_and_seats;
mod api;
mod audited;
mod bad_input;
mod bearers;
mod billing;
mod commands;
mod concurrency;
mod conformance;
mod counted_work;
mod demo;
mod domains;
mod extensions;
mod faults;
mod filter_property;
mod floors;
mod groups;
mod invitations;
mod limits;
mod logs;
mod mail;
mod members;
mod newcomers;
mod oauth;
mod oidc;
mod operator_rules;
mod queries;
mod refusals;
mod routes;
mod schema;
mod schemathesis;
mod sign_in;
mod signatures;
mod starting;
mod suites;
mod support;
mod tolerance;
mod transcripts;
mod users;
mod walks;
mod webhooks;
