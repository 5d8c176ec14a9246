//! One connection to either database (floor 2), and what it needs right after opening.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use diesel::connection::{AnsiTransactionManager, Connection as _, SimpleConnection as _, TransactionManager as _};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::database_error;
use crate::error;

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:data/headcount.db`
    Sqlite(PathBuf),
    /// `postgres://…`
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = String;

    // Diesel's derived multi-connection would try PostgreSQL and then open a file of that name;
    // the scheme decides here, so that an outage never creates a database.
    fn from_str(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() {
                Err("sqlite: needs a file, such as sqlite:data/headcount.db".into())
            } else {
                Ok(Self::Sqlite(path.into()))
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        Err("a database URL starts with sqlite: or postgres://".into())
    }
}

/// A connection to one of the two databases.
#[expect(missing_debug_implementations, reason = "Diesel's connections have none")]
pub enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    /// When the file or the server cannot be opened.
    pub fn open(url: &DatabaseUrl) -> ConnectionResult<Self> {
        match url {
            DatabaseUrl::Sqlite(path) => open_sqlite(path).map(Self::Sqlite),
            DatabaseUrl::Postgres(url) => open_postgres(url).map(Self::Postgres),
        }
    }

    /// Whether this is SQLite.
    #[must_use]
    pub const fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Runs statements that take no values.
    ///
    /// # Errors
    /// What the database says.
    pub fn batch(&mut self, sql: &str) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.batch_execute(sql),
            Self::Postgres(postgres) => postgres.batch_execute(sql),
        }
    }

    /// Begins a transaction, or a savepoint inside one. On SQLite the write lock is taken at once.
    ///
    /// # Errors
    /// What the database says.
    pub fn begin(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => {
                if depth(sqlite) == 0 {
                    AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
                } else {
                    AnsiTransactionManager::begin_transaction(sqlite)
                }
            }
            Self::Postgres(postgres) => AnsiTransactionManager::begin_transaction(postgres),
        }
    }

    /// Commits the innermost transaction or savepoint.
    ///
    /// # Errors
    /// What the database says; the transaction is rolled back then.
    pub fn commit(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => AnsiTransactionManager::commit_transaction(sqlite),
            Self::Postgres(postgres) => AnsiTransactionManager::commit_transaction(postgres),
        }
    }

    /// Rolls the innermost transaction or savepoint back.
    ///
    /// # Errors
    /// What the database says.
    pub fn rollback(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => AnsiTransactionManager::rollback_transaction(sqlite),
            Self::Postgres(postgres) => AnsiTransactionManager::rollback_transaction(postgres),
        }
    }

    /// Runs reads that belong together: all of them see the database as it was at the first. Not inside a transaction,
    /// and nothing is written in it.
    ///
    /// # Errors
    /// Those of `work`, and the database's.
    pub fn snapshot<T>(&mut self, work: impl FnOnce(&mut Self) -> error::Result<T>) -> error::Result<T> {
        let begun = match self {
            Self::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN"),
            Self::Postgres(postgres) => AnsiTransactionManager::begin_transaction_sql(
                postgres,
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            ),
        };
        begun.map_err(database_error)?;
        let open = Snapshot(self);
        work(open.0)
    }

    /// Runs `work` in a transaction, or in a savepoint inside one.
    ///
    /// # Errors
    /// Those of `work`, and the database's.
    pub fn transaction<T, E: From<diesel::result::Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin()?;
        match work(self) {
            Ok(value) => {
                self.commit()?;
                Ok(value)
            }
            Err(error) => {
                self.rollback()?;
                Err(error)
            }
        }
    }
}

/// A snapshot that ends however its reads do: a connection that kept it would see nothing new any more.
struct Snapshot<'c>(&'c mut Connection);

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.rollback() {
            tracing::warn!(%error, "a snapshot could not be ended");
        }
    }
}

fn depth(sqlite: &mut SqliteConnection) -> u32 {
    AnsiTransactionManager::transaction_manager_status_mut(sqlite)
        .transaction_depth()
        .ok()
        .flatten()
        .map_or(0, std::num::NonZeroU32::get)
}

fn open_sqlite(path: &Path) -> ConnectionResult<SqliteConnection> {
    let text =
        path.to_str().ok_or_else(|| ConnectionError::BadConnection("the path of the database is not UTF-8".into()))?;
    let mut sqlite = SqliteConnection::establish(text)?;
    // WAL with FULL: a commit is on the disk before it is answered. Temporary b-trees stay in memory.
    sqlite
        .batch_execute(
            "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2000;",
        )
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(sqlite)
}

/// Every statement here has its index, and is prepared once, often while the tables are still empty and
/// nothing is known of them. What the planner then guesses must not decide how a million rows are read.
fn open_postgres(url: &str) -> ConnectionResult<PgConnection> {
    let mut postgres = PgConnection::establish(url)?;
    postgres
        .batch_execute(
            "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
             SET plan_cache_mode = force_generic_plan; SET jit = off",
        )
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(postgres)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_decides() {
        assert_eq!("sqlite:data/a.db".parse(), Ok(DatabaseUrl::Sqlite("data/a.db".into())));
        assert_eq!("sqlite:///tmp/a.db".parse(), Ok(DatabaseUrl::Sqlite("/tmp/a.db".into())));
        assert!(matches!("postgres://h/d".parse(), Ok(DatabaseUrl::Postgres(_))));
        assert!("mysql://h".parse::<DatabaseUrl>().is_err());
        assert!("headcount.db".parse::<DatabaseUrl>().is_err());
    }
}
