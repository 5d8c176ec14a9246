//! What identity providers do (floor 5): one use case = one public function = one transaction.
//!
//! Each function plans on a connection and returns a [`Planned`] batch; the store applies it.

pub mod answer;
pub mod authenticate;
pub mod bearers;
pub mod bulk;
pub mod client_assertion;
pub mod client_credentials;
pub mod client_refusals;
mod cursor;
pub mod groups;
pub mod list;
pub mod list_all;
pub mod log_buffer;
pub mod names;
pub mod newcomers;
pub mod operation;
pub mod presumption;
pub mod record;
pub mod signature;
pub mod users;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use crate::clock::{Clock, Timestamp};
use crate::id::{IdGenerator, OrganizationId, TokenId};
use crate::organization::role::Role;
use crate::organization::seats::SeatPolicy;
use crate::scim::index::Storage;
use crate::scim::registry::Registry;
use crate::sealing::SealingKey;
use crate::secret::SecretHash;

pub use crate::store::Planned;

/// Limits, as configured and as stated in `ServiceProviderConfig`.
#[derive(Clone, Debug)]
pub struct Options {
    pub default_page_size: i64,
    pub max_page_size: i64,
    pub bulk_max_operations: usize,
    pub max_body_bytes: usize,
    /// How many resources an unindexed filter may look at.
    pub unindexed_limit: i64,
    pub cursor_lifetime_seconds: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_page_size: 100,
            max_page_size: 1_000,
            bulk_max_operations: 1_000,
            max_body_bytes: 8 * 1_024 * 1_024,
            unindexed_limit: 20_000,
            cursor_lifetime_seconds: 3_600,
        }
    }
}

/// What the use cases share.
pub struct Service {
    pub options: Options,
    pub clock: Arc<dyn Clock>,
    pub ids: IdGenerator,
    pub storage: Storage,
    pub registries: authenticate::Registries,
    pub bearers: bearers::Bearers,
    pub refusals: client_refusals::Refusals,
    /// Users that are created together.
    pub newcomers: newcomers::Newcomers,
    /// Entries of the provisioning log that wait to be written.
    pub log_buffer: log_buffer::LogBuffer,
    /// For secrets that are stored encrypted.
    pub sealing: SealingKey,
    /// Where walks by `startIndex` stand.
    pub walks: list::Walks,
    /// Signs cursors; the same in every process of a service.
    pub cursor_key: ring::hmac::Key,
}

/// One request, as the delivery knows it.
#[derive(Clone, Debug)]
pub struct Call {
    pub credential: SecretHash,
    pub request_id: String,
    pub client_address: Option<IpAddr>,
    pub method: &'static str,
    /// Below the base.
    pub path: String,
    /// The query string, as it was sent.
    pub query: String,
    /// What was sent, for the log.
    pub body: Option<Arc<Value>>,
    /// Whether the provisioning log has it.
    pub logged: Arc<AtomicBool>,
    pub started: Timestamp,
    /// `https://host/scim/v2`, from configuration.
    pub base: Arc<str>,
    /// The signature that came with the request.
    pub signed: Option<signature::Signed>,
    /// Query parameters that mean nothing here; for the log.
    pub ignored_parameters: Vec<String>,
}

/// Who is asking, after authentication.
#[derive(Clone, Debug)]
pub struct Caller {
    pub organization: OrganizationId,
    pub token: TokenId,
    pub token_name: String,
    pub seat_policy: SeatPolicy,
    /// The role of whom provisioning makes a member.
    pub scim_role: Role,
    /// Whether groups may give roles.
    pub maps_roles: bool,
    pub registry: Arc<Registry>,
    /// Where resources are, for `meta.location` and `$ref`.
    pub base: Arc<str>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("provisioning::Service").field("options", &self.options).finish_non_exhaustive()
    }
}
