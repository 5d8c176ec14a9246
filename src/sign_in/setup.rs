//! The founder comes by the setup link that the operator was shown (product.md §6), before there is anybody
//! who could let them in.
//!
//! The founder says which address is theirs, and nothing proves it yet: the session is that of the mailbox, so
//! that a mailed link brings the founder back to the same account, but it never becomes somebody's who can
//! sign in already, and the address counts as proven only once its mail was read. Where no provider proves
//! addresses that mail is on its way at once.

use serde_json::json;

use super::{Circumstances, Service, link};
use crate::error::{Code, Error, Result};
use crate::id::IdentityId;
use crate::organization::associated_domain::domain_of;
use crate::secret::{SecretHash, SecretToken};
use crate::store::audit_events::{self, Event, SERVICE};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::identities::{self, Identity};
use crate::store::one_time_links::{self, purpose};
use crate::store::sessions::{self, Opened, Session};
use crate::store::{Planned, acquaintances, memberships, organizations};
use crate::text::{address_key, address_shown};

/// Whether the link works; opening it uses nothing up.
///
/// # Errors
/// `bad_request` for one that does not.
pub fn preview(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<()> {
    let found = one_time_links::find(connection, secret, purpose::SETUP)?;
    found.filter(|link| service.clock.now().0 < link.expires_at).map(drop).ok_or_else(|| {
        Error::new(
            Code::BadRequest,
            "This link was used already, has expired, or another one took its place. The operator gets a new one from headcount setup-link.",
        )
    })
}

/// How a founder begins.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The setup link's.
    pub secret: SecretHash,
    /// What they say is their address.
    pub address: String,
    pub session: SecretToken,
    /// The link that is mailed to it, with the address of this service; none where a provider proves addresses.
    pub proof: Option<(SecretToken, String)>,
}

/// Opens the founder's session, once.
///
/// # Errors
/// `bad_request` for a link that does not work, `invalidValue` for what is no address, `conflict` for the
/// address of somebody who can sign in already, `too_many_requests` for one that got too many links.
pub fn start(
    connection: &mut Connection,
    service: &Service,
    circumstances: &Circumstances,
    beginning: &Beginning,
) -> Result<Planned<()>> {
    preview(connection, service, beginning.secret)?;
    let key = address_key(&beginning.address).ok_or_else(|| {
        Error::new(Code::InvalidValue, "This is not an e-mail address. It looks like you@company.example.")
    })?;
    let known = identities::find(connection, link::ISSUER, &link::subject(&key))?;
    if is_somebodys(connection, known.as_ref(), &key)? {
        return Err(Error::new(
            Code::Conflict,
            "Somebody can sign in with this address already. If it is yours, sign in with it.",
        ));
    }
    let now = service.clock.now().to_millisecond();
    // What was read of the mailbox holds still when it is written: see `update_unproven`.
    let identity = Identity {
        id: known.as_ref().map_or_else(|| service.ids.next(), |identity| identity.id),
        issuer: link::ISSUER.into(),
        subject: link::subject(&key),
        address: Some(address_shown(&key)),
        // Not proven: nothing is found by it.
        address_key: None,
        name: None,
    };
    let mut batch = Batch::default();
    match known {
        Some(_) => identities::update_unproven(&mut batch, &identity, now.0),
        None => identities::insert(&mut batch, &identity, now.0),
    }
    one_time_links::take(&mut batch, beginning.secret);
    if let Some((secret, public_url)) = &beginning.proof {
        link::prove(connection, service, &mut batch, &key, public_url, secret)?;
    }
    let opened = Session {
        id: service.ids.next(),
        organization: None,
        tenant_proven: false,
        recovers: None,
        proven_address: None,
        created_at: now.0,
        seen_at: now.0,
        expires_at: now.plus(service.options.absolute).0,
        length: None,
        client_address: circumstances.client_address.clone(),
        user_agent: circumstances.user_agent.clone(),
    };
    sessions::insert(
        &mut batch,
        &opened,
        Opened {
            hash: beginning.session.hash(),
            identity: identity.id,
            tenant: None,
            provider_sid: None,
            id_token: None,
        },
    );
    audit(service, circumstances, &mut batch, identity.id);
    Ok(Planned { batch, answer: () })
}

/// In the service's own trail: there may be no organization yet.
fn audit(service: &Service, circumstances: &Circumstances, batch: &mut Batch, identity: IdentityId) {
    let detail = json!({"identity": identity.to_string(), "detail": "signed in by the setup link"}).to_string();
    let event = Event {
        id: service.ids.next(),
        at: service.clock.now().0,
        actor: "sign-in",
        action: "sign_in.succeeded",
        target_kind: "Service",
        target_id: None,
        request_id: Some(&circumstances.request_id),
        address: circumstances.client_address.as_deref(),
        detail: &detail,
    };
    audit_events::insert(batch, SERVICE, &event);
}

/// Whether an address opens something: somebody has proven it, it is a member's, or its domain is an
/// organization's.
fn is_somebodys(connection: &mut Connection, known: Option<&Identity>, key: &str) -> Result<bool> {
    let is_linked = match known {
        // Who has read the mailbox's mail comes in by it.
        Some(identity) => identity.address_key.is_some() || memberships::are_any(connection, identity.id)?,
        None => false,
    };
    Ok(is_linked
        || organizations::owner_of_domain(connection, domain_of(key))?.is_some()
        || acquaintances::made_by_operator(connection, key)?.is_some())
}
