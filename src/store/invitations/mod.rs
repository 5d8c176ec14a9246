//! Invitations (floor 2): one of them, found by the hash of the secret in its link, and what becomes of it. [`page`]
//! lists them, [`looks`] sees what many of them come to.

mod looks;
mod page;

use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

pub use self::looks::{
    Facts, doubled, due, expect_no_members, facts, first_made_at, held_for, organizations_to_settle, overdue,
};
pub use self::page::{Delivery, list, shown};
use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Rows, Sql, SqlId, Type, Value};
use crate::error::{Error, Result};
use crate::id::{InvitationId, MailId, OrganizationId, ResourceId};
use crate::organization::invitation::State;
use crate::secret::SecretHash;

/// An invitation. Times in microseconds.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub id: InvitationId,
    /// As people write it.
    pub address: String,
    pub address_key: String,
    pub role: String,
    pub message: Option<String>,
    /// Who invites, as the audit trail calls them.
    pub inviter: String,
    /// What the mail calls them.
    pub inviter_name: Option<String>,
    /// As stored: one whose time is over may be `pending` still.
    pub state: String,
    /// Whether the ledger counts it.
    pub holds_seat: bool,
    pub secret_hash: SecretHash,
    pub mail: Option<MailId>,
    pub sent_count: i64,
    pub created_at: i64,
    pub sent_at: i64,
    pub expires_at: i64,
    pub ended_at: Option<i64>,
    /// Who is the member by it.
    pub member: Option<ResourceId>,
}

const COLUMNS: &str = "v.id, v.address, v.address_key, v.role, v.message, v.inviter, v.inviter_name, v.state, v.holds_seat, \
    v.secret_hash, v.mail_id, v.sent_count, v.created_at, v.sent_at, v.expires_at, v.ended_at, v.member_id";
type Columns = (
    (SqlId, Text, Text, Text, Nullable<Text>, Text, Nullable<Text>, Text, Bool),
    (Binary, Nullable<SqlId>, BigInt, BigInt, BigInt, BigInt, Nullable<BigInt>, Nullable<SqlId>),
);
type Row = (
    (InvitationId, String, String, String, Option<String>, String, Option<String>, String, bool),
    (Vec<u8>, Option<MailId>, i64, i64, i64, i64, Option<i64>, Option<ResourceId>),
);

fn from_row(row: Row) -> Result<Invitation> {
    let (
        (id, address, address_key, role, message, inviter, inviter_name, state, holds_seat),
        (hash, mail, sent_count, created_at, sent_at, expires_at, ended_at, member),
    ) = row;
    let hash = hash.as_slice().try_into().map_err(|_| Error::internal("a secret's hash has 32 bytes"))?;
    Ok(Invitation {
        id,
        address,
        address_key,
        role,
        message,
        inviter,
        inviter_name,
        state,
        holds_seat,
        secret_hash: SecretHash(hash),
        mail,
        sent_count,
        created_at,
        sent_at,
        expires_at,
        ended_at,
        member,
    })
}

/// The invitation with this id.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, organization: OrganizationId, id: InvitationId) -> Result<Option<Invitation>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM invitations v WHERE v.organization_id = ").push_bind(organization);
    sql.push(" AND v.id = ").push_bind(id);
    sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row).transpose()
}

/// The invitation whose link has this secret, also when it is over, and the organization's.
///
/// # Errors
/// The database's.
pub fn by_secret(connection: &mut Connection, hash: SecretHash) -> Result<Option<(OrganizationId, Invitation)>> {
    let mut sql = Sql::new("SELECT v.organization_id, ");
    sql.push(COLUMNS).push(" FROM invitations v WHERE v.secret_hash = ").push_bind(hash);
    let row = sql.first::<(SqlId, Columns), (OrganizationId, Row)>(connection).map_err(database_error)?;
    row.map(|(organization, row)| Ok((organization, from_row(row)?))).transpose()
}

/// The open invitation for an address.
///
/// # Errors
/// The database's.
pub fn open_for(
    connection: &mut Connection,
    organization: OrganizationId,
    address_key: &str,
    now: i64,
) -> Result<Option<Invitation>> {
    let found = pending_for(connection, organization, address_key)?;
    Ok(found.filter(|invitation| now < invitation.expires_at))
}

/// The invitation for an address that is stored as pending, also when its time is over.
///
/// # Errors
/// The database's.
pub fn pending_for(
    connection: &mut Connection,
    organization: OrganizationId,
    address_key: &str,
) -> Result<Option<Invitation>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM invitations v WHERE v.state = 'pending' AND v.organization_id = ");
    sql.push_bind(organization).push(" AND v.address_key = ").push_bind(address_key);
    sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row).transpose()
}

/// Inserts an invitation; many travel together.
pub fn insert(batch: &mut Batch, organization: OrganizationId, invitation: &Invitation) {
    batch.insert(Rows {
        insert: "INSERT INTO invitations (organization_id, id, address, address_key, role, message, inviter, inviter_name, state, \
                 holds_seat, secret_hash, mail_id, sent_count, created_at, sent_at, expires_at)",
        types: &[
            Type::Id,
            Type::Id,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Boolean,
            Type::Bytes,
            Type::Id,
            Type::Integer,
            Type::Integer,
            Type::Integer,
            Type::Integer,
        ],
        conflict: "",
        rows: vec![vec![
            organization.into(),
            invitation.id.into(),
            invitation.address.as_str().into(),
            invitation.address_key.as_str().into(),
            invitation.role.as_str().into(),
            invitation.message.as_deref().into(),
            invitation.inviter.as_str().into(),
            invitation.inviter_name.as_deref().into(),
            invitation.state.as_str().into(),
            invitation.holds_seat.into(),
            invitation.secret_hash.into(),
            invitation.mail.into(),
            invitation.sent_count.into(),
            invitation.created_at.into(),
            invitation.sent_at.into(),
            invitation.expires_at.into(),
        ]],
    });
}

/// Writes another link, and what goes with it, in the place of the one before: that one is dead. Only while the
/// invitation is as it was: accepted, revoked or sent again meanwhile, the batch is stale. `before`: its link; `None`
/// for one that is pending still though its time is over.
pub fn renew(
    batch: &mut Batch,
    organization: OrganizationId,
    (before, holds_seat): (Option<SecretHash>, bool),
    after: &Invitation,
) {
    let mut sql = Sql::new("UPDATE invitations SET state = 'pending', ended_at = NULL");
    let columns: [(&str, Value); 11] = [
        ("address", after.address.as_str().into()),
        ("role", after.role.as_str().into()),
        ("message", after.message.as_deref().into()),
        ("inviter", after.inviter.as_str().into()),
        ("inviter_name", after.inviter_name.as_deref().into()),
        ("holds_seat", after.holds_seat.into()),
        ("secret_hash", after.secret_hash.into()),
        ("mail_id", after.mail.into()),
        ("sent_count", after.sent_count.into()),
        ("sent_at", after.sent_at.into()),
        ("expires_at", after.expires_at.into()),
    ];
    for (column, value) in columns {
        sql.push(&format!(", {column} = ")).push_bind(value);
    }
    sql.push(" WHERE organization_id = ").push_bind(organization).push(" AND id = ").push_bind(after.id);
    match before {
        Some(before) => sql.push(" AND state IN ('pending', 'expired') AND secret_hash = ").push_bind(before),
        None => sql.push(" AND state = 'pending' AND expires_at <= ").push_bind(after.sent_at),
    };
    sql.push(" AND holds_seat = ").push_bind(holds_seat);
    batch.run_once(sql);
}

/// Ends a pending invitation, once: of two that end it the second is planned again. `link`: only while this is the
/// link that works.
pub fn end(
    batch: &mut Batch,
    organization: OrganizationId,
    (invitation, link): (&Invitation, Option<SecretHash>),
    state: State,
    member: Option<ResourceId>,
    now: i64,
) {
    let set = "UPDATE invitations SET holds_seat = ?, state = ?, ended_at = ?, member_id = ? WHERE organization_id = ? \
               AND id = ? AND state = 'pending' AND holds_seat = ?";
    let mut sql = Sql::new(set)
        .bind(false)
        .bind(state.name())
        .bind(now)
        .bind(member)
        .bind(organization)
        .bind(invitation.id)
        .bind(invitation.holds_seat);
    if let Some(hash) = link {
        sql.push(" AND secret_hash = ").push_bind(hash);
    }
    batch.run_once(sql);
}

/// Expires invitations that all hold a seat, or all hold none.
pub fn expire(batch: &mut Batch, organization: OrganizationId, ids: &[InvitationId], holds_seat: bool, now: i64) {
    if ids.is_empty() {
        return;
    }
    let mut sql = Sql::new("UPDATE invitations SET state = 'expired', holds_seat = ?, ended_at = expires_at");
    sql = sql.bind(false);
    sql.push(" WHERE organization_id = ").push_bind(organization).push(" AND state = 'pending' AND expires_at <= ");
    sql.push_bind(now)
        .push(" AND holds_seat = ")
        .push_bind(holds_seat)
        .push(" AND id IN ")
        .push_list(ids.iter().copied());
    batch.run_exactly(ids.len(), sql);
}

/// A member has the seat that an invitation held: it can still be accepted, and holds none.
pub fn release_seat(batch: &mut Batch, organization: OrganizationId, id: InvitationId) {
    let sql = Sql::new(
        "UPDATE invitations SET holds_seat = ? WHERE organization_id = ? AND id = ? AND state = 'pending' AND holds_seat",
    );
    batch.run_once(sql.bind(false).bind(organization).bind(id));
}
