//! Checkouts (floor 2): begun, paid once, or gone.

use diesel::sql_types::{BigInt, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{CheckoutId, OrganizationId};

/// The states of a checkout.
pub mod state {
    /// It waits for a payment.
    pub const OPEN: &str = "open";
    pub const COMPLETED: &str = "completed";
    /// Nobody has paid in time.
    pub const EXPIRED: &str = "expired";
    /// Another one was begun in its place.
    pub const SUPERSEDED: &str = "superseded";
}

/// What a checkout is for.
pub mod purpose {
    /// Seats on a plan.
    pub const SUBSCRIPTION: &str = "subscription";
    /// Another card, and what is owed.
    pub const CARD: &str = "card";
}

/// A checkout. Times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    pub id: CheckoutId,
    pub purpose: String,
    pub provider: String,
    pub plan: String,
    pub seats: i64,
    pub amount: i64,
    pub currency: String,
    /// The provider's names.
    pub customer: Option<String>,
    pub session: Option<String>,
    /// The page to pay at, once there is one.
    pub url: Option<String>,
    pub state: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub completed_at: Option<i64>,
    /// When the provider was last asked whether it is paid; when it was begun until then.
    pub asked_at: i64,
}

const COLUMNS: &str = "id, purpose, provider, plan, seats, amount, currency, customer, session, url, state, created_at, \
    expires_at, completed_at, asked_at";
type Columns = (
    (SqlId, Text, Text, Text, BigInt, BigInt, Text),
    (Nullable<Text>, Nullable<Text>, Nullable<Text>, Text, BigInt, BigInt, Nullable<BigInt>, BigInt),
);
type Row = (
    (CheckoutId, String, String, String, i64, i64, String),
    (Option<String>, Option<String>, Option<String>, String, i64, i64, Option<i64>, i64),
);

fn from_row((what, how): Row) -> Checkout {
    let (id, purpose, provider, plan, seats, amount, currency) = what;
    let (customer, session, url, state, created_at, expires_at, completed_at, asked_at) = how;
    Checkout {
        id,
        purpose,
        provider,
        plan,
        seats,
        amount,
        currency,
        customer,
        session,
        url,
        state,
        created_at,
        expires_at,
        completed_at,
        asked_at,
    }
}

fn one(connection: &mut Connection, organization: OrganizationId, condition: Sql) -> Result<Option<Checkout>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM checkouts WHERE organization_id = ").push_bind(organization);
    sql.push(" AND ").append(condition);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// A checkout of the organization.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, organization: OrganizationId, id: CheckoutId) -> Result<Option<Checkout>> {
    one(connection, organization, Sql::new("id = ").bind_here(id))
}

/// The open one for a purpose; there is one at most.
///
/// # Errors
/// The database's.
pub fn open(connection: &mut Connection, organization: OrganizationId, purpose: &str) -> Result<Option<Checkout>> {
    let mut condition = Sql::new("state = 'open' AND purpose = ").bind_here(purpose);
    condition.push(" ORDER BY id DESC");
    one(connection, organization, condition)
}

/// The one that a session of the provider's is.
///
/// # Errors
/// The database's.
pub fn by_session(
    connection: &mut Connection,
    organization: OrganizationId,
    session: &str,
) -> Result<Option<Checkout>> {
    one(connection, organization, Sql::new("session = ").bind_here(session))
}

/// The customer that the organization is at Stripe already.
///
/// # Errors
/// The database's.
pub fn customer(connection: &mut Connection, organization: OrganizationId) -> Result<Option<String>> {
    let condition = Sql::new("provider = 'stripe' AND customer IS NOT NULL ORDER BY id DESC");
    Ok(one(connection, organization, condition)?.and_then(|checkout| checkout.customer))
}

/// How many checkouts an organization has begun since.
///
/// # Errors
/// The database's.
pub fn begun_since(connection: &mut Connection, organization: OrganizationId, since: i64) -> Result<i64> {
    let count = Sql::new("SELECT COUNT(*) FROM checkouts WHERE organization_id = ? AND created_at > ?")
        .bind(organization)
        .bind(since)
        .first::<BigInt, i64>(connection)
        .map_err(database_error)?;
    Ok(count.unwrap_or_default())
}

/// Inserts a checkout. One that is open for the same purpose has to be ended before it in the batch.
pub fn insert(batch: &mut Batch, organization: OrganizationId, checkout: &Checkout) {
    let sql = Sql::new(
        "INSERT INTO checkouts (organization_id, id, purpose, provider, plan, seats, amount, currency, customer, session, url, \
         state, created_at, expires_at, completed_at, asked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    batch.run_once(
        sql.bind(organization)
            .bind(checkout.id)
            .bind(checkout.purpose.as_str())
            .bind(checkout.provider.as_str())
            .bind(checkout.plan.as_str())
            .bind(checkout.seats)
            .bind(checkout.amount)
            .bind(checkout.currency.as_str())
            .bind(checkout.customer.as_deref())
            .bind(checkout.session.as_deref())
            .bind(checkout.url.as_deref())
            .bind(checkout.state.as_str())
            .bind(checkout.created_at)
            .bind(checkout.expires_at)
            .bind(checkout.completed_at)
            .bind(checkout.asked_at),
    );
}

/// Takes open checkouts at the provider that nobody has asked about since; whose and with which session. One
/// statement, so that of several processes one asks. An organization about which something is still asked is left
/// out: the provider is away, and once is enough. At most `limit`.
///
/// # Errors
/// The database's.
pub fn claim_unasked(
    connection: &mut Connection,
    (now, since): (i64, i64),
    limit: i64,
) -> Result<Vec<(OrganizationId, String)>> {
    Sql::new(
        "UPDATE checkouts SET asked_at = ? WHERE state = 'open' AND session IS NOT NULL AND asked_at <= ? \
         AND (organization_id, id) IN (SELECT c.organization_id, c.id FROM checkouts c \
         WHERE c.state = 'open' AND c.session IS NOT NULL AND c.asked_at <= ? AND NOT EXISTS (SELECT 1 FROM billing_operations o \
         WHERE o.organization_id = c.organization_id AND o.state = 'waiting' AND o.kind = 'refresh') ORDER BY c.asked_at LIMIT ?) \
         RETURNING organization_id, session",
    )
    .bind(now)
    .bind(since)
    .bind(since)
    .bind(limit)
    .load::<(SqlId, Text), (OrganizationId, String)>(connection)
    .map_err(database_error)
}

/// The provider is asked about a checkout, else the batch is stale: somebody else has asked.
pub fn update_asked(batch: &mut Batch, organization: OrganizationId, checkout: &Checkout, now: i64) {
    batch.run_once(
        Sql::new("UPDATE checkouts SET asked_at = ? WHERE organization_id = ? AND id = ? AND asked_at = ?")
            .bind(now)
            .bind(organization)
            .bind(checkout.id)
            .bind(checkout.asked_at),
    );
}

/// The customer that a checkout is for, as soon as there is one.
pub fn update_customer(batch: &mut Batch, organization: OrganizationId, id: CheckoutId, customer: &str) {
    batch.run_once(
        Sql::new("UPDATE checkouts SET customer = ? WHERE organization_id = ? AND id = ?")
            .bind(customer)
            .bind(organization)
            .bind(id),
    );
}

/// Where an open checkout is paid, as the provider has said.
pub fn update_session(batch: &mut Batch, organization: OrganizationId, checkout: &Checkout) {
    batch.run_once(
        Sql::new(
            "UPDATE checkouts SET customer = ?, session = ?, url = ?, expires_at = ? \
             WHERE organization_id = ? AND id = ?",
        )
        .bind(checkout.customer.as_deref())
        .bind(checkout.session.as_deref())
        .bind(checkout.url.as_deref())
        .bind(checkout.expires_at)
        .bind(organization)
        .bind(checkout.id),
    );
}

/// Ends a checkout that is `before`, else the batch is stale.
pub fn update_state(
    batch: &mut Batch,
    organization: OrganizationId,
    id: CheckoutId,
    (before, after): (&str, &str),
    completed_at: Option<i64>,
) {
    batch.run_once(
        Sql::new("UPDATE checkouts SET state = ?, completed_at = ? WHERE organization_id = ? AND id = ? AND state = ?")
            .bind(after)
            .bind(completed_at)
            .bind(organization)
            .bind(id)
            .bind(before),
    );
}
