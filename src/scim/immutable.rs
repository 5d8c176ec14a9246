//! Immutable attributes (floor 1; RFC 7643 §7): once they have a value they keep it.

use serde_json::{Map, Value};

use super::schema::{Attribute, Mutability};
use crate::error::{Code, Error, Result};

/// Refuses another value, or none, where there was one.
///
/// # Errors
/// `mutability` naming the attribute.
pub fn check(before: &Map<String, Value>, after: &Map<String, Value>, attributes: &[Attribute]) -> Result<()> {
    for attribute in attributes {
        let (Some(old), new) = (before.get(&attribute.name), after.get(&attribute.name)) else { continue };
        if attribute.mutability == Mutability::Immutable && new != Some(old) {
            return Err(refuse(&attribute.name));
        }
        // A value of a multi-valued attribute has no identity but itself, so only single values are compared.
        if let (false, Value::Object(old), Some(Value::Object(new))) = (attribute.multi_valued, old, new) {
            check(old, new, &attribute.sub_attributes)?;
        }
    }
    Ok(())
}

/// Carries values over that are left out, and refuses others.
///
/// # Errors
/// `mutability` naming the attribute.
pub fn keep(before: &Map<String, Value>, after: &mut Map<String, Value>, attributes: &[Attribute]) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.mutability == Mutability::Immutable) {
        if let Some(old) = before.get(&attribute.name) {
            after.entry(attribute.name.as_str()).or_insert_with(|| old.clone());
        }
    }
    check(before, after, attributes)
}

fn refuse(name: &str) -> Error {
    Error::new(Code::Mutability, format!("{name} is immutable: it keeps the value it was given first."))
}
