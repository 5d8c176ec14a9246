//! Migrations (floor 2): the same names for both databases, embedded in the binary.

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::connection::Connection;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRESQL: EmbeddedMigrations = embed_migrations!("migrations/postgresql");

/// What went wrong with the schema.
pub type MigrationError = Box<dyn std::error::Error + Send + Sync>;

/// The database was made by a newer binary; this one would not understand it.
#[derive(Debug)]
pub struct Newer(String);

impl std::fmt::Display for Newer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "The database is newer than this binary: it has migration {}. Start the newer headcount.", self.0)
    }
}

impl std::error::Error for Newer {}

/// Brings the schema up to this binary; the names of what was applied. Processes that start at the
/// same time wait for each other.
///
/// # Errors
/// When a migration fails, or when the database is newer than this binary.
pub fn up(connection: &mut Connection) -> Result<Vec<String>, MigrationError> {
    refuse_newer(connection)?;
    match connection {
        Connection::Sqlite(sqlite) => {
            Ok(sqlite.run_pending_migrations(SQLITE)?.iter().map(ToString::to_string).collect())
        }
        Connection::Postgres(postgres) => {
            use diesel::connection::SimpleConnection as _;
            postgres.batch_execute("SELECT pg_advisory_lock(5241)")?;
            let done =
                postgres.run_pending_migrations(POSTGRESQL).map(|done| done.iter().map(ToString::to_string).collect());
            postgres.batch_execute("SELECT pg_advisory_unlock(5241)")?;
            done
        }
    }
}

/// Takes everything back; for tests of the down scripts.
///
/// # Errors
/// When a down script fails.
pub fn down(connection: &mut Connection) -> Result<(), MigrationError> {
    match connection {
        Connection::Sqlite(sqlite) => sqlite.revert_all_migrations(SQLITE).map(drop),
        Connection::Postgres(postgres) => postgres.revert_all_migrations(POSTGRESQL).map(drop),
    }
}

/// Whether the schema is the one this binary was built for.
///
/// # Errors
/// When the database does not answer.
pub fn is_current(connection: &mut Connection) -> Result<bool, MigrationError> {
    match connection {
        Connection::Sqlite(sqlite) => Ok(!sqlite.has_pending_migration(SQLITE)?),
        Connection::Postgres(postgres) => Ok(!postgres.has_pending_migration(POSTGRESQL)?),
    }
}

fn refuse_newer(connection: &mut Connection) -> Result<(), MigrationError> {
    let (applied, known) = match connection {
        Connection::Sqlite(sqlite) => {
            (versions(sqlite.applied_migrations()?), names(MigrationSource::<Sqlite>::migrations(&SQLITE)?))
        }
        Connection::Postgres(postgres) => {
            (versions(postgres.applied_migrations()?), names(MigrationSource::<Pg>::migrations(&POSTGRESQL)?))
        }
    };
    match applied.iter().find(|version| !known.contains(version)) {
        Some(version) => Err(Box::new(Newer(version.clone()))),
        None => Ok(()),
    }
}

fn versions(applied: Vec<MigrationVersion<'_>>) -> Vec<String> {
    applied.iter().map(ToString::to_string).collect()
}

fn names<DB: Backend>(migrations: Vec<Box<dyn Migration<DB>>>) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().version().to_string()).collect()
}
