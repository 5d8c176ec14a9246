//! Sign-ins on their way (floor 2): one pending authorization request each, gone when its answer comes.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId, Value};
use crate::error::Result;
use crate::id::OrganizationId;
use crate::secret::SecretHash;

/// A sign-in that waits for the provider's answer. Times in microseconds.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Of the cookie that its browser has.
    pub browser: SecretHash,
    /// What the answer is checked against, sealed.
    pub memory: Vec<u8>,
    /// The organization it leads to.
    pub organization: Option<OrganizationId>,
    /// The tenant that was asked for.
    pub tenant_id: Option<String>,
    /// A path of this service.
    pub return_to: String,
    pub started_at: i64,
    pub expires_at: i64,
}

/// Inserts a sign-in under the hash of its state.
pub fn insert(batch: &mut Batch, state: SecretHash, sign_in: &SignIn) {
    batch.run(
        Sql::new(
            "INSERT INTO sign_ins (state_hash, browser_hash, memory, organization_id, tenant_id, return_to, started_at, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(state)
        .bind(sign_in.browser)
        .bind(Value::Bytes(sign_in.memory.clone()))
        .bind(sign_in.organization)
        .bind(sign_in.tenant_id.as_deref())
        .bind(sign_in.return_to.as_str())
        .bind(sign_in.started_at)
        .bind(sign_in.expires_at),
    );
}

/// The sign-in with this state, also when it is over.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, state: SecretHash) -> Result<Option<SignIn>> {
    type Columns = ((Binary, Binary), (Nullable<SqlId>, Nullable<Text>, Text), (BigInt, BigInt));
    type Row = ((Vec<u8>, Vec<u8>), (Option<OrganizationId>, Option<String>, String), (i64, i64));
    let row = Sql::new(
        "SELECT browser_hash, memory, organization_id, tenant_id, return_to, started_at, expires_at FROM sign_ins WHERE state_hash = ?",
    )
    .bind(state)
    .first::<Columns, Row>(connection)
    .map_err(database_error)?;
    Ok(row.and_then(|((browser, memory), (organization, tenant_id, return_to), (started_at, expires_at))| {
        let browser = SecretHash(browser.try_into().ok()?);
        Some(SignIn { browser, memory, organization, tenant_id, return_to, started_at, expires_at })
    }))
}

/// Takes a sign-in away; of several answers to one request only the first gets it.
pub fn take(batch: &mut Batch, state: SecretHash) {
    batch.run_once(Sql::new("DELETE FROM sign_ins WHERE state_hash = ?").bind(state));
}

/// Removes those that nobody answered in time.
pub fn delete_expired(batch: &mut Batch, now: i64) {
    batch.run(Sql::new("DELETE FROM sign_ins WHERE expires_at <= ").bind_here(now));
}
