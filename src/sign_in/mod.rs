//! Signing in (floor 5): where a person is sent, whether an organization lets them in, and the
//! session that follows. One use case = one public function = one transaction.
//!
//! What the provider said is verified before it comes here (`oidc`); what of it lets whom into which
//! organization is decided by `organization::joining`.

mod admission;
pub mod arrival;
pub mod departure;
pub mod invitation;
pub mod link;
mod meeting;
pub mod recovery;
pub mod refusals;
pub mod session;
pub mod setup;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use self::refusals::{Reason, Refusals};
use crate::clock::Clock;
use crate::error::{Code, Error, Result};
use crate::id::{IdGenerator, OrganizationId};
use crate::organization::associated_domain::domain_of;
use crate::organization::is_slug;
use crate::organization::joining::Sso;
use crate::scim::index::Storage;
use crate::scim::registry::Registry;
use crate::sealing::SealingKey;
use crate::secret::{Random, SecretHash};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{Planned, organizations, sign_ins};
use crate::text::address_key;

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A session that nobody uses ends after this.
    pub idle: Duration,
    /// Every session ends after this.
    pub absolute: Duration,
    /// Links that are mailed to one address in an hour at most; 0 for any number.
    pub links_an_hour: u32,
}

impl Options {
    /// [`Options::idle`] in microseconds.
    #[must_use]
    pub fn idle_micros(&self) -> i64 {
        i64::try_from(self.idle.as_micros()).unwrap_or(i64::MAX)
    }
}

/// The provider has this long to answer.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// What the use cases share.
pub struct Service {
    pub options: Options,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub ids: IdGenerator,
    pub sealing: SealingKey,
    pub storage: Storage,
    pub registry: Arc<Registry>,
    pub refusals: Refusals,
}

/// The browser a request comes from; for the session list and the audit trail.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    pub request_id: String,
    pub client_address: Option<String>,
    pub user_agent: Option<String>,
}

/// Where a sign-in leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    pub organization: Option<OrganizationId>,
    /// The tenant that has to prove the person.
    pub tenant_id: Option<String>,
}

impl Destination {
    fn of(organization: &organizations::Organization) -> Self {
        let uses_tenant = organization.sso.parse() != Ok(Sso::Off);
        Self { organization: Some(organization.id), tenant_id: organization.tenant_id.clone().filter(|_| uses_tenant) }
    }
}

/// The organization whose domain an address is of. Nobody owning it and no address at all look alike.
///
/// # Errors
/// The database's.
pub fn destination_of_address(connection: &mut Connection, address: &str) -> Result<Destination> {
    let Some(key) = address_key(address) else { return Ok(Destination::default()) };
    let owner = organizations::owner_of_domain(connection, domain_of(&key))?;
    let owner = owner.filter(|owner| is_open(&owner.state));
    Ok(owner.as_ref().map(Destination::of).unwrap_or_default())
}

/// The organization with this slug.
///
/// # Errors
/// `not_found`.
pub fn destination_of_organization(connection: &mut Connection, slug: &str) -> Result<Destination> {
    let found = if is_slug(slug) { organizations::by_slug(connection, slug)? } else { None };
    let found = found.filter(|organization| is_open(&organization.state));
    found.as_ref().map(Destination::of).ok_or_else(|| {
        Error::new(Code::NotFound, "There is no organization at this address. Check the link you were given.")
    })
}

/// Whether people may enter an organization in this state.
fn is_open(state: &str) -> bool {
    matches!(state, "active" | "past_due")
}

/// A sign-in that is being sent to the provider.
#[derive(Clone, Debug)]
pub struct Started {
    /// Of the state parameter.
    pub state: SecretHash,
    /// Of the cookie the browser was given.
    pub browser: SecretHash,
    pub memory: Memory,
    pub destination: Destination,
    pub return_to: String,
}

/// What the answer is checked against. Sealed before it is stored: whoever reads the table could
/// otherwise finish the sign-ins of others.
#[derive(Clone, Deserialize, Serialize)]
pub struct Memory {
    pub nonce: String,
    /// Of PKCE (RFC 7636).
    pub verifier: String,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory(…)")
    }
}

/// Remembers a sign-in until its answer comes.
///
/// # Errors
/// None of its own.
pub fn start(service: &Service, started: &Started) -> Result<Planned<()>> {
    let now = service.clock.now();
    let mut batch = Batch::default();
    sign_ins::delete_expired(&mut batch, now.0);
    let memory = serde_json::to_vec(&started.memory).map_err(Error::internal)?;
    let memory = service.sealing.seal(&memory, &started.state.0, service.random.as_ref());
    sign_ins::insert(
        &mut batch,
        started.state,
        &sign_ins::SignIn {
            browser: started.browser,
            memory,
            organization: started.destination.organization,
            tenant_id: started.destination.tenant_id.clone(),
            return_to: hidden(service, &started.return_to, started.state),
            started_at: now.0,
            expires_at: now.plus_seconds(i64::try_from(PATIENCE.as_secs()).unwrap_or(0)).0,
        },
    );
    Ok(Planned { batch, answer: () })
}

/// A sign-in whose answer has come.
#[derive(Clone, Debug)]
pub struct Answered {
    pub memory: Memory,
    pub destination: Destination,
    pub return_to: String,
    pub started_at: crate::clock::Timestamp,
}

/// Takes the sign-in that an answer belongs to; of two answers only the first gets it. The reason when
/// there is none in this browser, or it is too old.
///
/// # Errors
/// The database's.
pub fn answered(
    connection: &mut Connection,
    service: &Service,
    state: SecretHash,
    browser: SecretHash,
) -> Result<Planned<Result<Answered, Reason>>> {
    let none = |reason| Ok(Planned { batch: Batch::default(), answer: Err(reason) });
    let Some(found) = sign_ins::find(connection, state)? else { return none(Reason::StateUnknown) };
    if !found.browser.matches(&browser) {
        return none(Reason::StateOfAnotherBrowser);
    }
    if service.clock.now().0 >= found.expires_at {
        return none(Reason::StateExpired);
    }
    // Another key has sealed it.
    let Some(memory) = service.sealing.open(&found.memory, &state.0) else { return none(Reason::StateUnknown) };
    let memory = serde_json::from_slice(&memory).map_err(Error::internal)?;
    let return_to = shown(service, &found.return_to, state);
    let mut batch = Batch::default();
    sign_ins::take(&mut batch, state);
    let destination = Destination { organization: found.organization, tenant_id: found.tenant_id };
    let started_at = crate::clock::Timestamp(found.started_at);
    Ok(Planned { batch, answer: Ok(Answered { memory, destination, return_to, started_at }) })
}

/// Where a sign-in leads to, as it is stored: sealed, for the path of an invitation is a secret.
fn hidden(service: &Service, return_to: &str, place: SecretHash) -> String {
    URL_SAFE_NO_PAD.encode(service.sealing.seal(return_to.as_bytes(), &place.0, service.random.as_ref()))
}

/// Where that is; the home page where it cannot be read. Of a process before this one it may be in clear.
fn shown(service: &Service, stored: &str, place: SecretHash) -> String {
    if stored.starts_with('/') {
        return stored.to_owned();
    }
    let sealed = URL_SAFE_NO_PAD.decode(stored).ok().and_then(|sealed| service.sealing.open(&sealed, &place.0));
    sealed.and_then(|path| String::from_utf8(path).ok()).unwrap_or_else(|| "/".to_owned())
}

/// What whoever brings an answer to no sign-in of theirs reads, whatever the reason.
#[must_use]
pub fn not_answered() -> Error {
    Error::new(
        Code::BadRequest,
        "This sign-in is not known in this browser, was finished already, or took longer than ten minutes. Start again.",
    )
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("sign_in::Service").field("options", &self.options).finish_non_exhaustive()
    }
}
