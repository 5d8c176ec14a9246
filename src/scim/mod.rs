//! The SCIM protocol core (floor 1): pure rules of RFC 7643, RFC 7644 and RFC 9865; no I/O.

pub mod bulk;
pub mod difference;
pub mod document;
pub mod filter;
pub mod immutable;
pub mod index;
pub mod json;
pub mod lenient;
pub mod manager;
pub mod message;
pub mod patch;
pub mod path;
pub mod project;
pub mod redact;
pub mod registry;
pub mod schema;
pub mod unique;
pub mod validate;
