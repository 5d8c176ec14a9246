//! Storage (floor 2): Diesel on SQLite and PostgreSQL behind one [`Store`]. It stores; it decides nothing.
//!
//! `read` answers a bounded read where it is called (SQLite) or on the blocking pool (PostgreSQL).
//! `write` takes a plan: a function from a connection to a [`Batch`] and an answer. It is planned on
//! a read and applied in one go; when what it saw has changed, it is planned again under the lock.

pub mod batch;
pub mod connection;
mod failure;
pub mod migrate;
mod pool;
pub mod sql;
mod values;
mod writer;

pub mod acquaintances;
pub mod api_keys;
pub mod associated_domains;
pub mod audit_events;
pub mod billing_events;
pub mod billing_operations;
pub mod checkouts;
pub mod filter_sql;
pub mod group_members;
pub mod idempotency_keys;
pub mod identities;
pub mod invitations;
pub mod invoices;
pub mod join_requests;
pub mod known_keys;
pub mod logout_tokens;
pub mod members;
pub mod memberships;
pub mod one_time_links;
pub mod organizations;
pub mod outbox;
pub mod proven_sign_ins;
pub mod provisioning_clients;
pub mod provisioning_entries;
pub mod provisioning_log;
pub mod provisioning_tokens;
pub mod purge;
pub mod recovery_codes;
pub mod removed_members;
pub mod resources;
pub mod retention;
pub mod role_mappings;
pub mod roster;
pub mod session_check;
pub mod sessions;
pub mod sign_ins;
pub mod subscriptions;
pub mod unique_values;
pub mod webhook_deliveries;
pub mod webhook_endpoints;

use std::cell::RefCell;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use self::batch::{Batch, Failure};
use self::connection::{Connection, DatabaseUrl};
use self::failure::{Abort, failure_error};
use self::pool::PostgresPool;
use self::sql::Sql;
use self::writer::{Length, Writer};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::EventId;

pub use self::failure::database_error;

/// What the store is told.
#[derive(Clone, Debug)]
pub struct Options {
    pub url: DatabaseUrl,
    /// PostgreSQL connections; 0 = twice the cores.
    pub pool_size: u32,
    /// How long a request waits for a connection before it is answered 503.
    pub timeout: Duration,
}

/// A plan's outcome: what to write and what to answer once it is written.
#[derive(Debug)]
pub struct Planned<T> {
    pub batch: Batch,
    pub answer: T,
}

/// The database.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

enum Inner {
    Sqlite { url: DatabaseUrl, writer: Writer },
    Postgres(PostgresPool),
}

/// How often a write is planned again before the client is asked to come back.
const ATTEMPTS: usize = 8;

thread_local! {
    /// One SQLite read connection per thread and store: point reads run where they are called.
    static READERS: RefCell<Vec<(Weak<Inner>, Connection)>> = const { RefCell::new(Vec::new()) };
}

impl Store {
    /// Opens the database. SQLite's directory is created when it is missing.
    ///
    /// # Errors
    /// `unavailable` when the database cannot be opened.
    pub fn open(options: &Options) -> Result<Self> {
        let inner = match &options.url {
            DatabaseUrl::Sqlite(path) => {
                if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
                    // Documents hold people's data: what is made here is for the service's user alone.
                    let mut builder = std::fs::DirBuilder::new();
                    builder.recursive(true).mode(0o700).create(directory).map_err(|source| {
                        let error =
                            Error::unavailable("The directory of the database cannot be made.", Some(source.into()));
                        naming(directory, error)
                    })?;
                }
                Inner::Sqlite {
                    url: options.url.clone(),
                    writer: Writer::start(&options.url).map_err(|error| naming(path, error))?,
                }
            }
            DatabaseUrl::Postgres(_) => Inner::Postgres(PostgresPool::new(options)),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Runs a bounded read: a few rows by key, one page.
    ///
    /// # Errors
    /// Those of `work`; `unavailable` when the database is away.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &*self.0 {
            Inner::Sqlite { .. } => self.read_here(work),
            Inner::Postgres(pool) => pool.run(work).await,
        }
    }

    /// Runs a read that may look at many rows, away from the threads that answer requests.
    ///
    /// # Errors
    /// Those of `work`; `unavailable` when the database is away.
    pub async fn scan<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &*self.0 {
            Inner::Sqlite { .. } => {
                let store = self.clone();
                tokio::task::spawn_blocking(move || store.read_here(work)).await.map_err(Error::internal)?
            }
            Inner::Postgres(pool) => pool.run(work).await,
        }
    }

    /// Plans a write on a read and applies it in one go. The plan runs again when what it saw has
    /// changed, so it must have no effect but its answer.
    ///
    /// # Errors
    /// Those of the plan; `unavailable` when the database is away or the writer is overloaded.
    pub async fn write<T: Send + 'static>(
        &self,
        plan: impl Fn(&mut Connection) -> Result<Planned<T>> + Send + Sync + 'static,
    ) -> Result<T> {
        match &*self.0 {
            Inner::Sqlite { writer, .. } => {
                let Planned { batch, answer } = self.read_here(&plan)?;
                if batch.is_empty() {
                    return Ok(answer);
                }
                let length = if batch.is_short() { Length::Short } else { Length::Unknown };
                match writer.submit(length, move |connection| batch.apply(connection).map(|()| answer)).await? {
                    Ok(answer) => Ok(answer),
                    Err(Failure::Stale | Failure::Constraint(_) | Failure::Retry(_)) => {
                        self.transaction(move |connection| run(connection, &plan)).await
                    }
                    Err(failure) => Err(failure_error(failure)),
                }
            }
            Inner::Postgres(pool) => {
                pool.run(move |connection| {
                    for _ in 0..ATTEMPTS {
                        let Planned { batch, answer } = plan(connection)?;
                        match batch.apply(connection) {
                            Ok(()) => return Ok(answer),
                            Err(Failure::Stale | Failure::Constraint(_) | Failure::Retry(_)) => {}
                            Err(failure) => return Err(failure_error(failure)),
                        }
                    }
                    connection
                        .transaction(|connection| run(connection, &plan).map_err(Abort::from))
                        .map_err(Abort::into_error)
                })
                .await
            }
        }
    }

    /// Runs `work` in one transaction that holds the write lock (SQLite) or an ordinary one (PostgreSQL).
    ///
    /// # Errors
    /// Those of `work`; nothing is kept then.
    pub async fn transaction<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Connection) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        match &*self.0 {
            Inner::Sqlite { writer, .. } => {
                let work = move |connection: &mut Connection| work(connection).map_err(Box::new);
                match writer.submit(Length::Unknown, work).await? {
                    Ok(value) => Ok(value),
                    Err(error) => Err(*error),
                }
            }
            Inner::Postgres(pool) => {
                pool.run(move |connection| {
                    connection
                        .transaction(|connection| work(connection).map_err(Abort::from))
                        .map_err(Abort::into_error)
                })
                .await
            }
        }
    }

    /// Brings the schema up to this binary; the names of what was applied.
    ///
    /// # Errors
    /// `unavailable` when the database is away or a migration fails; `conflict` when the database is
    /// newer than this binary.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let failed = |source: migrate::MigrationError| match source.downcast::<migrate::Newer>() {
            Ok(newer) => Error::new(Code::Conflict, newer.to_string()),
            Err(source) => {
                Error::unavailable("The database's schema cannot be brought up to this binary.", Some(source))
            }
        };
        match &*self.0 {
            Inner::Sqlite { url, .. } => {
                // Migrations bring their own transactions, so they do not go through the writer's.
                let mut connection = Connection::open(url)
                    .map_err(|source| Error::unavailable("The database cannot be opened.", Some(source.into())))?;
                migrate::up(&mut connection).map_err(failed)
            }
            Inner::Postgres(pool) => pool.run(move |connection| migrate::up(connection).map_err(failed)).await,
        }
    }

    /// Whether writes that wait at the same time go into one commit, whoever asks for them.
    #[must_use]
    pub fn commits_together(&self) -> bool {
        matches!(*self.0, Inner::Sqlite { .. })
    }

    /// Whether a database that is away may come back while this process runs.
    #[must_use]
    pub fn may_come_back(&self) -> bool {
        matches!(&*self.0, Inner::Postgres(_))
    }

    fn read_here<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let Inner::Sqlite { url, .. } = &*self.0 else {
            return Err(Error::internal("read_here is for SQLite"));
        };
        READERS.with_borrow_mut(|readers| {
            let found = readers.iter().position(|(owner, _)| std::ptr::eq(owner.as_ptr(), Arc::as_ptr(&self.0)));
            let position = if let Some(position) = found {
                position
            } else {
                readers.retain(|(owner, _)| owner.strong_count() > 0);
                let mut connection = Connection::open(url)
                    .map_err(|source| Error::unavailable("The database cannot be opened.", Some(source.into())))?;
                connection.batch("PRAGMA query_only = ON").map_err(database_error)?;
                readers.push((Arc::downgrade(&self.0), connection));
                readers.len() - 1
            };
            work(&mut readers[position].1)
        })
    }
}

/// The operator is told which file it is about; a client never is.
fn naming(path: &std::path::Path, error: Error) -> Error {
    let cause = error.source.map(|source| source.to_string()).unwrap_or_default();
    Error { source: Some(format!("{}: {cause}", path.display()).into()), ..error }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &*self.0 {
            Inner::Sqlite { .. } => "Store(SQLite)",
            Inner::Postgres(_) => "Store(PostgreSQL)",
        })
    }
}

/// Plans and applies inside the caller's transaction.
///
/// # Errors
/// Those of the plan, and what the database refuses.
pub fn run<T>(connection: &mut Connection, plan: impl Fn(&mut Connection) -> Result<Planned<T>>) -> Result<T> {
    let Planned { batch, answer } = plan(connection)?;
    batch.apply(connection).map_err(failure_error)?;
    Ok(answer)
}

/// Plans and applies inside the caller's transaction, leaving the rest of it as it is when the plan is
/// refused. On PostgreSQL that takes a savepoint, and what others changed meanwhile is planned anew.
///
/// # Errors
/// Those of the plan; `internal` or `unavailable` when the database refuses what was planned.
pub fn nested<T>(connection: &mut Connection, plan: impl Fn(&mut Connection) -> Result<Planned<T>>) -> Result<T> {
    if connection.is_sqlite() {
        // The plan is made under the write lock and writes nothing, so there is nothing to undo
        // when it is refused and nothing that can have changed when it is not.
        let Planned { batch, answer } = plan(connection)?;
        return match batch.apply(connection) {
            Ok(()) => Ok(answer),
            Err(Failure::Database(error)) => Err(database_error(error)),
            Err(failure) => Err(Error::internal(format!("a plan made under the lock was refused: {failure:?}"))),
        };
    }
    let mut attempt = || {
        connection.transaction(|connection| {
            let Planned { batch, answer } = plan(connection)?;
            batch.apply(connection).map_err(Abort::Failure)?;
            Ok(answer)
        })
    };
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(Abort::Failure(Failure::Stale | Failure::Constraint(_) | Failure::Retry(_))) => {}
            outcome => return outcome.map_err(Abort::into_error),
        }
    }
    attempt().map_err(Abort::into_error)
}

/// Narrows rows that are in the order of their ids, which tell when they were made, to a time. The bounds of the
/// ids save a look at the others; they leave an hour for a clock that has stepped back.
fn push_time(sql: &mut Sql, from: Option<i64>, to: Option<i64>) {
    const SLACK: Duration = Duration::from_hours(1);
    if let Some(from) = from {
        sql.push(" AND id >= ").push_bind(EventId::first_at(Timestamp(from)));
        sql.push(" AND at >= ").push_bind(from);
    }
    if let Some(to) = to {
        sql.push(" AND id < ").push_bind(EventId::first_at(Timestamp(to).plus(SLACK)));
        sql.push(" AND at < ").push_bind(to);
    }
}

/// A text in a pattern of LIKE whose escape is the backslash.
fn plain(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Waits for a reply that the other side may have dropped.
async fn reply<T>(receiver: oneshot::Receiver<T>) -> Result<T> {
    receiver.await.map_err(|_| Error::unavailable("The service is stopping. Send the request again.", None))
}
