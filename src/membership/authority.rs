//! What somebody may give now who invited others once: a role that was taken, a suspension, a revoked key count from
//! the next request on (product.md §3), also for what they have left behind.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{ApiKeyId, OrganizationId, ResourceId};
use crate::organization::permission::check_grant;
use crate::organization::role::Role;
use crate::organization::seats::Standing;
use crate::store::api_keys::{self, Credential};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::invitations::Invitation;
use crate::store::members;

/// By what somebody may give roles.
#[derive(Clone, Debug)]
pub enum Authority {
    /// Whoever runs the service.
    Service,
    Member(ResourceId, Role),
    Key(Box<Credential>, Role),
}

impl Authority {
    const fn role(&self) -> Role {
        match self {
            Self::Service => Role::Owner,
            Self::Member(_, role) | Self::Key(_, role) => *role,
        }
    }

    /// What is written by it is written only as long as it is what it was.
    pub fn expect(&self, batch: &mut Batch, organization: OrganizationId) {
        match self {
            Self::Service => {}
            Self::Member(id, role) => members::expect_role(batch, organization, *id, role.name()),
            Self::Key(credential, _) => expect_key(batch, credential),
        }
    }
}

/// Who has which, by what the audit trail calls them; whoever has none any more is not there.
pub type Authorities = HashMap<String, Authority>;

/// The authorities of those who invited somebody.
///
/// # Errors
/// The database's.
pub fn of<'n>(
    connection: &mut Connection,
    organization: OrganizationId,
    inviters: impl IntoIterator<Item = &'n str>,
    now: Timestamp,
) -> Result<Authorities> {
    let (mut found, mut people, mut keys) = (Authorities::new(), Vec::new(), Vec::new());
    for inviter in inviters {
        match inviter.split_once(':') {
            Some(("member", id)) => people.extend(id.parse::<ResourceId>().ok()),
            Some(("api_key", id)) => keys.extend(id.parse::<ApiKeyId>().ok()),
            None if matches!(inviter, "operator" | "system") => {
                found.insert(inviter.to_owned(), Authority::Service);
            }
            _ => {}
        }
    }
    people.sort_unstable();
    people.dedup();
    for (id, (role, status, suspended)) in members::places(connection, organization, &people)? {
        if let Some(role) = role_in(&role, &status, suspended) {
            found.insert(format!("member:{id}"), Authority::Member(id, role));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    for credential in api_keys::credentials(connection, organization, &keys)? {
        let lives = credential.revoked_at.is_none() && credential.expires_at.is_none_or(|at| at > now.0);
        if let Some(role) = of_key(&credential).filter(|_| lives) {
            found.insert(format!("api_key:{}", credential.id), Authority::Key(Box::new(credential), role));
        }
    }
    Ok(found)
}

/// Whether an invitation to a role still has somebody behind it who may give that.
#[must_use]
pub fn stands_by(authority: Option<&Authority>, role: &str) -> bool {
    let role = role.parse().unwrap_or(Role::Owner);
    authority.is_some_and(|authority| check_grant(authority.role(), Role::Read, role, false).is_ok())
}

/// [`stands_by`] of an invitation as it is stored.
///
/// # Errors
/// The database's.
pub fn is_stood_by(
    connection: &mut Connection,
    organization: OrganizationId,
    invitation: &Invitation,
    now: Timestamp,
) -> Result<bool> {
    let authorities = of(connection, organization, [invitation.inviter.as_str()], now)?;
    Ok(stands_by(authorities.get(&invitation.inviter), &invitation.role))
}

/// The role of somebody who has access.
fn role_in(role: &str, status: &str, suspended: bool) -> Option<Role> {
    let has_access = Standing::from_name(status) == Standing::Active && !suspended;
    has_access.then(|| role.parse().unwrap_or(Role::Read))
}

/// What an API key may: its role, and no more than its creator, who has to have access (product.md §3).
#[must_use]
pub fn of_key(credential: &Credential) -> Option<Role> {
    let own = credential.role.parse().unwrap_or(Role::Read).min(Role::Admin);
    if credential.creator.is_none() {
        return Some(own);
    }
    let (role, status, suspended) = credential.place.as_ref()?;
    Some(own.min(role_in(role, status, *suspended)?))
}

/// What is written by a key is written only as long as the key is what it was.
pub fn expect_key(batch: &mut Batch, credential: &Credential) {
    api_keys::expect_live(batch, credential);
    if let (Some(creator), Some((role, ..))) = (credential.creator, &credential.place) {
        members::expect_role(batch, credential.organization, creator, role);
    }
}
