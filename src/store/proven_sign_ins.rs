//! When admins last came in through their organization's own tenant (floor 2).

use diesel::sql_types::{BigInt, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::Sql;
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId};

/// Writes down that an identity has come in through this tenant.
pub fn note(batch: &mut Batch, organization: OrganizationId, identity: IdentityId, tenant_id: &str, now: i64) {
    batch.run(
        Sql::new(
            "INSERT INTO proven_sign_ins (organization_id, identity_id, tenant_id, at) VALUES (?, ?, ?, ?) \
             ON CONFLICT (organization_id, identity_id) DO UPDATE SET tenant_id = excluded.tenant_id, at = excluded.at",
        )
        .bind(organization)
        .bind(identity)
        .bind(tenant_id)
        .bind(now),
    );
}

/// The tenant an identity last came in through, and when.
///
/// # Errors
/// The database's.
pub fn last(
    connection: &mut Connection,
    organization: OrganizationId,
    identity: IdentityId,
) -> Result<Option<(String, i64)>> {
    Sql::new("SELECT tenant_id, at FROM proven_sign_ins WHERE organization_id = ? AND identity_id = ?")
        .bind(organization)
        .bind(identity)
        .first::<(Text, BigInt), (String, i64)>(connection)
        .map_err(database_error)
}
