//! The member row of a User, and Users found with it and with the seat ledger in one statement (floor 2).

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::organizations::{USAGE, UsageColumns, UsageRow, usage_from_row};
use super::resources::{COLUMNS, Resource, ResourceColumns, ResourceRow, from_row};
use super::sql::{Rows, Sql, SqlId, Type};
use crate::error::{Error, Result};
use crate::id::{IdentityId, OrganizationId, ResourceId};
use crate::organization::seats::{Standing, Usage};
use crate::scim::index::Derived;

/// The member row of a User.
#[derive(Clone, Debug)]
pub struct Member {
    pub role: String,
    /// `manual`, `default`, or a mapping's.
    pub role_source: String,
    pub status: String,
    /// By an admin; separate from what provisioning says.
    pub suspended: bool,
    /// The door the member came by.
    pub source: String,
    pub provisioned: bool,
    pub address_key: Option<String>,
    /// Who signs in as this member.
    pub identity: Option<IdentityId>,
    /// How often somebody has come in as this member.
    pub entered: i64,
}

/// A User with its member row.
pub type User = (Resource, Member);

type MemberColumns = (Text, Text, Text, Bool, Text, Bool, Nullable<Text>, Nullable<SqlId>, BigInt);
type MemberRow = (String, String, String, bool, String, bool, Option<String>, Option<IdentityId>, i64);
type UserColumns = (BigInt, ResourceColumns, MemberColumns);
type UserRow = (i64, ResourceRow, MemberRow);

fn user_from_row((way, resource, member): UserRow) -> (i64, User) {
    let (role, role_source, status, suspended, source, provisioned, address_key, identity, entered) = member;
    let member = Member { role, role_source, status, suspended, source, provisioned, address_key, identity, entered };
    (way, (from_row(resource), member))
}

/// `SELECT` of Users under a condition; `way` says which condition found a row.
// No ORDER BY: it would make the planner walk the primary key instead of the index of the condition.
pub(super) fn users(way: &str, organization: OrganizationId, condition: Sql, limit: i64) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(way)
        .push(" AS way, ")
        .push(COLUMNS)
        .push(" AS in_groups, m.role, m.role_source, m.status, m.suspended, m.source, m.provisioned, m.address_key, m.identity_id, m.entered");
    sql.push(" FROM resources r JOIN members m ON m.organization_id = r.organization_id AND m.id = r.id WHERE r.kind = 1 AND r.organization_id = ");
    sql.push_bind(organization).append(condition).push(" LIMIT ").push_bind(limit);
    sql
}

/// The ids come from the members' index first: joined the other way round every User would be looked at.
pub(super) fn by_member(organization: OrganizationId, condition: Sql) -> Sql {
    let mut sql = Sql::new(" AND r.id IN (SELECT w.id FROM members w WHERE w.organization_id = ");
    sql.push_bind(organization).push(" AND ").append(condition).push(")");
    sql
}

/// The ledger and what the selections find, in one round trip.
pub(super) fn with_usage(
    connection: &mut Connection,
    organization: OrganizationId,
    selections: Vec<Sql>,
) -> Result<(Usage, Vec<(i64, User)>)> {
    let mut sql = Sql::new("SELECT ");
    sql.push(USAGE).push(", f.* FROM organization_usage u LEFT JOIN (");
    for (position, selection) in selections.into_iter().enumerate() {
        // Each selection has a LIMIT of its own, which a compound select takes only inside parentheses.
        sql.push(if position > 0 { " UNION ALL SELECT * FROM (" } else { "SELECT * FROM (" });
        sql.append(selection).push(") s");
    }
    sql.push(") f ON 1 = 1 WHERE u.organization_id = ").push_bind(organization);
    let rows = sql
        .load::<(UsageColumns, Nullable<UserColumns>), (UsageRow, Option<UserRow>)>(connection)
        .map_err(database_error)?;
    let usage = rows.first().map(|(usage, _)| usage_from_row(*usage));
    let usage = usage.ok_or_else(|| Error::internal("an organization has no usage row"))?;
    Ok((usage, rows.into_iter().filter_map(|(_, user)| user).map(user_from_row).collect()))
}

/// A User with its member row and the ledger.
///
/// # Errors
/// The database's.
pub fn user(
    connection: &mut Connection,
    organization: OrganizationId,
    id: ResourceId,
) -> Result<(Usage, Option<User>)> {
    let selection = users("CAST(0 AS BIGINT)", organization, Sql::new(" AND r.id = ").bind_here(id), 1);
    let (usage, found) = with_usage(connection, organization, vec![selection])?;
    Ok((usage, found.into_iter().next().map(|(_, user)| user)))
}

/// Who a POST may mean, by each key it has.
#[derive(Debug, Default)]
pub struct Candidates {
    /// The User with this userName.
    pub by_user_name: Option<User>,
    /// The User that alone has this externalId.
    pub by_external_id: Option<User>,
    /// The User that alone has this address.
    pub by_address: Option<User>,
}

/// The candidates for these keys, and the ledger.
///
/// # Errors
/// The database's.
pub fn candidates(
    connection: &mut Connection,
    organization: OrganizationId,
    user_name_key: Option<&str>,
    external_id: Option<&str>,
    address_key: Option<&str>,
) -> Result<(Usage, Candidates)> {
    let mut selections = Vec::new();
    // A key that is missing is NULL, which equals nothing: the statement's text stays the same.
    selections.push(users(
        "CAST(1 AS BIGINT)",
        organization,
        Sql::new(" AND r.user_name_key = ").bind_here(user_name_key),
        1,
    ));
    selections.push(users(
        "CAST(2 AS BIGINT)",
        organization,
        Sql::new(" AND r.external_id = ").bind_here(external_id),
        2,
    ));
    let address = by_member(organization, Sql::new("w.address_key = ").bind_here(address_key));
    selections.push(users("CAST(3 AS BIGINT)", organization, address, 2));
    let (usage, found) = with_usage(connection, organization, selections)?;
    let mut ways: [Vec<User>; 3] = Default::default();
    for (way, user) in found {
        if let Some(way) = usize::try_from(way - 1).ok().and_then(|way| ways.get_mut(way)) {
            way.push(user);
        }
    }
    let alone = |mut users: Vec<User>| if users.len() == 1 { users.pop() } else { None };
    let [by_user_name, by_external_id, by_address] = ways.map(alone);
    Ok((usage, Candidates { by_user_name, by_external_id, by_address }))
}

/// Whether another User than `except` has this userName.
///
/// # Errors
/// The database's.
pub fn user_name_is_taken(
    connection: &mut Connection,
    organization: OrganizationId,
    user_name_key: &str,
    except: ResourceId,
) -> Result<bool> {
    let found =
        Sql::new("SELECT CAST(1 AS BIGINT) FROM resources WHERE organization_id = ? AND user_name_key = ? AND id <> ?")
            .bind(organization)
            .bind(user_name_key)
            .bind(except)
            .first::<BigInt, i64>(connection)
            .map_err(database_error)?;
    Ok(found.is_some())
}

/// A member's role, status and suspension.
pub type Place = (String, String, bool);

/// The places of members.
///
/// # Errors
/// The database's.
pub fn places(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[ResourceId],
) -> Result<Vec<(ResourceId, Place)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let padded = (0..ids.len().next_power_of_two()).map(|place| ids.get(place).copied());
    let mut sql = Sql::new("SELECT id, role, status, suspended FROM members WHERE organization_id = ");
    sql.push_bind(organization).push(" AND id IN ").push_list(padded);
    sql.load::<(SqlId, (Text, Text, Bool)), (ResourceId, Place)>(connection).map_err(database_error)
}

/// The keys of the addresses of active owners and admins; at most `limit`.
///
/// # Errors
/// The database's.
pub fn managers(connection: &mut Connection, organization: OrganizationId, limit: i64) -> Result<Vec<String>> {
    Sql::new(
        "SELECT address_key FROM members WHERE organization_id = ? AND role IN ('owner', 'admin') AND status = 'active' \
         AND NOT suspended AND address_key IS NOT NULL ORDER BY id LIMIT ?",
    )
    .bind(organization)
    .bind(limit)
    .load::<Text, String>(connection)
    .map_err(database_error)
}

/// Somebody acts by a role they must still have when it is written, in an organization that must still be there;
/// what they do may end either.
pub fn expect_role(batch: &mut Batch, organization: OrganizationId, id: ResourceId, role: &str) {
    batch.expect_stays(acting(organization, id, role, "IS NULL"), "m");
}

/// Somebody acts as the owner of a deleted organization.
pub fn expect_owner_of_deleted(batch: &mut Batch, organization: OrganizationId, id: ResourceId) {
    batch.expect_stays(acting(organization, id, "owner", "IS NOT NULL"), "m");
}

fn acting(organization: OrganizationId, id: ResourceId, role: &str, deleted: &str) -> Sql {
    let mut sql = Sql::new(
        "SELECT CAST(1 AS BIGINT) FROM members m JOIN organizations o ON o.id = m.organization_id WHERE m.organization_id = ",
    )
    .bind_here(organization);
    sql.push(" AND m.id = ").push_bind(id).push(" AND m.role = ").push_bind(role);
    sql.push(" AND m.status = ").push_bind(Standing::Active.name());
    sql.push(" AND NOT m.suspended AND o.deleted_at ").push(deleted);
    sql
}

/// The Users that have waited longest for a seat.
///
/// # Errors
/// The database's.
pub fn waiting(connection: &mut Connection, organization: OrganizationId, limit: i64) -> Result<Vec<User>> {
    let mut first = Sql::new("w.waiting_since IS NOT NULL");
    first.push(" ORDER BY w.waiting_since, w.id LIMIT ").push_bind(limit.max(0));
    let mut condition = by_member(organization, first);
    condition.push(" ORDER BY m.waiting_since, m.id");
    let sql = users("CAST(0 AS BIGINT)", organization, condition, limit.max(0));
    let rows = sql.load::<UserColumns, UserRow>(connection).map_err(database_error)?;
    Ok(rows.into_iter().map(|row| user_from_row(row).1).collect())
}

/// The member row of a new User. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Copy, Debug)]
pub struct NewMember<'a> {
    pub role: &'a str,
    pub role_source: &'a str,
    pub status: &'a str,
    pub source: &'a str,
    pub provisioned: bool,
    pub address_key: Option<&'a str>,
    /// How the person is shown, as a key.
    pub name_key: &'a str,
    pub waiting_since: Option<i64>,
    pub identity: Option<IdentityId>,
}

/// Inserts the member row of a new User.
pub fn insert_member(batch: &mut Batch, organization: OrganizationId, id: ResourceId, member: NewMember<'_>) {
    batch.insert(Rows {
        insert: "INSERT INTO members (organization_id, id, role, role_source, status, suspended, source, provisioned, address_key, waiting_since, identity_id, name_sort, default_role)",
        types: &[
            Type::Id,
            Type::Id,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Boolean,
            Type::Text,
            Type::Boolean,
            Type::Text,
            Type::Integer,
            Type::Id,
            Type::Text,
            Type::Text,
        ],
        conflict: "",
        rows: vec![vec![
            organization.into(),
            id.into(),
            member.role.into(),
            member.role_source.into(),
            member.status.into(),
            false.into(),
            member.source.into(),
            member.provisioned.into(),
            member.address_key.into(),
            member.waiting_since.into(),
            member.identity.into(),
            member.name_key.into(),
            if member.role_source == "default" { member.role } else { "read" }.into(),
        ]],
    });
}

/// The member must still be as it was when the change was planned: the ledger counts by it, and only the
/// sessions that were there by then end (PostgreSQL deletes what its snapshot shows).
fn as_it_was(sql: &mut Sql, organization: OrganizationId, id: ResourceId, was: &Member) {
    sql.push(" WHERE organization_id = ").push_bind(organization).push(" AND id = ").push_bind(id);
    sql.push(" AND role = ").push_bind(was.role.as_str()).push(" AND status = ").push_bind(was.status.as_str());
    sql.push(" AND suspended = ").push_bind(was.suspended).push(" AND entered = ").push_bind(was.entered);
}

/// Changes what provisioning may change of a member; a place on the waitlist once taken is kept.
pub fn update_member(
    batch: &mut Batch,
    organization: OrganizationId,
    (id, was): (ResourceId, &Member),
    status: &str,
    derived: &Derived,
    waiting_since: Option<i64>,
) {
    let mut sql =
        Sql::new("UPDATE members SET provisioned = ?, status = ?, address_key = ?, name_sort = ?, waiting_since = ")
            .bind(true)
            .bind(status)
            .bind(derived.address_key.as_deref())
            .bind(derived.name_key.as_str());
    match waiting_since {
        Some(since) => sql.push("coalesce(waiting_since, ").push_bind(since).push(")"),
        None => sql.push("NULL"),
    };
    as_it_was(&mut sql, organization, id, was);
    batch.run_once(sql);
}

/// Writes what is derived of a User's document anew.
pub fn rederive(batch: &mut Batch, organization: OrganizationId, id: ResourceId, derived: &Derived) {
    batch.run(
        Sql::new("UPDATE members SET name_sort = ? WHERE organization_id = ? AND id = ?")
            .bind(derived.name_key.as_str())
            .bind(organization)
            .bind(id),
    );
}

/// Gives a member a role by hand.
pub fn update_role(batch: &mut Batch, organization: OrganizationId, (id, was): (ResourceId, &Member), role: &str) {
    let mut sql = Sql::new("UPDATE members SET role_source = 'manual', role = ").bind_here(role);
    as_it_was(&mut sql, organization, id, was);
    batch.run_once(sql);
}

/// Suspends a member, or lifts the suspension.
pub fn update_suspended(
    batch: &mut Batch,
    organization: OrganizationId,
    (id, was): (ResourceId, &Member),
    suspended: bool,
) {
    let mut sql = Sql::new("UPDATE members SET suspended = ").bind_here(suspended);
    as_it_was(&mut sql, organization, id, was);
    batch.run_once(sql);
}

/// Whoever accepts an invitation comes in as a member who is there: as it was read, linked to them from now on, and
/// with a role by hand if one is given.
pub fn accept(
    batch: &mut Batch,
    organization: OrganizationId,
    (id, was): (ResourceId, &Member),
    identity: IdentityId,
    role: Option<&str>,
) {
    // Another identity comes only with another count.
    let mut sql = Sql::new("UPDATE members SET entered = entered + 1, identity_id = ").bind_here(identity);
    if let Some(role) = role {
        sql.push(", role_source = 'manual', role = ").push_bind(role);
    }
    as_it_was(&mut sql, organization, id, was);
    batch.run_once(sql);
}

/// Parts a member from whoever signs in as it; that counts too, for those who have seen another identity there.
pub fn unlink(batch: &mut Batch, organization: OrganizationId, (id, was): (ResourceId, &Member)) {
    let mut sql = Sql::new("UPDATE members SET entered = entered + 1, identity_id = NULL");
    as_it_was(&mut sql, organization, id, was);
    batch.run_once(sql);
}

/// Deletes the member row of a User that is deleted.
pub fn delete(batch: &mut Batch, organization: OrganizationId, (id, was): (ResourceId, &Member)) {
    let mut sql = Sql::new("DELETE FROM members");
    as_it_was(&mut sql, organization, id, was);
    batch.run_once(sql);
}
