//! What many invitations come to (floor 2): whom an organization knows of those it invites, whose time is over, and
//! whose seats are counted twice.

use std::collections::HashMap;

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::super::batch::Batch;
use super::super::connection::Connection;
use super::super::database_error;
use super::super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{InvitationId, OrganizationId};
use crate::organization::invitation::{Known, MAILS_A_DAY};
use crate::organization::seats::Standing;

/// Invitations that are pending still though their time is over, by the keys of their addresses, and whether they hold a
/// seat.
pub type Over = HashMap<String, (InvitationId, bool)>;

/// Keys in one look at most; more are looked up in several.
const TOGETHER: usize = 1_024;

/// What there is to know of addresses before they are invited, by their keys.
#[derive(Debug, Default)]
pub struct Facts {
    /// What the organization knows of them, and of nobody else: `invited` are those whose time is not over, and mails
    /// are its own.
    pub known: HashMap<String, Known>,
    pub over: Over,
    /// When the third latest mail of the last day is due to them, of whatever organization: what their mailbox has to
    /// wait for, and nobody is told.
    pub crowded: HashMap<String, i64>,
}

/// What there is to know of these addresses. `since`: of the day in which mails count.
///
/// # Errors
/// The database's.
pub fn facts(
    connection: &mut Connection,
    organization: OrganizationId,
    keys: &[String],
    (now, since): (i64, i64),
) -> Result<Facts> {
    let mut facts = Facts::default();
    for keys in keys.chunks(TOGETHER) {
        for (way, key, text, flag, number, id) in rows(connection, organization, keys, since)? {
            if way == CROWDED {
                facts.crowded.insert(key, number);
                continue;
            }
            let fact = facts.known.entry(key.clone()).or_default();
            match (way, id) {
                (MEMBER, _) => fact.member = Some(worse(fact.member, (Standing::from_name(&text), flag))),
                (INVITED, Some(id)) if number <= now => drop(facts.over.insert(key, (id, flag))),
                (INVITED, _) => fact.invited = true,
                _ => fact.mails = usize::try_from(number).unwrap_or(usize::MAX),
            }
        }
    }
    Ok(facts)
}

/// Of two members with one address the one that is kept out tells more.
fn worse(before: Option<(Standing, bool)>, member: (Standing, bool)) -> (Standing, bool) {
    before.filter(|before| *before != (Standing::Active, false)).unwrap_or(member)
}

/// Which of its parts a row is of.
const MEMBER: i64 = 0;
const INVITED: i64 = 1;
const CROWDED: i64 = 3;
type Fact = (i64, String, String, bool, i64, Option<InvitationId>);

fn rows(connection: &mut Connection, organization: OrganizationId, keys: &[String], since: i64) -> Result<Vec<Fact>> {
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
    // Not by the organization in the condition: SQLite would look through all that it has written.
    let mails = " FROM k CROSS JOIN outbox x WHERE x.recipient = k.value AND x.kind = 'invitation' AND x.created_at > ";
    sql.push(" UNION ALL SELECT 2, x.recipient, '', (1 = 1), SUM(CASE WHEN x.organization_id = ")
        .push_bind(organization);
    sql.push(" THEN 1 ELSE 0 END), NULL").push(mails).push_bind(since).push(" GROUP BY x.recipient");
    // Those that were given up count for nothing: nobody has got them.
    sql.push(" UNION ALL SELECT 3, t.recipient, '', (t.place > 0), t.due_at, NULL FROM (SELECT x.recipient, x.due_at,")
        .push(" ROW_NUMBER() OVER (PARTITION BY x.recipient ORDER BY x.due_at DESC) AS place")
        .push(mails)
        .push_bind(since)
        .push(" AND x.state <> 'dead') t WHERE t.place = ")
        .push_bind(i64::try_from(MAILS_A_DAY).unwrap_or(i64::MAX));
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

/// When the organization made the first of its invitations that are known.
///
/// # Errors
/// The database's.
pub fn first_made_at(connection: &mut Connection, organization: OrganizationId) -> Result<Option<i64>> {
    let mut sql = Sql::new("SELECT created_at FROM invitations WHERE organization_id = ").bind_here(organization);
    sql.push(" ORDER BY id LIMIT 1");
    sql.first::<BigInt, i64>(connection).map_err(database_error)
}
