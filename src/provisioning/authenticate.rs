//! Who is asking: the bearer token decides the organization (product.md §7).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Call, Caller, Service, signature};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::organization::role::Role;
use crate::organization::seats::SeatPolicy;
use crate::organization::{DELETED, PENDING_CHECKOUT, takes_provisioning};
use crate::scim::registry::Registry;
use crate::scim::schema::Schema;
use crate::store::connection::Connection;
use crate::store::provisioning_tokens::Credential;
use crate::store::{organizations, provisioning_tokens};

/// Registries by organization. An entry is used only at the version the request's own read told.
pub struct Registries {
    standard: Arc<Registry>,
    extended: Mutex<HashMap<OrganizationId, (i64, Arc<Registry>)>>,
}

/// Organizations whose registries are kept at most.
const KEPT: usize = 1_024;

impl Registries {
    /// Starts with the standard schemas.
    ///
    /// # Errors
    /// When a compiled-in schema is not one.
    pub fn new() -> Result<Self> {
        Ok(Self { standard: Arc::new(Registry::standard()?), extended: Mutex::default() })
    }

    /// The registry without any organization's extension.
    #[must_use]
    pub const fn standard(&self) -> &Arc<Registry> {
        &self.standard
    }

    /// An organization's registry as the database has it now.
    ///
    /// # Errors
    /// The database's.
    pub fn current(&self, connection: &mut Connection, organization: OrganizationId) -> Result<Registry> {
        extend(&self.standard, &organizations::extensions(connection, organization)?)
    }

    /// [`Registries::current`], as this process knows it where that is still it.
    ///
    /// # Errors
    /// The database's; of an organization that is not there any more.
    pub fn latest(&self, connection: &mut Connection, organization: OrganizationId) -> Result<Arc<Registry>> {
        let version = organizations::extensions_version(connection, organization)?;
        self.of(connection, organization, version)
    }

    /// An organization's registry, where it need not be read.
    pub(super) fn known(&self, organization: OrganizationId, version: i64) -> Option<Arc<Registry>> {
        if version == 0 {
            return Some(Arc::clone(&self.standard));
        }
        let extended = self.lock();
        extended.get(&organization).filter(|(known, _)| *known == version).map(|(_, registry)| Arc::clone(registry))
    }

    fn of(&self, connection: &mut Connection, organization: OrganizationId, version: i64) -> Result<Arc<Registry>> {
        if let Some(known) = self.known(organization, version) {
            return Ok(known);
        }
        let registry = Arc::new(self.current(connection, organization)?);
        let mut extended = self.lock();
        if extended.len() >= KEPT {
            extended.clear();
        }
        extended.insert(organization, (version, Arc::clone(&registry)));
        Ok(registry)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<OrganizationId, (i64, Arc<Registry>)>> {
        self.extended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn extend(standard: &Registry, extensions: &[(String, bool)]) -> Result<Registry> {
    extensions.iter().try_fold(standard.clone(), |registry, (resource, required)| {
        let json = serde_json::from_str(resource).map_err(Error::internal)?;
        registry.with_extension(Schema::from_json(json)?, *required)
    })
}

/// Finds the organization of the call's token.
///
/// # Errors
/// `unauthorized`; says *expired on* or *revoked on* only to the bearer of a once-valid token.
pub fn authenticate(connection: &mut Connection, service: &Service, call: &Call) -> Result<Caller> {
    let credential = provisioning_tokens::find(connection, call.credential)?.ok_or_else(|| {
        Error::new(
            Code::Unauthorized,
            "The bearer token is not one of this service. Create a provisioning token for the organization and use it.",
        )
    })?;
    let caller = admit(connection, service, call, &credential)?;
    service.bearers.note(call.credential, credential, call.started);
    Ok(caller)
}

/// Lets a credential in, if that is what it says.
///
/// # Errors
/// As [`authenticate`].
pub(super) fn admit(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    credential: &Credential,
) -> Result<Caller> {
    refuse_ended(credential, call.started)?;
    signature::check(service, credential, call)?;
    let registry = service.registries.of(connection, credential.organization, credential.extensions_version)?;
    Ok(Caller {
        organization: credential.organization,
        token: credential.token,
        token_name: credential.name.clone(),
        seat_policy: credential.seat_policy.parse().unwrap_or(SeatPolicy::Reject),
        // What cannot be read lets nobody do more; no provider makes admins.
        scim_role: credential.scim_role.parse().unwrap_or(Role::Read).min(Role::Write),
        maps_roles: credential.role_mappings > 0,
        registry,
        base: Arc::clone(&call.base),
    })
}

fn refuse_ended(credential: &Credential, now: Timestamp) -> Result<()> {
    if let Some(at) = credential.revoked_at {
        return Err(Error::new(
            Code::Unauthorized,
            format!("The bearer token was revoked on {}. Create a new one.", Timestamp(at)),
        ));
    }
    if let Some(at) = credential.expires_at.filter(|at| *at <= now.0) {
        return Err(Error::new(
            Code::Unauthorized,
            format!("The bearer token expired on {}. Create a new one.", Timestamp(at)),
        ));
    }
    if credential.state == DELETED {
        return Err(Error::new(Code::Unauthorized, "The organization of this token was deleted."));
    }
    if credential.state == PENDING_CHECKOUT {
        return Err(Error::new(
            Code::Forbidden,
            "The organization waits for its checkout and takes no provisioning until an owner completes it.",
        ));
    }
    if !takes_provisioning(&credential.state) {
        return Err(Error::new(
            Code::Forbidden,
            format!("The organization is {} and takes no provisioning.", credential.state),
        ));
    }
    Ok(())
}
