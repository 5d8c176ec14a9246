//! Members who were removed (floor 2): they stay out until somebody brings them back.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId, ResourceId};

/// A member as it was when it was removed.
#[derive(Clone, Debug)]
pub struct Removed {
    pub id: ResourceId,
    pub role: String,
    pub role_source: String,
    pub source: String,
    pub provisioned: bool,
    /// As it was written.
    pub address: Option<String>,
    pub address_key: Option<String>,
    /// Who signed in as the member.
    pub identity: Option<IdentityId>,
    /// The User.
    pub document: String,
    pub version: i64,
    pub created_at: i64,
}

/// Remembers somebody who is removed, so that no door opens to them by itself.
/// `name_key`: how the member was shown, as a key.
pub fn insert(
    batch: &mut Batch,
    organization: OrganizationId,
    (removed, name_key): (&Removed, &str),
    removed_by: &str,
    now: i64,
) {
    batch.run(
        Sql::new(
            "INSERT INTO removed_members (organization_id, id, role, role_source, source, provisioned, address, address_key, identity_id, \
             document, version, created_at, removed_by, removed_at, name_sort) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(organization)
        .bind(removed.id)
        .bind(removed.role.as_str())
        .bind(removed.role_source.as_str())
        .bind(removed.source.as_str())
        .bind(removed.provisioned)
        .bind(removed.address.as_deref())
        .bind(removed.address_key.as_deref())
        .bind(removed.identity)
        .bind(removed.document.as_str())
        .bind(removed.version)
        .bind(removed.created_at)
        .bind(removed_by)
        .bind(now)
        .bind(name_key),
    );
}

/// A removed member by its id.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, organization: OrganizationId, id: ResourceId) -> Result<Option<Removed>> {
    type Columns =
        ((SqlId, Text, Text, Text, Bool), (Nullable<Text>, Nullable<Text>, Nullable<SqlId>), (Text, BigInt, BigInt));
    type Row = (
        (ResourceId, String, String, String, bool),
        (Option<String>, Option<String>, Option<IdentityId>),
        (String, i64, i64),
    );
    let row = Sql::new(
        "SELECT id, role, role_source, source, provisioned, address, address_key, identity_id, document, version, created_at \
         FROM removed_members WHERE organization_id = ? AND id = ?",
    )
    .bind(organization)
    .bind(id)
    .first::<Columns, Row>(connection)
    .map_err(database_error)?;
    Ok(row.map(|(who, whom, (document, version, created_at))| {
        let (id, role, role_source, source, provisioned) = who;
        let (address, address_key, identity) = whom;
        Removed {
            id,
            role,
            role_source,
            source,
            provisioned,
            address,
            address_key,
            identity,
            document,
            version,
            created_at,
        }
    }))
}

/// Forgets a removed member who is back.
pub fn delete(batch: &mut Batch, organization: OrganizationId, id: ResourceId) {
    batch.run_once(
        Sql::new("DELETE FROM removed_members WHERE organization_id = ? AND id = ?").bind(organization).bind(id),
    );
}

/// When somebody with this identity or address was last removed.
///
/// # Errors
/// The database's.
pub fn latest(
    connection: &mut Connection,
    organization: OrganizationId,
    identity: Option<IdentityId>,
    address_key: &str,
) -> Result<Option<i64>> {
    let found = Sql::new(
        "SELECT max(r.removed_at) FROM (\
         SELECT removed_at FROM removed_members WHERE organization_id = ? AND identity_id = ? \
         UNION ALL SELECT removed_at FROM removed_members WHERE organization_id = ? AND address_key = ?) r",
    )
    .bind(organization)
    .bind(identity)
    .bind(organization)
    .bind(address_key)
    .first::<Nullable<BigInt>, Option<i64>>(connection)
    .map_err(database_error)?;
    Ok(found.flatten())
}
