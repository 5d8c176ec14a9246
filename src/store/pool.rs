//! `PostgreSQL` connections (floor 2): an r2d2 pool, a semaphore in front so that no thread waits
//! for a connection, and the blocking pool for the round trips.

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use tokio::sync::Semaphore;

use super::Options;
use super::connection::{Connection, DatabaseUrl};
use crate::error::{Code, Error, Result};

/// A pooled connection and whether it is still good.
struct Pooled {
    connection: Connection,
    broken: bool,
}

struct Manager(DatabaseUrl);

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = diesel::ConnectionError;

    fn connect(&self) -> std::result::Result<Pooled, diesel::ConnectionError> {
        Connection::open(&self.0).map(|connection| Pooled { connection, broken: false })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> std::result::Result<(), diesel::ConnectionError> {
        if let Connection::Postgres(postgres) = &mut pooled.connection {
            postgres.batch_execute("SELECT 1").map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.broken
    }
}

pub(super) struct PostgresPool {
    pool: r2d2::Pool<Manager>,
    places: Arc<Semaphore>,
    timeout: Duration,
}

impl PostgresPool {
    /// Opens no connection yet: the service starts while the database is away.
    pub(super) fn new(options: &Options) -> Self {
        let cores = u32::try_from(std::thread::available_parallelism().map_or(2, usize::from)).unwrap_or(2);
        let size = if options.pool_size == 0 { 4 * cores } else { options.pool_size };
        let pool = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            // A check on every checkout costs a round trip; a broken connection is thrown away when it shows.
            .test_on_check_out(false)
            .connection_timeout(options.timeout)
            .build_unchecked(Manager(options.url.clone()));
        Self { pool, places: Arc::new(Semaphore::new(size as usize)), timeout: options.timeout }
    }

    /// Runs `work` with a connection on the blocking pool.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = tokio::time::timeout(self.timeout, Arc::clone(&self.places).acquire_owned())
            .await
            .map_err(|_| Error::unavailable("The database is busy. Send the request again.", None))?
            .map_err(Error::internal)?;
        let pool = self.pool.clone();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let mut pooled = pool.get().map_err(|source| {
                Error::unavailable(
                    "The database does not answer right now. Nothing was changed. Send the request again.",
                    Some(source.into()),
                )
            })?;
            // Broken until proven good: a panic in `work` leaves it so.
            pooled.broken = true;
            let outcome = work(&mut pooled.connection);
            pooled.broken = matches!(&outcome, Err(error) if matches!(error.code, Code::Unavailable | Code::Internal));
            outcome
        })
        .await
        .map_err(Error::internal)?
    }
}
