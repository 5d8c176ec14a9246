//! What people and operators do to an organization (floor 5), by noun: one use case = one public function =
//! one transaction, with its audit event in it. Who acts is a [`By`].

pub mod actor;
pub mod api_key;
mod at_risk;
pub mod audit;
pub mod billing;
pub mod domain;
pub mod home;
pub mod idempotency;
pub mod invitation;
pub mod join_request;
pub mod member;
pub mod organization;
pub mod outbox;
pub mod provisioning_client;
pub mod provisioning_log;
pub mod provisioning_token;
pub mod recovery_codes;
pub mod reindex;
pub mod role_mapping;
pub mod roster;
pub mod schema;
pub mod session;
pub mod setup_link;
pub mod single_sign_on;
pub mod webhook;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use self::actor::{Actor, By};
use crate::billing::Billing;
use crate::clock::Clock;
use crate::dns::TxtRecords;
use crate::error::{Code, Error, Result};
use crate::id::{IdGenerator, OrganizationId, ResourceId};
use crate::organization::home::Resources;
use crate::provisioning::Service;
use crate::secret::Random;
use crate::store::audit_events::{self, Event, SERVICE};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::organizations::{self, Organization};
use crate::webhooks::Sender;

/// What the operator's use cases share.
#[derive(Clone)]
pub struct Administration {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub ids: IdGenerator,
    pub provisioning: Arc<Service>,
    /// What is sold and who is paid.
    pub billing: Arc<Billing>,
    /// Tells endpoints of organizations what happens.
    pub webhooks: Sender,
    /// What the home page leads to.
    pub resources: Arc<Resources>,
    /// Who is asked for the proofs of domains.
    pub dns: Arc<dyn TxtRecords>,
    /// How long people still join by a domain whose proof has gone.
    pub grace: Duration,
    /// A session that nobody uses ends after so many microseconds.
    pub session_idle: i64,
    /// How long an invitation is open.
    pub invitation_lifetime: Duration,
}

impl Administration {
    /// Adds the audit event of what somebody did to an organization.
    fn audit(&self, batch: &mut Batch, by: &By, organization: OrganizationId, action: &str, detail: &Value) {
        self.audit_member(batch, by, organization, action, None, detail);
    }

    /// Adds the audit event of what somebody did, to a member where there is one.
    fn audit_member(
        &self,
        batch: &mut Batch,
        by: &By,
        organization: OrganizationId,
        action: &str,
        member: Option<ResourceId>,
        detail: &Value,
    ) {
        let detail = detail.to_string();
        let event = Event {
            id: self.ids.next(),
            at: self.clock.now().0,
            actor: &by.name(),
            action,
            target_kind: match member {
                Some(_) => "User",
                None if organization == SERVICE => "Service",
                None => "Organization",
            },
            target_id: member,
            request_id: by.request_id.as_deref(),
            address: by.address.as_deref(),
            detail: &detail,
        };
        audit_events::insert(batch, organization, &event);
    }
}

impl std::fmt::Debug for Administration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Administration").finish_non_exhaustive()
    }
}

/// The organization that is named by its id or its slug, if it is the one this actor acts in.
fn named(connection: &mut Connection, by: &By, name: &str) -> Result<Organization> {
    // No slug is an id.
    let found = match name.parse::<OrganizationId>() {
        Ok(id) => organizations::by_id(connection, id)?,
        Err(_) => organizations::by_slug(connection, name)?,
    };
    let found = found.ok_or_else(|| no_organization(name))?;
    by.check_place(found.id, name)?;
    Ok(found)
}

/// The 404 of an organization that does not exist, or that is none of the caller's business.
#[must_use]
pub fn no_organization(name: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no organization with the slug \"{name}\"."))
}

/// Refuses a name nobody could read in a list.
fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Error::new(Code::InvalidValue, "A name has 1 to 200 characters and no control characters."));
    }
    Ok(())
}
