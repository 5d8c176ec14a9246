//! API keys: the bearer secrets of an organization's own programs (product.md §10).

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Actor, Administration, By, check_name, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{ApiKeyId, OrganizationId, ResourceId};
use crate::membership::authority;
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::{DELETED, PENDING_CHECKOUT};
use crate::secret::{Revealed, SecretHash, SecretToken};
use crate::store::Planned;
use crate::store::api_keys::{self, Credential, Listed};
use crate::store::batch::Batch;
use crate::store::connection::Connection;

/// What every key begins with, by which people and scanners tell it.
pub const PREFIX: &str = "hck_";
/// The last use of a key is exact to so many microseconds: it is written once in that time.
const EXACTNESS: i64 = 60 * 1_000_000;
/// An organization has so many live keys at most.
const MOST: usize = 100;

/// What a new key is to be.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    pub name: &'a str,
    pub role: Role,
    pub lifetime: Option<Duration>,
    pub key: &'a SecretToken,
}

/// A key as it is shown, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct Shown {
    pub id: ApiKeyId,
    pub name: String,
    /// Its last characters.
    pub hint: String,
    pub role: Role,
    /// As the audit trail calls them.
    pub created_by: String,
    pub created_at: Timestamp,
    #[schema(required)]
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    #[schema(required)]
    pub last_used_at: Option<Timestamp>,
    #[schema(required)]
    pub revoked_at: Option<Timestamp>,
}

/// A new key; nothing else ever shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NewApiKey)]
pub struct Created {
    #[serde(flatten)]
    pub shown: Shown,
    pub key: Revealed,
}

/// A key that works no more.
#[derive(Clone, Debug, Serialize)]
pub struct Revoked {
    pub id: ApiKeyId,
    pub name: String,
    pub revoked: bool,
}

/// A key that was let in.
#[derive(Clone, Debug)]
pub struct Bearer {
    credential: Credential,
    role: Role,
}

impl Bearer {
    /// Who acts by it.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        Actor::ApiKey { organization: self.credential.organization, id: self.credential.id, role: self.role }
    }

    /// Whether an address names the organization of the key, by its id or its slug.
    #[must_use]
    pub fn is_of(&self, organization: &str) -> bool {
        match organization.parse::<OrganizationId>() {
            Ok(id) => id == self.credential.organization,
            Err(_) => organization == self.credential.slug,
        }
    }

    /// What is written by the key is written only as long as the key is what it was.
    pub fn expect(&self, batch: &mut Batch) {
        authority::expect_key(batch, &self.credential);
    }

    /// Whether the use of the key has to be written down.
    #[must_use]
    pub fn is_worth_noting(&self, now: Timestamp) -> bool {
        self.credential.last_used_at.is_none_or(|at| now.0 - at >= EXACTNESS)
    }

    /// Writes down that the key was used.
    #[must_use]
    pub fn note_use(&self, now: Timestamp) -> Planned<()> {
        let mut batch = Batch::default();
        api_keys::touch(&mut batch, self.credential.organization, self.credential.id, now.0);
        Planned { batch, answer: () }
    }
}

/// Who acts by a key, read anew for each request: a revocation, the creator's new role and the organization's end
/// count at once.
///
/// # Errors
/// `unauthorized`; says why only to the bearer of a once-valid key. `forbidden` before the checkout.
pub fn authenticate(connection: &mut Connection, hash: SecretHash, now: Timestamp) -> Result<Bearer> {
    let dead = |why: String| Err(Error::new(Code::Unauthorized, why));
    let Some(credential) = api_keys::find(connection, hash)? else {
        return dead("The API key is not one of this service. Create one for the organization and use it.".into());
    };
    if let Some(at) = credential.revoked_at {
        return dead(format!("The API key was revoked on {}. Create a new one.", Timestamp(at)));
    }
    if let Some(at) = credential.expires_at.filter(|at| *at <= now.0) {
        return dead(format!("The API key expired on {}. Create a new one.", Timestamp(at)));
    }
    if credential.state == DELETED {
        return dead("The organization of this API key was deleted.".into());
    }
    let Some(role) = authority::of_key(&credential) else {
        return dead("Whoever made this API key has no access to the organization any more. Create a new one.".into());
    };
    if credential.state == PENDING_CHECKOUT {
        return Err(Error::new(
            Code::Forbidden,
            "The organization waits for its checkout. Complete the checkout first.",
        ));
    }
    Ok(Bearer { credential, role })
}

/// Makes an API key; the answer is the only one that shows it.
///
/// # Errors
/// `forbidden`, `not_found`, `invalid_value`; `conflict` when there are enough.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    new: New<'_>,
) -> Result<Planned<Created>> {
    by.check(Action::ManageApiKeys)?;
    check_name(new.name)?;
    if new.role == Role::Owner {
        return Err(Error::new(Code::InvalidValue, "role: an API key has the role read, write or admin."));
    }
    let organization = named(connection, by, slug)?;
    if api_keys::list_live(connection, organization.id, i64::try_from(MOST).unwrap_or(i64::MAX))?.len() >= MOST {
        return Err(Error::new(
            Code::Conflict,
            format!("The organization has {MOST} API keys that are not revoked. Revoke one that nobody uses."),
        ));
    }
    let now = administration.clock.now();
    let (creator, latest) = bounds(connection, by, organization.id)?;
    let expires_at = new.lifetime.map(|lifetime| now.plus(lifetime).0);
    let listed = Listed {
        id: administration.ids.next(),
        name: new.name.to_owned(),
        hint: new.key.hint().to_owned(),
        role: new.role.name().to_owned(),
        created_by: by.name().into_owned(),
        creator,
        created_at: now.0,
        expires_at: expires_at.into_iter().chain(latest).min(),
        last_used_at: None,
        revoked_at: None,
    };
    let mut batch = Batch::default();
    api_keys::insert(&mut batch, organization.id, &listed, new.key.hash());
    let detail = json!({"id": listed.id.to_string(), "name": listed.name, "role": listed.role});
    administration.audit(&mut batch, by, organization.id, "api_key.created", &detail);
    let answer = Created { shown: describe(&listed), key: new.key.revealed() };
    Ok(Planned { batch, answer })
}

/// The member who bounds a new key, and when it expires at the latest: a key that is made by a key is bounded as
/// that one is, or whoever has one for a day had one for ever.
fn bounds(
    connection: &mut Connection,
    by: &By,
    organization: OrganizationId,
) -> Result<(Option<ResourceId>, Option<i64>)> {
    Ok(match &by.actor {
        Actor::Member(member) => (Some(member.id), None),
        Actor::ApiKey { id, .. } => {
            let key = api_keys::one(connection, organization, *id)?.ok_or_else(|| no_key(&id.to_string()))?;
            (key.creator, key.expires_at)
        }
        Actor::Operator | Actor::System | Actor::Person(_) => (None, None),
    })
}

/// A page of the organization's keys without their secrets, newest first.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn list(
    connection: &mut Connection,
    by: &By,
    slug: &str,
    after: Option<ApiKeyId>,
    limit: i64,
) -> Result<Vec<Listed>> {
    by.check(Action::ManageApiKeys)?;
    let organization = named(connection, by, slug)?;
    api_keys::list(connection, organization.id, after, limit)
}

/// One of the organization's keys by its id, also one that is revoked.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn show(connection: &mut Connection, by: &By, slug: &str, key: &str) -> Result<Listed> {
    by.check(Action::ManageApiKeys)?;
    let organization = named(connection, by, slug)?;
    let absent = || Error::new(Code::NotFound, format!("There is no API key with the id \"{key}\"."));
    let id = key.parse().map_err(|_| absent())?;
    api_keys::one(connection, organization.id, id)?.ok_or_else(absent)
}

/// Revokes a key by its id or its name.
///
/// # Errors
/// `forbidden`, `not_found`, or `conflict` when several live keys have the name.
pub fn revoke(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    key: &str,
) -> Result<Planned<Revoked>> {
    by.check(Action::ManageApiKeys)?;
    let organization = named(connection, by, slug)?;
    let found = find_live(connection, organization.id, key)?;
    let mut batch = Batch::default();
    api_keys::revoke(&mut batch, organization.id, found.id, administration.clock.now().0);
    let detail = json!({"id": found.id.to_string(), "name": found.name});
    administration.audit(&mut batch, by, organization.id, "api_key.revoked", &detail);
    Ok(Planned { batch, answer: Revoked { id: found.id, name: found.name, revoked: true } })
}

fn find_live(connection: &mut Connection, organization: OrganizationId, key: &str) -> Result<Listed> {
    let id = key.parse::<ApiKeyId>().ok();
    let mut live = api_keys::list_live(connection, organization, i64::MAX)?;
    // An id is one key's: another's name must not keep it from being revoked.
    live.retain(|listed| id.map_or_else(|| listed.name == key, |id| listed.id == id));
    if live.len() > 1 {
        let why = format!("{} live API keys are called \"{key}\". Revoke by id; list them first.", live.len());
        return Err(Error::new(Code::Conflict, why));
    }
    live.pop().ok_or_else(|| no_key(key))
}

/// The 404 of a key that there is not.
#[must_use]
pub fn no_key(key: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no live API key \"{key}\". List them first."))
}

/// A key as it is shown.
#[must_use]
pub fn describe(key: &Listed) -> Shown {
    Shown {
        id: key.id,
        name: key.name.clone(),
        hint: key.hint.clone(),
        role: key.role.parse().unwrap_or(Role::Read),
        created_by: key.created_by.clone(),
        created_at: Timestamp(key.created_at),
        expires_at: key.expires_at.map(Timestamp),
        last_used_at: key.last_used_at.map(Timestamp),
        revoked_at: key.revoked_at.map(Timestamp),
    }
}
