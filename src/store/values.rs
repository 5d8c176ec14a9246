//! The values of statements (floor 2): ids, texts, numbers and the rest on their way into a database, and the
//! SQL type of ids on their way out.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, Queryable};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Binary, SingleValue, SqlType};
use diesel::sqlite::{Sqlite, SqliteValue};
use std::io::Write as _;

use crate::id::Id;
use crate::secret::SecretHash;

/// The SQL type of an id: `uuid` in `PostgreSQL`, a BLOB of 16 bytes in `SQLite`.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct SqlId;

impl<T> FromSql<SqlId, Pg> for Id<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_bytes(value.as_bytes().try_into()?))
    }
}

impl<T> FromSql<SqlId, Sqlite> for Id<T> {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self::from_bytes(bytes.as_slice().try_into()?))
    }
}

impl<T, DB, ST> Queryable<ST, DB> for Id<T>
where
    DB: Backend,
    ST: SingleValue,
    Self: FromSql<ST, DB>,
{
    type Row = Self;

    fn build(row: Self) -> deserialize::Result<Self> {
        Ok(row)
    }
}

/// The bytes of an id on their way into a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdBytes(pub(super) [u8; 16]);

impl ToSql<SqlId, Pg> for IdBytes {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}

impl ToSql<SqlId, Sqlite> for IdBytes {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(&self.0[..]);
        Ok(IsNull::No)
    }
}

/// A bound value.
#[derive(Debug, Clone)]
pub enum Value {
    Id(IdValue),
    Text(String),
    Integer(i64),
    Boolean(bool),
    Bytes(Vec<u8>),
    Null(Type),
}

/// An id as a bound value.
#[derive(Debug, Clone, Copy)]
pub struct IdValue(pub(super) IdBytes);

/// The type of a column; a NULL has to carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Id,
    Text,
    Integer,
    Boolean,
    Bytes,
    /// A boolean column: whether this query, with one `?`, finds something for an id.
    Found(&'static str),
}

impl<T> From<Id<T>> for Value {
    fn from(id: Id<T>) -> Self {
        Self::Id(IdValue(IdBytes(*id.as_bytes())))
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}
impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}
impl From<SecretHash> for Value {
    fn from(hash: SecretHash) -> Self {
        Self::Bytes(hash.0.to_vec())
    }
}
impl<T> From<Option<Id<T>>> for Value {
    fn from(id: Option<Id<T>>) -> Self {
        id.map_or(Self::Null(Type::Id), Into::into)
    }
}
impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null(Type::Text), Self::Text)
    }
}
impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Null(Type::Text), Into::into)
    }
}
impl From<Option<i64>> for Value {
    fn from(integer: Option<i64>) -> Self {
        integer.map_or(Self::Null(Type::Integer), Self::Integer)
    }
}
