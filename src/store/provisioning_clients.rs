//! Clients of OAuth 2.0 client credentials (floor 2), and the assertions they have used.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId, Type, Value};
use crate::error::Result;
use crate::id::{ClientId, OrganizationId};
use crate::secret::SecretHash;

/// How a client proves itself.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// By a secret, of which the last characters are shown in lists.
    Secret { hash: SecretHash, hint: String },
    /// By signatures of these keys (RFC 7517), as JSON.
    Keys(String),
}

/// A client as it is listed. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: ClientId,
    pub name: String,
    pub authentication: Authentication,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

type Columns =
    (SqlId, Text, Nullable<Binary>, Nullable<Text>, Nullable<Text>, BigInt, Nullable<BigInt>, Nullable<BigInt>, Text);
type Row = (ClientId, String, Option<Vec<u8>>, Option<String>, Option<String>, i64, Option<i64>, Option<i64>, String);

fn clients(connection: &mut Connection, organization: OrganizationId, condition: Sql) -> Result<Vec<(Client, String)>> {
    let mut sql = Sql::new(
        "SELECT c.id, c.name, c.secret_hash, c.hint, c.jwks, c.created_at, c.revoked_at, c.last_used_at, o.state \
         FROM provisioning_clients c JOIN organizations o ON o.id = c.organization_id WHERE c.organization_id = ",
    );
    sql.push_bind(organization).append(condition);
    let rows = sql.load::<Columns, Row>(connection).map_err(database_error)?;
    Ok(rows
        .into_iter()
        .map(|(id, name, hash, hint, jwks, created_at, revoked_at, last_used_at, state)| {
            let hash = hash.and_then(|bytes| bytes.try_into().ok());
            let authentication = match hash {
                Some(hash) => Authentication::Secret { hash: SecretHash(hash), hint: hint.unwrap_or_default() },
                None => Authentication::Keys(jwks.unwrap_or_default()),
            };
            (Client { id, name, authentication, created_at, revoked_at, last_used_at }, state)
        })
        .collect())
}

/// A client, revoked or not, with the state of its organization.
///
/// # Errors
/// The database's.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    client: ClientId,
) -> Result<Option<(Client, String)>> {
    Ok(clients(connection, organization, Sql::new(" AND c.id = ?").bind(client))?.pop())
}

/// The organization's clients, oldest first, from the one after `after` on.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    after: Option<ClientId>,
    limit: i64,
) -> Result<Vec<Client>> {
    let mut page = Sql::default();
    if let Some(after) = after {
        page.push(" AND c.id > ").push_bind(after);
    }
    page.push(" ORDER BY c.id LIMIT ").push_bind(limit);
    Ok(clients(connection, organization, page)?.into_iter().map(|(client, _)| client).collect())
}

/// Whether one of the organization's clients that still work has got a token.
///
/// # Errors
/// The database's.
pub fn is_any_in_use(connection: &mut Connection, organization: OrganizationId) -> Result<bool> {
    let mut sql = Sql::new(
        "SELECT CAST(1 AS BIGINT) FROM provisioning_clients WHERE revoked_at IS NULL AND last_used_at IS NOT NULL \
         AND organization_id = ",
    )
    .bind_here(organization);
    sql.push(" LIMIT 1");
    Ok(sql.first::<BigInt, i64>(connection).map_err(database_error)?.is_some())
}

/// Stores a new client.
pub fn insert(batch: &mut Batch, organization: OrganizationId, client: &Client) {
    let (hash, hint, jwks) = match &client.authentication {
        Authentication::Secret { hash, hint } => (Value::from(*hash), Some(hint.as_str()), None),
        Authentication::Keys(jwks) => (Value::Null(Type::Bytes), None, Some(jwks.as_str())),
    };
    batch.run(
        Sql::new("INSERT INTO provisioning_clients (organization_id, id, name, secret_hash, hint, jwks, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(organization)
            .bind(client.id)
            .bind(client.name.as_str())
            .bind(hash)
            .bind(hint)
            .bind(jwks)
            .bind(client.created_at),
    );
}

/// Notes that a client got a token; a client that was revoked meanwhile makes the batch stale.
pub fn touch(batch: &mut Batch, organization: OrganizationId, client: ClientId, now: i64) {
    batch.run_once(
        Sql::new("UPDATE provisioning_clients SET last_used_at = ? WHERE organization_id = ? AND id = ? AND revoked_at IS NULL")
            .bind(now)
            .bind(organization)
            .bind(client),
    );
}

/// Revokes a client. Its tokens are revoked by [`super::provisioning_tokens::revoke_of`] in a later
/// statement of the same transaction, which sees those that were made until this one got its lock.
pub fn revoke(batch: &mut Batch, organization: OrganizationId, client: ClientId, now: i64) {
    batch.run_once(
        Sql::new("UPDATE provisioning_clients SET revoked_at = ? WHERE organization_id = ? AND id = ? AND revoked_at IS NULL")
            .bind(now)
            .bind(organization)
            .bind(client),
    );
}

/// Whether an assertion was used before.
///
/// # Errors
/// The database's.
pub fn assertion_was_used(
    connection: &mut Connection,
    organization: OrganizationId,
    client: ClientId,
    hash: SecretHash,
) -> Result<bool> {
    let found =
        Sql::new("SELECT expires_at FROM client_assertions WHERE organization_id = ? AND client_id = ? AND hash = ?")
            .bind(organization)
            .bind(client)
            .bind(hash)
            .first::<BigInt, i64>(connection)
            .map_err(database_error)?;
    Ok(found.is_some())
}

/// Notes an assertion as used until it expires, and forgets those of the client that have.
pub fn use_assertion(
    batch: &mut Batch,
    organization: OrganizationId,
    client: ClientId,
    hash: SecretHash,
    expires_at: i64,
    now: i64,
) {
    batch.run(
        Sql::new("DELETE FROM client_assertions WHERE organization_id = ? AND client_id = ? AND expires_at < ?")
            .bind(organization)
            .bind(client)
            .bind(now),
    );
    // The primary key refuses the same assertion in a race.
    batch.run(
        Sql::new("INSERT INTO client_assertions (organization_id, client_id, hash, expires_at) VALUES (?, ?, ?, ?)")
            .bind(organization)
            .bind(client)
            .bind(hash)
            .bind(expires_at),
    );
}
