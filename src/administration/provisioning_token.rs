//! Provisioning tokens: the bearer secrets of identity providers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Administration, By, check_name, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, TokenId};
use crate::organization::permission::Action;
use crate::provisioning::signature;
use crate::secret::SecretToken;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::provisioning_tokens::{self, Listed};

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
/// `not_found`.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    New { name, lifetime, signing_secret, token }: New<'_>,
) -> Result<Planned<Value>> {
    by.check(Action::ManageProvisioning)?;
    check_name(name)?;
    let organization = named(connection, by, slug)?;
    let now = administration.clock.now();
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
    let mut answer = describe(&listed);
    answer["token"] = token.reveal().into();
    Ok(Planned { batch, answer })
}

/// The organization's tokens without their secrets.
///
/// # Errors
/// `not_found`.
pub fn list(connection: &mut Connection, by: &By, slug: &str) -> Result<Value> {
    by.check(Action::ManageProvisioning)?;
    let organization = named(connection, by, slug)?;
    Ok(provisioning_tokens::list(connection, organization.id)?.iter().map(describe).collect::<Vec<_>>().into())
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
) -> Result<Planned<Value>> {
    by.check(Action::ManageProvisioning)?;
    let organization = named(connection, by, slug)?;
    let found = find_live(connection, organization.id, token)?;
    let mut batch = Batch::default();
    provisioning_tokens::revoke(&mut batch, organization.id, found.id, administration.clock.now().0);
    administration.audit(&mut batch, by, organization.id, "provisioning_token.revoked", &json!({"name": found.name}));
    Ok(Planned { batch, answer: json!({"id": found.id.to_string(), "name": found.name, "revoked": true}) })
}

fn find_live(connection: &mut Connection, organization: OrganizationId, token: &str) -> Result<Listed> {
    let id = token.parse::<TokenId>().ok();
    let mut live = provisioning_tokens::list(connection, organization)?;
    live.retain(|listed| listed.revoked_at.is_none() && (Some(listed.id) == id || listed.name == token));
    if live.len() > 1 {
        return Err(Error::new(
            Code::Conflict,
            format!("{} live tokens are called \"{token}\". Revoke by id; list them first.", live.len()),
        ));
    }
    live.pop().ok_or_else(|| {
        Error::new(Code::NotFound, format!("There is no live provisioning token \"{token}\". List them first."))
    })
}

fn describe(token: &Listed) -> Value {
    let time = |at: Option<i64>| at.map(|at| Timestamp(at).to_string());
    json!({
        "id": token.id.to_string(), "name": token.name, "hint": token.hint, "created_at": Timestamp(token.created_at).to_string(),
        "expires_at": time(token.expires_at), "revoked_at": time(token.revoked_at), "last_used_at": time(token.last_used_at)
    })
}
