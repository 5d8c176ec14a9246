//! Values that are unique in an organization (floor 2): the primary key holds what a race would break.

use diesel::sql_types::{Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::resources::kind_number;
use super::sql::{Rows, Sql, SqlId, Type};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::scim::registry::Kind;
use crate::scim::unique::UniqueValue;

/// The first of these values that another resource has.
///
/// # Errors
/// The database's.
pub fn taken<'v>(
    connection: &mut Connection,
    organization: OrganizationId,
    resource: Option<ResourceId>,
    values: &'v [UniqueValue],
) -> Result<Option<&'v UniqueValue>> {
    for value in values {
        let holder = Sql::new(
            "SELECT resource_id FROM unique_values WHERE organization_id = ? AND attribute = ? AND value_key = ?",
        )
        .bind(organization)
        .bind(value.attribute.as_str())
        .bind(value.key.as_str())
        .first::<SqlId, ResourceId>(connection)
        .map_err(database_error)?;
        if holder.is_some_and(|holder| Some(holder) != resource) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Writes the difference between what a resource had and what it has.
pub fn change(
    batch: &mut Batch,
    organization: OrganizationId,
    resource: ResourceId,
    before: &[UniqueValue],
    after: &[UniqueValue],
) {
    for value in before.iter().filter(|value| !after.contains(value)) {
        batch.run(
            Sql::new("DELETE FROM unique_values WHERE organization_id = ? AND attribute = ? AND value_key = ? AND resource_id = ?")
                .bind(organization)
                .bind(value.attribute.as_str())
                .bind(value.key.as_str())
                .bind(resource),
        );
    }
    let come: Vec<&UniqueValue> = after.iter().filter(|value| !before.contains(value)).collect();
    if come.is_empty() {
        return;
    }
    // The primary key refuses what a race would break.
    batch.insert(rows("", come.into_iter().map(|value| (organization, resource, value))));
}

/// A value, whose it is, and where that stands.
pub type Held = (OrganizationId, ResourceId, UniqueValue);

/// Writes values where nobody has them yet.
pub fn put(batch: &mut Batch, held: &[Held]) {
    batch.insert(rows(
        "ON CONFLICT DO NOTHING",
        held.iter().map(|(organization, resource, value)| (*organization, *resource, value)),
    ));
}

fn rows<'v>(
    conflict: &'static str,
    values: impl Iterator<Item = (OrganizationId, ResourceId, &'v UniqueValue)>,
) -> Rows {
    let row = |(organization, resource, value): (OrganizationId, ResourceId, &UniqueValue)| {
        vec![organization.into(), value.attribute.as_str().into(), value.key.as_str().into(), resource.into()]
    };
    Rows {
        insert: "INSERT INTO unique_values (organization_id, attribute, value_key, resource_id)",
        types: &[Type::Id, Type::Text, Type::Text, Type::Id],
        conflict,
        rows: values.map(row).collect(),
    }
}

type Row = (OrganizationId, String, String, ResourceId, Option<String>);

/// The values that follow `after` in the order of the table, of every organization, each with the
/// document of the User that has it.
///
/// # Errors
/// The database's.
pub fn following(connection: &mut Connection, after: Option<&Held>, count: i64) -> Result<Vec<(Held, Option<String>)>> {
    let mut sql = Sql::new(
        "SELECT u.organization_id, u.attribute, u.value_key, u.resource_id, r.document FROM unique_values u \
         LEFT JOIN resources r ON r.organization_id = u.organization_id AND r.kind = ",
    );
    sql.push_bind(kind_number(Kind::User)).push(" AND r.id = u.resource_id");
    if let Some((organization, _, value)) = after {
        sql.push(" WHERE (u.organization_id, u.attribute, u.value_key) > (").push_bind(*organization);
        sql.push(", ").push_bind(value.attribute.as_str()).push(", ").push_bind(value.key.as_str()).push(")");
    }
    sql.push(" ORDER BY u.organization_id, u.attribute, u.value_key LIMIT ").push_bind(count);
    let rows = sql.load::<(SqlId, Text, Text, SqlId, Nullable<Text>), Row>(connection).map_err(database_error)?;
    let held = |(organization, attribute, key, resource, document): Row| {
        ((organization, resource, UniqueValue { attribute, key }), document)
    };
    Ok(rows.into_iter().map(held).collect())
}

/// Removes a value.
pub fn remove(batch: &mut Batch, (organization, resource, value): &Held) {
    change(batch, *organization, *resource, std::slice::from_ref(value), &[]);
}

/// Removes all values of attributes.
pub fn remove_attributes(batch: &mut Batch, organization: OrganizationId, attributes: &[String]) {
    for attribute in attributes {
        batch.run(
            Sql::new("DELETE FROM unique_values WHERE organization_id = ? AND attribute = ?")
                .bind(organization)
                .bind(attribute.as_str()),
        );
    }
}
