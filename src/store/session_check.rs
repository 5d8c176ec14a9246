//! What is read before each page (floor 2): the session, who is signed in, and where that leads, in one statement.

use diesel::sql_types::Nullable;

use super::connection::Connection;
use super::database_error;
use super::identities::{self, Identity};
use super::memberships::{self, Membership};
use super::sessions::{self, Session};
use super::sql::Sql;
use crate::error::Result;
use crate::secret::SecretHash;

/// A session, who is signed in with it, and where that leads.
#[derive(Clone, Debug)]
pub struct Checked {
    pub session: Session,
    pub identity: Identity,
    /// Every place of the identity, in the order of the organizations' ids.
    pub memberships: Vec<Membership>,
    /// All sessions of the identity, oldest first; none where they were not asked for.
    pub sessions: Vec<Session>,
}

/// Which sessions beside the one in use are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    None,
    All,
}

/// The session with this secret, also when it is over, and all that a page needs of who is signed in. One
/// statement: on SQLite each locks the database anew, on PostgreSQL each is a round trip.
///
/// # Errors
/// The database's.
pub fn check(connection: &mut Connection, hash: SecretHash, beside: Beside) -> Result<Option<Checked>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(sessions::COLUMNS).push(", ").push(identities::COLUMNS).push(", ").push(memberships::COLUMNS);
    sql.push(" FROM sessions s JOIN identities i ON i.id = s.identity_id LEFT JOIN members m ON m.identity_id = s.identity_id ");
    sql.push("LEFT JOIN organizations o ON o.id = m.organization_id WHERE s.hash = ").push_bind(hash);
    if beside == Beside::All {
        // The same columns, and nothing in those of a person and a place.
        sql.push(" UNION ALL SELECT ").push(sessions::COLUMNS).push(", ").push(identities::COLUMNS);
        sql.push(", ")
            .push(memberships::COLUMNS)
            .push(" FROM sessions c JOIN sessions s ON s.identity_id = c.identity_id ");
        sql.push(
            "LEFT JOIN identities i ON i.id = NULL LEFT JOIN members m ON m.organization_id = NULL AND m.id = NULL ",
        );
        sql.push("LEFT JOIN organizations o ON o.id = NULL WHERE c.hash = ").push_bind(hash);
    }
    let rows = sql.load::<CheckedColumns, CheckedRow>(connection).map_err(database_error)?;
    let (mut memberships, mut all, mut found) = (Vec::with_capacity(rows.len()), Vec::new(), None);
    for (session, identity, membership) in rows {
        match identity {
            Some(identity) => {
                found.get_or_insert((session, identity));
                memberships.extend(membership.map(memberships::from_row));
            }
            None => all.push(sessions::from_row(session)),
        }
    }
    // A few of each: cheaper sorted here than by the database.
    memberships.sort_unstable_by_key(|membership| membership.organization);
    all.sort_unstable_by_key(|session| session.id);
    Ok(found.map(|(session, identity)| Checked {
        session: sessions::from_row(session),
        identity: identities::from_row(identity),
        memberships,
        sessions: all,
    }))
}

type CheckedColumns = (sessions::Columns, Nullable<identities::Columns>, Nullable<memberships::Columns>);
type CheckedRow = (sessions::Row, Option<identities::Row>, Option<memberships::Row>);
