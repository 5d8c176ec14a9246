//! Values of extension attributes that must be unique (floor 1; RFC 7643 §7 "uniqueness").

use serde_json::Value;

use super::document::Document;
use super::registry::ResourceType;
use super::schema::{Attribute, Schema, Uniqueness};
use crate::text::scim_key;

/// A value that no other resource of the organization may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UniqueValue {
    /// The attribute with its URN.
    pub attribute: String,
    /// What values are compared by.
    pub key: String,
}

/// The values of a document that must be unique. The core's own (`userName`) is a column.
#[must_use]
pub fn unique_values(document: &Document, resource_type: &ResourceType) -> Vec<UniqueValue> {
    let mut found = Vec::new();
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        let Some(values) = document.get(urn) else { continue };
        for attribute in &extension.schema.attributes {
            let Some(value) = values.get(&attribute.name) else { continue };
            collect(&format!("{urn}:{}", attribute.name), attribute, value, &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The attributes of a schema whose values must be unique, with its URN.
#[must_use]
pub fn unique_attributes(schema: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in &schema.attributes {
        let path = format!("{}:{}", schema.id, attribute.name);
        let subs = attribute.sub_attributes.iter().filter(|sub| sub.uniqueness != Uniqueness::None);
        found.extend(subs.map(|sub| format!("{path}.{}", sub.name)));
        if attribute.uniqueness != Uniqueness::None {
            found.push(path);
        }
    }
    found
}

fn collect(path: &str, attribute: &Attribute, value: &Value, found: &mut Vec<UniqueValue>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(path, attribute, value, found)),
        Value::Object(object) => {
            for sub in &attribute.sub_attributes {
                if let Some(value) = object.get(&sub.name) {
                    collect(&format!("{path}.{}", sub.name), sub, value, found);
                }
            }
        }
        value if attribute.uniqueness != Uniqueness::None => {
            let key = match value {
                Value::String(text) if attribute.compares_exactly() => text.clone(),
                Value::String(text) => scim_key(text),
                other => other.to_string(),
            };
            found.push(UniqueValue { attribute: path.to_owned(), key });
        }
        _ => {}
    }
}
