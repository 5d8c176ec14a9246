//! Users and Groups as documents with their keys, and the member row of a User (floor 2).

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Rows, Sql, SqlId, Type};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::scim::index::{Derived, Element};
use crate::scim::registry::Kind;

/// A stored resource.
#[derive(Clone, Debug)]
pub struct Resource {
    pub id: ResourceId,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    /// Canonical JSON without `id`, `meta`, `groups` and `members`.
    pub document: String,
}

/// The member row of a User.
#[derive(Clone, Debug)]
pub struct Member {
    pub role: String,
    pub status: String,
    pub provisioned: bool,
    pub address_key: Option<String>,
}

/// How a kind is stored.
#[must_use]
pub const fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::User => 1,
        Kind::Group => 2,
    }
}

/// The kind a stored number means.
#[must_use]
pub const fn kind_from(number: i64) -> Kind {
    if number == 2 { Kind::Group } else { Kind::User }
}

/// The name by which other resources show a stored document: `displayName`, else `name.formatted`,
/// else `userName`.
#[must_use]
pub fn shown_name(document: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        display_name: Option<String>,
        name: Option<Name>,
        user_name: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Name {
        formatted: Option<String>,
    }
    let Named { display_name, name, user_name } = serde_json::from_str(document).ok()?;
    display_name.or_else(|| name?.formatted).or(user_name)
}

/// The columns every read of a resource takes.
pub const COLUMNS: &str = "r.id, r.version, r.created_at, r.updated_at, r.document";
/// Their types.
pub type ResourceColumns = (SqlId, BigInt, BigInt, BigInt, Text);
/// Their values.
pub type ResourceRow = (ResourceId, i64, i64, i64, String);

/// Makes a [`Resource`] of a row.
#[must_use]
pub fn from_row(row: ResourceRow) -> Resource {
    let (id, version, created_at, updated_at, document) = row;
    Resource { id, version, created_at, updated_at, document }
}

/// One resource by its id.
///
/// # Errors
/// The database's.
pub fn get(
    connection: &mut Connection,
    organization: OrganizationId,
    kind: Kind,
    id: ResourceId,
) -> Result<Option<Resource>> {
    let row = Sql::new("SELECT r.id, r.version, r.created_at, r.updated_at, r.document FROM resources r WHERE r.organization_id = ? AND r.kind = ? AND r.id = ?")
        .bind(organization)
        .bind(kind_number(kind))
        .bind(id)
        .first::<ResourceColumns, ResourceRow>(connection)
        .map_err(database_error)?;
    Ok(row.map(from_row))
}

type UserColumns = (SqlId, BigInt, BigInt, BigInt, Text, Text, Text, Bool, Nullable<Text>);
type UserRow = (ResourceId, i64, i64, i64, String, String, String, bool, Option<String>);
const USERS: &str = "SELECT r.id, r.version, r.created_at, r.updated_at, r.document, m.role, m.status, m.provisioned, m.address_key \
     FROM resources r JOIN members m ON m.organization_id = r.organization_id AND m.id = r.id WHERE r.kind = 1 AND r.organization_id = ";

fn user_from_row(row: UserRow) -> (Resource, Member) {
    let (id, version, created_at, updated_at, document, role, status, provisioned, address_key) = row;
    (Resource { id, version, created_at, updated_at, document }, Member { role, status, provisioned, address_key })
}

fn users(connection: &mut Connection, organization: OrganizationId, condition: Sql) -> Result<Vec<(Resource, Member)>> {
    let mut sql = Sql::new(USERS);
    // No ORDER BY: it would make the planner walk the primary key instead of the index of the condition.
    sql.push_bind(organization).append(condition).push(" LIMIT 2");
    Ok(sql.load::<UserColumns, UserRow>(connection).map_err(database_error)?.into_iter().map(user_from_row).collect())
}

/// A User with its member row.
///
/// # Errors
/// The database's.
pub fn user(
    connection: &mut Connection,
    organization: OrganizationId,
    id: ResourceId,
) -> Result<Option<(Resource, Member)>> {
    Ok(users(connection, organization, Sql::new(" AND r.id = ?").bind(id))?.into_iter().next())
}

/// The User with this userName.
///
/// # Errors
/// The database's.
pub fn user_by_name(
    connection: &mut Connection,
    organization: OrganizationId,
    user_name_key: &str,
) -> Result<Option<(Resource, Member)>> {
    Ok(users(connection, organization, Sql::new(" AND r.user_name_key = ?").bind(user_name_key))?.into_iter().next())
}

/// The User that alone has this externalId.
///
/// # Errors
/// The database's.
pub fn only_user_by_external_id(
    connection: &mut Connection,
    organization: OrganizationId,
    external_id: &str,
) -> Result<Option<(Resource, Member)>> {
    Ok(alone(users(connection, organization, Sql::new(" AND r.external_id = ?").bind(external_id))?))
}

/// The User that alone has this address.
///
/// # Errors
/// The database's.
pub fn only_user_by_address(
    connection: &mut Connection,
    organization: OrganizationId,
    address_key: &str,
) -> Result<Option<(Resource, Member)>> {
    Ok(alone(users(
        connection,
        organization,
        by_member(organization, Sql::new("w.address_key = ?").bind(address_key)),
    )?))
}

/// The ids come from the members' index first: joined the other way round every User would be looked at.
fn by_member(organization: OrganizationId, condition: Sql) -> Sql {
    let mut sql = Sql::new(" AND r.id IN (SELECT w.id FROM members w WHERE w.organization_id = ");
    sql.push_bind(organization).push(" AND ").append(condition).push(")");
    sql
}

fn alone(mut found: Vec<(Resource, Member)>) -> Option<(Resource, Member)> {
    if found.len() == 1 { found.pop() } else { None }
}

/// The Users that have waited longest for a seat, but for one that is being changed.
///
/// # Errors
/// The database's.
pub fn waiting(
    connection: &mut Connection,
    organization: OrganizationId,
    except: Option<ResourceId>,
    limit: i64,
) -> Result<Vec<(Resource, Member)>> {
    let mut first = Sql::new("w.waiting_since IS NOT NULL");
    if let Some(except) = except {
        first.push(" AND w.id <> ").push_bind(except);
    }
    first.push(" ORDER BY w.waiting_since, w.id LIMIT ").push_bind(limit.max(0));
    let mut sql = Sql::new(USERS);
    sql.push_bind(organization).append(by_member(organization, first)).push(" ORDER BY m.waiting_since, m.id");
    Ok(sql.load::<UserColumns, UserRow>(connection).map_err(database_error)?.into_iter().map(user_from_row).collect())
}

/// What is written of a resource.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    pub id: ResourceId,
    pub kind: Kind,
    pub now: i64,
    pub document: &'a str,
    pub derived: &'a Derived,
}

/// Inserts a resource with its index rows.
pub fn insert(batch: &mut Batch, organization: OrganizationId, written: Written<'_>) {
    let derived = written.derived;
    batch.run(
        Sql::new(
            "INSERT INTO resources (organization_id, kind, id, version, created_at, updated_at, active, user_name_key, external_id, display_name_key, document) \
             VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(organization)
        .bind(kind_number(written.kind))
        .bind(written.id)
        .bind(written.now)
        .bind(written.now)
        .bind(derived.active)
        .bind(derived.user_name_key.as_deref())
        .bind(derived.external_id.as_deref())
        .bind(derived.display_name_key.as_deref())
        .bind(written.document),
    );
    insert_elements(batch, organization, written.id, &derived.elements);
}

/// Replaces a resource that still has the version it was read with; else the batch is stale.
pub fn update(batch: &mut Batch, organization: OrganizationId, version: i64, written: Written<'_>, before: &Derived) {
    let derived = written.derived;
    batch.run_once(
        Sql::new(
            "UPDATE resources SET version = version + 1, updated_at = ?, active = ?, user_name_key = ?, external_id = ?, display_name_key = ?, document = ? \
             WHERE organization_id = ? AND kind = ? AND id = ? AND version = ?",
        )
        .bind(written.now)
        .bind(derived.active)
        .bind(derived.user_name_key.as_deref())
        .bind(derived.external_id.as_deref())
        .bind(derived.display_name_key.as_deref())
        .bind(written.document)
        .bind(organization)
        .bind(kind_number(written.kind))
        .bind(written.id)
        .bind(version),
    );
    change_elements(batch, organization, written.id, &before.elements, &derived.elements);
}

/// Writes only the index rows that differ.
fn change_elements(
    batch: &mut Batch,
    organization: OrganizationId,
    resource: ResourceId,
    before: &[Element],
    after: &[Element],
) {
    let same_row =
        |a: &Element, b: &Element| a.attribute == b.attribute && a.ordinal == b.ordinal && a.value_key == b.value_key;
    for element in before.iter().filter(|element| !after.contains(element)) {
        // A row that only changed its type or primary is updated: a batch must not touch it twice.
        let sql = match after.iter().find(|other| same_row(other, element)) {
            Some(kept) => Sql::new("UPDATE attribute_values SET type_key = ?, is_primary = ?")
                .bind(kept.type_key.as_deref())
                .bind(kept.primary),
            None => Sql::new("DELETE FROM attribute_values"),
        };
        batch.run(value_row(sql, organization, resource, element));
    }
    let come: Vec<Element> =
        after.iter().filter(|element| !before.iter().any(|other| same_row(other, element))).cloned().collect();
    insert_elements(batch, organization, resource, &come);
}

/// The index rows a resource has; slow, for `reindex` and tests.
///
/// # Errors
/// The database's.
pub fn elements_of(connection: &mut Connection, organization: OrganizationId, id: ResourceId) -> Result<Vec<Element>> {
    let rows = Sql::new("SELECT attribute, ordinal, value_key, type_key, is_primary FROM attribute_values WHERE organization_id = ? AND resource_id = ? ORDER BY attribute, ordinal")
        .bind(organization)
        .bind(id)
        .load::<(BigInt, BigInt, Text, Nullable<Text>, Bool), (i64, i64, String, Option<String>, bool)>(connection)
        .map_err(database_error)?;
    Ok(rows
        .into_iter()
        .map(|(attribute, ordinal, value_key, type_key, primary)| Element {
            attribute: u16::try_from(attribute).unwrap_or(0),
            ordinal: u16::try_from(ordinal).unwrap_or(0),
            value_key,
            type_key,
            primary,
        })
        .collect())
}

/// Writes what is derived anew, without a new version: the document is the same.
pub fn rederive(
    batch: &mut Batch,
    organization: OrganizationId,
    kind: Kind,
    id: ResourceId,
    derived: &Derived,
    present: &[Element],
) {
    batch.run(
        Sql::new("UPDATE resources SET active = ?, user_name_key = ?, external_id = ?, display_name_key = ? WHERE organization_id = ? AND kind = ? AND id = ?")
            .bind(derived.active)
            .bind(derived.user_name_key.as_deref())
            .bind(derived.external_id.as_deref())
            .bind(derived.display_name_key.as_deref())
            .bind(organization)
            .bind(kind_number(kind))
            .bind(id),
    );
    change_elements(batch, organization, id, present, &derived.elements);
}

fn value_row(mut sql: Sql, organization: OrganizationId, resource: ResourceId, element: &Element) -> Sql {
    sql.push(" WHERE organization_id = ").push_bind(organization);
    sql.push(" AND attribute = ").push_bind(i64::from(element.attribute));
    sql.push(" AND value_key = ").push_bind(element.value_key.as_str());
    sql.push(" AND resource_id = ").push_bind(resource);
    sql.push(" AND ordinal = ").push_bind(i64::from(element.ordinal));
    sql
}

/// Notes a change that is not in the document (memberships): version and time move.
pub fn touch(batch: &mut Batch, organization: OrganizationId, kind: Kind, id: ResourceId, now: i64) {
    batch.run_once(
        Sql::new("UPDATE resources SET version = version + 1, updated_at = ? WHERE organization_id = ? AND kind = ? AND id = ?")
            .bind(now)
            .bind(organization)
            .bind(kind_number(kind))
            .bind(id),
    );
}

/// Like [`touch`], only if the resource still has this version.
pub fn touch_version(
    batch: &mut Batch,
    organization: OrganizationId,
    kind: Kind,
    id: ResourceId,
    version: i64,
    now: i64,
) {
    batch.run_once(
        Sql::new("UPDATE resources SET version = version + 1, updated_at = ? WHERE organization_id = ? AND kind = ? AND id = ? AND version = ?")
            .bind(now)
            .bind(organization)
            .bind(kind_number(kind))
            .bind(id)
            .bind(version),
    );
}

/// Deletes a resource of this version with its index rows.
pub fn delete(
    batch: &mut Batch,
    organization: OrganizationId,
    kind: Kind,
    id: ResourceId,
    version: i64,
    derived: &Derived,
) {
    batch.run_once(
        Sql::new("DELETE FROM resources WHERE organization_id = ? AND kind = ? AND id = ? AND version = ?")
            .bind(organization)
            .bind(kind_number(kind))
            .bind(id)
            .bind(version),
    );
    for element in &derived.elements {
        batch.run(value_row(Sql::new("DELETE FROM attribute_values"), organization, id, element));
    }
    if kind == Kind::User {
        batch.run(Sql::new("DELETE FROM members WHERE organization_id = ? AND id = ?").bind(organization).bind(id));
    }
}

fn insert_elements(batch: &mut Batch, organization: OrganizationId, resource: ResourceId, elements: &[Element]) {
    batch.insert(Rows {
        insert: "INSERT INTO attribute_values (organization_id, attribute, value_key, resource_id, ordinal, type_key, is_primary)",
        types: &[Type::Id, Type::Integer, Type::Text, Type::Id, Type::Integer, Type::Text, Type::Boolean],
        conflict: "",
        rows: elements
            .iter()
            .map(|element| {
                vec![
                    organization.into(),
                    i64::from(element.attribute).into(),
                    element.value_key.as_str().into(),
                    resource.into(),
                    i64::from(element.ordinal).into(),
                    element.type_key.as_deref().into(),
                    element.primary.into(),
                ]
            })
            .collect(),
    });
}

/// The member row of a new User.
#[derive(Clone, Copy, Debug)]
pub struct NewMember<'a> {
    pub role: &'a str,
    pub role_source: &'a str,
    pub status: &'a str,
    pub source: &'a str,
    pub provisioned: bool,
    pub address_key: Option<&'a str>,
    pub waiting_since: Option<i64>,
}

/// Inserts the member row of a new User.
pub fn insert_member(batch: &mut Batch, organization: OrganizationId, id: ResourceId, member: NewMember<'_>) {
    batch.run(
        Sql::new(
            "INSERT INTO members (organization_id, id, role, role_source, status, suspended, source, provisioned, address_key, waiting_since) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(organization)
        .bind(id)
        .bind(member.role)
        .bind(member.role_source)
        .bind(member.status)
        .bind(false)
        .bind(member.source)
        .bind(member.provisioned)
        .bind(member.address_key)
        .bind(member.waiting_since),
    );
}

/// Changes what provisioning may change of a member; a place on the waitlist once taken is kept.
pub fn update_member(
    batch: &mut Batch,
    organization: OrganizationId,
    id: ResourceId,
    status: &str,
    address_key: Option<&str>,
    waiting_since: Option<i64>,
) {
    let mut sql = Sql::new("UPDATE members SET provisioned = ?, status = ?, address_key = ?, waiting_since = ")
        .bind(true)
        .bind(status)
        .bind(address_key);
    match waiting_since {
        Some(since) => sql.push("coalesce(waiting_since, ").push_bind(since).push(")"),
        None => sql.push("NULL"),
    };
    sql.push(" WHERE organization_id = ").push_bind(organization).push(" AND id = ").push_bind(id);
    batch.run_once(sql);
}
