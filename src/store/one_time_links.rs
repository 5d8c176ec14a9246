//! Links that work once (floor 2): kept by the hash of their secret, gone when they are used.

use diesel::sql_types::{BigInt, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::OrganizationId;
use crate::secret::SecretHash;

/// What a link is for.
pub mod purpose {
    /// To sign in with the address it was mailed to.
    pub const SIGN_IN: &str = "sign_in";
    /// For the founder, at the first run.
    pub const SETUP: &str = "setup";
}

/// A link. Times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimeLink {
    pub purpose: String,
    /// The key of the address it was mailed to.
    pub address_key: Option<String>,
    /// The organization it leads to.
    pub organization: Option<OrganizationId>,
    /// A path of this service.
    pub return_to: String,
    pub created_at: i64,
    pub expires_at: i64,
}

/// Inserts a link under the hash of its secret.
pub fn insert(batch: &mut Batch, hash: SecretHash, link: &OneTimeLink) {
    batch.run(
        Sql::new(
            "INSERT INTO one_time_links (hash, purpose, address_key, organization_id, return_to, created_at, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(hash)
        .bind(link.purpose.as_str())
        .bind(link.address_key.as_deref())
        .bind(link.organization)
        .bind(link.return_to.as_str())
        .bind(link.created_at)
        .bind(link.expires_at),
    );
}

/// The link with this secret, also when it is over.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, hash: SecretHash, purpose: &str) -> Result<Option<OneTimeLink>> {
    type Columns = (Text, Nullable<Text>, Nullable<SqlId>, Text, BigInt, BigInt);
    type Row = (String, Option<String>, Option<OrganizationId>, String, i64, i64);
    let row = Sql::new(
        "SELECT purpose, address_key, organization_id, return_to, created_at, expires_at FROM one_time_links \
         WHERE hash = ? AND purpose = ?",
    )
    .bind(hash)
    .bind(purpose)
    .first::<Columns, Row>(connection)
    .map_err(database_error)?;
    Ok(row.map(|(purpose, address_key, organization, return_to, created_at, expires_at)| OneTimeLink {
        purpose,
        address_key,
        organization,
        return_to,
        created_at,
        expires_at,
    }))
}

/// Takes a link away; of several that follow it only the first gets it.
pub fn take(batch: &mut Batch, hash: SecretHash) {
    batch.run_once(Sql::new("DELETE FROM one_time_links WHERE hash = ?").bind(hash));
}

/// Takes away the other links that were mailed to an address.
pub fn delete_others(batch: &mut Batch, address_key: &str, hash: SecretHash) {
    batch.run(Sql::new("DELETE FROM one_time_links WHERE address_key = ? AND hash <> ?").bind(address_key).bind(hash));
}

/// Inserts the setup link in place of the one before it: there is one at a time.
pub fn replace_setup(batch: &mut Batch, hash: SecretHash, created_at: i64, expires_at: i64) {
    batch.run(
        Sql::new(
            "INSERT INTO one_time_links (hash, purpose, return_to, created_at, expires_at) VALUES (?, 'setup', '/', ?, ?) \
             ON CONFLICT (purpose) WHERE purpose = 'setup' DO UPDATE SET hash = excluded.hash, \
             created_at = excluded.created_at, expires_at = excluded.expires_at",
        )
        .bind(hash)
        .bind(created_at)
        .bind(expires_at),
    );
}

/// Removes those that nobody followed in time.
pub fn delete_expired(batch: &mut Batch, now: i64) {
    batch.run(Sql::new("DELETE FROM one_time_links WHERE expires_at <= ").bind_here(now));
}
