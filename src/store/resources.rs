//! Users and Groups as documents with their keys (floor 2).

use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Rows, Sql, SqlId, Type};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::scim::index::{Derived, Element};
use crate::scim::registry::Kind;

/// A stored resource. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Resource {
    pub id: ResourceId,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    /// Canonical JSON without `id`, `meta`, `groups` and `members`.
    pub document: String,
    /// Whether it is a member of any group, so that nobody looks for groups in vain.
    pub in_groups: bool,
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

/// The columns every read of a resource takes. Not EXISTS: PostgreSQL would hash all memberships for a page.
pub const COLUMNS: &str = "r.id, r.version, r.created_at, r.updated_at, r.document, \
     coalesce((SELECT true FROM group_members x WHERE x.organization_id = r.organization_id AND x.member_id = r.id LIMIT 1), false)";
/// Their types.
pub type ResourceColumns = (SqlId, BigInt, BigInt, BigInt, Text, Bool);
/// Their values.
pub type ResourceRow = (ResourceId, i64, i64, i64, String, bool);

/// Makes a [`Resource`] of a row.
#[must_use]
pub fn from_row(row: ResourceRow) -> Resource {
    let (id, version, created_at, updated_at, document, in_groups) = row;
    Resource { id, version, created_at, updated_at, document, in_groups }
}

/// One resource by its id; none where a proof is asked for and finds nothing.
///
/// # Errors
/// The database's.
pub fn get(
    connection: &mut Connection,
    organization: OrganizationId,
    kind: Kind,
    id: ResourceId,
    proof: Option<Sql>,
) -> Result<Option<Resource>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM resources r WHERE r.organization_id = ").push_bind(organization);
    sql.push(" AND r.kind = ").push_bind(kind_number(kind)).push(" AND r.id = ").push_bind(id);
    if let Some(proof) = proof {
        sql.push(" AND EXISTS (").append(proof).push(")");
    }
    let row = sql.first::<ResourceColumns, ResourceRow>(connection).map_err(database_error)?;
    Ok(row.map(from_row))
}

/// The resources that follow `after`, in the order of ids.
///
/// # Errors
/// The database's.
pub fn following(
    connection: &mut Connection,
    organization: OrganizationId,
    kind: Kind,
    after: Option<ResourceId>,
    count: i64,
) -> Result<Vec<Resource>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM resources r WHERE r.organization_id = ").push_bind(organization);
    sql.push(" AND r.kind = ").push_bind(kind_number(kind));
    if let Some(after) = after {
        sql.push(" AND r.id > ").push_bind(after);
    }
    sql.push(" ORDER BY r.id LIMIT ").push_bind(count);
    let rows = sql.load::<ResourceColumns, ResourceRow>(connection).map_err(database_error)?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// Whether a resource other than `except` has this displayName.
///
/// # Errors
/// The database's.
pub fn is_display_name_taken(
    connection: &mut Connection,
    organization: OrganizationId,
    kind: Kind,
    display_name_key: &str,
    except: Option<ResourceId>,
) -> Result<bool> {
    let ids = Sql::new(
        "SELECT r.id FROM resources r WHERE r.organization_id = ? AND r.kind = ? AND r.display_name_key = ? LIMIT 2",
    )
    .bind(organization)
    .bind(kind_number(kind))
    .bind(display_name_key)
    .load::<SqlId, ResourceId>(connection)
    .map_err(database_error)?;
    Ok(ids.into_iter().any(|id| Some(id) != except))
}

/// What is written of a resource. Times are [`crate::clock::Timestamp`]s: microseconds.
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
    insert_at(batch, organization, written, written.now, 1);
}

/// Inserts a resource that was there before: with a version that no client has seen.
pub fn insert_at(batch: &mut Batch, organization: OrganizationId, written: Written<'_>, created_at: i64, version: i64) {
    let derived = written.derived;
    batch.insert(Rows {
        insert: "INSERT INTO resources (organization_id, kind, id, version, created_at, updated_at, active, user_name_key, external_id, display_name_key, document)",
        types: &[
            Type::Id,
            Type::Integer,
            Type::Id,
            Type::Integer,
            Type::Integer,
            Type::Integer,
            Type::Boolean,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
        ],
        conflict: "",
        rows: vec![vec![
            organization.into(),
            kind_number(written.kind).into(),
            written.id.into(),
            version.into(),
            created_at.into(),
            written.now.into(),
            derived.active.into(),
            derived.user_name_key.as_deref().into(),
            derived.external_id.as_deref().into(),
            derived.display_name_key.as_deref().into(),
            written.document.into(),
        ]],
    });
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

/// Writes what is derived anew, without a new version: the document is the same. It must still be the
/// one of `version`; else the batch is stale.
pub fn rederive(
    batch: &mut Batch,
    organization: OrganizationId,
    kind: Kind,
    (id, version): (ResourceId, i64),
    derived: &Derived,
    present: &[Element],
) {
    batch.run_once(
        Sql::new("UPDATE resources SET active = ?, user_name_key = ?, external_id = ?, display_name_key = ? WHERE organization_id = ? AND kind = ? AND id = ? AND version = ?")
            .bind(derived.active)
            .bind(derived.user_name_key.as_deref())
            .bind(derived.external_id.as_deref())
            .bind(derived.display_name_key.as_deref())
            .bind(organization)
            .bind(kind_number(kind))
            .bind(id)
            .bind(version),
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

/// Deletes a resource of this version with its index rows; a User has a member row besides.
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
