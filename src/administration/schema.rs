//! Extension schemas of an organization's own (RFC 7643 §7).

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Administration, By, named};
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::organization::permission::Action;
use crate::provisioning::Service;
use crate::scim::document::Document;
use crate::scim::registry::Kind;
use crate::scim::schema::Schema;
use crate::scim::unique::unique_attributes;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::resources::{self, Written};
use crate::store::{Planned, Store, organizations, unique_values};

/// Users in one transaction.
const SLICE: i64 = 500;
/// An organization has so many extension schemas at most: each request of its provider goes by all of them.
const MOST: usize = 20;
/// A schema is at most this large.
const LARGEST: usize = 64 * 1_024;

/// An extension schema as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ExtensionSchema)]
pub struct Shown {
    /// Whether every User must have it.
    pub required: bool,
    /// The Schema resource (RFC 7643 §7).
    #[schema(value_type = Object)]
    pub schema: Value,
}

/// An extension schema that was added.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AddedSchema)]
pub struct Added {
    /// Its URN.
    pub schema: String,
    pub required: bool,
}

/// An extension schema that is there no more.
#[derive(Clone, Debug, Serialize)]
pub struct Removed {
    pub schema: String,
    pub removed: bool,
}

/// Adds an extension schema of the organization's own (RFC 7643 §7).
///
/// # Errors
/// `invalidValue` for what is no Schema, `uniqueness` for a URN that is taken; `conflict` when there are enough.
pub fn add(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    mut resource: Value,
    required: bool,
) -> Result<Planned<Added>> {
    by.check(Action::ManageProvisioning)?;
    let organization = named(connection, by, slug)?;
    if resource.to_string().len() > LARGEST {
        return Err(Error::new(Code::InvalidValue, format!("The schema has more than {LARGEST} bytes.")));
    }
    let schema = Schema::from_json(resource.clone())?;
    check(&schema)?;
    // Two at once would each be compared with what was there before the other.
    let version = organizations::extensions_version(connection, organization.id)?;
    if organizations::extensions(connection, organization.id)?.len() >= MOST {
        return Err(Error::new(
            Code::Conflict,
            format!("The organization has {MOST} extension schemas, as many as it can have. Remove one first."),
        ));
    }
    let registry = administration.provisioning.registries.current(connection, organization.id)?;
    let id = schema.id.clone();
    registry.with_extension(schema, required)?;
    resource["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"]);
    let mut batch = Batch::default();
    organizations::insert_extension(
        &mut batch,
        (organization.id, version),
        &id,
        &resource.to_string(),
        required,
        administration.clock.now().0,
    );
    administration.audit(&mut batch, by, organization.id, "schema.added", &json!({"schema": id}));
    Ok(Planned { batch, answer: Added { schema: id, required } })
}

/// The organization's extension schemas.
///
/// # Errors
/// `not_found`.
pub fn list(connection: &mut Connection, by: &By, slug: &str) -> Result<Vec<Shown>> {
    by.check(Action::ManageProvisioning)?;
    let organization = named(connection, by, slug)?;
    let all = organizations::extensions(connection, organization.id)?;
    all.iter()
        .map(|(text, required)| {
            Ok(Shown { required: *required, schema: serde_json::from_str(text).map_err(Error::internal)? })
        })
        .collect()
}

/// Removes an extension schema and then, in slices, the values stored under it: added again, it starts
/// clean. `reindex` goes on where this was interrupted.
///
/// # Errors
/// `not_found`.
pub async fn remove(
    store: &Store,
    administration: &Administration,
    by: &By,
    slug: &str,
    schema_id: &str,
) -> Result<Removed> {
    by.check(Action::ManageProvisioning)?;
    let (shared, by, slug, id) = (administration.clone(), by.clone(), slug.to_owned(), schema_id.to_owned());
    let organization = store.write(move |connection| forget(connection, &shared, &by, &slug, &id)).await?;
    let mut after = None;
    loop {
        let service = Arc::clone(&administration.provisioning);
        after = store.write(move |connection| strip(connection, &service, organization, after)).await?;
        if after.is_none() {
            return Ok(Removed { schema: schema_id.to_owned(), removed: true });
        }
    }
}

/// From here on nobody writes values of the schema.
fn forget(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    schema_id: &str,
) -> Result<Planned<OrganizationId>> {
    let organization = named(connection, by, slug)?;
    // By its own row: one that does not go with the others is removed all the same.
    let Some(text) = organizations::extension(connection, organization.id, schema_id)? else {
        return Err(Error::new(Code::NotFound, format!("The organization has no schema {schema_id}.")));
    };
    let schema = Schema::from_json(serde_json::from_str(&text).map_err(Error::internal)?)?;
    let mut batch = Batch::default();
    organizations::delete_extension(&mut batch, organization.id, schema_id);
    unique_values::remove_attributes(&mut batch, organization.id, &unique_attributes(&schema));
    administration.audit(&mut batch, by, organization.id, "schema.removed", &json!({"schema": schema_id}));
    Ok(Planned { batch, answer: organization.id })
}

/// Takes the values of removed schemas out of some Users; the last of them.
fn strip(
    connection: &mut Connection,
    service: &Service,
    organization: OrganizationId,
    after: Option<ResourceId>,
) -> Result<Planned<Option<ResourceId>>> {
    let registry = service.registries.current(connection, organization)?;
    let users = resources::following(connection, organization, Kind::User, after, SLICE)?;
    let mut batch = Batch::default();
    for user in &users {
        let mut document = Document::from_stored(&user.document)?;
        if document.forget_removed(registry.resource_type(Kind::User)) {
            let derived = service.storage.derive(&document, Kind::User)?;
            let (now, text) = (service.clock.now().to_millisecond().0, document.to_text());
            let written = Written { id: user.id, kind: Kind::User, now, document: &text, derived: &derived };
            // No attribute of an organization's own extension has index rows.
            resources::update(&mut batch, organization, user.version, written, &derived);
        }
    }
    Ok(Planned { batch, answer: users.last().map(|user| user.id) })
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
