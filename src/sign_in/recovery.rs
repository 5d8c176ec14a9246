//! An owner comes in by a recovery code (product.md §6): for an hour, to the SSO settings of the organization
//! and nothing else, whatever its sign-in is. Each use is in the audit trail.

use std::time::Duration;

use serde_json::json;

use super::session::not_signed_in;
use super::{Circumstances, Service};
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::organization::recovery_code;
use crate::organization::role::Role;
use crate::organization::seats::Standing;
use crate::secret::{SecretHash, SecretToken};
use crate::store::audit_events::{self, Event};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::identities::{self, Identity};
use crate::store::organizations::{self, Organization};
use crate::store::recovery_codes::{self, Holder};
use crate::store::sessions::{self, Opened, Session};
use crate::store::{Planned, acquaintances};
use crate::text::{address_key, address_shown};

/// How long the session lasts.
const LIFETIME: Duration = Duration::from_hours(1);

/// Who answers for an owner that nobody signs in as yet: the codes themselves.
const ISSUER: &str = "urn:headcount:recovery";

/// Opens the session. The same is said, and the same is looked at, whoever's address is typed with whatever
/// code: a code is found by its hash alone.
///
/// # Errors
/// `forbidden` for everything that is not an active owner's address with one of their codes.
pub fn enter(
    connection: &mut Connection,
    service: &Service,
    circumstances: &Circumstances,
    (address, code): (&str, &str),
    session: &SecretToken,
) -> Result<Planned<()>> {
    let refused = || Error::new(Code::Forbidden, "This address and this code open nothing. A code works once.");
    let code = recovery_code::hash(code);
    let holder = recovery_codes::holder(connection, code)?.filter(recovers).ok_or_else(refused)?;
    let hash = |key: Option<&str>| SecretHash::of(key.unwrap_or_default().as_bytes());
    if !hash(address_key(address).as_deref()).matches(&hash(holder.address_key.as_deref())) {
        return Err(refused());
    }
    let now = service.clock.now().to_millisecond();
    let mut batch = Batch::default();
    let identity = match holder.identity {
        Some(identity) => identity,
        None => stand_in(connection, service, &mut batch, &holder)?,
    };
    acquaintances::enter(&mut batch, holder.organization, holder.member, holder.identity);
    recovery_codes::take(&mut batch, code);
    let opened = Session {
        id: service.ids.next(),
        organization: Some(holder.organization),
        tenant_proven: false,
        recovers: Some(holder.member),
        proven_address: None,
        created_at: now.0,
        seen_at: now.0,
        expires_at: now.plus(LIFETIME).0,
        length: None,
        client_address: circumstances.client_address.clone(),
        user_agent: circumstances.user_agent.clone(),
    };
    sessions::delete_expired(&mut batch, now.0);
    sessions::insert(
        &mut batch,
        &opened,
        Opened { hash: session.hash(), identity, tenant: None, provider_sid: None, id_token: None },
    );
    audit(service, circumstances, &mut batch, &holder);
    Ok(Planned { batch, answer: () })
}

/// The identity of an owner that nobody signs in as yet.
fn stand_in(
    connection: &mut Connection,
    service: &Service,
    batch: &mut Batch,
    holder: &Holder,
) -> Result<crate::id::IdentityId> {
    let subject = format!("{}/{}", holder.organization, holder.member);
    if let Some(known) = identities::find(connection, ISSUER, &subject)? {
        return Ok(known.id);
    }
    let identity = Identity {
        id: service.ids.next(),
        issuer: ISSUER.into(),
        subject,
        address: holder.address_key.as_deref().map(address_shown),
        // Nothing is found by it: the code has proven no address.
        address_key: None,
        name: None,
    };
    identities::insert(batch, &identity, service.clock.now().0);
    Ok(identity.id)
}

fn audit(service: &Service, circumstances: &Circumstances, batch: &mut Batch, holder: &Holder) {
    let detail = json!({"detail": "signed in by a recovery code, to the SSO settings for an hour"}).to_string();
    let event = Event {
        id: service.ids.next(),
        at: service.clock.now().0,
        actor: "sign-in",
        action: "sign_in.recovered",
        target_kind: "User",
        target_id: Some(holder.member),
        request_id: Some(&circumstances.request_id),
        address: circumstances.client_address.as_deref(),
        detail: &detail,
    };
    audit_events::insert(batch, holder.organization, &event);
}

/// The organization that a recovery session is for, while who opened it is an active owner.
///
/// # Errors
/// `unauthorized` once they are not.
pub fn organization(
    connection: &mut Connection,
    (organization, member): (OrganizationId, ResourceId),
) -> Result<Organization> {
    recovery_codes::member(connection, organization, member)?.filter(recovers).ok_or_else(not_signed_in)?;
    organizations::by_id(connection, organization)?.ok_or_else(not_signed_in)
}

fn recovers(holder: &Holder) -> bool {
    super::is_open(&holder.state)
        && holder.role.parse() == Ok(Role::Owner)
        && Standing::from_name(&holder.status) == Standing::Active
        && !holder.suspended
}
