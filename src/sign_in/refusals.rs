//! Sign-ins that come to nothing are in the audit trail: why, from where, and who where that is proven.
//!
//! What names no organization is in the trail of the service itself. Anybody can be refused as often as
//! they like, so one network and one trail get so many lines an hour, the next line tells how many there
//! were beside them, and all of them are forgotten after [`KEPT`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Circumstances, Service};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId};
use crate::oidc::failure;
use crate::organization::joining::Refusal;
use crate::rate::{Limiter, network};
use crate::store::audit_events::{self, Event, SERVICE};
use crate::store::batch::Batch;
use crate::store::{Planned, Store};

/// Lines an hour that one network gets in one trail.
pub const BY_NETWORK: u32 = 500;
/// Lines an hour that one trail gets.
pub const BY_TRAIL: u32 = 1_000;
/// How long they are kept.
pub const KEPT: Duration = Duration::from_hours(30 * 24);

/// Why a sign-in came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not the parameters there are, or some of them twice.
    RequestUnreadable,
    /// A form that was not written for this browser.
    FormToken,
    AddressMalformed,
    /// The founder's, of somebody who can sign in already.
    AddressTaken,
    OrganizationUnknown,
    /// Begun by another site for another issuer.
    IssuerForeign,
    /// No sign-in has this state, or its answer has come already.
    StateUnknown,
    StateOfAnotherBrowser,
    StateExpired,
    /// A mailed link, or the founder's, that is none, or none any more.
    LinkUnusable,
    /// An address and a recovery code that open nothing.
    RecoveryCode,
    /// What came from the provider.
    Provider(failure::Reason),
    /// The organization's own rules.
    Rule(Refusal),
    /// A logout token.
    Logout(failure::Reason),
    /// A back-channel logout without one.
    LogoutTokenMissing,
}

impl Reason {
    /// The name in the audit trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestUnreadable => "request_unreadable",
            Self::FormToken => "form_token",
            Self::AddressMalformed => "address_malformed",
            Self::AddressTaken => "address_taken",
            Self::OrganizationUnknown => "organization_unknown",
            Self::IssuerForeign => "issuer_foreign",
            Self::StateUnknown => "state_unknown",
            Self::StateOfAnotherBrowser => "state_of_another_browser",
            Self::StateExpired => "state_expired",
            Self::LinkUnusable => "link_unusable",
            Self::RecoveryCode => "recovery_code",
            Self::Provider(reason) | Self::Logout(reason) => reason.name(),
            Self::Rule(refusal) => refusal.name(),
            Self::LogoutTokenMissing => "logout_token_missing",
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Rule(_) => "sign_in.refused",
            Self::Logout(_) | Self::LogoutTokenMissing => "logout.refused",
            _ => "sign_in.failed",
        }
    }
}

/// A sign-in that came to nothing.
#[derive(Clone, Debug)]
pub struct Refused {
    pub reason: Reason,
    /// The organization it led to.
    pub organization: Option<OrganizationId>,
    pub who: Option<Who>,
}

/// Somebody the provider has proven.
#[derive(Clone, Debug)]
pub struct Who {
    /// `None` for who has never been let in.
    pub identity: Option<IdentityId>,
    pub subject: String,
    /// The address, if it is proven too.
    pub address: Option<String>,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { reason, organization: None, who: None }
    }
}

impl Refused {
    fn detail(&self, unwritten: u64) -> Value {
        let mut detail = json!({"reason": self.reason.name()});
        if let Some(who) = &self.who {
            detail["identity"] = who.identity.map(|identity| identity.to_string()).into();
            detail["subject"] = who.subject.as_str().into();
            detail["address"] = who.address.as_deref().into();
        }
        if unwritten > 0 {
            detail["not_written"] = unwritten.into();
        }
        detail
    }
}

/// How many lines there were.
#[derive(Debug)]
pub struct Refusals {
    by_network: Limiter<(OrganizationId, Option<IpAddr>)>,
    by_trail: Limiter<OrganizationId>,
    /// Since the last line of a trail.
    unwritten: Mutex<HashMap<OrganizationId, u64>>,
}

impl Default for Refusals {
    fn default() -> Self {
        let hour = Duration::from_hours(1);
        Self {
            by_network: Limiter::new(BY_NETWORK, hour),
            by_trail: Limiter::new(BY_TRAIL, hour),
            unwritten: Mutex::default(),
        }
    }
}

impl Refusals {
    /// Counts one; how many were left out before it, if it is to be written.
    fn count(&self, trail: OrganizationId, from: Option<IpAddr>, now: Timestamp) -> Option<u64> {
        let taken = self.by_network.take((trail, from.map(network)), now, "refusals");
        let taken = taken.and_then(|()| self.by_trail.take(trail, now, "refusals"));
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.is_ok() {
            return Some(unwritten.remove(&trail).unwrap_or_default());
        }
        *unwritten.entry(trail).or_default() += 1;
        None
    }
}

/// Writes down that a sign-in came to nothing.
///
/// # Errors
/// The database's.
pub async fn note(
    store: &Store,
    service: &Arc<Service>,
    circumstances: &Circumstances,
    refused: &Refused,
) -> Result<()> {
    let trail = refused.organization.unwrap_or(SERVICE);
    let now = service.clock.now();
    let from = circumstances.client_address.as_deref().and_then(|address| address.parse().ok());
    let Some(unwritten) = service.refusals.count(trail, from, now) else { return Ok(()) };
    let (detail, action) = (refused.detail(unwritten).to_string(), refused.reason.action());
    let (service, circumstances) = (Arc::clone(service), circumstances.clone());
    let write = move |_: &mut _| {
        let mut batch = Batch::default();
        let event = Event {
            id: service.ids.next(),
            at: now.0,
            actor: "sign-in",
            action,
            target_kind: if trail == SERVICE { "Service" } else { "Organization" },
            target_id: None,
            request_id: Some(&circumstances.request_id),
            address: circumstances.client_address.as_deref(),
            detail: &detail,
        };
        audit_events::insert(&mut batch, trail, &event);
        Ok(Planned { batch, answer: () })
    };
    store.write(write).await
}

/// Forgets those that are too old, of every trail: also of one that nobody is refused in any more.
///
/// # Errors
/// The database's.
pub async fn forget(store: &Store, now: Timestamp) -> Result<()> {
    let delete = move |_: &mut _| {
        let mut batch = Batch::default();
        audit_events::forget_refusals(&mut batch, now.minus(KEPT).0);
        Ok(Planned { batch, answer: () })
    };
    store.write(delete).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let refusals = Refusals::default();
        let one: Option<IpAddr> = Some("192.0.2.1".parse().unwrap());
        let other: Option<IpAddr> = Some("192.0.2.2".parse().unwrap());
        let third: Option<IpAddr> = Some("192.0.2.3".parse().unwrap());
        let (trail, now) = (OrganizationId::from_bytes([1; 16]), Timestamp(0));
        assert!((0..BY_NETWORK).all(|_| refusals.count(trail, one, now) == Some(0)));
        assert!((0..7).all(|_| refusals.count(trail, one, now).is_none()));
        assert_eq!(refusals.count(trail, other, now), Some(7), "another network has its own lines");
        assert_eq!(refusals.count(SERVICE, one, now), Some(0), "another trail has its own count");
        assert!((BY_NETWORK + 1..BY_TRAIL).all(|_| refusals.count(trail, other, now).is_some()));
        assert_eq!(refusals.count(trail, third, now), None, "whatever network");
        assert_eq!(refusals.count(trail, third, Timestamp(3_600_000_000)), Some(1), "an hour later");
    }
}
