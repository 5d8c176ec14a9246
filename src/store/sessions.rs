//! Sessions (floor 2): found by the hash of their secret together with who is signed in.

use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::identities::{self, Identity};
use super::sql::{Sql, SqlId, Type, Value};
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId, ResourceId, SessionId};
use crate::secret::SecretHash;

/// A signed-in browser. Times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    /// The organization the person came in through.
    pub organization: Option<OrganizationId>,
    /// Whether that organization's own tenant, as it is now, proved the person.
    pub tenant_proven: bool,
    /// The owner whose recovery code opened it; it is for the SSO settings of the organization only.
    pub recovers: Option<ResourceId>,
    /// The key of the address that this sign-in has proven: whoever opened the session reads its mail.
    pub proven_address: Option<String>,
    pub created_at: i64,
    /// The last use, exact to a minute.
    pub seen_at: i64,
    /// When it ends however much it is used.
    pub expires_at: i64,
    /// How long the person's organizations let it last, as they are now: the shortest counts.
    pub length: Option<i64>,
    pub client_address: Option<String>,
    pub user_agent: Option<String>,
}

impl Session {
    /// When it ends if it is not used again.
    #[must_use]
    pub fn ends_at(&self, idle: i64) -> i64 {
        let by_length = self.length.map_or(i64::MAX, |length| self.created_at.saturating_add(length));
        self.expires_at.min(by_length).min(self.seen_at.saturating_add(idle))
    }
}

/// The columns of [`Session`] in `sessions s`.
pub(super) const COLUMNS: &str = "s.id, s.organization_id, \
     (s.tenant_proven AND EXISTS (SELECT 1 FROM organizations st WHERE st.id = s.organization_id AND st.tenant_id = s.tenant_id)), s.recovers_id, s.created_at, s.seen_at, s.expires_at, \
     (SELECT min(so.session_length) FROM members sm JOIN organizations so ON so.id = sm.organization_id WHERE sm.identity_id = s.identity_id), \
     s.client_address, s.user_agent, s.proven_address";
/// Their types.
pub(super) type Columns = (
    (SqlId, Nullable<SqlId>, Bool, Nullable<SqlId>),
    (BigInt, BigInt, BigInt, Nullable<BigInt>),
    (Nullable<Text>, Nullable<Text>, Nullable<Text>),
);
/// Their values.
pub(super) type Row = (
    (SessionId, Option<OrganizationId>, bool, Option<ResourceId>),
    (i64, i64, i64, Option<i64>),
    (Option<String>, Option<String>, Option<String>),
);

/// Makes a [`Session`] of a row.
pub(super) fn from_row(row: Row) -> Session {
    let (
        (id, organization, tenant_proven, recovers),
        (created_at, seen_at, expires_at, length),
        (client_address, user_agent, proven_address),
    ) = row;
    Session {
        id,
        organization,
        tenant_proven,
        recovers,
        proven_address,
        created_at,
        seen_at,
        expires_at,
        length,
        client_address,
        user_agent,
    }
}

/// The session with this secret, also when it is over, and who is signed in.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, hash: SecretHash) -> Result<Option<(Session, Identity)>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(", ").push(identities::COLUMNS);
    sql.push(" FROM sessions s JOIN identities i ON i.id = s.identity_id WHERE s.hash = ").push_bind(hash);
    let row =
        sql.first::<(Columns, identities::Columns), (Row, identities::Row)>(connection).map_err(database_error)?;
    Ok(row.map(|(session, identity)| (from_row(session), identities::from_row(identity))))
}

/// The sessions of an identity, oldest first.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut Connection, identity: IdentityId) -> Result<Vec<Session>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM sessions s WHERE s.identity_id = ").push_bind(identity).push(" ORDER BY s.id");
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// What a session is opened with beside [`Session`].
#[derive(Clone, Debug)]
pub struct Opened<'a> {
    pub hash: SecretHash,
    pub identity: IdentityId,
    /// The tenant that proved the person.
    pub tenant: Option<&'a str>,
    /// The provider's own name of its session.
    pub provider_sid: Option<&'a str>,
    /// Sealed.
    pub id_token: Option<Vec<u8>>,
}

/// Inserts a session.
pub fn insert(batch: &mut Batch, session: &Session, opened: Opened<'_>) {
    batch.run(
        Sql::new(
            "INSERT INTO sessions (hash, id, identity_id, organization_id, tenant_proven, tenant_id, recovers_id, created_at, seen_at, expires_at, \
             provider_sid, id_token, client_address, user_agent, proven_address) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(opened.hash)
        .bind(session.id)
        .bind(opened.identity)
        .bind(session.organization)
        .bind(session.tenant_proven)
        .bind(opened.tenant)
        .bind(session.recovers)
        .bind(session.created_at)
        .bind(session.seen_at)
        .bind(session.expires_at)
        .bind(opened.provider_sid)
        .bind(opened.id_token.map_or(Value::Null(Type::Bytes), Value::Bytes))
        .bind(session.client_address.as_deref())
        .bind(session.user_agent.as_deref())
        .bind(session.proven_address.as_deref()),
    );
}

/// Writes down that a session was used.
pub fn touch(batch: &mut Batch, hash: SecretHash, now: i64) {
    batch.run(Sql::new("UPDATE sessions SET seen_at = ? WHERE hash = ?").bind(now).bind(hash));
}

/// The sealed ID token a session was opened with.
///
/// # Errors
/// The database's.
pub fn id_token(connection: &mut Connection, hash: SecretHash) -> Result<Option<Vec<u8>>> {
    let row = Sql::new("SELECT id_token FROM sessions WHERE hash = ?")
        .bind(hash)
        .first::<Nullable<Binary>, Option<Vec<u8>>>(connection)
        .map_err(database_error)?;
    Ok(row.flatten())
}

/// Ends the session with this secret.
pub fn end(batch: &mut Batch, hash: SecretHash) {
    batch.run(Sql::new("DELETE FROM sessions WHERE hash = ?").bind(hash));
}

/// Ends one session of an identity.
pub fn end_one(batch: &mut Batch, identity: IdentityId, id: SessionId) {
    batch.run_once(Sql::new("DELETE FROM sessions WHERE identity_id = ? AND id = ?").bind(identity).bind(id));
}

/// Ends the session with this id.
pub fn end_by_id(batch: &mut Batch, id: SessionId) {
    batch.run_once(Sql::new("DELETE FROM sessions WHERE id = ?").bind(id));
}

/// Ends the oldest sessions of an identity, so that `kept` are left.
pub fn end_oldest(batch: &mut Batch, identity: IdentityId, kept: i64) {
    let sql = Sql::new(
        "DELETE FROM sessions WHERE identity_id = ? AND id <= \
         (SELECT o.id FROM sessions o WHERE o.identity_id = ? ORDER BY o.id DESC LIMIT 1 OFFSET ?)",
    );
    batch.run(sql.bind(identity).bind(identity).bind(kept));
}

/// Ends the sessions of an identity but one.
pub fn end_others(batch: &mut Batch, identity: IdentityId, kept: SessionId) {
    batch.run(Sql::new("DELETE FROM sessions WHERE identity_id = ? AND id <> ?").bind(identity).bind(kept));
}

/// Ends every session of an identity.
pub fn end_all(batch: &mut Batch, identity: IdentityId) {
    batch.run(Sql::new("DELETE FROM sessions WHERE identity_id = ?").bind(identity));
}

/// Ends the sessions of an identity that have proven no address.
pub fn end_unproven(batch: &mut Batch, identity: IdentityId) {
    batch.run(Sql::new("DELETE FROM sessions WHERE proven_address IS NULL AND identity_id = ?").bind(identity));
}

/// Ends every session of a member: of whoever signs in as it, and what its recovery codes opened, which may
/// be in the name of nobody who signs in.
pub fn end_of_member(
    batch: &mut Batch,
    organization: OrganizationId,
    member: ResourceId,
    identity: Option<IdentityId>,
) {
    let sql = Sql::new("DELETE FROM sessions WHERE identity_id = ? OR (organization_id = ? AND recovers_id = ?)");
    batch.run(sql.bind(identity).bind(organization).bind(member));
}

/// Ends what the recovery codes of a member opened.
pub fn end_recovering(batch: &mut Batch, organization: OrganizationId, member: ResourceId) {
    let sql = Sql::new("DELETE FROM sessions WHERE organization_id = ? AND recovers_id = ?");
    batch.run(sql.bind(organization).bind(member));
}

/// Ends what the provider says is over: one of its sessions, or all of a subject's.
pub fn end_at_provider(batch: &mut Batch, issuer: &str, subject: Option<&str>, provider_sid: Option<&str>) {
    let mut sql = Sql::new("DELETE FROM sessions WHERE ");
    sql.append(opened_at_provider(issuer, subject, provider_sid));
    batch.run(sql);
}

/// The organizations that such sessions were opened for, and whose they are: a line for each of them.
///
/// # Errors
/// The database's.
pub fn at_provider(
    connection: &mut Connection,
    issuer: &str,
    subject: Option<&str>,
    provider_sid: Option<&str>,
) -> Result<Vec<(OrganizationId, IdentityId)>> {
    let mut sql = Sql::new("SELECT organization_id, identity_id FROM sessions WHERE organization_id IS NOT NULL AND ");
    sql.append(opened_at_provider(issuer, subject, provider_sid));
    sql.load::<(SqlId, SqlId), (OrganizationId, IdentityId)>(connection).map_err(database_error)
}

fn opened_at_provider(issuer: &str, subject: Option<&str>, provider_sid: Option<&str>) -> Sql {
    let mut sql = Sql::new("identity_id IN (SELECT id FROM identities WHERE issuer = ");
    sql.push_bind(issuer);
    if let Some(subject) = subject {
        sql.push(" AND subject = ").push_bind(subject);
    }
    sql.push(")");
    if let Some(sid) = provider_sid {
        sql.push(" AND provider_sid = ").push_bind(sid);
    }
    sql
}

/// Of sessions `s` of whoever signs in: those that open an organization. Where only its tenant does, it must have;
/// a recovery code opens one organization and is nothing to any other.
fn open_it(organization: OrganizationId) -> Sql {
    let mut sql = Sql::new(" AND s.recovers_id IS NULL AND EXISTS (SELECT 1 FROM organizations ot WHERE ot.id = ")
        .bind_here(organization);
    sql.push(" AND (ot.sso <> 'required' OR ot.tenant_id IS NULL OR ");
    sql.push("(s.tenant_proven AND s.organization_id = ot.id AND s.tenant_id = ot.tenant_id)))");
    sql
}

/// The sessions behind `after` of members, one's or anybody's, that open the organization, in the order of members:
/// of whoever signs in as one, and what its recovery codes opened.
///
/// # Errors
/// The database's.
pub fn of_members(
    connection: &mut Connection,
    organization: OrganizationId,
    member: Option<ResourceId>,
    after: Option<(ResourceId, SessionId)>,
    limit: i64,
) -> Result<Vec<(ResourceId, Session)>> {
    // Each part in the order of its index, and the two merged: with OR in one, all are looked up and sorted for a page.
    let mut sql = Sql::default();
    let parts = [
        " FROM members m JOIN sessions s ON s.identity_id = m.identity_id WHERE m.organization_id = ",
        " FROM sessions s JOIN members m ON m.organization_id = s.organization_id AND m.id = s.recovers_id \
         WHERE s.recovers_id IS NOT NULL AND s.organization_id = ",
    ];
    for (position, part) in parts.into_iter().enumerate() {
        sql.push(if position == 0 { "SELECT m.id, " } else { " UNION ALL SELECT m.id, " });
        sql.push(COLUMNS).push(part).push_bind(organization);
        if position == 0 {
            sql.append(open_it(organization));
        }
        if let Some(member) = member {
            sql.push(" AND m.id = ").push_bind(member);
        }
        if let Some((member, session)) = after {
            sql.push(" AND (m.id, s.id) > (").push_bind(member).push(", ").push_bind(session).push(")");
        }
    }
    sql.push(" ORDER BY 1, 2 LIMIT ").push_bind(limit);
    let rows = sql.load::<(SqlId, Columns), (ResourceId, Row)>(connection).map_err(database_error)?;
    Ok(rows.into_iter().map(|(member, session)| (member, from_row(session))).collect())
}

/// Ends every session of members, one's or anybody's: all that [`of_members`] finds.
pub fn end_of_members(batch: &mut Batch, organization: OrganizationId, member: Option<ResourceId>) {
    let mut sql = Sql::new(
        "DELETE FROM sessions AS s WHERE (s.identity_id IN (SELECT m.identity_id FROM members m WHERE m.organization_id = ",
    );
    sql.push_bind(organization);
    if let Some(member) = member {
        sql.push(" AND m.id = ").push_bind(member);
    }
    sql.push(")").append(open_it(organization));
    sql.push(") OR (s.organization_id = ").push_bind(organization);
    match member {
        Some(member) => sql.push(" AND s.recovers_id = ").push_bind(member),
        None => sql.push(" AND s.recovers_id IS NOT NULL"),
    };
    sql.push(")");
    batch.run(sql);
}

/// Removes what has been over for a while.
pub fn delete_expired(batch: &mut Batch, now: i64) {
    batch.run(Sql::new("DELETE FROM sessions WHERE expires_at <= ").bind_here(now));
}
