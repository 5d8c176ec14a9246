//! Mail on its way (floor 2): written with what it tells of, taken by whichever process delivers.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Rows, Sql, SqlId, Type, Value};
use crate::error::Result;
use crate::id::{MailId, OrganizationId};

/// The states of a mail.
pub mod state {
    /// It is to be delivered.
    pub const WAITING: &str = "waiting";
    /// The mail server has taken it.
    pub const SENT: &str = "sent";
    /// It was given up; why is written beside it.
    pub const DEAD: &str = "dead";
}

/// A mail. Times in microseconds.
#[derive(Clone, Debug)]
pub struct Mail {
    pub id: MailId,
    pub organization: Option<OrganizationId>,
    pub kind: String,
    /// The key of an address.
    pub recipient: String,
    /// Sealed; empty once it is of no more use.
    pub letter: Vec<u8>,
    pub state: String,
    pub attempts: i64,
    pub due_at: i64,
    pub created_at: i64,
    /// From when on it would tell nothing that is still true.
    pub expires_at: i64,
    /// From when on the row is of no use.
    pub kept_until: i64,
    pub last_error: Option<String>,
}

const COLUMNS: &str = "id, organization_id, kind, recipient, letter, state, attempts, due_at, created_at, expires_at, \
    kept_until, last_error";
type Columns =
    ((SqlId, Nullable<SqlId>, Text, Text, Binary, Text), (BigInt, BigInt, BigInt, BigInt, BigInt, Nullable<Text>));
type Row =
    ((MailId, Option<OrganizationId>, String, String, Vec<u8>, String), (i64, i64, i64, i64, i64, Option<String>));

fn from_row(row: Row) -> Mail {
    let (
        (id, organization, kind, recipient, letter, state),
        (attempts, due_at, created_at, expires_at, kept_until, last_error),
    ) = row;
    Mail {
        id,
        organization,
        kind,
        recipient,
        letter,
        state,
        attempts,
        due_at,
        created_at,
        expires_at,
        kept_until,
        last_error,
    }
}

const INSERT: &str = "INSERT INTO outbox (dedup_key, id, organization_id, kind, recipient, letter, state, attempts, due_at, \
     created_at, expires_at, kept_until, last_error)";
const ONCE: &str = "ON CONFLICT (dedup_key) DO NOTHING";

/// Inserts a mail; what is about the same is there already. Many travel together.
pub fn insert(batch: &mut Batch, dedup_key: &str, mail: &Mail) {
    const TYPES: &[Type] = &[
        Type::Text,
        Type::Id,
        Type::Id,
        Type::Text,
        Type::Text,
        Type::Bytes,
        Type::Text,
        Type::Integer,
        Type::Integer,
        Type::Integer,
        Type::Integer,
        Type::Integer,
        Type::Text,
    ];
    batch.insert(Rows { insert: INSERT, types: TYPES, conflict: ONCE, rows: vec![values(dedup_key, mail)] });
}

/// Inserts a mail that nothing is about the same as, else the batch is stale.
pub fn insert_once(batch: &mut Batch, dedup_key: &str, mail: &Mail) {
    let mut sql = Sql::new(INSERT);
    sql.push(" VALUES ").push_list(values(dedup_key, mail)).push(" ").push(ONCE);
    batch.run_once(sql);
}

fn values(dedup_key: &str, mail: &Mail) -> Vec<Value> {
    vec![
        dedup_key.into(),
        mail.id.into(),
        mail.organization.into(),
        mail.kind.as_str().into(),
        mail.recipient.as_str().into(),
        Value::Bytes(mail.letter.clone()),
        mail.state.as_str().into(),
        mail.attempts.into(),
        mail.due_at.into(),
        mail.created_at.into(),
        mail.expires_at.into(),
        mail.kept_until.into(),
        mail.last_error.as_deref().into(),
    ]
}

/// The latest mails of a kind to a recipient and when they were written, newest first; at most `limit`.
///
/// # Errors
/// The database's.
pub fn written_to(connection: &mut Connection, recipient: &str, kind: &str, limit: i64) -> Result<Vec<(MailId, i64)>> {
    Sql::new(
        "SELECT id, created_at FROM outbox WHERE recipient = ? AND kind = ? ORDER BY created_at DESC, id DESC LIMIT ?",
    )
    .bind(recipient)
    .bind(kind)
    .bind(limit)
    .load::<(SqlId, BigInt), (MailId, i64)>(connection)
    .map_err(database_error)
}

/// How many mails an organization has written since: those of a kind, or all but those.
///
/// # Errors
/// The database's.
pub fn written_by(
    connection: &mut Connection,
    organization: OrganizationId,
    (kind, is_meant): (&str, bool),
    since: i64,
) -> Result<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM outbox WHERE organization_id = ").bind_here(organization);
    sql.push(" AND created_at > ").push_bind(since);
    sql.push(if is_meant { " AND kind = " } else { " AND kind <> " }).push_bind(kind);
    Ok(sql.first::<BigInt, i64>(connection).map_err(database_error)?.unwrap_or_default())
}

/// Takes mails that are due until `again`, one attempt counted; at most `limit`. One statement, so that
/// of several processes one takes a mail; what a process that dies has taken is due again then.
///
/// # Errors
/// The database's.
pub fn claim_due(connection: &mut Connection, now: i64, again: i64, limit: i64) -> Result<Vec<Mail>> {
    const DUE: &str = "state = 'waiting' AND due_at <= ";
    let mut sql = Sql::new("UPDATE outbox SET attempts = attempts + 1, due_at = ").bind_here(again);
    sql.push(" WHERE ").push(DUE).push_bind(now).push(" AND expires_at > ").push_bind(now);
    sql.push(" AND id IN (SELECT id FROM outbox WHERE ").push(DUE).push_bind(now);
    sql.push(" AND expires_at > ").push_bind(now).push(" ORDER BY due_at, id LIMIT ").push_bind(limit);
    sql.push(") RETURNING ").push(COLUMNS);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// The mail server has taken it: what it said is forgotten.
pub fn update_sent(batch: &mut Batch, id: MailId) {
    batch.run(
        Sql::new("UPDATE outbox SET state = 'sent', letter = ?, last_error = NULL WHERE id = ?")
            .bind(Value::Bytes(Vec::new()))
            .bind(id),
    );
}

/// It is tried again.
pub fn update_due(batch: &mut Batch, id: MailId, due_at: i64, why: &str) {
    batch.run(Sql::new("UPDATE outbox SET due_at = ?, last_error = ? WHERE id = ?").bind(due_at).bind(why).bind(id));
}

/// It is given up.
pub fn update_dead(batch: &mut Batch, id: MailId, kept_until: i64, why: &str) {
    batch.run(
        Sql::new("UPDATE outbox SET state = 'dead', kept_until = ?, last_error = ? WHERE id = ?")
            .bind(kept_until)
            .bind(why)
            .bind(id),
    );
}

/// Takes back a mail that no server has taken yet: what it says is not true any more.
pub fn withdraw(batch: &mut Batch, id: MailId, why: &str) {
    batch.run(
        Sql::new("UPDATE outbox SET state = 'dead', letter = ?, last_error = ? WHERE id = ? AND state = 'waiting'")
            .bind(Value::Bytes(Vec::new()))
            .bind(why)
            .bind(id),
    );
}

/// [`withdraw`] of all of a kind that an organization has written.
pub fn withdraw_all(batch: &mut Batch, organization: OrganizationId, kind: &str, why: &str) {
    let mut sql =
        Sql::new("UPDATE outbox SET state = 'dead', letter = ?, last_error = ").bind(Value::Bytes(Vec::new()));
    sql.push_bind(why).push(" WHERE organization_id = ").push_bind(organization);
    sql.push(" AND kind = ").push_bind(kind).push(" AND state = 'waiting'");
    batch.run(sql);
}

/// Gives up what could not be delivered while it was true. `why` beside what went wrong before.
pub fn give_up_expired(batch: &mut Batch, now: i64, kept_until: i64, why: &str) {
    batch.run(
        Sql::new(
            "UPDATE outbox SET state = 'dead', kept_until = ?, last_error = COALESCE(last_error, ?) \
             WHERE state = 'waiting' AND expires_at <= ?",
        )
        .bind(kept_until)
        .bind(why)
        .bind(now),
    );
}

/// Removes what is of no more use.
pub fn delete_expired(batch: &mut Batch, now: i64) {
    batch.run(Sql::new("DELETE FROM outbox WHERE kept_until <= ").bind_here(now));
}

/// The mails, newest first; at most `limit`.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut Connection, limit: i64) -> Result<Vec<Mail>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM outbox ORDER BY id DESC LIMIT ").push_bind(limit);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}
