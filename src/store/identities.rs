//! Identities (floor 2): who signs in, known by issuer and subject and never by an address.

use diesel::sql_types::{Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::IdentityId;

/// An identity as it was at its last sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: IdentityId,
    pub issuer: String,
    pub subject: String,
    /// As the issuer writes it.
    pub address: Option<String>,
    pub address_key: Option<String>,
    pub name: Option<String>,
}

/// The columns of [`Identity`] in `identities i`.
pub(super) const COLUMNS: &str = "i.id, i.issuer, i.subject, i.address, i.address_key, i.name";
/// Their types.
pub(super) type Columns = (SqlId, Text, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>);
/// Their values.
pub(super) type Row = (IdentityId, String, String, Option<String>, Option<String>, Option<String>);

/// Makes an [`Identity`] of a row.
pub(super) fn from_row(row: Row) -> Identity {
    let (id, issuer, subject, address, address_key, name) = row;
    Identity { id, issuer, subject, address, address_key, name }
}

/// The identity of an issuer's subject.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, issuer: &str, subject: &str) -> Result<Option<Identity>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM identities i WHERE i.issuer = ").push_bind(issuer);
    sql.push(" AND i.subject = ").push_bind(subject);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// Whether somebody has signed in ever.
///
/// # Errors
/// The database's.
pub fn are_any(connection: &mut Connection) -> Result<bool> {
    let first = Sql::new("SELECT id FROM identities LIMIT 1").first::<SqlId, IdentityId>(connection);
    Ok(first.map_err(database_error)?.is_some())
}

/// Who answers for an identity.
///
/// # Errors
/// The database's.
pub fn issuer(connection: &mut Connection, id: IdentityId) -> Result<Option<String>> {
    let mut sql = Sql::new("SELECT issuer FROM identities WHERE id = ");
    sql.push_bind(id);
    sql.first::<Text, String>(connection).map_err(database_error)
}

/// Inserts an identity that signs in for the first time.
pub fn insert(batch: &mut Batch, identity: &Identity, now: i64) {
    batch.run(
        Sql::new(
            "INSERT INTO identities (id, issuer, subject, address, address_key, name, created_at, signed_in_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(identity.id)
        .bind(identity.issuer.as_str())
        .bind(identity.subject.as_str())
        .bind(identity.address.as_deref())
        .bind(identity.address_key.as_deref())
        .bind(identity.name.as_deref())
        .bind(now)
        .bind(now),
    );
}

/// Writes that an identity comes again whose address is not proven; the batch is stale once it is.
pub fn update_unproven(batch: &mut Batch, identity: &Identity, now: i64) {
    batch.run_once(
        Sql::new("UPDATE identities SET address = ?, signed_in_at = ? WHERE id = ? AND address_key IS NULL")
            .bind(identity.address.as_deref())
            .bind(now)
            .bind(identity.id),
    );
}

/// Writes what the issuer says of it now.
pub fn update(batch: &mut Batch, identity: &Identity, now: i64) {
    batch.run_once(
        Sql::new("UPDATE identities SET address = ?, address_key = ?, name = ?, signed_in_at = ? WHERE id = ?")
            .bind(identity.address.as_deref())
            .bind(identity.address_key.as_deref())
            .bind(identity.name.as_deref())
            .bind(now)
            .bind(identity.id),
    );
}
