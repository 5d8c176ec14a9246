//! PostgreSQL connections (floor 2): an r2d2 pool, a semaphore in front so that no thread waits
//! for a connection, and the blocking pool for the round trips.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use tokio::sync::Semaphore;

use super::Options;
use super::connection::{Connection, DatabaseUrl};
use crate::error::{Code, Error, Result};

/// A pooled connection, whether it is still good, and the epoch it was opened in.
struct Pooled {
    connection: Connection,
    broken: bool,
    epoch: u64,
}

struct Manager {
    url: DatabaseUrl,
    state: Arc<State>,
}

/// What one request's bad luck tells the next.
#[derive(Default)]
struct State {
    /// Rises when a connection turns out to be dead: those opened before are likely dead too.
    epoch: AtomicU64,
    /// The last attempt to connect failed, so the next one is not waited for as long.
    away: AtomicBool,
    /// Jobs that ran.
    jobs: AtomicU64,
}

/// The planner knows nothing of a new database until the server's own housekeeping has looked at it,
/// which may take a minute. Until then it takes the tables for a page each and walks an organization
/// where it should look up a key: a first synchronization would slow down with every user.
const TELL_THE_PLANNER: &str = "DO $$ DECLARE grown regclass; BEGIN
    FOR grown IN SELECT oid::regclass FROM pg_class WHERE oid IN
        ('resources'::regclass, 'members'::regclass, 'attribute_values'::regclass, 'group_members'::regclass)
        AND pg_relation_size(oid) > 4 * 8192 * relpages::bigint
    LOOP
        EXECUTE 'ANALYZE ' || grown;
    END LOOP;
END $$";

/// The first job after which it is looked whether the planner has to be told; then after twice as many, and so on.
const FIRST_LOOK: u64 = 8;

/// How long a request waits for a connection while the database is known to be away: the pool goes
/// on trying behind it, and a thread that waits for nothing serves nobody.
const PATIENCE_WHILE_AWAY: Duration = Duration::from_millis(200);

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = diesel::ConnectionError;

    fn connect(&self) -> std::result::Result<Pooled, diesel::ConnectionError> {
        let epoch = self.state.epoch.load(Ordering::SeqCst);
        Connection::open(&self.url).map(|connection| Pooled { connection, broken: false, epoch })
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
    state: Arc<State>,
}

impl PostgresPool {
    /// Opens no connection yet: the service starts while the database is away.
    pub(super) fn new(options: &Options) -> Self {
        let cores = u32::try_from(std::thread::available_parallelism().map_or(2, usize::from)).unwrap_or(2);
        let size = if options.pool_size == 0 { 4 * cores } else { options.pool_size };
        let state = Arc::new(State::default());
        let pool = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            // A check on every checkout costs a round trip; a broken connection is thrown away when it shows.
            .test_on_check_out(false)
            .connection_timeout(options.timeout)
            .build_unchecked(Manager { url: options.url.clone(), state: Arc::clone(&state) });
        Self { pool, places: Arc::new(Semaphore::new(size as usize)), timeout: options.timeout, state }
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
        let (pool, state, timeout) = (self.pool.clone(), Arc::clone(&self.state), self.timeout);
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let mut pooled = checkout(&pool, &state, timeout)?;
            // Broken until proven good: a panic in `work` leaves it so.
            pooled.broken = true;
            let outcome = work(&mut pooled.connection);
            pooled.broken = match &outcome {
                Err(error) if error.code == Code::Internal => true,
                Err(error) if error.code == Code::Unavailable => is_dead(&mut pooled, &state),
                _ => false,
            };
            outcome
        })
        .await
        .map_err(Error::internal)?
        .inspect(|_| self.count())
    }

    /// Counts a job, and now and then has the planner told how the tables have grown; nobody waits for it.
    fn count(&self) {
        let jobs = self.state.jobs.fetch_add(1, Ordering::Relaxed) + 1;
        if jobs < FIRST_LOOK || !jobs.is_power_of_two() {
            return;
        }
        let pool = self.pool.clone();
        tokio::task::spawn_blocking(move || {
            let Ok(mut pooled) = pool.get() else { return };
            let Connection::Postgres(postgres) = &mut pooled.connection else { return };
            if let Err(error) = postgres.batch_execute(TELL_THE_PLANNER) {
                tracing::warn!(error = %error, "the planner was not told how the tables have grown");
                pooled.broken = true;
            }
        });
    }
}

/// A connection that is not known to be dead.
fn checkout(pool: &r2d2::Pool<Manager>, state: &State, timeout: Duration) -> Result<r2d2::PooledConnection<Manager>> {
    loop {
        let patience = if state.away.load(Ordering::SeqCst) { PATIENCE_WHILE_AWAY.min(timeout) } else { timeout };
        let connected = pool.get_timeout(patience);
        state.away.store(connected.is_err(), Ordering::SeqCst);
        let mut pooled = connected.map_err(|source| {
            Error::unavailable(
                "The database does not answer right now. Nothing was changed. Send the request again.",
                Some(source.into()),
            )
        })?;
        if pooled.epoch == state.epoch.load(Ordering::SeqCst) {
            return Ok(pooled);
        }
        pooled.broken = true;
    }
}

/// Whether the connection is gone. If so, those that were opened before now are not used again:
/// after a restart of the database one request pays for it, not as many as there are connections.
fn is_dead(pooled: &mut Pooled, state: &State) -> bool {
    let Connection::Postgres(postgres) = &mut pooled.connection else { return true };
    let dead = postgres.batch_execute("SELECT 1").is_err();
    if dead && pooled.epoch == state.epoch.load(Ordering::SeqCst) {
        state.epoch.fetch_add(1, Ordering::SeqCst);
    }
    dead
}
