//! Associated domains (floor 2).

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::OrganizationId;

/// A domain of an organization. Times in microseconds.
#[derive(Clone, Debug)]
pub struct Domain {
    /// In A-labels.
    pub domain: String,
    pub state: String,
    /// By the operator, instead of the DNS.
    pub vouched: bool,
    pub joining: String,
    /// Of those who join by it.
    pub role: String,
    /// What the TXT record has to hold.
    pub challenge: String,
    pub created_at: i64,
    /// When the proof was first missed.
    pub lost_at: Option<i64>,
    pub checked_at: Option<i64>,
}

const COLUMNS: &str =
    "d.domain, d.state, d.vouched, d.joining, d.role, d.challenge, d.created_at, d.lost_at, d.checked_at";
type Columns = (Text, Text, Bool, Text, Text, Text, BigInt, Nullable<BigInt>, Nullable<BigInt>);
type Row = (String, String, bool, String, String, String, i64, Option<i64>, Option<i64>);

fn from_row(row: Row) -> Domain {
    let (domain, state, vouched, joining, role, challenge, created_at, lost_at, checked_at) = row;
    Domain { domain, state, vouched, joining, role, challenge, created_at, lost_at, checked_at }
}

/// The organization's own entry for a domain, whatever its state.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, organization: OrganizationId, domain: &str) -> Result<Option<Domain>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM associated_domains d WHERE d.organization_id = ").push_bind(organization);
    sql.push(" AND d.domain = ").push_bind(domain);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// The organization's domains, by name.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut Connection, organization: OrganizationId) -> Result<Vec<Domain>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM associated_domains d WHERE d.organization_id = ").push_bind(organization);
    sql.push(" ORDER BY d.domain");
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// Inserts a domain.
pub fn insert(batch: &mut Batch, organization: OrganizationId, domain: &Domain) {
    batch.run(
        Sql::new("INSERT INTO associated_domains (organization_id, domain, state, vouched, joining, role, challenge, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(organization)
            .bind(domain.domain.as_str())
            .bind(domain.state.as_str())
            .bind(domain.vouched)
            .bind(domain.joining.as_str())
            .bind(domain.role.as_str())
            .bind(domain.challenge.as_str())
            .bind(domain.created_at),
    );
}

/// Which domains a look is due for; microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Those that nobody has looked at since.
    pub since: i64,
    /// Those that were added after this and are still pending …
    pub added_after: i64,
    /// … when nobody has looked at them since this.
    pub pending_since: i64,
}

/// Takes the domains that are due for a look at `now`; at most `limit`. One statement, so that of
/// several processes one takes a domain; none is left when it finds nothing.
///
/// # Errors
/// The database's.
pub fn claim_due(connection: &mut Connection, due: Due, now: i64, limit: i64) -> Result<Vec<(OrganizationId, String)>> {
    let is_due = |sql: &mut Sql| {
        sql.push("NOT vouched AND (checked_at IS NULL OR checked_at <= ").push_bind(due.since);
        sql.push(" OR (state = 'pending' AND created_at > ").push_bind(due.added_after);
        sql.push(" AND checked_at <= ").push_bind(due.pending_since).push("))");
    };
    let mut sql = Sql::new("UPDATE associated_domains SET checked_at = ").bind_here(now);
    sql.push(" WHERE ");
    is_due(&mut sql);
    sql.push(" AND (organization_id, domain) IN (SELECT organization_id, domain FROM associated_domains WHERE ");
    is_due(&mut sql);
    sql.push(" ORDER BY organization_id, domain LIMIT ").push_bind(limit);
    sql.push(") RETURNING organization_id, domain");
    sql.load::<(SqlId, Text), (OrganizationId, String)>(connection).map_err(database_error)
}

/// Writes what a look has shown of a domain, which must still be in the state `before`.
pub fn update_state(batch: &mut Batch, organization: OrganizationId, domain: &Domain, before: &str) {
    batch.run_once(
        Sql::new(
            "UPDATE associated_domains SET state = ?, lost_at = ?, checked_at = ? \
             WHERE organization_id = ? AND domain = ? AND state = ?",
        )
        .bind(domain.state.as_str())
        .bind(domain.lost_at)
        .bind(domain.checked_at)
        .bind(organization)
        .bind(domain.domain.as_str())
        .bind(before),
    );
}

/// Writes what people decide about a domain, which must still be in the state `before`.
pub fn update_settings(batch: &mut Batch, organization: OrganizationId, domain: &Domain, before: &str) {
    batch.run_once(
        Sql::new(
            "UPDATE associated_domains SET joining = ?, role = ?, vouched = ?, state = ?, lost_at = ? \
             WHERE organization_id = ? AND domain = ? AND state = ?",
        )
        .bind(domain.joining.as_str())
        .bind(domain.role.as_str())
        .bind(domain.vouched)
        .bind(domain.state.as_str())
        .bind(domain.lost_at)
        .bind(organization)
        .bind(domain.domain.as_str())
        .bind(before),
    );
}

/// Removes a domain.
pub fn delete(batch: &mut Batch, organization: OrganizationId, domain: &str) {
    batch.run_once(
        Sql::new("DELETE FROM associated_domains WHERE organization_id = ? AND domain = ?")
            .bind(organization)
            .bind(domain),
    );
}

/// Goes on only while a domain of the organization is proven.
pub fn expect_verified(batch: &mut Batch, organization: OrganizationId) {
    let sql = Sql::new(
        "SELECT CAST(1 AS BIGINT) FROM associated_domains WHERE state = 'verified' AND organization_id = ? LIMIT 1",
    );
    batch.expect(1, sql.bind(organization));
}
