//! Values that are unique in an organization (floor 2): the primary key holds what a race would break.

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Rows, Sql, SqlId, Type};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
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
    batch.insert(Rows {
        insert: "INSERT INTO unique_values (organization_id, attribute, value_key, resource_id)",
        types: &[Type::Id, Type::Text, Type::Text, Type::Id],
        conflict: "",
        rows: come
            .into_iter()
            .map(|value| {
                vec![organization.into(), value.attribute.as_str().into(), value.key.as_str().into(), resource.into()]
            })
            .collect(),
    });
}
