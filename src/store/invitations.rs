//! Invitations (floor 2): found by the hash of the secret in their link, listed with what came of their mail.

use std::collections::HashMap;

use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Rows, Sql, SqlId, Type, Value};
use crate::error::{Error, Result};
use crate::id::{InvitationId, MailId, OrganizationId, ResourceId};
use crate::organization::invitation::{Known, State};
use crate::organization::seats::Standing;
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

/// What came of an invitation's latest mail, as the outbox has it: its state, and what went wrong last.
pub type Delivery = Option<(String, Option<String>)>;

/// The invitations of an organization behind `after`, newest first, in a state or in any; at most `limit`. Those
/// whose time is over count as expired.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    state: Option<State>,
    after: Option<InvitationId>,
    (now, limit): (i64, i64),
) -> Result<Vec<(Invitation, Delivery)>> {
    let mut condition = Sql::default();
    match state {
        None => {}
        Some(State::Pending) => {
            condition.push(" AND v.state = 'pending' AND v.expires_at > ").push_bind(now);
        }
        Some(State::Expired) => {
            condition.push(" AND (v.state = 'expired' OR (v.state = 'pending' AND v.expires_at <= ").push_bind(now);
            condition.push("))");
        }
        Some(over) => {
            condition.push(" AND v.state = ").push_bind(over.name());
        }
    }
    if let Some(after) = after {
        condition.push(" AND v.id < ").push_bind(after);
    }
    with_delivery(connection, organization, condition, limit)
}

/// One invitation with what came of its mail.
///
/// # Errors
/// The database's.
pub fn shown(
    connection: &mut Connection,
    organization: OrganizationId,
    id: InvitationId,
) -> Result<Option<(Invitation, Delivery)>> {
    let condition = Sql::new(" AND v.id = ").bind_here(id);
    Ok(with_delivery(connection, organization, condition, 1)?.pop())
}

fn with_delivery(
    connection: &mut Connection,
    organization: OrganizationId,
    condition: Sql,
    limit: i64,
) -> Result<Vec<(Invitation, Delivery)>> {
    type Mail = Nullable<(Text, Nullable<Text>)>;
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(", x.state, x.last_error FROM invitations v LEFT JOIN outbox x ON x.id = v.mail_id");
    sql.push(" WHERE v.organization_id = ").push_bind(organization).append(condition);
    sql.push(" ORDER BY v.id DESC LIMIT ").push_bind(limit);
    let rows = sql.load::<(Columns, Mail), (Row, Delivery)>(connection).map_err(database_error)?;
    rows.into_iter().map(|(row, delivery)| Ok((from_row(row)?, delivery))).collect()
}

/// Invitations that are pending still though their time is over, by the keys of their addresses, and whether they hold a
/// seat.
pub type Over = HashMap<String, (InvitationId, bool)>;

/// Keys in one look at most; more are looked up in several.
const TOGETHER: usize = 1_024;

/// What an organization knows of these addresses, by their keys: of nobody else. `invited` is of those whose time is
/// not over; the ids are of those whose time is. Mails count whoever wrote them: they are the recipient's.
///
/// # Errors
/// The database's.
pub fn known(
    connection: &mut Connection,
    organization: OrganizationId,
    keys: &[String],
    (now, since): (i64, i64),
) -> Result<(HashMap<String, Known>, Over)> {
    let (mut known, mut over): (HashMap<String, Known>, HashMap<_, _>) = (HashMap::new(), HashMap::new());
    for keys in keys.chunks(TOGETHER) {
        for (way, key, text, flag, number, id) in facts(connection, organization, keys, since)? {
            let fact = known.entry(key.clone()).or_default();
            match (way, id) {
                (0, _) => fact.member = Some(worse(fact.member, (Standing::from_name(&text), flag))),
                (1, Some(id)) if number <= now => drop(over.insert(key, (id, flag))),
                (1, _) => fact.invited = true,
                _ => fact.mails = usize::try_from(number).unwrap_or(usize::MAX),
            }
        }
    }
    Ok((known, over))
}

/// Of two members with one address the one that is kept out tells more.
fn worse(before: Option<(Standing, bool)>, member: (Standing, bool)) -> (Standing, bool) {
    before.filter(|before| *before != (Standing::Active, false)).unwrap_or(member)
}

type Fact = (i64, String, String, bool, i64, Option<InvitationId>);

fn facts(connection: &mut Connection, organization: OrganizationId, keys: &[String], since: i64) -> Result<Vec<Fact>> {
    let mut sql = Sql::new("WITH k(value) AS (VALUES ");
    // Padded with NULL, which equals nothing: few texts are prepared, whatever the number.
    for place in 0..keys.len().next_power_of_two() {
        sql.push(if place > 0 { ", " } else { "" }).push_list([keys.get(place).map(String::as_str)]);
    }
    // By way of the id, which the index of addresses covers: else SQLite walks the organization for each key.
    sql.push(") SELECT CAST(0 AS BIGINT), k.value, m.status, m.suspended, CAST(0 AS BIGINT), NULL")
        .push(
            " FROM k CROSS JOIN members a CROSS JOIN members m WHERE a.address_key = k.value AND a.organization_id = ",
        )
        .push_bind(organization)
        .push(" AND m.organization_id = a.organization_id AND m.id = a.id");
    sql.push(" UNION ALL SELECT 1, k.value, v.state, v.holds_seat, v.expires_at, v.id FROM k CROSS JOIN invitations v")
        .push(" WHERE v.address_key = k.value AND v.state = 'pending' AND v.organization_id = ")
        .push_bind(organization);
    // The plus keeps SQLite from taking the index of times alone.
    sql.push(" UNION ALL SELECT 2, k.value, '', x.counts, x.number, NULL FROM k CROSS JOIN (")
        .push("SELECT recipient, (COUNT(*) > 0) AS counts, COUNT(*) AS number FROM outbox")
        .push(" WHERE kind = 'invitation' AND recipient IN (SELECT value FROM k) AND created_at > ")
        .push_bind(since)
        .push(" GROUP BY recipient) x WHERE x.recipient = k.value");
    sql.load::<(BigInt, Text, Text, Bool, BigInt, Nullable<SqlId>), Fact>(connection).map_err(database_error)
}

/// Nobody with one of these addresses must be a member, else the batch is stale: who invites has seen none.
pub fn expect_no_members(batch: &mut Batch, organization: OrganizationId, keys: &[String]) {
    for keys in keys.chunks(TOGETHER) {
        let padded = (0..keys.len().next_power_of_two()).map(|place| keys.get(place).map(String::as_str));
        let mut sql =
            Sql::new("SELECT CAST(1 AS BIGINT) FROM members WHERE organization_id = ").bind_here(organization);
        sql.push(" AND address_key IN ").push_list(padded);
        batch.expect(0, sql);
    }
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

/// Pending invitations whose time is over, oldest first, that hold a seat or that hold none; at most `limit`.
///
/// # Errors
/// The database's.
pub fn due(
    connection: &mut Connection,
    organization: OrganizationId,
    (now, holds_seat): (i64, bool),
    limit: i64,
) -> Result<Vec<InvitationId>> {
    Sql::new(
        "SELECT id FROM invitations WHERE organization_id = ? AND state = 'pending' AND expires_at <= ? \
         AND holds_seat = ? ORDER BY expires_at, id LIMIT ?",
    )
    .bind(organization)
    .bind(now)
    .bind(holds_seat)
    .bind(limit)
    .load::<SqlId, InvitationId>(connection)
    .map_err(database_error)
}

/// How many seats are held by invitations whose time is over: the ledger counts them until it is told.
///
/// # Errors
/// The database's.
pub fn overdue(connection: &mut Connection, organization: OrganizationId, now: i64) -> Result<i64> {
    let count = Sql::new(
        "SELECT COUNT(*) FROM invitations WHERE organization_id = ? AND state = 'pending' AND holds_seat AND expires_at <= ?",
    )
    .bind(organization)
    .bind(now)
    .first::<BigInt, i64>(connection)
    .map_err(database_error)?;
    Ok(count.unwrap_or_default())
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

/// Which of these addresses an invitation holds a seat for.
///
/// # Errors
/// The database's.
pub fn held_for<'k>(
    connection: &mut Connection,
    organization: OrganizationId,
    keys: impl IntoIterator<Item = &'k str>,
) -> Result<Vec<(InvitationId, String)>> {
    let keys: Vec<&str> = keys.into_iter().collect();
    let padded = (0..keys.len().next_power_of_two()).map(|place| keys.get(place).copied());
    let mut sql = Sql::new(
        "SELECT id, address_key FROM invitations WHERE state = 'pending' AND holds_seat AND organization_id = ",
    );
    sql.push_bind(organization).push(" AND address_key IN ").push_list(padded);
    sql.load::<(SqlId, Text), (InvitationId, String)>(connection).map_err(database_error)
}

/// Seats that are counted twice: invitations of people who have become members at the same moment.
///
/// # Errors
/// The database's.
pub fn doubled(connection: &mut Connection, organization: OrganizationId, limit: i64) -> Result<Vec<InvitationId>> {
    Sql::new(
        "SELECT v.id FROM invitations v WHERE v.organization_id = ? AND v.state = 'pending' AND v.holds_seat AND EXISTS (\
         SELECT 1 FROM members a CROSS JOIN members m WHERE a.organization_id = v.organization_id \
         AND a.address_key = v.address_key AND m.organization_id = a.organization_id AND m.id = a.id \
         AND m.status = 'active') ORDER BY v.id LIMIT ?",
    )
    .bind(organization)
    .bind(limit)
    .load::<SqlId, InvitationId>(connection)
    .map_err(database_error)
}

/// Organizations with pending invitations whose time is over, or whose seat is counted twice, or with a free seat and
/// people who wait for one; at most `limit`.
///
/// # Errors
/// The database's.
pub fn organizations_to_settle(connection: &mut Connection, now: i64, limit: i64) -> Result<Vec<OrganizationId>> {
    Sql::new(
        "SELECT organization_id FROM invitations WHERE state = 'pending' AND expires_at <= ? \
         UNION SELECT v.organization_id FROM invitations v CROSS JOIN members a CROSS JOIN members m \
         WHERE v.state = 'pending' AND v.holds_seat AND a.organization_id = v.organization_id \
         AND a.address_key = v.address_key AND m.organization_id = a.organization_id AND m.id = a.id \
         AND m.status = 'active' \
         UNION SELECT organization_id FROM organization_usage WHERE waiting > 0 AND seats_used + seats_pending < seats LIMIT ?",
    )
    .bind(now)
    .bind(limit)
    .load::<SqlId, OrganizationId>(connection)
    .map_err(database_error)
}
