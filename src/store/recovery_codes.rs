//! Recovery codes of owners (floor 2): kept by their hashes, gone when they are used.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId, ResourceId};
use crate::secret::SecretHash;

/// Whose code it is, as the member is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub organization: OrganizationId,
    /// The state of the organization.
    pub state: String,
    pub member: ResourceId,
    pub role: String,
    pub status: String,
    pub suspended: bool,
    pub address_key: Option<String>,
    pub identity: Option<IdentityId>,
}

const HOLDER: &str = "o.id, o.state, m.id, m.role, m.status, m.suspended, m.address_key, m.identity_id FROM members m \
    JOIN organizations o ON o.id = m.organization_id";
type Columns = (SqlId, Text, SqlId, Text, Text, Bool, Nullable<Text>, Nullable<SqlId>);
type Row = (OrganizationId, String, ResourceId, String, String, bool, Option<String>, Option<IdentityId>);

fn from_row(row: Row) -> Holder {
    let (organization, state, member, role, status, suspended, address_key, identity) = row;
    Holder { organization, state, member, role, status, suspended, address_key, identity }
}

/// Inserts the codes of a member.
pub fn insert(batch: &mut Batch, organization: OrganizationId, member: ResourceId, codes: &[SecretHash], now: i64) {
    for code in codes {
        batch.run(
            Sql::new("INSERT INTO recovery_codes (hash, organization_id, member_id, created_at) VALUES (?, ?, ?, ?)")
                .bind(*code)
                .bind(organization)
                .bind(member)
                .bind(now),
        );
    }
}

/// Whose code this is.
///
/// # Errors
/// The database's.
pub fn holder(connection: &mut Connection, code: SecretHash) -> Result<Option<Holder>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(HOLDER).push(" JOIN recovery_codes c ON c.organization_id = m.organization_id AND c.member_id = m.id");
    sql.push(" WHERE c.hash = ").push_bind(code);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// A member as the holder of codes, whether there are any.
///
/// # Errors
/// The database's.
pub fn member(connection: &mut Connection, organization: OrganizationId, id: ResourceId) -> Result<Option<Holder>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(HOLDER).push(" WHERE m.organization_id = ").push_bind(organization).push(" AND m.id = ").push_bind(id);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// Takes a code away; of several that come with it only the first gets it.
pub fn take(batch: &mut Batch, code: SecretHash) {
    batch.run_once(Sql::new("DELETE FROM recovery_codes WHERE hash = ?").bind(code));
}

/// Takes all codes of a member away.
pub fn delete_all(batch: &mut Batch, organization: OrganizationId, member: ResourceId) {
    batch.run(
        Sql::new("DELETE FROM recovery_codes WHERE organization_id = ? AND member_id = ?")
            .bind(organization)
            .bind(member),
    );
}

/// Writes down that a member's codes are kept somewhere safe.
pub fn update_saved(batch: &mut Batch, organization: OrganizationId, member: ResourceId, now: i64) {
    batch.run(
        Sql::new(
            "UPDATE recovery_codes SET saved_at = ? WHERE organization_id = ? AND member_id = ? AND saved_at IS NULL",
        )
        .bind(now)
        .bind(organization)
        .bind(member),
    );
}

/// The codes of a member that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub member: ResourceId,
    pub count: i64,
    pub created_at: i64,
    pub saved_at: Option<i64>,
    /// Whether they would open anything now: an active owner's.
    pub usable: bool,
}

/// The codes that are left in an organization, by member.
///
/// # Errors
/// The database's.
pub fn left(connection: &mut Connection, organization: OrganizationId) -> Result<Vec<Left>> {
    type Columns = (SqlId, BigInt, BigInt, Nullable<BigInt>, BigInt);
    type Row = (ResourceId, i64, i64, Option<i64>, i64);
    let rows = Sql::new(
        "SELECT m.id, COUNT(*), MIN(c.created_at), MIN(c.saved_at), \
         CAST(MAX(CASE WHEN m.role = 'owner' AND m.status = 'active' AND NOT m.suspended THEN 1 ELSE 0 END) AS BIGINT) \
         FROM recovery_codes c JOIN members m ON m.organization_id = c.organization_id AND m.id = c.member_id \
         WHERE c.organization_id = ? GROUP BY m.id ORDER BY m.id",
    )
    .bind(organization)
    .load::<Columns, Row>(connection)
    .map_err(database_error)?;
    let left = |(member, count, created_at, saved_at, usable): Row| Left {
        member,
        count,
        created_at,
        saved_at,
        usable: usable == 1,
    };
    Ok(rows.into_iter().map(left).collect())
}

/// Goes on only while an active owner has codes that are kept somewhere safe.
pub fn expect_saved(batch: &mut Batch, organization: OrganizationId) {
    let sql = Sql::new(
        "SELECT CAST(1 AS BIGINT) FROM recovery_codes c JOIN members m ON m.organization_id = c.organization_id AND m.id = c.member_id \
         WHERE m.role = 'owner' AND m.status = 'active' AND NOT m.suspended AND c.saved_at IS NOT NULL AND c.organization_id = ? LIMIT 1",
    );
    batch.expect(1, sql.bind(organization));
}
