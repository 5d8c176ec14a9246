//! Organizations, their ledger row and their extension schemas (floor 2).

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::{Error, Result};
use crate::id::OrganizationId;
use crate::organization::seats::{Change, Usage};

/// A row of `organizations`. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Organization {
    pub id: OrganizationId,
    pub slug: String,
    pub name: String,
    pub state: String,
    pub plan: String,
    pub seat_policy: String,
    /// Its own tenant at the provider.
    pub tenant_id: Option<String>,
    /// Whether that tenant is the way in.
    pub sso: String,
    /// How long its members' sessions last at most, in microseconds.
    pub session_length: Option<i64>,
    pub created_at: i64,
    /// Grows with each change of what is set.
    pub version: i64,
    pub contact_name: Option<String>,
    pub contact_email: Option<String>,
    pub contact_phone: Option<String>,
    /// A JSON object.
    pub postal_address: Option<String>,
    /// The role of whom provisioning makes a member.
    pub scim_role: String,
    pub deleted_at: Option<i64>,
    /// The state it was deleted in.
    pub deleted_from: Option<String>,
}

type OrganizationColumns = (
    (SqlId, Text, Text, Text, Text, Text, Nullable<Text>, Text, Nullable<BigInt>, BigInt),
    (BigInt, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, Text, Nullable<BigInt>, Nullable<Text>),
);
type OrganizationRow = (
    (OrganizationId, String, String, String, String, String, Option<String>, String, Option<i64>, i64),
    (i64, Option<String>, Option<String>, Option<String>, Option<String>, String, Option<i64>, Option<String>),
);
const COLUMNS: &str = "o.id, o.slug, o.name, o.state, o.plan, o.seat_policy, o.tenant_id, o.sso, o.session_length, o.created_at, \
     o.version, o.contact_name, o.contact_email, o.contact_phone, o.postal_address, o.scim_role, o.deleted_at, o.deleted_from";

fn from_row(row: OrganizationRow) -> Organization {
    let (
        (id, slug, name, state, plan, seat_policy, tenant_id, sso, session_length, created_at),
        (version, contact_name, contact_email, contact_phone, postal_address, scim_role, deleted_at, deleted_from),
    ) = row;
    Organization {
        id,
        slug,
        name,
        state,
        plan,
        seat_policy,
        tenant_id,
        sso,
        session_length,
        created_at,
        version,
        contact_name,
        contact_email,
        contact_phone,
        postal_address,
        scim_role,
        deleted_at,
        deleted_from,
    }
}

/// The organization under a condition on `organizations o`.
///
/// # Errors
/// The database's.
fn one(connection: &mut Connection, condition: Sql) -> Result<Option<Organization>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM organizations o WHERE ").append(condition);
    Ok(sql.first::<OrganizationColumns, OrganizationRow>(connection).map_err(database_error)?.map(from_row))
}

/// The organization with this id.
///
/// # Errors
/// The database's.
pub fn by_id(connection: &mut Connection, id: OrganizationId) -> Result<Option<Organization>> {
    one(connection, Sql::new("o.id = ").bind_here(id))
}

/// The organization that has proven a domain; there is one at most.
///
/// # Errors
/// The database's.
pub fn owner_of_domain(connection: &mut Connection, domain: &str) -> Result<Option<Organization>> {
    let owner = Sql::new(
        "o.id = (SELECT d.organization_id FROM associated_domains d WHERE d.state IN ('verified', 'at_risk') AND d.domain = ",
    );
    let mut owner = owner.bind_here(domain);
    owner.push(")");
    one(connection, owner)
}

/// The organization with this slug.
///
/// # Errors
/// The database's.
pub fn by_slug(connection: &mut Connection, slug: &str) -> Result<Option<Organization>> {
    one(connection, Sql::new("o.slug = ").bind_here(slug))
}

/// Whether there are organizations.
///
/// # Errors
/// The database's.
pub fn are_any(connection: &mut Connection) -> Result<bool> {
    let first = Sql::new("SELECT id FROM organizations LIMIT 1").first::<SqlId, OrganizationId>(connection);
    Ok(first.map_err(database_error)?.is_some())
}

/// All organizations, oldest first.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut Connection) -> Result<Vec<Organization>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM organizations o ORDER BY o.id");
    Ok(sql
        .load::<OrganizationColumns, OrganizationRow>(connection)
        .map_err(database_error)?
        .into_iter()
        .map(from_row)
        .collect())
}

/// Inserts an organization with an empty ledger of `seats` seats whose first owner is in the same batch.
pub fn insert(batch: &mut Batch, organization: &Organization, seats: i64) {
    batch.run(
        Sql::new("INSERT INTO organizations (id, slug, name, state, plan, seat_policy, extensions_version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)")
            .bind(organization.id)
            .bind(organization.slug.as_str())
            .bind(organization.name.as_str())
            .bind(organization.state.as_str())
            .bind(organization.plan.as_str())
            .bind(organization.seat_policy.as_str())
            .bind(organization.created_at)
            .bind(organization.created_at),
    );
    batch.run(
        Sql::new("INSERT INTO organization_usage (organization_id, seats, seats_used, seats_pending, waiting, active_owners, users, groups) VALUES (?, ?, 1, 0, 0, 1, 1, 0)")
            .bind(organization.id)
            .bind(seats),
    );
}

/// Changes an organization to `after` in what differs from `before`, as it was read, and the seats bought with
/// whom that admits. What others have set meanwhile stays; how people sign in hangs together, so there they are
/// waited for, and so they are where somebody expects a version.
pub fn update_settings(
    batch: &mut Batch,
    (before, after): (&Organization, &Organization),
    seats: Option<i64>,
    change: &Change,
    now: i64,
    expected_version: Option<i64>,
) {
    if let Some(seats) = seats {
        // One statement: a batch must not touch a row twice.
        batch.run_once(
            Sql::new("UPDATE organization_usage SET seats = ?, seats_used = seats_used + ?, seats_pending = seats_pending + ?, waiting = waiting + ?, active_owners = active_owners + ? WHERE organization_id = ?")
                .bind(seats)
                .bind(change.used)
                .bind(change.pending)
                .bind(change.waiting)
                .bind(change.active_owners)
                .bind(before.id),
        );
    }
    let mut sql = Sql::new("UPDATE organizations SET version = version + 1, updated_at = ").bind_here(now);
    let texts = [
        (", name = ", Some(&before.name), Some(&after.name)),
        (", slug = ", Some(&before.slug), Some(&after.slug)),
        (", seat_policy = ", Some(&before.seat_policy), Some(&after.seat_policy)),
        (", scim_role = ", Some(&before.scim_role), Some(&after.scim_role)),
        (", contact_name = ", before.contact_name.as_ref(), after.contact_name.as_ref()),
        (", contact_email = ", before.contact_email.as_ref(), after.contact_email.as_ref()),
        (", contact_phone = ", before.contact_phone.as_ref(), after.contact_phone.as_ref()),
        (", postal_address = ", before.postal_address.as_ref(), after.postal_address.as_ref()),
    ];
    for (column, _, after) in texts.into_iter().filter(|(_, before, after)| before != after) {
        sql.push(column).push_bind(after.map(String::as_str));
    }
    if after.session_length != before.session_length {
        sql.push(", session_length = ").push_bind(after.session_length);
    }
    let sign_on = |organization: &Organization| (organization.tenant_id.clone(), organization.sso.clone());
    let signs_on_otherwise = sign_on(after) != sign_on(before);
    if signs_on_otherwise {
        sql.push(", tenant_id = ").push_bind(after.tenant_id.as_deref()).push(", sso = ").push_bind(after.sso.as_str());
    }
    sql.push(" WHERE id = ").push_bind(before.id);
    if let Some(version) = expected_version {
        sql.push(" AND version = ").push_bind(version);
    }
    if signs_on_otherwise {
        sql.push(" AND sso = ").push_bind(before.sso.as_str());
        match before.tenant_id.as_deref() {
            Some(tenant) => sql.push(" AND tenant_id = ").push_bind(tenant),
            None => sql.push(" AND tenant_id IS NULL"),
        };
    }
    batch.run_once(sql);
}

/// Deletes an organization; it is there until it is purged.
pub fn delete(batch: &mut Batch, organization: &Organization, now: i64) {
    batch.run_once(
        Sql::new("UPDATE organizations SET state = 'deleted', deleted_from = state, deleted_at = ?, updated_at = ?, version = version + 1 WHERE id = ? AND state = ? AND name = ?")
            .bind(now)
            .bind(now)
            .bind(organization.id)
            .bind(organization.state.as_str())
            .bind(organization.name.as_str()),
    );
}

/// Something is decided for an organization that must still be there when it is written.
pub fn expect_alive(batch: &mut Batch, organization: OrganizationId) {
    let sql = Sql::new("SELECT CAST(1 AS BIGINT) FROM organizations o WHERE o.deleted_at IS NULL AND o.id = ");
    batch.expect_stays(sql.bind_here(organization), "o");
}

/// Brings a deleted organization back.
pub fn restore(batch: &mut Batch, organization: &Organization, state: &str, now: i64) {
    batch.run_once(
        Sql::new("UPDATE organizations SET state = ?, deleted_from = NULL, deleted_at = NULL, updated_at = ?, version = version + 1 WHERE id = ? AND deleted_at = ?")
            .bind(state)
            .bind(now)
            .bind(organization.id)
            .bind(organization.deleted_at),
    );
}

/// The organizations that were deleted before a time and whose subscription is over at the payment provider, too.
///
/// # Errors
/// The database's.
pub fn deleted_before(connection: &mut Connection, before: i64) -> Result<Vec<OrganizationId>> {
    let deleted = "SELECT o.id FROM organizations o WHERE o.deleted_at IS NOT NULL AND o.deleted_at <= ? AND NOT EXISTS \
         (SELECT 1 FROM billing_operations b WHERE b.organization_id = o.id AND b.kind IN ('cancel', 'refund') AND b.state = 'waiting') \
         ORDER BY o.deleted_at";
    Sql::new(deleted).bind(before).load::<SqlId, OrganizationId>(connection).map_err(database_error)
}

/// Deletes what is left of an organization: its own row.
pub fn purge(batch: &mut Batch, organization: OrganizationId) {
    let sql = Sql::new("DELETE FROM organizations WHERE deleted_at IS NOT NULL AND id = ").bind_here(organization);
    batch.run_once(sql);
}

/// The ledger's columns in `organization_usage u`.
pub(super) const USAGE: &str = "u.seats, u.seats_used, u.seats_pending, u.waiting, u.active_owners, u.users, u.groups";
/// Their types.
pub(super) type UsageColumns = (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
/// Their values.
pub(super) type UsageRow = (i64, i64, i64, i64, i64, i64, i64);

/// Makes a [`Usage`] of a row.
pub(super) const fn usage_from_row(row: UsageRow) -> Usage {
    let (seats, used, pending, waiting, active_owners, users, groups) = row;
    Usage { seats, used, pending, waiting, active_owners, users, groups }
}

/// The ledger.
///
/// # Errors
/// The database's.
pub fn usage(connection: &mut Connection, organization: OrganizationId) -> Result<Usage> {
    let mut sql = Sql::new("SELECT ");
    sql.push(USAGE).push(" FROM organization_usage u WHERE u.organization_id = ").push_bind(organization);
    let row = sql.first::<UsageColumns, UsageRow>(connection).map_err(database_error)?;
    row.map(usage_from_row).ok_or_else(|| Error::internal("an organization has no usage row"))
}

/// Adds a change to the ledger. The table's constraints refuse what a race would break.
pub fn change_usage(batch: &mut Batch, organization: OrganizationId, change: &Change) {
    if change.is_nothing() {
        return;
    }
    batch.run_once(
        Sql::new(
            "UPDATE organization_usage SET seats_used = seats_used + ?, seats_pending = seats_pending + ?, waiting = waiting + ?, \
             active_owners = active_owners + ?, users = users + ?, groups = groups + ? WHERE organization_id = ?",
        )
        .bind(change.used)
        .bind(change.pending)
        .bind(change.waiting)
        .bind(change.active_owners)
        .bind(change.users)
        .bind(change.groups)
        .bind(organization),
    );
}

/// The organization's extension schemas: the Schema resource and whether it is required.
///
/// # Errors
/// The database's.
pub fn extensions(connection: &mut Connection, organization: OrganizationId) -> Result<Vec<(String, bool)>> {
    Sql::new("SELECT resource, required FROM organization_extensions WHERE organization_id = ? ORDER BY schema_id")
        .bind(organization)
        .load::<(Text, Bool), (String, bool)>(connection)
        .map_err(database_error)
}

/// One of the organization's extension schemas: the Schema resource.
///
/// # Errors
/// The database's.
pub fn extension(connection: &mut Connection, organization: OrganizationId, id: &str) -> Result<Option<String>> {
    Sql::new("SELECT resource FROM organization_extensions WHERE organization_id = ? AND schema_id = ?")
        .bind(organization)
        .bind(id)
        .first::<Text, String>(connection)
        .map_err(database_error)
}

/// How often the organization's extension schemas have changed.
///
/// # Errors
/// The database's.
pub fn extensions_version(connection: &mut Connection, organization: OrganizationId) -> Result<i64> {
    let version = Sql::new("SELECT extensions_version FROM organizations WHERE id = ?")
        .bind(organization)
        .first::<BigInt, i64>(connection)
        .map_err(database_error)?;
    version.ok_or_else(|| Error::internal("an organization has no row"))
}

/// Adds an extension to those of `version`, with which it was compared; every process sees the new version at its
/// next request.
pub fn insert_extension(
    batch: &mut Batch,
    (organization, version): (OrganizationId, i64),
    schema_id: &str,
    resource: &str,
    required: bool,
    now: i64,
) {
    batch.run(
        Sql::new("INSERT INTO organization_extensions (organization_id, schema_id, required, resource, created_at) VALUES (?, ?, ?, ?, ?)")
            .bind(organization)
            .bind(schema_id)
            .bind(required)
            .bind(resource)
            .bind(now),
    );
    bump_extensions(batch, organization, Some(version));
}

/// Removes an extension.
pub fn delete_extension(batch: &mut Batch, organization: OrganizationId, schema_id: &str) {
    batch.run_once(
        Sql::new("DELETE FROM organization_extensions WHERE organization_id = ? AND schema_id = ?")
            .bind(organization)
            .bind(schema_id),
    );
    bump_extensions(batch, organization, None);
}

fn bump_extensions(batch: &mut Batch, organization: OrganizationId, known: Option<i64>) {
    let mut sql = Sql::new("UPDATE organizations SET extensions_version = extensions_version + 1 WHERE id = ");
    sql.push_bind(organization);
    if let Some(known) = known {
        sql.push(" AND extensions_version = ").push_bind(known);
    }
    batch.run_once(sql);
}

/// The seats of an organization from `before` on to `after`, with whom that admits. The table's constraints refuse what
/// a race would break.
pub fn update_seats(batch: &mut Batch, organization: OrganizationId, (before, after): (i64, i64), change: &Change) {
    batch.run_once(
        Sql::new(
            "UPDATE organization_usage SET seats = ?, seats_used = seats_used + ?, waiting = waiting + ?, \
             active_owners = active_owners + ? WHERE organization_id = ? AND seats = ?",
        )
        .bind(after)
        .bind(change.used)
        .bind(change.waiting)
        .bind(change.active_owners)
        .bind(organization)
        .bind(before),
    );
}

/// What an organization's subscription makes of it.
pub fn update_billing(batch: &mut Batch, before: &Organization, state: &str, plan: &str, now: i64) {
    batch.run_once(
        Sql::new("UPDATE organizations SET state = ?, plan = ?, updated_at = ? WHERE id = ? AND state = ?")
            .bind(state)
            .bind(plan)
            .bind(now)
            .bind(before.id)
            .bind(before.state.as_str()),
    );
}
