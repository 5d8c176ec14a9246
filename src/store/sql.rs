//! One SQL text for both databases (floor 2): statements with `?` for each bound value,
//! prepared once per connection and typed on the way out.
//!
//! Diesel's own `sql_query` never caches the prepared statement; these are cached by their text.

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::LoadQuery;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, Bool, HasSqlType, Nullable, SqlType, Text};
use diesel::sqlite::Sqlite;
use std::borrow::Cow;
use std::marker::PhantomData;

use super::connection::Connection;
use super::values::{IdBytes, IdValue};
use crate::id::Id;

pub use super::values::{SqlId, Type, Value};

/// A piece of SQL with its bound values, in the order of its `?`.
#[derive(Debug, Clone, Default)]
pub struct Sql {
    text: Cow<'static, str>,
    binds: Vec<Value>,
}

impl Sql {
    /// A statement without values yet.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), binds: Vec::new() }
    }

    /// Binds the next `?`.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.binds.push(value.into());
        self
    }

    /// Appends `?` with its value to a piece under construction.
    #[must_use]
    pub fn bind_here(mut self, value: impl Into<Value>) -> Self {
        self.push_bind(value);
        self
    }

    /// Appends SQL text that comes from this code, never from a request.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Appends `?` with its value.
    pub fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.binds.push(value.into());
        self.push("?")
    }

    /// Appends another piece with its values.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.text.to_mut().push_str(&other.text);
        self.binds.extend(other.binds);
        self
    }

    /// Appends `(?, ?, …)`.
    pub fn push_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        self.push("(");
        for (position, value) in values.into_iter().enumerate() {
            if position > 0 {
                self.push(", ");
            }
            self.push_bind(value);
        }
        self.push(")")
    }

    /// The same statement without a piece of text, such as a cast only `PostgreSQL` needs.
    #[must_use]
    pub fn without(mut self, piece: &str) -> Self {
        self.text = Cow::Owned(self.text.replace(piece, ""));
        self
    }

    /// The text, for EXPLAIN in tests and for logs (it holds no values).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Loads all rows.
    ///
    /// # Errors
    /// What the database says.
    pub fn load<ST, U>(self, connection: &mut Connection) -> QueryResult<Vec<U>>
    where
        Typed<ST>: for<'q> LoadQuery<'q, SqliteConnection, U> + for<'q> LoadQuery<'q, PgConnection, U>,
    {
        let query = Typed::<ST> { sql: self, returns: PhantomData };
        match connection {
            Connection::Sqlite(sqlite) => RunQueryDsl::load(query, sqlite),
            Connection::Postgres(postgres) => RunQueryDsl::load(query, postgres),
        }
    }

    /// Loads the first row, if there is one.
    ///
    /// # Errors
    /// What the database says.
    pub fn first<ST, U>(self, connection: &mut Connection) -> QueryResult<Option<U>>
    where
        Typed<ST>: for<'q> LoadQuery<'q, SqliteConnection, U> + for<'q> LoadQuery<'q, PgConnection, U>,
    {
        Ok(self.load::<ST, U>(connection)?.into_iter().next())
    }

    /// Executes a statement; the number of rows it touched.
    ///
    /// # Errors
    /// What the database says.
    pub fn execute(self, connection: &mut Connection) -> QueryResult<usize> {
        let query = Typed::<()> { sql: self, returns: PhantomData };
        match connection {
            Connection::Sqlite(sqlite) => RunQueryDsl::execute(query, sqlite),
            Connection::Postgres(postgres) => RunQueryDsl::execute(query, postgres),
        }
    }
}

/// [`Sql`] with the types of the columns it answers.
#[derive(Debug)]
pub struct Typed<ST> {
    sql: Sql,
    returns: PhantomData<ST>,
}

impl<ST: SqlType> Query for Typed<ST> {
    type SqlType = ST;
}

// No static id: statements are cached by their text.
impl<ST> QueryId for Typed<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST, C> RunQueryDsl<C> for Typed<ST> {}

impl<ST> QueryFragment<Pg> for Typed<ST> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.sql.walk(out)
    }
}

impl<ST> QueryFragment<Sqlite> for Typed<ST> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.sql.walk(out)
    }
}

impl Sql {
    fn walk<'b, DB>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<SqlId> + HasSqlType<Text> + HasSqlType<BigInt> + HasSqlType<Bool> + HasSqlType<Binary>,
        IdBytes: ToSql<SqlId, DB>,
        String: ToSql<Text, DB>,
        i64: ToSql<BigInt, DB>,
        bool: ToSql<Bool, DB>,
        Vec<u8>: ToSql<Binary, DB>,
    {
        let mut binds = self.binds.iter();
        for (position, piece) in self.text.split('?').enumerate() {
            if position > 0 {
                match binds.next() {
                    Some(Value::Id(IdValue(id))) => out.push_bind_param::<SqlId, _>(id)?,
                    Some(Value::Text(text)) => out.push_bind_param::<Text, _>(text)?,
                    Some(Value::Integer(integer)) => out.push_bind_param::<BigInt, _>(integer)?,
                    Some(Value::Boolean(boolean)) => out.push_bind_param::<Bool, _>(boolean)?,
                    Some(Value::Bytes(bytes)) => out.push_bind_param::<Binary, _>(bytes)?,
                    Some(Value::Null(Type::Id | Type::Found(_))) => {
                        out.push_bind_param::<Nullable<SqlId>, _>(&None::<IdBytes>)?;
                    }
                    Some(Value::Null(Type::Text)) => out.push_bind_param::<Nullable<Text>, _>(&None::<String>)?,
                    Some(Value::Null(Type::Integer)) => out.push_bind_param::<Nullable<BigInt>, _>(&None::<i64>)?,
                    Some(Value::Null(Type::Boolean)) => out.push_bind_param::<Nullable<Bool>, _>(&None::<bool>)?,
                    Some(Value::Null(Type::Bytes)) => out.push_bind_param::<Nullable<Binary>, _>(&None::<Vec<u8>>)?,
                    None => {
                        return Err(diesel::result::Error::QueryBuilderError(
                            format!("a statement has more ? than values: {}", self.text).into(),
                        ));
                    }
                }
            }
            out.push_sql(piece);
        }
        Ok(())
    }
}

/// Rows for one table. `PostgreSQL` inserts many of them in one statement whose text does not depend
/// on their number (arrays); `SQLite` takes them in statements of [`TOGETHER`] and then one by one.
/// So few texts are prepared, whatever the numbers.
#[derive(Debug, Clone)]
pub struct Rows {
    /// `INSERT INTO table (columns)`.
    pub insert: &'static str,
    /// The types of the columns.
    pub types: &'static [Type],
    /// `ON CONFLICT …`, or empty.
    pub conflict: &'static str,
    /// The values, a row each.
    pub rows: Vec<Vec<Value>>,
}

/// Rows in one of `SQLite`'s statements, where there are as many.
const TOGETHER: usize = 16;

impl Rows {
    /// Whether other rows can go into the same statement.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        self.insert == other.insert && self.conflict == other.conflict
    }

    pub(super) fn for_sqlite(self) -> impl Iterator<Item = Sql> {
        let alone = self.rows.len() % TOGETHER;
        let groups = std::iter::repeat_n(TOGETHER, self.rows.len() / TOGETHER).chain(std::iter::repeat_n(1, alone));
        let texts = [(TOGETHER, alone < self.rows.len()), (1, alone > 0)]
            .map(|(count, is_needed)| if is_needed { self.values(count) } else { String::new() });
        let mut rows = self.rows.into_iter();
        groups.map(move |count| {
            let text = texts[usize::from(count == 1)].clone();
            Sql { text: Cow::Owned(text), binds: rows.by_ref().take(count).flatten().collect() }
        })
    }

    pub(super) fn for_postgres(self) -> Sql {
        if self.rows.len() == 1 {
            return Sql { text: Cow::Owned(self.values(1)), binds: self.rows.into_iter().flatten().collect() };
        }
        self.into_arrays()
    }

    /// The statement for so many rows.
    fn values(&self, count: usize) -> String {
        let value = |kind: &Type| match kind {
            Type::Found(query) => format!("EXISTS ({query})"),
            _ => "?".to_owned(),
        };
        let row = format!("({})", self.types.iter().map(value).collect::<Vec<_>>().join(", "));
        format!("{} VALUES {} {}", self.insert, vec![row; count].join(", "), self.conflict)
    }

    fn into_arrays(self) -> Sql {
        // An array literal per column: ids, numbers, booleans and texts alike travel as text[] and are cast.
        let mut sql = Sql::new(self.insert);
        sql.push(" SELECT ");
        for (position, kind) in self.types.iter().enumerate() {
            sql.push(if position > 0 { ", " } else { "" });
            match kind {
                Type::Id => sql.push(&format!("c{position}::uuid")),
                Type::Text => sql.push(&format!("c{position}")),
                Type::Bytes => sql.push(&format!("c{position}::bytea")),
                Type::Integer => sql.push(&format!("c{position}::bigint")),
                Type::Boolean => sql.push(&format!("c{position}::boolean")),
                Type::Found(query) => {
                    sql.push(&format!("EXISTS ({})", query.replace('?', &format!("c{position}::uuid"))))
                }
            };
        }
        sql.push(" FROM unnest(");
        for position in 0..self.types.len() {
            sql.push(if position > 0 { ", " } else { "" });
            let column: Vec<&Value> = self.rows.iter().map(|row| &row[position]).collect();
            sql.push_bind(array_literal(&column)).push("::text[]");
        }
        sql.push(") AS rows(");
        for position in 0..self.types.len() {
            sql.push(if position > 0 { ", " } else { "" }).push(&format!("c{position}"));
        }
        sql.push(") ").push(self.conflict);
        sql
    }
}

/// `PostgreSQL`'s text form of a one-dimensional array.
fn array_literal(values: &[&Value]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(values.len() * 40 + 2);
    out.push('{');
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        match value {
            Value::Id(IdValue(IdBytes(bytes))) => Id::<()>::from_bytes(*bytes).write_to(&mut out),
            Value::Integer(integer) => {
                let _ = write!(out, "{integer}");
            }
            Value::Boolean(boolean) => out.push_str(if *boolean { "t" } else { "f" }),
            Value::Text(text) => {
                out.push('"');
                for c in text.chars() {
                    if matches!(c, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push('"');
            }
            // bytea's own text form, whose backslash an array escapes.
            Value::Bytes(bytes) => {
                out.push_str("\"\\\\x");
                for byte in bytes {
                    let _ = write!(out, "{byte:02x}");
                }
                out.push('"');
            }
            Value::Null(_) => out.push_str("NULL"),
        }
    }
    out.push('}');
    out
}
