//! Extension schemas of an organization's own (RFC 7643 §7).

use serde_json::{Value, json};

use super::{Administration, named};
use crate::error::{Code, Error, Result};
use crate::scim::registry::Registry;
use crate::scim::schema::Schema;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::organizations;

/// Adds an extension schema of the organization's own (RFC 7643 §7).
///
/// # Errors
/// `invalidValue` for what is no Schema, `uniqueness` for a URN that is taken.
pub fn add(
    connection: &mut Connection,
    administration: &Administration,
    slug: &str,
    mut resource: Value,
    required: bool,
) -> Result<Planned<Value>> {
    let organization = named(connection, slug)?;
    let schema = Schema::from_json(resource.clone())?;
    check(&schema)?;
    let mut registry: Registry = administration.provisioning.registries.standard().as_ref().clone();
    for (text, required) in organizations::extensions(connection, organization.id)? {
        registry = registry
            .with_extension(Schema::from_json(serde_json::from_str(&text).map_err(Error::internal)?)?, required)?;
    }
    let id = schema.id.clone();
    registry.with_extension(schema, required)?;
    resource["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"]);
    let mut batch = Batch::default();
    organizations::insert_extension(
        &mut batch,
        organization.id,
        &id,
        &resource.to_string(),
        required,
        administration.clock.now().0,
    );
    administration.audit(&mut batch, organization.id, "schema.added", &json!({"schema": id}));
    Ok(Planned { batch, answer: json!({"schema": id, "required": required}) })
}

/// The organization's extension schemas.
///
/// # Errors
/// `not_found`.
pub fn list(connection: &mut Connection, slug: &str) -> Result<Value> {
    let organization = named(connection, slug)?;
    let all = organizations::extensions(connection, organization.id)?;
    all.iter()
        .map(|(text, required)| {
            Ok(json!({"required": required, "schema": serde_json::from_str::<Value>(text).map_err(Error::internal)?}))
        })
        .collect::<Result<Vec<Value>>>()
        .map(Value::from)
}

/// Removes an extension schema; values stored under it are no longer shown.
///
/// # Errors
/// `not_found`.
pub fn remove(
    connection: &mut Connection,
    administration: &Administration,
    slug: &str,
    schema_id: &str,
) -> Result<Planned<Value>> {
    let organization = named(connection, slug)?;
    let known = organizations::extensions(connection, organization.id)?;
    if !known.iter().any(|(text, _)| serde_json::from_str::<Value>(text).is_ok_and(|schema| schema["id"] == schema_id))
    {
        return Err(Error::new(Code::NotFound, format!("The organization has no schema {schema_id}.")));
    }
    let mut batch = Batch::default();
    organizations::delete_extension(&mut batch, organization.id, schema_id);
    administration.audit(&mut batch, organization.id, "schema.removed", &json!({"schema": schema_id}));
    Ok(Planned { batch, answer: json!({"schema": schema_id, "removed": true}) })
}

fn check(schema: &Schema) -> Result<()> {
    if !schema.id.to_ascii_lowercase().starts_with("urn:") || schema.id.contains(char::is_whitespace) {
        return Err(Error::new(Code::InvalidValue, format!("The schema's id \"{}\" is not a URN.", schema.id)));
    }
    let well_named = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'$'))
    };
    match schema.attributes.iter().find(|attribute| !well_named(&attribute.name)) {
        Some(attribute) => Err(Error::new(
            Code::InvalidValue,
            format!("\"{}\" is not an attribute name (RFC 7643 §2.1).", attribute.name),
        )),
        None if schema.attributes.is_empty() => Err(Error::new(Code::InvalidValue, "The schema has no attributes.")),
        None => Ok(()),
    }
}
