//! Requests that are safe to send again (product.md §10): what makes something takes the header
//! `Idempotency-Key`, and the same request with the same key is answered the same for a day, done once.
//!
//! The answer is kept in the transaction of the effect, so nothing that ends a process comes between them; of
//! two at the same time the second is planned again and finds the first one's answer. A handler that answers a
//! POST reads its body with `body::json` and runs its use case by `Call::make`, and has it.
//!
//! What is kept may hold a secret that is shown once: a key, a token, a link, recovery codes. It is sealed by a key
//! that is derived from the `Idempotency-Key` itself, of which the service keeps no more than the hash: only the
//! client who sent it can have the answer again, and who has the database and the service's own keys cannot.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, Administration, By};
use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::organization::permission::Action;
use crate::sealing::SealingKey;
use crate::secret::SecretHash;
use crate::store::audit_events::SERVICE;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::idempotency_keys::{self, Owner};
use crate::store::{Planned, Store};

/// How long an answer is given again at least.
const KEPT: Duration = Duration::from_hours(24);

/// A key and the request it was given to.
#[derive(Clone, Debug)]
pub struct Key {
    hash: SecretHash,
    /// Of method, address and body.
    request: SecretHash,
    /// The client's, for its answer.
    sealing: Arc<SealingKey>,
}

impl Key {
    /// The key that a client gave a request.
    #[must_use]
    pub fn new(presented: &[u8], request: SecretHash) -> Self {
        let sealing = SealingKey::of_presented(presented, b"headcount idempotent answer 1");
        Self { hash: SecretHash::of(presented), request, sealing: Arc::new(sealing) }
    }
}

/// What is answered.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Answer {
    pub status: u16,
    /// The path of what was made.
    pub location: Option<String>,
    /// What a file of rows is called; its text is the body then.
    #[serde(default)]
    pub file: Option<String>,
    /// `Null` for an answer without a body.
    pub body: Value,
}

impl std::fmt::Debug for Answer {
    /// Without the body, which may show a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("location", &self.location).finish_non_exhaustive()
    }
}

impl Answer {
    /// Something was made, and is here.
    #[must_use]
    pub const fn created(location: String, body: Value) -> Self {
        Self { status: 201, location: Some(location), file: None, body }
    }

    /// [`Answer::created`] with what describes it.
    ///
    /// # Errors
    /// Never: what use cases answer can be written.
    pub fn made(location: String, body: &impl Serialize) -> Result<Self> {
        serde_json::to_value(body).map(|body| Self::created(location, body)).map_err(Error::internal)
    }

    /// A file of rows.
    #[must_use]
    pub fn file(name: &str, text: String) -> Self {
        Self { status: 200, location: None, file: Some(name.to_owned()), body: Value::String(text) }
    }

    /// Something was done.
    #[must_use]
    pub const fn done(body: Value) -> Self {
        Self { status: 200, location: None, file: None, body }
    }

    /// [`Answer::done`] with what describes it.
    ///
    /// # Errors
    /// Never: what use cases answer can be written.
    pub fn did(body: &impl Serialize) -> Result<Self> {
        serde_json::to_value(body).map(Self::done).map_err(Error::internal)
    }
}

/// The answer of a use case that makes something: where it is, and what.
///
/// # Errors
/// Never: what use cases answer can be written.
pub fn made<T: Serialize>(planned: Planned<T>, place: impl FnOnce(&T) -> String) -> Result<Planned<Answer>> {
    let Planned { batch, answer } = planned;
    Ok(Planned { batch, answer: Answer::made(place(&answer), &answer)? })
}

/// The answer of a use case that does something.
///
/// # Errors
/// Never: what use cases answer can be written.
pub fn done<T: Serialize>(planned: Planned<T>) -> Result<Planned<Answer>> {
    let body = serde_json::to_value(planned.answer).map_err(Error::internal)?;
    Ok(Planned { batch: planned.batch, answer: Answer::done(body) })
}

/// Plans a use case once for a key; without a key it is planned each time. What is kept may show a secret: beside the
/// key stands what one has to be allowed still to be shown it again.
///
/// # Errors
/// Those of the use case; `forbidden` to whoever may not any more; `idempotency_key_reused` when the key was given to another request.
pub fn once(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    key: Option<(&Key, Option<Action>)>,
    use_case: impl FnOnce(&mut Connection) -> Result<Planned<Answer>>,
) -> Result<Planned<Answer>> {
    let Some((key, action)) = key else { return use_case(connection) };
    let actor = by.name();
    let owner = Owner { organization: organization(by), actor: &actor };
    let place = place_of(owner, key);
    if let Some((request, sealed)) = idempotency_keys::find(connection, owner, key.hash)? {
        if let Some(action) = action {
            by.check(action)?;
        }
        if request != key.request.0 {
            return Err(Error::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key was sent with another request. Give each request a key of its own.",
            ));
        }
        let opened = administration.provisioning.sealing.open(&sealed, &place);
        let answer = opened.and_then(|sealed| key.sealing.open(&sealed, &place)).ok_or_else(|| {
            Error::new(Code::Conflict, "This was done already, and its answer cannot be read any more.")
        })?;
        let answer = serde_json::from_slice(&answer).map_err(Error::internal)?;
        return Ok(Planned { batch: Batch::default(), answer });
    }
    let Planned { mut batch, answer } = use_case(connection)?;
    let text = serde_json::to_vec(&answer).map_err(Error::internal)?;
    let random = administration.random.as_ref();
    // By the service's key as well: a key that a client has counted up could be guessed.
    let sealed = administration.provisioning.sealing.seal(&key.sealing.seal(&text, &place, random), &place, random);
    idempotency_keys::insert(&mut batch, owner, (key.hash, key.request), sealed, administration.clock.now().0);
    Ok(Planned { batch, answer })
}

/// An answer opens only in its place.
fn place_of(owner: Owner<'_>, key: &Key) -> Vec<u8> {
    [owner.organization.as_bytes(), owner.actor.as_bytes(), &key.hash.0].concat()
}

fn organization(by: &By) -> OrganizationId {
    match &by.actor {
        Actor::Member(member) => member.organization,
        Actor::ApiKey { organization, .. } => *organization,
        Actor::Operator | Actor::System | Actor::Person(_) => SERVICE,
    }
}

/// Forgets answers that nobody asks for again.
///
/// # Errors
/// The database's.
pub async fn forget(store: &Store, administration: &Administration) -> Result<()> {
    let before = administration.clock.now().minus(KEPT).0;
    let plan = move |_: &mut Connection| {
        let mut batch = Batch::default();
        idempotency_keys::delete_before(&mut batch, before);
        Ok(Planned { batch, answer: () })
    };
    store.write(plan).await
}
