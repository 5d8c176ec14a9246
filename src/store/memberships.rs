//! Memberships (floor 2): the places of an identity in organizations, which a session opens.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

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
    /// Of the organization.
    pub state: String,
    pub plan: String,
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
    "o.id, o.slug, o.name, o.state, o.plan, o.sso, o.tenant_id, m.id, m.role, m.status, m.suspended, m.source";
/// Their types.
pub(super) type Columns = ((SqlId, Text, Text, Text, Text, Text, Nullable<Text>), (SqlId, Text, Text, Bool, Text));
/// Their values.
pub(super) type Row = (
    (OrganizationId, String, String, String, String, String, Option<String>),
    (ResourceId, String, String, bool, String),
);

/// Makes a [`Membership`] of a row.
pub(super) fn from_row(row: Row) -> Membership {
    let ((organization, slug, name, state, plan, sso, tenant), (member, role, status, suspended, source)) = row;
    Membership {
        organization,
        slug,
        name,
        state,
        plan,
        sso,
        has_tenant: tenant.is_some(),
        member,
        role,
        status,
        suspended,
        source,
    }
}

/// The place of an identity in the organization that is named by its id or its slug.
///
/// # Errors
/// The database's.
pub fn one(connection: &mut Connection, identity: IdentityId, organization: &str) -> Result<Option<Membership>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM members m JOIN organizations o ON o.id = m.organization_id WHERE m.identity_id = ");
    sql.push_bind(identity);
    // No slug is an id.
    match organization.parse::<OrganizationId>() {
        Ok(id) => sql.push(" AND m.organization_id = ").push_bind(id),
        Err(_) => sql.push(" AND o.slug = ").push_bind(organization),
    };
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// How many organizations an identity is a member of that are in a state.
///
/// # Errors
/// The database's.
pub fn count_in_state(connection: &mut Connection, identity: IdentityId, state: &str) -> Result<i64> {
    let count = Sql::new(
        "SELECT count(*) FROM members m JOIN organizations o ON o.id = m.organization_id WHERE m.identity_id = ? AND o.state = ?",
    );
    let count = count.bind(identity).bind(state).first::<BigInt, i64>(connection).map_err(database_error)?;
    Ok(count.unwrap_or(0))
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
