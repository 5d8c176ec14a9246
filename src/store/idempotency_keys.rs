//! Answers that are given again (floor 2), by the key a client gave its request.

use diesel::sql_types::Binary;

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, Value};
use crate::error::Result;
use crate::id::OrganizationId;
use crate::secret::SecretHash;

/// Whose key it is, in which organization.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// All zero where the caller is in no organization.
    pub organization: OrganizationId,
    /// As the audit trail calls them.
    pub actor: &'a str,
}

/// The request that a key was used for and its sealed answer.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, owner: Owner<'_>, key: SecretHash) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    Sql::new(
        "SELECT request_hash, answer FROM idempotency_keys WHERE organization_id = ? AND actor = ? AND key_hash = ?",
    )
    .bind(owner.organization)
    .bind(owner.actor)
    .bind(key)
    .first::<(Binary, Binary), (Vec<u8>, Vec<u8>)>(connection)
    .map_err(database_error)
}

/// Keeps an answer; of two requests with one key the second is planned again, and finds it.
pub fn insert(
    batch: &mut Batch,
    owner: Owner<'_>,
    (key, request): (SecretHash, SecretHash),
    sealed_answer: Vec<u8>,
    now: i64,
) {
    batch.run(
        Sql::new("INSERT INTO idempotency_keys (organization_id, actor, key_hash, request_hash, answer, created_at) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(owner.organization)
            .bind(owner.actor)
            .bind(key)
            .bind(request)
            .bind(Value::Bytes(sealed_answer))
            .bind(now),
    );
}

/// Forgets answers older than a time.
pub fn delete_before(batch: &mut Batch, before: i64) {
    batch.run(Sql::new("DELETE FROM idempotency_keys WHERE created_at < ").bind_here(before));
}
