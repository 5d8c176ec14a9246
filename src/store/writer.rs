//! The one `SQLite` writer (floor 2): waiting writes are grouped into one commit.
//!
//! Each job but the first runs in a savepoint: each fails alone. Replies leave after the commit, so an acknowledged
//! write is on the disk. While one commit waits for the disk the queue fills by itself: no delay is
//! needed to get groups. Writers through a pool starve each other for seconds; one connection does not.
//!
//! A thread of its own commits. A short write that nobody else writes beside is committed where it is
//! called, which spares the thread's waking and the caller's: as long as the disk is quick and no other
//! process has the lock, so that neither holds up a thread that answers requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::result::Error as DieselError;
use tokio::sync::oneshot;

use super::connection::{Connection, DatabaseUrl};
use super::{database_error, reply};
use crate::error::{Error, Result};

/// Jobs that may wait before clients are asked to come back.
const QUEUE: usize = 4_096;
/// How long the writer's thread waits for another process to let go of the lock: milliseconds.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 10000";
/// Jobs in one commit at most.
const GROUP: usize = 128;

/// Tells a job's caller how the commit went.
type Acknowledge = Box<dyn FnOnce(std::result::Result<(), Arc<str>>) + Send>;
/// Does the work in a transaction, or is told why there is none; whether it is kept, and whom to tell.
type Job = Box<dyn FnOnce(std::result::Result<&mut Connection, Arc<str>>) -> (bool, Acknowledge) + Send>;

/// How long a write may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// A few rows that are known.
    Short,
    Unknown,
}

/// Whoever has the writer's connection.
type Held<'d> = MutexGuard<'d, Option<Connection>>;

/// A disk is quick as long as the last commit took no longer than this.
const QUICK: Duration = Duration::from_millis(2);

/// The handle to the writer; its thread ends when the last handle is gone.
pub(super) struct Writer {
    queue: Sender<Job>,
    /// Writes that are not acknowledged yet.
    open: AtomicUsize,
    desk: Arc<Desk>,
}

/// What whoever commits holds.
struct Desk {
    url: DatabaseUrl,
    /// None when it failed and could not be opened again yet.
    connection: Mutex<Option<Connection>>,
    /// Microseconds the last group took.
    last: AtomicU64,
}

impl Writer {
    /// Opens the database and starts the thread.
    pub(super) fn start(url: &DatabaseUrl) -> Result<Self> {
        let connection = Mutex::new(Some(open(url)?));
        // Until something is known of the disk it counts as slow.
        let desk = Arc::new(Desk { url: url.clone(), connection, last: AtomicU64::new(u64::MAX) });
        let (queue, jobs) = bounded::<Job>(QUEUE);
        let shared = Arc::clone(&desk);
        std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                while let Ok(first) = jobs.recv() {
                    shared.serve(first, &jobs);
                }
            })
            .map_err(Error::internal)?;
        Ok(Self { queue, open: AtomicUsize::new(0), desk })
    }

    /// Runs `work` as a part of the next commit. The inner error is the work's own: nothing of
    /// it is kept then. The outer one is the writer's.
    pub(super) async fn submit<T: Send + 'static, E: Send + 'static>(
        &self,
        length: Length,
        work: impl FnOnce(&mut Connection) -> std::result::Result<T, E> + Send + 'static,
    ) -> Result<std::result::Result<T, E>> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |begun| {
            // A panic in one job ends neither the writer nor the other jobs of its group.
            let run = |connection: &mut Connection| catch_unwind(AssertUnwindSafe(|| work(connection)));
            let outcome = begun.and_then(|connection| run(connection).map_err(|_| Arc::from("a write panicked")));
            let keep = matches!(outcome, Ok(Ok(_)));
            let acknowledge: Acknowledge = Box::new(move |committed| {
                // A caller that went away does not want the reply.
                let _ = sender.send(committed.and(outcome));
            });
            (keep, acknowledge)
        });
        let _open = Open::count(&self.open);
        if length == Length::Short && self.desk.is_quick() {
            // Whoever else on this thread has something to write says so before this goes on.
            tokio::task::yield_now().await;
        }
        match self.desk.begin_at_once(length, &self.open) {
            Some(connection) => self.desk.commit(connection, job, &crossbeam_channel::never()),
            None => self.queue.try_send(job).map_err(|error| match error {
                TrySendError::Full(_) => {
                    Error::unavailable("Too many writes are waiting. Send the request again.", None)
                }
                TrySendError::Disconnected(_) => Error::unavailable("The database writer has stopped.", None),
            })?,
        }
        reply(receiver).await?.map_err(|why| {
            database_error(DieselError::DatabaseError(
                diesel::result::DatabaseErrorKind::Unknown,
                Box::new(why.to_string()),
            ))
        })
    }
}

/// Counts a write as open until it is dropped.
struct Open<'w>(&'w AtomicUsize);

impl<'w> Open<'w> {
    fn count(open: &'w AtomicUsize) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn open(url: &DatabaseUrl) -> Result<Connection> {
    let mut connection = Connection::open(url)
        .map_err(|source| Error::unavailable("The database cannot be opened.", Some(source.into())))?;
    connection
        .batch(BUSY_TIMEOUT)
        .and_then(|()| {
            connection.batch(
                "PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864;",
            )
        })
        .map_err(database_error)?;
    Ok(connection)
}

impl Desk {
    fn is_quick(&self) -> bool {
        u128::from(self.last.load(Ordering::Relaxed)) <= QUICK.as_micros()
    }

    /// The connection in a transaction, where a write of this length may be committed by its caller: the only
    /// one that is open, and nobody else has the lock.
    fn begin_at_once(&self, length: Length, open: &AtomicUsize) -> Option<Held<'_>> {
        if length != Length::Short || !self.is_quick() || open.load(Ordering::Relaxed) != 1 {
            return None;
        }
        let mut held = match self.connection.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let connection = held.as_mut()?;
        // Whatever fails here fails again on the writer's thread, which can wait and open another.
        connection.batch("PRAGMA busy_timeout = 0").ok()?;
        let begun = connection.begin().is_ok();
        if connection.batch(BUSY_TIMEOUT).is_err() {
            // It must not be used on with a transaction that nobody commits.
            *held = None;
            return None;
        }
        begun.then_some(held)
    }

    /// Begins a transaction on the writer's thread, waiting for other processes, and commits.
    fn serve(&self, first: Job, jobs: &Receiver<Job>) {
        let mut held = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = match &mut *held {
            Some(connection) => connection.begin().map_err(|error| error.to_string()),
            None => Err("unable to open database file".to_owned()),
        };
        match begun {
            Ok(()) => self.commit(held, first, jobs),
            Err(why) => {
                self.open_again(&mut held);
                drop(held);
                let why = Arc::<str>::from(why);
                tracing::error!(error = %why, "a transaction was not begun");
                let (_, acknowledge) = first(Err(Arc::clone(&why)));
                acknowledge(Err(why));
            }
        }
    }

    /// Commits a job and what else waits, and tells their callers. The transaction has begun.
    fn commit(&self, mut held: Held<'_>, first: Job, jobs: &Receiver<Job>) {
        let (mut acknowledgements, began) = (Vec::new(), Instant::now());
        let outcome = match &mut *held {
            Some(connection) => commit_group(connection, first, jobs, &mut acknowledgements),
            None => Err(DieselError::NotInTransaction),
        };
        let outcome = outcome.map_err(|error| {
            tracing::error!(error = %error, "a group of writes was not committed");
            Arc::<str>::from(error.to_string())
        });
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(micros, Ordering::Relaxed);
        if outcome.is_err() {
            self.open_again(&mut held);
        }
        // Whoever is told may commit next.
        drop(held);
        for acknowledge in acknowledgements {
            acknowledge(outcome.clone());
        }
    }

    /// Whatever state the connection is in, a new one has none: in what is left of a transaction a later
    /// group would be acknowledged without being committed.
    fn open_again(&self, held: &mut Held<'_>) {
        **held = open(&self.url)
            .inspect_err(|error| tracing::error!(error = %error, "the database cannot be opened again"))
            .ok();
    }
}

/// Runs `first` and what else waits in one transaction, which has begun.
fn commit_group(
    connection: &mut Connection,
    first: Job,
    jobs: &Receiver<Job>,
    acknowledgements: &mut Vec<Acknowledge>,
) -> std::result::Result<(), DieselError> {
    let (mut next, mut has_writes) = (Some(first), false);
    while let Some(job) = next.take() {
        let (keep, acknowledge) = job(Ok(&mut *connection));
        acknowledgements.push(acknowledge);
        if !keep {
            connection.rollback()?;
        } else if has_writes {
            connection.commit()?;
        }
        has_writes |= keep;
        if acknowledgements.len() == GROUP {
            break;
        }
        if let Ok(job) = jobs.try_recv() {
            // A transaction as long as it holds nothing, else a savepoint.
            if let Err(error) = connection.begin() {
                acknowledgements.push(job(Err(error.to_string().into())).1);
                return Err(error);
            }
            next = Some(job);
        }
    }
    if has_writes { connection.commit() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The thread a write runs on.
    async fn thread_of(writer: &Writer, length: Length, last: u64) -> Option<String> {
        writer.desk.last.store(last, Ordering::Relaxed);
        let name = |_: &mut Connection| Ok::<_, ()>(std::thread::current().name().map(str::to_owned));
        writer.submit(length, name).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn only_a_short_write_that_is_alone_on_a_quick_disk_runs_where_it_is_called() {
        let writer = Writer::start(&DatabaseUrl::Sqlite(":memory:".into())).unwrap();
        let here = std::thread::current().name().map(str::to_owned);
        let there = Some("sqlite-writer".to_owned());
        let first = writer.submit(Length::Short, |_| Ok::<_, ()>(std::thread::current().name().map(str::to_owned)));
        assert_eq!(first.await.unwrap().unwrap(), there, "nothing is known of the disk yet");
        assert_eq!(thread_of(&writer, Length::Short, 0).await, here);
        assert_eq!(thread_of(&writer, Length::Unknown, 0).await, there);
        assert_eq!(thread_of(&writer, Length::Short, u64::MAX).await, there);
        let other = Open::count(&writer.open);
        assert_eq!(thread_of(&writer, Length::Short, 0).await, there);
        drop(other);
        assert_eq!(thread_of(&writer, Length::Short, 0).await, here, "the other is done");
    }

    #[tokio::test]
    async fn what_a_caller_commits_itself_is_undone_when_it_fails() {
        let writer = Writer::start(&DatabaseUrl::Sqlite(":memory:".into())).unwrap();
        let create = |connection: &mut Connection| connection.batch("CREATE TABLE t (a INTEGER)");
        writer.submit(Length::Unknown, create).await.unwrap().unwrap();
        for (keep, expected) in [(false, 0), (true, 1)] {
            writer.desk.last.store(0, Ordering::Relaxed);
            let insert = move |connection: &mut Connection| {
                connection.batch("INSERT INTO t VALUES (1)").map_err(drop)?;
                if keep { Ok(()) } else { Err(()) }
            };
            assert_eq!(writer.submit(Length::Short, insert).await.unwrap(), if keep { Ok(()) } else { Err(()) });
            let count = |connection: &mut Connection| {
                crate::store::sql::Sql::new("SELECT count(*) FROM t")
                    .first::<diesel::sql_types::BigInt, i64>(connection)
            };
            assert_eq!(writer.submit(Length::Unknown, count).await.unwrap().unwrap(), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_lock_of_another_process_holds_up_no_caller() {
        let path = std::env::temp_dir().join(format!("headcount-writer-{}.db", std::process::id()));
        let url = DatabaseUrl::Sqlite(path.clone());
        let writer = Writer::start(&url).unwrap();
        let mut other = open(&url).unwrap();
        other.begin().unwrap();
        writer.desk.last.store(0, Ordering::Relaxed);
        assert!(writer.desk.begin_at_once(Length::Short, &AtomicUsize::new(1)).is_none(), "at once, without waiting");
        other.rollback().unwrap();
        let mut held = writer.desk.begin_at_once(Length::Short, &AtomicUsize::new(1)).unwrap();
        held.as_mut().unwrap().rollback().unwrap();
        drop(held);
        drop((other, writer));
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }

    #[tokio::test]
    async fn a_write_that_finds_no_transaction_is_told_so() {
        let writer = Writer::start(&DatabaseUrl::Sqlite(":memory:".into())).unwrap();
        *writer.desk.connection.lock().unwrap() = None;
        let error = writer.submit(Length::Unknown, |_| Ok::<_, ()>(())).await.unwrap_err();
        assert_eq!(error.code, crate::error::Code::Unavailable, "{error:?}");
        writer.submit(Length::Unknown, |_| Ok::<_, ()>(())).await.unwrap().expect("it was opened again");
    }
}
