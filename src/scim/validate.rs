//! Values as the schema has them (RFC 7643 §2.3, §2.4): canonical names and JSON types, or an
//! error that names the attribute and what was expected.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Map, Value};

use super::lenient::{self, Notes};
use super::schema::{Attribute, AttributeType, Mutability, Returned};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};

/// The most values an attribute may have; a Group's members are no attribute of its document.
pub const MAX_VALUES: usize = 1_000;

/// The canonical form of an attribute's value; `None` when it is unassigned (RFC 7643 §2.5), readOnly, or
/// never stored. `path` is for error texts; what was ignored or rewritten is added to `notes`.
///
/// # Errors
/// `invalidValue`.
pub fn canonical(attribute: &Attribute, value: Value, path: &str, notes: &mut Notes) -> Result<Option<Value>> {
    if value.is_null() || lenient::read_only(attribute, &value, path, notes) {
        return Ok(None);
    }
    if !attribute.multi_valued {
        return single(attribute, value, path, notes);
    }
    let value = if attribute.is_complex() { lenient::json_in_string(value, path, notes) } else { value };
    let mut values: Vec<Value> = Vec::new();
    for (position, element) in lenient::one_for_many(value, path, notes).into_iter().enumerate() {
        if element.is_null() {
            continue;
        }
        if let Some(element) = single(attribute, element, &format!("{path}[{position}]"), notes)? {
            values.push(element);
        }
    }
    unique(&mut values);
    if values.len() > MAX_VALUES {
        return Err(refuse(path, &format!("has more than {MAX_VALUES} values")));
    }
    one_primary(&values, path)?;
    Ok((!values.is_empty()).then_some(Value::Array(values)))
}

/// `primary` is true at most once (RFC 7643 §2.4).
///
/// # Errors
/// `invalidValue`.
pub fn one_primary(values: &[Value], path: &str) -> Result<()> {
    if values.iter().filter(|value| is_primary(value)).count() > 1 {
        return Err(refuse(path, "has more than one value with primary true; mark one"));
    }
    Ok(())
}

/// Whether a value is marked as the primary one (RFC 7643 §2.4).
#[must_use]
pub fn is_primary(value: &Value) -> bool {
    value.get("primary") == Some(&Value::Bool(true))
}

fn single(attribute: &Attribute, value: Value, path: &str, notes: &mut Notes) -> Result<Option<Value>> {
    let is_text = matches!(attribute.kind, AttributeType::String | AttributeType::Reference);
    if !is_text && lenient::empty_text(&value, path, notes) {
        return Ok(None);
    }
    let canonical = match attribute.kind {
        AttributeType::Complex => return complex(attribute, value, path, notes),
        AttributeType::Boolean if value.is_boolean() => value,
        AttributeType::Boolean => match lenient::string_boolean(&value, path, notes) {
            Some(boolean) => Value::Bool(boolean),
            None => return Err(refuse(path, "must be true or false")),
        },
        AttributeType::Integer => number(lenient::string_number(value, path, notes), path, true)?,
        AttributeType::Decimal => number(lenient::string_number(value, path, notes), path, false)?,
        AttributeType::DateTime => match value.as_str() {
            Some(text) if Timestamp::parse(text).is_some() => value,
            _ => return Err(refuse(path, "must be a dateTime such as \"2026-01-31T08:00:00Z\"")),
        },
        AttributeType::Binary => match value.as_str() {
            Some(text) if is_base64(text) => value,
            _ => return Err(refuse(path, "must be base64")),
        },
        AttributeType::String | AttributeType::Reference => match value.as_str() {
            Some(text) if text.contains('\0') => return Err(refuse(path, "must not contain a NUL character")),
            Some(_) => value,
            None => return Err(refuse(path, "must be a string")),
        },
    };
    // A password is accepted and goes no further (RFC 7643 §4.1.1: it is never returned; nothing here checks one).
    Ok((attribute.returned != Returned::Never || attribute.mutability != Mutability::WriteOnly).then_some(canonical))
}

fn number(value: Value, path: &str, whole: bool) -> Result<Value> {
    let fits = if whole { value.is_i64() || value.is_u64() } else { value.is_number() };
    if fits { Ok(value) } else { Err(refuse(path, if whole { "must be an integer" } else { "must be a number" })) }
}

fn complex(attribute: &Attribute, value: Value, path: &str, notes: &mut Notes) -> Result<Option<Value>> {
    let value = lenient::json_in_string(value, path, notes);
    let Value::Object(mut object) = lenient::bare_value(attribute, value, path, notes) else {
        return Err(refuse(path, "must be an object"));
    };
    lenient::manager_id(attribute, &mut object, path, notes);
    let mut canonical_object = Map::new();
    for (name, value) in object {
        let Some(sub) = attribute.sub_attribute(&name) else {
            notes.ignored(&format!("{path}.{name}"));
            continue;
        };
        if let Some(value) = canonical(sub, value, &format!("{path}.{}", sub.name), notes)? {
            canonical_object.insert(sub.name.clone(), value);
        }
    }
    for sub in attribute.sub_attributes.iter().filter(|sub| sub.required) {
        if !canonical_object.contains_key(&sub.name) && !canonical_object.is_empty() {
            return Err(refuse(&format!("{path}.{}", sub.name), "is required"));
        }
    }
    Ok((!lenient::is_empty_object(&canonical_object)).then_some(Value::Object(canonical_object)))
}

/// Makes one of values with the same `value` and `type`, so that no such pair is there twice
/// (RFC 7643 §2.4): the first takes the sub-attributes of the others over. Not each compared with each.
pub fn unique(values: &mut Vec<Value>) {
    if values.len() < 2 {
        return;
    }
    let mut places: HashMap<Value, usize> = HashMap::with_capacity(values.len());
    let mut kept: Vec<Value> = Vec::with_capacity(values.len());
    for element in values.drain(..) {
        let key = match element.get("value") {
            Some(value) => Value::from(vec![value.clone(), element.get("type").cloned().unwrap_or_default()]),
            None => element.clone(),
        };
        match (places.entry(key), element) {
            (Entry::Occupied(place), Value::Object(element)) => {
                if let Value::Object(first) = &mut kept[*place.get()] {
                    first.extend(element);
                }
            }
            (Entry::Occupied(_), _) => {}
            (Entry::Vacant(place), element) => {
                place.insert(kept.len());
                kept.push(element);
            }
        }
    }
    *values = kept;
}

fn is_base64(text: &str) -> bool {
    use base64::Engine as _;
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(&text).is_ok()
        || base64::engine::general_purpose::STANDARD_NO_PAD.decode(&text).is_ok()
}

/// `invalidValue` for an attribute.
#[must_use]
pub fn refuse(path: &str, why: &str) -> Error {
    Error::new(Code::InvalidValue, format!("{path} {why}."))
}
