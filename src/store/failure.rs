//! What ends a transaction, and what a client is told of it.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::batch::Failure;
use crate::error::{Code, Error};

/// Carries what ends a transaction through Diesel's, which wants its own error type too.
pub(super) enum Abort {
    Error(Box<Error>),
    Failure(Failure),
}

impl From<DieselError> for Abort {
    fn from(error: DieselError) -> Self {
        Self::Error(Box::new(database_error(error)))
    }
}

impl From<Error> for Abort {
    fn from(error: Error) -> Self {
        Self::Error(Box::new(error))
    }
}

impl Abort {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Error(error) => *error,
            Self::Failure(failure) => failure_error(failure),
        }
    }
}

/// What a client is told of a database failure.
#[must_use]
pub fn database_error(error: DieselError) -> Error {
    let message = error.to_string();
    // SQLite tells a full file system apart from a quota or a limit on files, which it calls an I/O error.
    if ["disk is full", "No space left", "disk I/O error"].iter().any(|sign| message.contains(sign)) {
        return Error::unavailable(
            "The storage does not take this write: it is full or failing. Nothing was changed. \
             The operator has to make room.",
            Some(error.into()),
        );
    }
    let away = match &error {
        DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _) | DieselError::BrokenTransactionManager => {
            true
        }
        DieselError::DatabaseError(_, _) => [
            "server closed the connection",
            "no connection to the server",
            "terminating connection",
            "database is locked",
            "unable to open database file",
            "the database system is",
            "connection to server",
        ]
        .iter()
        .any(|sign| message.contains(sign)),
        _ => false,
    };
    if away {
        return Error::unavailable(
            "The database does not answer right now. Nothing was changed. Send the request again.",
            Some(error.into()),
        );
    }
    Error::internal(error)
}

/// What a client is told when a batch is refused.
pub(super) fn failure_error(failure: Failure) -> Error {
    match failure {
        Failure::Stale => Error::unavailable(
            "Others are changing the same thing right now. Nothing was changed. Send the request again.",
            None,
        ),
        Failure::Retry(error) => Error::unavailable(
            "Others are changing the same thing right now. Nothing was changed. Send the request again.",
            Some(error.into()),
        ),
        Failure::Database(error) => database_error(error),
        Failure::Constraint(name) => constraint_error(&name),
    }
}

/// The last guard behind the rules: constraints hold what a race would break.
fn constraint_error(name: &str) -> Error {
    if name.contains("seats_available") {
        return Error::new(Code::SeatLimitReached, "No seats available. Buy seats or deactivate a member first.");
    }
    if name.contains("an_owner_remains") {
        return Error::new(
            Code::LastOwner,
            "This would leave the organization without an active owner. Make another member an owner first.",
        );
    }
    if name.contains("invitations") {
        return Error::new(Code::Conflict, "This address is invited already. Send that invitation again instead.");
    }
    if name.contains("slug") {
        return Error::new(Code::Uniqueness, "Another organization has this slug.");
    }
    if name.contains("associated_domains") {
        return Error::new(Code::Uniqueness, "This domain is associated already.");
    }
    if name.contains("unique_values") {
        return Error::new(Code::Uniqueness, "Another user has a value that must be unique.");
    }
    if name.contains("user_name") {
        return Error::new(Code::Uniqueness, "Another user has this userName.");
    }
    Error::internal(format!("constraint {name} refused a write"))
}
