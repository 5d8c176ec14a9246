//! Associated domains (floor 2).

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::Sql;
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
