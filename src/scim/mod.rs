//! The SCIM protocol core (floor 1): pure rules of RFC 7643, RFC 7644 and RFC 9865; no I/O.

pub mod registry;
pub mod schema;
