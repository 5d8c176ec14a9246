//! Requests that are safe to send again (product.md §10): what makes something takes the header
//! `Idempotency-Key`, and the same request with the same key is answered the same for a day, done once.
//!
//! The answer is kept in the transaction of the effect, so nothing that ends a process comes between them; of
//! two at the same time the second is planned again and finds the first one's answer. A handler that answers a
//! POST reads its body with `body::json` and runs its use case by `Call::make`, and has it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, Administration, By};
use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::secret::SecretHash;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::idempotency_keys::{self, Owner};
use crate::store::provisioning_log::SERVICE;
use crate::store::{Planned, Store};

/// How long an answer is given again at least.
const KEPT: Duration = Duration::from_hours(24);

/// A key and the request it was given to.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub hash: SecretHash,
    /// Of method, address and body.
    pub request: SecretHash,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Answer {
    pub status: u16,
    /// The path of what was made.
    pub location: Option<String>,
    /// `Null` for an answer without a body.
    pub body: Value,
}

impl Answer {
    /// Something was made, and is here.
    #[must_use]
    pub const fn created(location: String, body: Value) -> Self {
        Self { status: 201, location: Some(location), body }
    }

    /// Something was done.
    #[must_use]
    pub const fn done(body: Value) -> Self {
        Self { status: 200, location: None, body }
    }
}

/// Plans a use case once for a key; without a key it is planned each time.
///
/// # Errors
/// Those of the use case; `idempotency_key_reused` when the key was given to another request.
pub fn once(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    key: Option<Key>,
    use_case: impl FnOnce(&mut Connection) -> Result<Planned<Answer>>,
) -> Result<Planned<Answer>> {
    let Some(key) = key else { return use_case(connection) };
    let actor = by.name();
    let owner = Owner { organization: place(by), actor: &actor };
    let sealing = &administration.provisioning.sealing;
    if let Some((request, sealed)) = idempotency_keys::find(connection, owner, key.hash)? {
        if request != key.request.0 {
            return Err(Error::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key was sent with another request. Give each request a key of its own.",
            ));
        }
        let answer = sealed_for(owner, key, |place| sealing.open(&sealed, place)).ok_or_else(|| {
            Error::new(Code::Conflict, "This was done already, and its answer cannot be read any more.")
        })?;
        let answer = serde_json::from_slice(&answer).map_err(Error::internal)?;
        return Ok(Planned { batch: Batch::default(), answer });
    }
    let Planned { mut batch, answer } = use_case(connection)?;
    let text = serde_json::to_vec(&answer).map_err(Error::internal)?;
    let sealed = sealed_for(owner, key, |place| sealing.seal(&text, place, administration.random.as_ref()));
    idempotency_keys::insert(&mut batch, owner, (key.hash, key.request), sealed, administration.clock.now().0);
    Ok(Planned { batch, answer })
}

/// An answer opens only in its place.
fn sealed_for<T>(owner: Owner<'_>, key: Key, work: impl FnOnce(&[u8]) -> T) -> T {
    let mut place = owner.organization.as_bytes().to_vec();
    place.extend(owner.actor.as_bytes());
    place.extend(key.hash.0);
    work(&place)
}

fn place(by: &By) -> OrganizationId {
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
