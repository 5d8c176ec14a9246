//! What operators do (floor 5), by noun: one use case = one public function = one transaction, with its
//! audit event in it. Operators skip the portal's guards; the rules of seats and owners hold for them too.

mod at_risk;
pub mod audit;
pub mod domain;
pub mod join_request;
pub mod member;
pub mod organization;
pub mod outbox;
pub mod provisioning_client;
pub mod provisioning_token;
pub mod recovery_codes;
pub mod reindex;
pub mod schema;
pub mod session;
pub mod setup_link;
pub mod single_sign_on;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::clock::Clock;
use crate::dns::TxtRecords;
use crate::error::{Code, Error, Result};
use crate::id::{IdGenerator, OrganizationId, ResourceId};
use crate::provisioning::Service;
use crate::secret::Random;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::organizations::{self, Organization};
use crate::store::provisioning_log::{self, Event, SERVICE};

/// What the operator's use cases share.
#[derive(Clone)]
pub struct Administration {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub ids: IdGenerator,
    pub provisioning: Arc<Service>,
    /// Who is asked for the proofs of domains.
    pub dns: Arc<dyn TxtRecords>,
    /// How long people still join by a domain whose proof has gone.
    pub grace: Duration,
    /// A session that nobody uses ends after so many microseconds.
    pub session_idle: i64,
}

/// How the audit trail calls who types commands.
pub const OPERATOR: &str = "operator";
/// How the audit trail calls what happens by itself.
pub const SYSTEM: &str = "system";

impl Administration {
    /// Adds the audit event of an operator's use case to its batch.
    fn audit(&self, batch: &mut Batch, organization: OrganizationId, action: &str, detail: &Value) {
        self.audit_by(OPERATOR, batch, organization, action, None, detail);
    }

    /// Adds the audit event of what somebody did, to a member where there is one.
    fn audit_by(
        &self,
        actor: &str,
        batch: &mut Batch,
        organization: OrganizationId,
        action: &str,
        member: Option<ResourceId>,
        detail: &Value,
    ) {
        let detail = detail.to_string();
        let event = Event {
            id: self.ids.next(),
            at: self.clock.now().0,
            actor,
            action,
            target_kind: match member {
                Some(_) => "User",
                None if organization == SERVICE => "Service",
                None => "Organization",
            },
            target_id: member,
            request_id: None,
            address: None,
            detail: &detail,
        };
        provisioning_log::insert_event(batch, organization, &event);
    }
}

impl std::fmt::Debug for Administration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Administration").finish_non_exhaustive()
    }
}

/// The organization an operator names by its slug.
fn named(connection: &mut Connection, slug: &str) -> Result<Organization> {
    organizations::by_slug(connection, slug)?
        .ok_or_else(|| Error::new(Code::NotFound, format!("There is no organization with the slug \"{slug}\".")))
}

/// Refuses a name nobody could read in a list.
fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Error::new(Code::InvalidValue, "A name has 1 to 200 characters and no control characters."));
    }
    Ok(())
}
