//! Provisioning tokens: the bearer secrets of identity providers.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Administration, By, check_name, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, TokenId};
use crate::organization::permission::Action;
use crate::provisioning::signature;
use crate::secret::{Revealed, SecretToken};
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::provisioning_tokens::{self, Listed};

/// What every token begins with, by which people and scanners tell it.
pub const PREFIX: &str = "hcp_";
/// An organization has so many live tokens at most.
const MOST: usize = 100;

/// A token as it is shown.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ProvisioningToken)]
pub struct Shown {
    pub id: String,
    /// By which people know it.
    pub name: String,
    /// How it ends.
    pub hint: String,
    #[schema(format = "date-time")]
    pub created_at: String,
    /// `null`: it does not expire.
    #[schema(format = "date-time")]
    #[schema(required)]
    pub expires_at: Option<String>,
    #[schema(format = "date-time")]
    #[schema(required)]
    pub revoked_at: Option<String>,
    /// To the minute.
    #[schema(format = "date-time")]
    #[schema(required)]
    pub last_used_at: Option<String>,
    /// What the identity provider presents: only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token: Option<Revealed>,
}

/// Nothing of the secret.
impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A token that opens nothing any more.
#[derive(Clone, Debug, Serialize)]
pub struct Revoked {
    pub id: String,
    pub name: String,
    pub revoked: bool,
}

/// What a new token is to be.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    pub name: &'a str,
    pub lifetime: Option<Duration>,
    /// Of Descope's outbound connector.
    pub signing_secret: Option<&'a str>,
    pub token: &'a SecretToken,
}

/// Makes a provisioning token; the answer is the only one that shows it.
///
/// # Errors
/// `forbidden`, `not_found`, `invalid_value`; `conflict` when there are enough.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    New { name, lifetime, signing_secret, token }: New<'_>,
) -> Result<Planned<Shown>> {
    by.check(Action::ManageProvisioning)?;
    check_name(name)?;
    if signing_secret.is_some_and(|secret| secret.is_empty() || secret.len() > 1_000) {
        return Err(Error::new(Code::InvalidValue, "A signing secret has 1 to 1,000 bytes."));
    }
    let organization = named(connection, by, slug)?;
    let now = administration.clock.now();
    let is_live = |token: &Listed| token.revoked_at.is_none() && token.expires_at.is_none_or(|at| at > now.0);
    if provisioning_tokens::list(connection, organization.id, None, i64::MAX)?.iter().filter(|t| is_live(t)).count()
        >= MOST
    {
        return Err(Error::new(
            Code::Conflict,
            format!("The organization has {MOST} provisioning tokens that work. Revoke one that nobody uses."),
        ));
    }
    let expires_at = lifetime.map(|lifetime| now.plus(lifetime).0);
    let listed = Listed {
        id: administration.ids.next(),
        name: name.to_owned(),
        hint: token.hint().to_owned(),
        created_at: now.0,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    let mut batch = Batch::default();
    let sealed = signing_secret.map(|secret| {
        let place = signature::place(organization.id, listed.id);
        administration.provisioning.sealing.seal(secret.as_bytes(), &place, administration.random.as_ref())
    });
    provisioning_tokens::insert(&mut batch, organization.id, &listed, token.hash(), sealed);
    administration.audit(&mut batch, by, organization.id, "provisioning_token.created", &json!({"name": name}));
    Ok(Planned { batch, answer: Shown { token: Some(token.revealed()), ..describe(&listed) } })
}

/// A page of the organization's tokens without their secrets, oldest first, from the one after `after` on.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn list(
    connection: &mut Connection,
    by: &By,
    slug: &str,
    after: Option<TokenId>,
    limit: i64,
) -> Result<Vec<Shown>> {
    by.check(Action::ManageProvisioning)?;
    let organization = named(connection, by, slug)?;
    Ok(provisioning_tokens::list(connection, organization.id, after, limit)?.iter().map(describe).collect())
}

/// Revokes a token by its id or its name.
///
/// # Errors
/// `not_found`, or `conflict` when several live tokens have the name.
pub fn revoke(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    token: &str,
) -> Result<Planned<Revoked>> {
    by.check(Action::ManageProvisioning)?;
    let organization = named(connection, by, slug)?;
    let found = find_live(connection, organization.id, token)?;
    let mut batch = Batch::default();
    provisioning_tokens::revoke(&mut batch, organization.id, found.id, administration.clock.now().0);
    administration.audit(&mut batch, by, organization.id, "provisioning_token.revoked", &json!({"name": found.name}));
    Ok(Planned { batch, answer: Revoked { id: found.id.to_string(), name: found.name, revoked: true } })
}

fn find_live(connection: &mut Connection, organization: OrganizationId, token: &str) -> Result<Listed> {
    let id = token.parse::<TokenId>().ok();
    let mut live = provisioning_tokens::list(connection, organization, None, i64::MAX)?;
    // An id is one token's: another's name must not keep it from being revoked.
    let is_it = |listed: &Listed| id.map_or_else(|| listed.name == token, |id| listed.id == id);
    live.retain(|listed| listed.revoked_at.is_none() && is_it(listed));
    if live.len() > 1 {
        return Err(Error::new(
            Code::Conflict,
            format!("{} live tokens are called \"{token}\". Revoke by id; list them first.", live.len()),
        ));
    }
    live.pop().ok_or_else(|| no_token(token))
}

/// The 404 of a token that there is not.
#[must_use]
pub fn no_token(token: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no live provisioning token \"{token}\". List them first."))
}

fn describe(token: &Listed) -> Shown {
    let at = |at: i64| Timestamp(at).to_string();
    Shown {
        id: token.id.to_string(),
        name: token.name.clone(),
        hint: token.hint.clone(),
        created_at: at(token.created_at),
        expires_at: token.expires_at.map(at),
        revoked_at: token.revoked_at.map(at),
        last_used_at: token.last_used_at.map(at),
        token: None,
    }
}
