//! What organizations buy their seats by (floor 2): one subscription at most for each.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::OrganizationId;

/// A row. Times in microseconds, amounts in the smallest unit of the currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// `local` or `stripe`.
    pub provider: String,
    /// The provider's names.
    pub customer: Option<String>,
    pub subscription: Option<String>,
    pub item: Option<String>,
    /// What the provider has.
    pub plan: String,
    pub quantity: i64,
    /// What was decided and the provider has not confirmed yet.
    pub wanted_plan: Option<String>,
    pub wanted_quantity: Option<i64>,
    /// How often seats or plan were decided: the number of the order that was decided last.
    pub orders: i64,
    /// `active`, `past_due` or `canceled`.
    pub state: String,
    /// Whether it ends with the period.
    pub cancels: bool,
    pub anchor_at: i64,
    pub period_start: i64,
    pub period_end: i64,
    /// The test card it is paid by.
    pub card: Option<String>,
    /// What the next invoice is less.
    pub credit: i64,
    /// When a declined payment is tried again.
    pub retry_at: Option<i64>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub reconciled_at: i64,
    /// When it is compared with the provider's next.
    pub compare_at: i64,
}

const COLUMNS: &str = "organization_id, provider, customer, subscription, item, plan, quantity, wanted_plan, wanted_quantity, state, cancels, \
    orders, anchor_at, period_start, period_end, card, credit, retry_at, version, created_at, updated_at, reconciled_at, compare_at";
type Columns = (
    SqlId,
    (Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Text, BigInt, Nullable<Text>, Nullable<BigInt>, Text, Bool),
    (BigInt, BigInt, BigInt, BigInt, Nullable<Text>, BigInt, Nullable<BigInt>),
    (BigInt, BigInt, BigInt, BigInt, BigInt),
);
type Row = (
    OrganizationId,
    (String, Option<String>, Option<String>, Option<String>, String, i64, Option<String>, Option<i64>, String, bool),
    (i64, i64, i64, i64, Option<String>, i64, Option<i64>),
    (i64, i64, i64, i64, i64),
);

fn from_row((organization, what, how, when): Row) -> (OrganizationId, Subscription) {
    let (provider, customer, subscription, item, plan, quantity, wanted_plan, wanted_quantity, state, cancels) = what;
    let (orders, anchor_at, period_start, period_end, card, credit, retry_at) = how;
    let (version, created_at, updated_at, reconciled_at, compare_at) = when;
    let row = Subscription {
        provider,
        customer,
        subscription,
        item,
        plan,
        quantity,
        wanted_plan,
        wanted_quantity,
        orders,
        state,
        cancels,
        anchor_at,
        period_start,
        period_end,
        card,
        credit,
        retry_at,
        version,
        created_at,
        updated_at,
        reconciled_at,
        compare_at,
    };
    (organization, row)
}

fn load(connection: &mut Connection, rest: Sql) -> Result<Vec<(OrganizationId, Subscription)>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM subscriptions WHERE ").append(rest);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// The organization's subscription.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, organization: OrganizationId) -> Result<Option<Subscription>> {
    let found = load(connection, Sql::new("organization_id = ").bind_here(organization))?;
    Ok(found.into_iter().next().map(|(_, subscription)| subscription))
}

/// Whose subscription a provider's name is.
///
/// # Errors
/// The database's.
pub fn owner(connection: &mut Connection, subscription: &str) -> Result<Option<OrganizationId>> {
    let found = load(connection, Sql::new("subscription = ").bind_here(subscription))?;
    Ok(found.into_iter().next().map(|(organization, _)| organization))
}

/// Local subscriptions whose period is over, or whose declined payment is to be tried again; at most `limit`.
///
/// # Errors
/// The database's.
pub fn due(connection: &mut Connection, now: i64, limit: i64) -> Result<Vec<OrganizationId>> {
    let mut rest = Sql::new("provider = 'local' AND ((state = 'active' AND period_end <= ").bind_here(now);
    rest.push(") OR (state = 'past_due' AND retry_at <= ").push_bind(now).push(")) ORDER BY period_end LIMIT ");
    rest.push_bind(limit);
    Ok(load(connection, rest)?.into_iter().map(|(organization, _)| organization).collect())
}

/// Takes organizations whose subscription lives and is due to be compared with the provider's, until `again`: who has
/// waited longest first. One statement, so that of several processes one compares; at most `limit`.
///
/// # Errors
/// The database's.
pub fn claim_due(connection: &mut Connection, (now, again): (i64, i64), limit: i64) -> Result<Vec<OrganizationId>> {
    Sql::new(
        "UPDATE subscriptions SET compare_at = ? WHERE state <> 'canceled' AND compare_at <= ? AND organization_id IN \
         (SELECT organization_id FROM subscriptions WHERE state <> 'canceled' AND compare_at <= ? \
         ORDER BY compare_at, organization_id LIMIT ?) RETURNING organization_id",
    )
    .bind(again)
    .bind(now)
    .bind(now)
    .bind(limit)
    .load::<SqlId, OrganizationId>(connection)
    .map_err(database_error)
}

/// When a subscription is compared next. Nothing of the subscription itself changes.
pub fn update_reconcile(batch: &mut Batch, organization: OrganizationId, at: i64) {
    batch
        .run(Sql::new("UPDATE subscriptions SET compare_at = ? WHERE organization_id = ?").bind(at).bind(organization));
}

/// Writes the subscription in the place of the one that was read (`None`: there was none), else the batch is stale.
pub fn write(batch: &mut Batch, organization: OrganizationId, before: Option<&Subscription>, after: &Subscription) {
    match before {
        None => batch.run_once(insertion(organization, after)),
        Some(before) => batch.run_once(update(organization, before.version, after)),
    }
}

fn insertion(organization: OrganizationId, new: &Subscription) -> Sql {
    let mut sql = Sql::new("INSERT INTO subscriptions (");
    sql.push(COLUMNS).push(") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (organization_id) DO NOTHING");
    sql.bind(organization)
        .bind(new.provider.as_str())
        .bind(new.customer.as_deref())
        .bind(new.subscription.as_deref())
        .bind(new.item.as_deref())
        .bind(new.plan.as_str())
        .bind(new.quantity)
        .bind(new.wanted_plan.as_deref())
        .bind(new.wanted_quantity)
        .bind(new.state.as_str())
        .bind(new.cancels)
        .bind(new.orders)
        .bind(new.anchor_at)
        .bind(new.period_start)
        .bind(new.period_end)
        .bind(new.card.as_deref())
        .bind(new.credit)
        .bind(new.retry_at)
        .bind(new.version)
        .bind(new.created_at)
        .bind(new.updated_at)
        .bind(new.reconciled_at)
        .bind(new.compare_at)
}

fn update(organization: OrganizationId, version: i64, after: &Subscription) -> Sql {
    Sql::new(
        "UPDATE subscriptions SET provider = ?, customer = ?, subscription = ?, item = ?, plan = ?, quantity = ?, \
         wanted_plan = ?, wanted_quantity = ?, state = ?, cancels = ?, orders = ?, anchor_at = ?, period_start = ?, period_end = ?, \
         card = ?, credit = ?, retry_at = ?, version = ?, updated_at = ?, reconciled_at = ?, compare_at = ? \
         WHERE organization_id = ? AND version = ?",
    )
    .bind(after.provider.as_str())
    .bind(after.customer.as_deref())
    .bind(after.subscription.as_deref())
    .bind(after.item.as_deref())
    .bind(after.plan.as_str())
    .bind(after.quantity)
    .bind(after.wanted_plan.as_deref())
    .bind(after.wanted_quantity)
    .bind(after.state.as_str())
    .bind(after.cancels)
    .bind(after.orders)
    .bind(after.anchor_at)
    .bind(after.period_start)
    .bind(after.period_end)
    .bind(after.card.as_deref())
    .bind(after.credit)
    .bind(after.retry_at)
    .bind(version + 1)
    .bind(after.updated_at)
    .bind(after.reconciled_at)
    .bind(after.compare_at)
    .bind(organization)
    .bind(version)
}
