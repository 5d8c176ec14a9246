//! Provisioning tokens (floor 2): found by hash, with the state of their organization in one read.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId, Type, Value};
use crate::error::Result;
use crate::id::{ClientId, OrganizationId, TokenId};
use crate::secret::SecretHash;

/// A token and what has to be known of its organization before anything else. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub organization: OrganizationId,
    pub token: TokenId,
    pub name: String,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
    pub state: String,
    pub seat_policy: String,
    /// The role of whom provisioning makes a member.
    pub scim_role: String,
    pub extensions_version: i64,
    /// How often the organization's role mappings have changed; 0: there never was one.
    pub role_mappings: i64,
    /// Sealed; requests must be signed by it.
    pub signing_secret: Option<Vec<u8>>,
}

/// Finds a token by its hash, also when it is expired or revoked.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, hash: SecretHash) -> Result<Option<Credential>> {
    type Columns = (
        (SqlId, SqlId, Text),
        (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>),
        (Text, Text, Text, BigInt, BigInt),
        Nullable<Binary>,
    );
    type Row = (
        (OrganizationId, TokenId, String),
        (Option<i64>, Option<i64>, Option<i64>),
        (String, String, String, i64, i64),
        Option<Vec<u8>>,
    );
    let row = Sql::new(
        "SELECT t.organization_id, t.id, t.name, t.expires_at, t.revoked_at, t.last_used_at, o.state, o.seat_policy, o.scim_role, o.extensions_version, o.role_mappings, t.signing_secret \
         FROM provisioning_tokens t JOIN organizations o ON o.id = t.organization_id WHERE t.hash = ?",
    )
    .bind(hash)
    .first::<Columns, Row>(connection)
    .map_err(database_error)?;
    Ok(row.map(
        |(
            (organization, token, name),
            times,
            (state, seat_policy, scim_role, extensions_version, role_mappings),
            signing_secret,
        )| {
            let (expires_at, revoked_at, last_used_at) = times;
            Credential {
                organization,
                token,
                name,
                expires_at,
                revoked_at,
                last_used_at,
                state,
                seat_policy,
                scim_role,
                extensions_version,
                role_mappings,
                signing_secret,
            }
        },
    ))
}

/// Finds one row as long as the token is not revoked and its organization is as it was read; nothing
/// else of a token that matters ever changes.
#[must_use]
pub fn unchanged(hash: SecretHash, credential: &Credential) -> Sql {
    Sql::new(
        "SELECT CAST(1 AS BIGINT) FROM provisioning_tokens t JOIN organizations o ON o.id = t.organization_id \
         WHERE t.hash = ? AND t.id = ? AND t.revoked_at IS NULL AND o.state = ? AND o.seat_policy = ? AND o.scim_role = ? AND o.extensions_version = ?",
    )
    .bind(hash)
    .bind(credential.token)
    .bind(credential.state.as_str())
    .bind(credential.seat_policy.as_str())
    .bind(credential.scim_role.as_str())
    .bind(credential.extensions_version)
}

/// A token as it is listed. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: TokenId,
    pub name: String,
    pub hint: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

/// The organization's tokens, oldest first, from the one after `after` on; without those that clients got for an hour.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    after: Option<TokenId>,
    limit: i64,
) -> Result<Vec<Listed>> {
    type Columns = (SqlId, Text, Text, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>);
    type Row = (TokenId, String, String, i64, Option<i64>, Option<i64>, Option<i64>);
    let mut sql = Sql::new(
        "SELECT id, name, hint, created_at, expires_at, revoked_at, last_used_at FROM provisioning_tokens \
         WHERE client_id IS NULL AND organization_id = ",
    )
    .bind_here(organization);
    if let Some(after) = after {
        sql.push(" AND id > ").push_bind(after);
    }
    sql.push(" ORDER BY id LIMIT ").push_bind(limit);
    let rows = sql.load::<Columns, Row>(connection).map_err(database_error)?;
    Ok(rows
        .into_iter()
        .map(|(id, name, hint, created_at, expires_at, revoked_at, last_used_at)| Listed {
            id,
            name,
            hint,
            created_at,
            expires_at,
            revoked_at,
            last_used_at,
        })
        .collect())
}

/// Whether a provider has used one of the organization's tokens that still works.
///
/// # Errors
/// The database's.
pub fn is_any_in_use(connection: &mut Connection, organization: OrganizationId, now: i64) -> Result<bool> {
    let mut sql = Sql::new(
        "SELECT CAST(1 AS BIGINT) FROM provisioning_tokens WHERE client_id IS NULL AND revoked_at IS NULL \
         AND last_used_at IS NOT NULL AND organization_id = ",
    )
    .bind_here(organization);
    sql.push(" AND (expires_at IS NULL OR expires_at > ").push_bind(now).push(") LIMIT 1");
    Ok(sql.first::<BigInt, i64>(connection).map_err(database_error)?.is_some())
}

/// Stores a new token by its hash.
pub fn insert(
    batch: &mut Batch,
    organization: OrganizationId,
    token: &Listed,
    hash: SecretHash,
    signing_secret: Option<Vec<u8>>,
) {
    batch.run(
        Sql::new("INSERT INTO provisioning_tokens (organization_id, id, hash, name, hint, created_at, expires_at, signing_secret) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(organization)
            .bind(token.id)
            .bind(hash)
            .bind(token.name.as_str())
            .bind(token.hint.as_str())
            .bind(token.created_at)
            .bind(token.expires_at)
            .bind(signing_secret.map_or(Value::Null(Type::Bytes), Value::Bytes)),
    );
}

/// An access token that a client gets. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct AccessToken<'a> {
    pub id: TokenId,
    pub client: ClientId,
    pub name: &'a str,
    pub hint: &'a str,
    pub hash: SecretHash,
    pub created_at: i64,
    pub expires_at: i64,
}

/// Stores an access token by its hash, and forgets those of its client that expired before `expired`.
pub fn insert_access_token(batch: &mut Batch, organization: OrganizationId, token: &AccessToken<'_>, expired: i64) {
    batch.run(
        Sql::new("DELETE FROM provisioning_tokens WHERE organization_id = ? AND client_id = ? AND expires_at < ?")
            .bind(organization)
            .bind(token.client)
            .bind(expired),
    );
    batch.run(
        Sql::new("INSERT INTO provisioning_tokens (organization_id, id, hash, name, hint, created_at, expires_at, client_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(organization)
            .bind(token.id)
            .bind(token.hash)
            .bind(token.name)
            .bind(token.hint)
            .bind(token.created_at)
            .bind(token.expires_at)
            .bind(token.client),
    );
}

/// Revokes every access token of a client.
pub fn revoke_of(batch: &mut Batch, organization: OrganizationId, client: ClientId, now: i64) {
    batch.run(
        Sql::new("UPDATE provisioning_tokens SET revoked_at = ? WHERE organization_id = ? AND client_id = ? AND revoked_at IS NULL")
            .bind(now)
            .bind(organization)
            .bind(client),
    );
}

/// Revokes a token; from the next request on no process accepts it.
pub fn revoke(batch: &mut Batch, organization: OrganizationId, token: TokenId, now: i64) {
    batch.run_once(
        Sql::new(
            "UPDATE provisioning_tokens SET revoked_at = ? WHERE organization_id = ? AND id = ? AND revoked_at IS NULL",
        )
        .bind(now)
        .bind(organization)
        .bind(token),
    );
}

/// Notes that the token was used, unless a later use is noted already.
pub fn touch(batch: &mut Batch, organization: OrganizationId, token: TokenId, now: i64) {
    batch.run(
        Sql::new("UPDATE provisioning_tokens SET last_used_at = ? WHERE organization_id = ? AND id = ? AND (last_used_at IS NULL OR last_used_at < ?)")
            .bind(now)
            .bind(organization)
            .bind(token)
            .bind(now),
    );
}
