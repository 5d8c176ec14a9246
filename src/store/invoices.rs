//! Invoices (floor 2): our own, and what is known of the payment provider's.

use diesel::sql_types::{BigInt, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{InvoiceId, OrganizationId};

/// An invoice. Times in microseconds, the amount in the smallest unit of the currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    pub id: InvoiceId,
    /// What it is for, or the provider's id: there is one for each.
    pub key: String,
    pub number: Option<String>,
    /// `open`, `paid` or `void`.
    pub state: String,
    pub amount: i64,
    pub currency: String,
    pub description: String,
    pub period_start: i64,
    pub period_end: i64,
    pub created_at: i64,
    pub paid_at: Option<i64>,
    /// Where the provider shows it.
    pub url: Option<String>,
}

const COLUMNS: &str =
    "id, key, number, state, amount, currency, description, period_start, period_end, created_at, paid_at, url";
type Columns = (
    (SqlId, Text, Nullable<Text>, Text, BigInt, Text),
    (Text, BigInt, BigInt, BigInt, Nullable<BigInt>, Nullable<Text>),
);
type Row =
    ((InvoiceId, String, Option<String>, String, i64, String), (String, i64, i64, i64, Option<i64>, Option<String>));

fn from_row((what, when): Row) -> Invoice {
    let (id, key, number, state, amount, currency) = what;
    let (description, period_start, period_end, created_at, paid_at, url) = when;
    Invoice {
        id,
        key,
        number,
        state,
        amount,
        currency,
        description,
        period_start,
        period_end,
        created_at,
        paid_at,
        url,
    }
}

/// The invoices behind `after`, newest first; at most `limit`.
///
/// # Errors
/// The database's.
pub fn page(
    connection: &mut Connection,
    organization: OrganizationId,
    after: Option<InvoiceId>,
    limit: i64,
) -> Result<Vec<Invoice>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM invoices WHERE organization_id = ").push_bind(organization);
    if let Some(after) = after {
        sql.push(" AND id < ").push_bind(after);
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// The invoice that is for this.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, organization: OrganizationId, key: &str) -> Result<Option<Invoice>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM invoices WHERE organization_id = ").push_bind(organization);
    sql.push(" AND key = ").push_bind(key);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// The open ones, oldest first.
///
/// # Errors
/// The database's.
pub fn open(connection: &mut Connection, organization: OrganizationId) -> Result<Vec<Invoice>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM invoices WHERE organization_id = ").push_bind(organization);
    sql.push(" AND state = 'open' ORDER BY id");
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// Inserts an invoice; the batch is stale when there is one for the same.
pub fn insert_once(batch: &mut Batch, organization: OrganizationId, invoice: &Invoice) {
    batch.run_once(insertion(organization, invoice, " ON CONFLICT (organization_id, key) DO NOTHING"));
}

/// Writes what is known of a provider's invoice, in the place of what was known before.
pub fn put(batch: &mut Batch, organization: OrganizationId, invoice: &Invoice) {
    let newer = " ON CONFLICT (organization_id, key) DO UPDATE SET number = excluded.number, state = excluded.state, \
        amount = excluded.amount, description = excluded.description, period_start = excluded.period_start, \
        period_end = excluded.period_end, paid_at = excluded.paid_at, url = excluded.url";
    batch.run(insertion(organization, invoice, newer));
}

fn insertion(organization: OrganizationId, invoice: &Invoice, conflict: &str) -> Sql {
    let mut sql = Sql::new("INSERT INTO invoices (organization_id, ");
    sql.push(COLUMNS).push(") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").push(conflict);
    sql.bind(organization)
        .bind(invoice.id)
        .bind(invoice.key.as_str())
        .bind(invoice.number.as_deref())
        .bind(invoice.state.as_str())
        .bind(invoice.amount)
        .bind(invoice.currency.as_str())
        .bind(invoice.description.as_str())
        .bind(invoice.period_start)
        .bind(invoice.period_end)
        .bind(invoice.created_at)
        .bind(invoice.paid_at)
        .bind(invoice.url.as_deref())
}

/// An open invoice was paid, else the batch is stale.
pub fn update_paid(batch: &mut Batch, organization: OrganizationId, key: &str, now: i64) {
    batch.run_once(
        Sql::new(
            "UPDATE invoices SET state = 'paid', paid_at = ? WHERE organization_id = ? AND key = ? AND state = 'open'",
        )
        .bind(now)
        .bind(organization)
        .bind(key),
    );
}

/// Open invoices are not to be paid any more.
pub fn void_open(batch: &mut Batch, organization: OrganizationId) {
    batch.run(
        Sql::new("UPDATE invoices SET state = 'void' WHERE state = 'open' AND organization_id = ")
            .bind_here(organization),
    );
}
