//! A write as data (floor 2): the statements of one use case, applied in one round trip.
//!
//! A use case plans on a read and hands over a [`Batch`]. SQLite runs its statements one by one
//! inside the writer's savepoint; PostgreSQL runs all of them as one statement with data-modifying
//! CTEs, which is its own transaction. A statement that must touch an exact number of rows and
//! does not makes the whole batch fail as [`Failure::Stale`], so nothing is half done.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::BigInt;

use super::connection::Connection;
use super::sql::{Rows, Sql};

/// Why a batch was not applied.
#[derive(Debug)]
pub enum Failure {
    /// What was planned on has changed: plan again.
    Stale,
    /// A constraint refused it, by name or by the columns SQLite tells.
    Constraint(String),
    /// Serialization failure, deadlock, lock time-out: the same again may work.
    Retry(DieselError),
    /// The database is away, full or broken.
    Database(DieselError),
}

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(kind, information) => match kind {
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::CheckViolation
                | DatabaseErrorKind::ForeignKeyViolation => {
                    let name = information.constraint_name().unwrap_or_else(|| information.message());
                    Self::Constraint(name.to_owned())
                }
                DatabaseErrorKind::SerializationFailure => Self::Retry(error),
                _ if information.message().contains("division by zero") => Self::Stale,
                _ if information.message().contains("deadlock detected") => Self::Retry(error),
                _ if information.message().contains("CHECK constraint failed") => {
                    Self::Constraint(information.message().to_owned())
                }
                _ => Self::Database(error),
            },
            _ => Self::Database(error),
        }
    }
}

/// Rows a short batch touches at most.
const SHORT: usize = 32;

enum Step {
    Any(Sql),
    Exactly(i64, Sql),
    Rows(Rows),
    /// A `SELECT` and how many rows it must find.
    Holds(i64, Sql),
    /// A `SELECT` that must find one row, and whose row it is by the table's name in it.
    Stays(Sql, &'static str),
}

/// The statements of one write. They must not depend on each other's effects and must not touch
/// the same row twice: in PostgreSQL all see the state before the batch.
#[derive(Default)]
pub struct Batch {
    steps: Vec<Step>,
    after: Vec<Sql>,
}

impl Batch {
    /// A statement that may touch any number of rows.
    pub fn run(&mut self, sql: Sql) {
        self.steps.push(Step::Any(sql));
    }

    /// A statement that must touch exactly one row, else the batch is stale.
    pub fn run_once(&mut self, sql: Sql) {
        self.steps.push(Step::Exactly(1, sql));
    }

    /// A statement that must touch exactly so many rows, else the batch is stale.
    pub fn run_exactly(&mut self, rows: usize, sql: Sql) {
        self.steps.push(Step::Exactly(i64::try_from(rows).unwrap_or(i64::MAX), sql));
    }

    /// A `SELECT` of an integer that must find exactly so many rows, else the batch is stale.
    pub fn expect(&mut self, rows: i64, sql: Sql) {
        self.steps.push(Step::Holds(rows, sql));
    }

    /// [`Batch::expect`] of what was there before anything else of the batch.
    pub fn expect_before(&mut self, rows: i64, sql: Sql) {
        self.steps.insert(0, Step::Holds(rows, sql));
    }

    /// A `SELECT` of an integer that must find one row of `table` before anything else of the batch, which nobody
    /// else changes until that is committed: what waits for another's commit sees what it has left.
    pub fn expect_stays(&mut self, sql: Sql, table: &'static str) {
        self.steps.insert(0, Step::Stays(sql, table));
    }

    /// A statement that runs when all others have, in the same transaction, and sees what they did and what
    /// anybody else has committed by then. On PostgreSQL it takes a round trip of its own.
    pub fn then(&mut self, sql: Sql) {
        self.after.push(sql);
    }

    /// Rows for one table; those for the same table travel together.
    pub fn insert(&mut self, rows: Rows) {
        if rows.rows.is_empty() {
            return;
        }
        let same = self.steps.iter_mut().find_map(|step| match step {
            Step::Rows(before) if before.goes_with(&rows) => Some(before),
            _ => None,
        });
        match same {
            Some(before) => before.rows.extend(rows.rows),
            None => self.steps.push(Step::Rows(rows)),
        }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.after.is_empty()
    }

    /// Whether it touches a few rows whose number is known.
    pub(super) fn is_short(&self) -> bool {
        let rows = |step: &Step| match step {
            Step::Any(_) => usize::MAX,
            Step::Exactly(rows, _) => usize::try_from(*rows).unwrap_or(usize::MAX),
            Step::Holds(..) | Step::Stays(..) => 1,
            Step::Rows(rows) => rows.rows.len(),
        };
        self.after.is_empty() && self.steps.iter().map(rows).fold(0, usize::saturating_add) <= SHORT
    }

    /// Applies all of it or nothing. On SQLite the caller's transaction makes it atomic.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn apply(self, connection: &mut Connection) -> Result<(), Failure> {
        let Self { steps, after } = self;
        if after.is_empty() {
            return Self { steps, after }.apply_steps(connection);
        }
        connection.transaction(|connection| {
            Self { steps, after: Vec::new() }.apply_steps(connection)?;
            for sql in after {
                sql.execute(connection)?;
            }
            Ok(())
        })
    }

    fn apply_steps(self, connection: &mut Connection) -> Result<(), Failure> {
        if self.steps.is_empty() {
            return Ok(());
        }
        if connection.is_sqlite() { self.apply_each(connection) } else { self.apply_as_one(connection) }
    }

    fn apply_each(self, connection: &mut Connection) -> Result<(), Failure> {
        for step in self.steps {
            match step {
                Step::Any(sql) => {
                    sql.execute(connection)?;
                }
                Step::Exactly(expected, sql) => {
                    if i64::try_from(sql.execute(connection)?).ok() != Some(expected) {
                        return Err(Failure::Stale);
                    }
                }
                Step::Holds(expected, sql) => find_exactly(connection, expected, sql)?,
                // The caller's transaction has the only lock there is.
                Step::Stays(sql, _) => find_exactly(connection, 1, sql)?,
                Step::Rows(rows) => {
                    for sql in rows.for_sqlite() {
                        sql.execute(connection)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn apply_as_one(self, connection: &mut Connection) -> Result<(), Failure> {
        use std::fmt::Write as _;
        let mut sql = Sql::new("WITH ");
        let mut check = String::new();
        for (position, step) in self.steps.into_iter().enumerate() {
            if position > 0 {
                sql.push(", ");
            }
            sql.push(&format!("s{position} AS ("));
            let (expected, step, end) = match step {
                Step::Any(step) => (None, step, " RETURNING 1)"),
                Step::Exactly(expected, step) => (Some(expected), step, " RETURNING 1)"),
                Step::Rows(rows) => (None, rows.for_postgres(), " RETURNING 1)"),
                Step::Holds(expected, step) => (Some(expected), step, ")"),
                Step::Stays(mut step, table) => {
                    step.push(" FOR SHARE OF ").push(table);
                    (Some(1), step, ")")
                }
            };
            sql.append(step).push(end);
            if let Some(expected) = expected {
                // The division fails, and with it the whole statement, unless the count is as expected.
                let _ = write!(
                    check,
                    " + 1 / (CASE WHEN (SELECT count(*) FROM s{position}) = {expected} THEN 1 ELSE 0 END)"
                );
            }
        }
        sql.push(" SELECT (0").push(&check).push(")::bigint");
        sql.load::<BigInt, i64>(connection)?;
        Ok(())
    }
}

fn find_exactly(connection: &mut Connection, expected: i64, sql: Sql) -> Result<(), Failure> {
    let found = sql.load::<BigInt, i64>(connection)?.len();
    if i64::try_from(found).ok() == Some(expected) { Ok(()) } else { Err(Failure::Stale) }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("steps", &self.steps.len()).field("after", &self.after.len()).finish()
    }
}
