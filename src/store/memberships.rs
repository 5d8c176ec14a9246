//! Memberships (floor 2): the places of an identity in organizations, which a session opens.

use diesel::sql_types::{Bool, Nullable, Text};

use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId, ResourceId};

/// A place of an identity in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub organization: OrganizationId,
    pub slug: String,
    pub name: String,
    pub sso: String,
    pub has_tenant: bool,
    pub member: ResourceId,
    pub role: String,
    pub status: String,
    pub suspended: bool,
    pub source: String,
}

/// The columns of [`Membership`] in `members m` and `organizations o`.
pub(super) const COLUMNS: &str =
    "o.id, o.slug, o.name, o.sso, o.tenant_id, m.id, m.role, m.status, m.suspended, m.source";
/// Their types.
pub(super) type Columns = ((SqlId, Text, Text, Text, Nullable<Text>), (SqlId, Text, Text, Bool, Text));
/// Their values.
pub(super) type Row =
    ((OrganizationId, String, String, String, Option<String>), (ResourceId, String, String, bool, String));

/// Makes a [`Membership`] of a row.
pub(super) fn from_row(
    ((organization, slug, name, sso, tenant), (member, role, status, suspended, source)): Row,
) -> Membership {
    Membership { organization, slug, name, sso, has_tenant: tenant.is_some(), member, role, status, suspended, source }
}

/// Whether the identity is linked to a member of any organization.
///
/// # Errors
/// The database's.
pub fn are_any(connection: &mut Connection, identity: IdentityId) -> Result<bool> {
    let found = Sql::new("SELECT id FROM members WHERE identity_id = ? LIMIT 1")
        .bind(identity)
        .first::<SqlId, ResourceId>(connection)
        .map_err(database_error)?;
    Ok(found.is_some())
}
