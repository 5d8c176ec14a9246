//! Whom an organization knows of somebody who signs in (floor 2), and that they come in as that member.

use diesel::sql_types::BigInt;

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::members::{User, by_member, users, with_usage};
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId, ResourceId};
use crate::organization::seats::{Standing, Usage};

/// Whom an organization knows of somebody who has signed in.
#[derive(Debug, Default)]
pub struct Acquaintance {
    /// The member the identity is linked to.
    pub linked: Option<User>,
    /// Other members with the address; two tell that it is shared.
    pub by_address: Vec<User>,
    /// Whether somebody with this identity or address was removed.
    pub removed: bool,
}

/// Whom the organization knows by an identity or an address, and the ledger.
///
/// # Errors
/// The database's.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    identity: Option<IdentityId>,
    address_key: Option<&str>,
) -> Result<(Usage, Acquaintance)> {
    let linked = by_member(organization, Sql::new("w.identity_id = ").bind_here(identity));
    let address = by_member(organization, Sql::new("w.address_key = ").bind_here(address_key));
    let selections =
        vec![users("CAST(1 AS BIGINT)", organization, linked, 1), users("CAST(2 AS BIGINT)", organization, address, 3)];
    let (usage, found) = with_usage(connection, organization, selections)?;
    let mut known = Acquaintance::default();
    for (way, user) in found {
        match way {
            1 => known.linked = Some(user),
            _ if identity.is_some() && user.1.identity == identity => {}
            _ => known.by_address.push(user),
        }
    }
    known.removed = was_removed(connection, organization, identity, address_key)?;
    Ok((usage, known))
}

fn was_removed(
    connection: &mut Connection,
    organization: OrganizationId,
    identity: Option<IdentityId>,
    address_key: Option<&str>,
) -> Result<bool> {
    let found = Sql::new(
        "SELECT CAST(1 AS BIGINT) FROM removed_members WHERE organization_id = ? AND identity_id = ? \
         UNION ALL SELECT CAST(1 AS BIGINT) FROM removed_members WHERE organization_id = ? AND address_key = ? LIMIT 1",
    )
    .bind(organization)
    .bind(identity)
    .bind(organization)
    .bind(address_key)
    .first::<BigInt, i64>(connection)
    .map_err(database_error)?;
    Ok(found.is_some())
}

/// Whether an identity is linked to a member.
///
/// # Errors
/// The database's.
pub fn is_linked(connection: &mut Connection, organization: OrganizationId, identity: IdentityId) -> Result<bool> {
    let found = Sql::new("SELECT id FROM members WHERE identity_id = ? AND organization_id = ?")
        .bind(identity)
        .bind(organization)
        .first::<SqlId, ResourceId>(connection)
        .map_err(database_error)?;
    Ok(found.is_some())
}

/// Only who may enter does, also when that changed a moment ago; and it counts, so that a change which takes
/// the access away and has not seen it is planned again, and ends the session (`members::as_it_was`).
fn entering(mut set: Sql, organization: OrganizationId, id: ResourceId) -> Sql {
    set.push(" WHERE organization_id = ").push_bind(organization).push(" AND id = ").push_bind(id);
    set.push(" AND status = ").push_bind(Standing::Active.name()).push(" AND suspended = ").push_bind(false);
    set
}

/// Somebody comes in as the member they are linked to, or as one that nobody is.
pub fn enter(batch: &mut Batch, organization: OrganizationId, id: ResourceId, identity: Option<IdentityId>) {
    let mut sql = entering(Sql::new("UPDATE members SET entered = entered + 1"), organization, id);
    linked_to(&mut sql, identity);
    batch.run_once(sql);
}

fn linked_to(sql: &mut Sql, identity: Option<IdentityId>) {
    match identity {
        Some(identity) => sql.push(" AND identity_id = ").push_bind(identity),
        None => sql.push(" AND identity_id IS NULL"),
    };
}

/// Links a member to whoever comes in as it, in place of `before`, unless somebody else is meanwhile.
pub fn link(
    batch: &mut Batch,
    organization: OrganizationId,
    id: ResourceId,
    identity: IdentityId,
    before: Option<IdentityId>,
) {
    let set = Sql::new("UPDATE members SET entered = entered + 1, identity_id = ").bind_here(identity);
    let mut sql = entering(set, organization, id);
    linked_to(&mut sql, before);
    batch.run_once(sql);
}

/// The organization where the operator has made somebody with this address a member, who has not signed in
/// yet and whom provisioning does not manage. The first of several.
///
/// # Errors
/// The database's.
pub fn made_by_operator(connection: &mut Connection, address_key: &str) -> Result<Option<OrganizationId>> {
    Sql::new(
        "SELECT organization_id FROM members WHERE source = 'operator' AND identity_id IS NULL AND NOT provisioned \
         AND address_key = ? ORDER BY organization_id LIMIT 1",
    )
    .bind(address_key)
    .first::<SqlId, OrganizationId>(connection)
    .map_err(database_error)
}
