//! The one `SQLite` writer (floor 2): a thread that groups waiting writes into one commit.
//!
//! Each job but the first runs in a savepoint: each fails alone. Replies leave after the commit, so an acknowledged
//! write is on the disk. While one commit waits for the disk the queue fills by itself: no delay is
//! needed to get groups. Writers through a pool starve each other for seconds; one thread does not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::result::Error as DieselError;
use tokio::sync::oneshot;

use super::connection::{Connection, DatabaseUrl};
use super::{database_error, reply};
use crate::error::{Error, Result};

/// Jobs that may wait before clients are asked to come back.
const QUEUE: usize = 4_096;
/// Jobs in one commit at most.
const GROUP: usize = 128;

/// Tells a job's caller how the commit went.
type Acknowledge = Box<dyn FnOnce(std::result::Result<(), Arc<str>>) + Send>;
/// Does the work; whether it is kept, and whom to tell.
type Job = Box<dyn FnOnce(&mut Connection) -> (bool, Acknowledge) + Send>;

/// The handle to the writer thread; the thread ends when the last handle is gone.
pub(super) struct Writer {
    queue: Sender<Job>,
}

impl Writer {
    /// Opens the database and starts the thread.
    pub(super) fn start(url: &DatabaseUrl) -> Result<Self> {
        let connection = open(url)?;
        let (queue, jobs) = bounded::<Job>(QUEUE);
        let url = url.clone();
        std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || serve(connection, &jobs, &url))
            .map_err(Error::internal)?;
        Ok(Self { queue })
    }

    /// Runs `work` as a part of the next commit. The inner error is the work's own: nothing of
    /// it is kept then. The outer one is the writer's.
    pub(super) async fn submit<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> std::result::Result<T, E> + Send + 'static,
    ) -> Result<std::result::Result<T, E>> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A panic in one job ends neither the writer nor the other jobs of its group.
            let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)));
            let keep = matches!(outcome, Ok(Ok(_)));
            let outcome = outcome.map_err(|_| Arc::<str>::from("a write panicked"));
            let acknowledge: Acknowledge = Box::new(move |committed| {
                // A caller that went away does not want the reply.
                let _ = sender.send(committed.and(outcome));
            });
            (keep, acknowledge)
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::unavailable("Too many writes are waiting. Send the request again.", None),
            TrySendError::Disconnected(_) => Error::unavailable("The database writer has stopped.", None),
        })?;
        reply(receiver).await?.map_err(|why| {
            database_error(DieselError::DatabaseError(
                diesel::result::DatabaseErrorKind::Unknown,
                Box::new(why.to_string()),
            ))
        })
    }
}

fn open(url: &DatabaseUrl) -> Result<Connection> {
    let mut connection = Connection::open(url)
        .map_err(|source| Error::unavailable("The database cannot be opened.", Some(source.into())))?;
    connection
        .batch("PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864;")
        .map_err(database_error)?;
    Ok(connection)
}

fn serve(mut connection: Connection, jobs: &Receiver<Job>, url: &DatabaseUrl) {
    while let Ok(first) = jobs.recv() {
        let mut acknowledgements = Vec::new();
        let outcome = commit_group(&mut connection, first, jobs, &mut acknowledgements);
        let outcome = outcome.map_err(|error| {
            tracing::error!(error = %error, "a group of writes was not committed");
            Arc::<str>::from(error.to_string())
        });
        for acknowledge in acknowledgements {
            acknowledge(outcome.clone());
        }
        if outcome.is_err() {
            // Whatever state the connection is in, a new one has none.
            match open(url) {
                Ok(fresh) => connection = fresh,
                Err(error) => tracing::error!(error = %error, "the database cannot be opened again"),
            }
        }
    }
}

/// Runs `first` and what else waits in one transaction.
fn commit_group(
    connection: &mut Connection,
    first: Job,
    jobs: &Receiver<Job>,
    acknowledgements: &mut Vec<Acknowledge>,
) -> std::result::Result<(), DieselError> {
    let (mut next, mut has_writes) = (Some(first), false);
    while let Some(job) = next.take() {
        // A transaction as long as it holds nothing, for the job that is alone; else a savepoint.
        connection.begin()?;
        let (keep, acknowledge) = job(connection);
        acknowledgements.push(acknowledge);
        if !keep {
            connection.rollback()?;
        } else if has_writes {
            connection.commit()?;
        }
        has_writes |= keep;
        if acknowledgements.len() < GROUP {
            next = jobs.try_recv().ok();
        }
    }
    if has_writes { connection.commit() } else { Ok(()) }
}
