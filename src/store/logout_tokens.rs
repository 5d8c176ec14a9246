//! Logout tokens that were used (floor 2), so that none works twice.

use diesel::sql_types::BigInt;

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::Sql;
use crate::error::Result;
use crate::secret::SecretHash;

/// Whether a token was used.
///
/// # Errors
/// The database's.
pub fn is_used(connection: &mut Connection, token: SecretHash) -> Result<bool> {
    let mut sql = Sql::new("SELECT expires_at FROM logout_tokens WHERE hash = ");
    sql.push_bind(token);
    Ok(sql.first::<BigInt, i64>(connection).map_err(database_error)?.is_some())
}

/// Notes that a token was used.
pub fn insert(batch: &mut Batch, token: SecretHash, expires_at: i64) {
    batch.run(Sql::new("INSERT INTO logout_tokens (hash, expires_at) VALUES (?, ?)").bind(token).bind(expires_at));
}

/// Forgets those that have expired.
pub fn delete_expired(batch: &mut Batch, now: i64) {
    batch.run(Sql::new("DELETE FROM logout_tokens WHERE expires_at <= ?").bind(now));
}
