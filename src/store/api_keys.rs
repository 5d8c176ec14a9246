//! API keys (floor 2): found by hash, with the state of their organization and of their creator in one read.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{ApiKeyId, OrganizationId, ResourceId};
use crate::secret::SecretHash;

/// A key and what has to be known of its organization and its creator before anything else. Times are
/// [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub organization: OrganizationId,
    pub slug: String,
    /// Of the organization.
    pub state: String,
    pub id: ApiKeyId,
    pub role: String,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
    /// The member whose role bounds the key.
    pub creator: Option<ResourceId>,
    /// The creator's role, status and suspension, as long as they are a member.
    pub place: Option<(String, String, bool)>,
}

/// Finds a key by its hash, also when it is expired or revoked.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, hash: SecretHash) -> Result<Option<Credential>> {
    Ok(load_credentials(connection, Sql::new("k.hash = ").bind_here(hash))?.pop())
}

/// The keys of an organization with these ids, also those that are expired or revoked.
///
/// # Errors
/// The database's.
pub fn credentials(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[ApiKeyId],
) -> Result<Vec<Credential>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let padded = (0..ids.len().next_power_of_two()).map(|place| ids.get(place).copied());
    let mut condition = Sql::new("k.organization_id = ").bind_here(organization);
    condition.push(" AND k.id IN ").push_list(padded);
    load_credentials(connection, condition)
}

fn load_credentials(connection: &mut Connection, condition: Sql) -> Result<Vec<Credential>> {
    type Columns = (
        (SqlId, Text, Text, SqlId, Text),
        (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<SqlId>),
        (Nullable<Text>, Nullable<Text>, Nullable<Bool>),
    );
    type Row = (
        (OrganizationId, String, String, ApiKeyId, String),
        (Option<i64>, Option<i64>, Option<i64>, Option<ResourceId>),
        (Option<String>, Option<String>, Option<bool>),
    );
    let mut sql = Sql::new(
        "SELECT k.organization_id, o.slug, o.state, k.id, k.role, k.expires_at, k.revoked_at, k.last_used_at, k.creator, \
         m.role, m.status, m.suspended FROM api_keys k JOIN organizations o ON o.id = k.organization_id \
         LEFT JOIN members m ON m.organization_id = k.organization_id AND m.id = k.creator WHERE ",
    );
    sql.append(condition);
    let credential = |((organization, slug, state, id, role), times, place): Row| {
        let (expires_at, revoked_at, last_used_at, creator) = times;
        let place = match place {
            (Some(role), Some(status), Some(suspended)) => Some((role, status, suspended)),
            _ => None,
        };
        Credential { organization, slug, state, id, role, expires_at, revoked_at, last_used_at, creator, place }
    };
    let rows = sql.load::<Columns, Row>(connection).map_err(database_error)?;
    Ok(rows.into_iter().map(credential).collect())
}

/// Somebody acts by a key that must still be what it was when it is written; what they do may revoke it.
pub fn expect_live(batch: &mut Batch, key: &Credential) {
    let mut sql = Sql::new(
        "SELECT CAST(1 AS BIGINT) FROM api_keys k JOIN organizations o ON o.id = k.organization_id WHERE k.organization_id = ",
    )
    .bind_here(key.organization);
    sql.push(" AND k.id = ").push_bind(key.id).push(" AND k.revoked_at IS NULL AND o.state = ");
    sql.push_bind(key.state.as_str());
    batch.expect_stays(sql, "k");
}

/// A key as it is listed. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: ApiKeyId,
    pub name: String,
    pub hint: String,
    pub role: String,
    pub created_by: String,
    pub creator: Option<ResourceId>,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub last_used_at: Option<i64>,
    pub revoked_at: Option<i64>,
}

type Columns =
    ((SqlId, Text, Text, Text, Text, Nullable<SqlId>), (BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>));
type Row =
    ((ApiKeyId, String, String, String, String, Option<ResourceId>), (i64, Option<i64>, Option<i64>, Option<i64>));

fn load(connection: &mut Connection, organization: OrganizationId, condition: Sql) -> Result<Vec<Listed>> {
    let mut sql = Sql::new(
        "SELECT id, name, hint, role, created_by, creator, created_at, expires_at, last_used_at, revoked_at FROM api_keys \
         WHERE organization_id = ",
    )
    .bind_here(organization);
    sql.append(condition);
    let rows = sql.load::<Columns, Row>(connection).map_err(database_error)?;
    let listed = |((id, name, hint, role, created_by, creator), times): Row| {
        let (created_at, expires_at, last_used_at, revoked_at) = times;
        Listed { id, name, hint, role, created_by, creator, created_at, expires_at, last_used_at, revoked_at }
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// The organization's keys, newest first, from the one after `after` on.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    after: Option<ApiKeyId>,
    limit: i64,
) -> Result<Vec<Listed>> {
    let mut condition = Sql::default();
    if let Some(after) = after {
        condition.push(" AND id < ").push_bind(after);
    }
    condition.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    load(connection, organization, condition)
}

/// The organization's keys that are not revoked; at most `limit`.
///
/// # Errors
/// The database's.
pub fn list_live(connection: &mut Connection, organization: OrganizationId, limit: i64) -> Result<Vec<Listed>> {
    let mut condition = Sql::new(" AND revoked_at IS NULL ORDER BY id LIMIT ");
    condition.push_bind(limit);
    load(connection, organization, condition)
}

/// One key.
///
/// # Errors
/// The database's.
pub fn one(connection: &mut Connection, organization: OrganizationId, id: ApiKeyId) -> Result<Option<Listed>> {
    let mut condition = Sql::new(" AND id = ");
    condition.push_bind(id);
    Ok(load(connection, organization, condition)?.pop())
}

/// Stores a new key by its hash.
pub fn insert(batch: &mut Batch, organization: OrganizationId, key: &Listed, hash: SecretHash) {
    batch.run_once(
        Sql::new(
            "INSERT INTO api_keys (organization_id, id, hash, name, hint, role, created_by, creator, created_at, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(organization)
        .bind(key.id)
        .bind(hash)
        .bind(key.name.as_str())
        .bind(key.hint.as_str())
        .bind(key.role.as_str())
        .bind(key.created_by.as_str())
        .bind(key.creator)
        .bind(key.created_at)
        .bind(key.expires_at),
    );
}

/// Revokes a key; from the next request on no process accepts it.
pub fn revoke(batch: &mut Batch, organization: OrganizationId, id: ApiKeyId, now: i64) {
    batch.run_once(
        Sql::new("UPDATE api_keys SET revoked_at = ? WHERE organization_id = ? AND id = ? AND revoked_at IS NULL")
            .bind(now)
            .bind(organization)
            .bind(id),
    );
}

/// Notes that a key was used, unless a later use is noted already.
pub fn touch(batch: &mut Batch, organization: OrganizationId, id: ApiKeyId, now: i64) {
    batch.run(
        Sql::new("UPDATE api_keys SET last_used_at = ? WHERE organization_id = ? AND id = ? AND (last_used_at IS NULL OR last_used_at < ?)")
            .bind(now)
            .bind(organization)
            .bind(id)
            .bind(now),
    );
}
