//! One operation on the object that holds the attribute: the document, or an extension's part of it.

use serde_json::{Map, Value};

use crate::error::{Code, Error, Result};
use crate::scim::filter::Filter;
use crate::scim::lenient::{self, Notes};
use crate::scim::registry::Target;
use crate::scim::schema::{Attribute, Mutability};
use crate::scim::validate::{MAX_VALUES, canonical, is_primary, one_primary, refuse, unique};

/// `add` and `replace` (RFC 7644 §3.5.2.1, §3.5.2.3).
pub(super) fn set(
    holder: &mut Map<String, Value>,
    replaces: bool,
    target: &Target<'_>,
    filter: Option<&Filter>,
    value: Value,
    notes: &mut Notes,
) -> Result<()> {
    let attribute = target.attribute;
    let before = holder.get(&attribute.name).cloned();
    match (filter, target.sub_attribute) {
        (Some(filter), sub) => set_elements(holder, replaces, attribute, sub, filter, value, notes)?,
        (None, Some(sub)) => set_sub(holder, attribute, sub, value, notes)?,
        (None, None) => set_whole(holder, replaces, attribute, value, notes)?,
    }
    tidy(holder, attribute);
    if holder.get(&attribute.name).and_then(Value::as_array).is_some_and(|values| values.len() > MAX_VALUES) {
        return Err(refuse(&attribute.name, &format!("would have more than {MAX_VALUES} values")));
    }
    // Single values are compared once all operations are done; an element can only be compared here.
    let immutable = attribute.multi_valued && target.leaf().mutability == Mutability::Immutable;
    match before {
        Some(before) if immutable && holder.get(&attribute.name) != Some(&before) => Err(Error::new(
            Code::Mutability,
            format!("{} is immutable: it keeps the value it has.", target.leaf().name),
        )),
        _ => Ok(()),
    }
}

fn set_whole(
    holder: &mut Map<String, Value>,
    replaces: bool,
    attribute: &Attribute,
    value: Value,
    notes: &mut Notes,
) -> Result<()> {
    let name = &attribute.name;
    let one_object = !attribute.multi_valued && attribute.is_complex();
    let value = if one_object { lenient::one_in_array(value, name, notes) } else { value };
    let Some(new) = canonical(attribute, value, name, notes)? else {
        if replaces {
            holder.shift_remove(name);
        }
        return Ok(());
    };
    match (holder.get_mut(name), new) {
        (Some(Value::Array(present)), Value::Array(new)) if !replaces => append(present, new, name),
        // Sub-attributes that are not named stay as they are, with replace too (§3.5.2.3).
        (Some(Value::Object(present)), Value::Object(new)) => {
            present.extend(new);
            Ok(())
        }
        (_, new) => {
            holder.insert(name.clone(), new);
            Ok(())
        }
    }
}

/// Adds what is not there yet; a new primary takes the mark from the old one (§3.5.2).
fn append(present: &mut Vec<Value>, new: Vec<Value>, name: &str) -> Result<()> {
    if new.iter().any(|element| is_primary(element) && !present.contains(element)) {
        present.iter_mut().for_each(clear_primary);
    }
    present.extend(new);
    unique(present);
    one_primary(present, name)
}

fn set_sub(
    holder: &mut Map<String, Value>,
    attribute: &Attribute,
    sub: &Attribute,
    value: Value,
    notes: &mut Notes,
) -> Result<()> {
    let path = format!("{}.{}", attribute.name, sub.name);
    let Some(value) = canonical(sub, value, &path, notes)? else { return Ok(()) };
    let empty = || {
        if attribute.multi_valued { Value::Array(vec![Value::Object(Map::new())]) } else { Value::Object(Map::new()) }
    };
    match holder.entry(attribute.name.as_str()).or_insert_with(empty) {
        Value::Array(elements) => {
            for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                element.insert(sub.name.clone(), value.clone());
            }
            one_primary(elements, &path)
        }
        Value::Object(object) => {
            object.insert(sub.name.clone(), value);
            Ok(())
        }
        _ => Err(refuse(&path, "has no sub-attributes")),
    }
}

fn set_elements(
    holder: &mut Map<String, Value>,
    replaces: bool,
    attribute: &Attribute,
    sub: Option<&Attribute>,
    filter: &Filter,
    value: Value,
    notes: &mut Notes,
) -> Result<()> {
    if !attribute.is_complex() {
        return set_values(holder, attribute, filter, value, notes);
    }
    let path = match sub {
        Some(sub) => format!("{}[…].{}", attribute.name, sub.name),
        None => format!("{}[…]", attribute.name),
    };
    let new = match sub {
        Some(sub) => canonical(sub, value, &path, notes)?.map(|value| Map::from_iter([(sub.name.clone(), value)])),
        None => element_of(attribute, value, &path, notes)?,
    };
    let Some(new) = new else { return Ok(()) };
    if !attribute.multi_valued {
        return match holder.get_mut(&attribute.name) {
            Some(object) if filter.matches_element(object) => {
                if let Value::Object(object) = object {
                    object.extend(new);
                }
                Ok(())
            }
            _ => Err(missing(&attribute.name)),
        };
    }
    let matched: Vec<usize> = matching(holder, attribute, filter);
    if matched.is_empty() {
        return create_element(holder, attribute, filter, new, notes);
    }
    let Some(Value::Array(elements)) = holder.get_mut(&attribute.name) else { return Ok(()) };
    if new.get("primary") == Some(&Value::Bool(true)) {
        if matched.len() > 1 {
            return Err(refuse(&path, "would mark more than one value as primary"));
        }
        elements.iter_mut().for_each(clear_primary);
    }
    for position in matched {
        if let Value::Object(element) = &mut elements[position] {
            if replaces && sub.is_none() {
                element.clear();
            }
            element.extend(new.clone());
        }
    }
    Ok(())
}

/// The same for the values of a simple attribute.
fn set_values(
    holder: &mut Map<String, Value>,
    attribute: &Attribute,
    filter: &Filter,
    value: Value,
    notes: &mut Notes,
) -> Result<()> {
    let one = Attribute { multi_valued: false, ..attribute.clone() };
    let Some(new) = canonical(&one, value, &attribute.name, notes)? else { return Ok(()) };
    let matched = matching(holder, attribute, filter);
    match holder.get_mut(&attribute.name) {
        Some(Value::Array(values)) if !matched.is_empty() => {
            for position in matched {
                values[position] = new.clone();
            }
            Ok(())
        }
        _ => Err(missing(&attribute.name)),
    }
}

/// The value for a matched element.
fn element_of(
    attribute: &Attribute,
    value: Value,
    path: &str,
    notes: &mut Notes,
) -> Result<Option<Map<String, Value>>> {
    let value = lenient::one_in_array(value, path, notes);
    let one = Attribute { multi_valued: false, ..attribute.clone() };
    match canonical(&one, value, path, notes)? {
        Some(Value::Object(object)) => Ok(Some(object)),
        _ => Ok(None),
    }
}

/// An element for a filter that matched nothing, if it is one that says what to make; else it is
/// noTarget (§3.5.2.1).
fn create_element(
    holder: &mut Map<String, Value>,
    attribute: &Attribute,
    filter: &Filter,
    new: Map<String, Value>,
    notes: &mut Notes,
) -> Result<()> {
    let Some(kind) = lenient::typed_element(attribute, filter) else { return Err(missing(&attribute.name)) };
    notes.rewrote(&attribute.name, "no value of this type yet: created");
    let mut element = new;
    element.entry("type").or_insert_with(|| kind.into());
    match holder.entry(attribute.name.as_str()).or_insert_with(|| Value::Array(Vec::new())) {
        Value::Array(present) => append(present, vec![Value::Object(element)], &attribute.name),
        _ => Err(missing(&attribute.name)),
    }
}

/// `remove` (RFC 7644 §3.5.2.2).
pub(super) fn remove(
    holder: &mut Map<String, Value>,
    target: &Target<'_>,
    filter: Option<&Filter>,
    value: Option<Value>,
    notes: &mut Notes,
) -> Result<()> {
    let attribute = target.attribute;
    let before = holder.get(&attribute.name).cloned();
    if target.leaf().mutability == Mutability::Immutable && before.is_some() {
        return Err(Error::new(Code::Mutability, format!("{} is immutable and cannot be removed.", attribute.name)));
    }
    match (filter, target.sub_attribute) {
        (None, None) => remove_whole(holder, attribute, value, notes),
        (None, Some(sub)) => each(holder, attribute, |element| {
            element.shift_remove(&sub.name);
        }),
        (Some(filter), sub) => {
            let matched = matching(holder, attribute, filter);
            if matched.is_empty() {
                return Err(no_target(target));
            }
            remove_matched(holder, attribute, sub, &matched);
        }
    }
    tidy(holder, attribute);
    Ok(())
}

/// The attribute, or of its elements those that `value` names.
fn remove_whole(holder: &mut Map<String, Value>, attribute: &Attribute, value: Option<Value>, notes: &mut Notes) {
    let wanted = value.filter(|value| !value.is_null());
    let wanted = wanted.map(|value| lenient::one_for_many(value, &attribute.name, notes));
    match (holder.get_mut(&attribute.name), wanted) {
        (Some(Value::Array(elements)), Some(wanted)) => {
            notes.rewrote(&attribute.name, "remove by value");
            elements.retain(|element| !wanted.iter().any(|wanted| lenient::names_element(element, wanted)));
        }
        _ => {
            holder.shift_remove(&attribute.name);
        }
    }
}

fn remove_matched(holder: &mut Map<String, Value>, attribute: &Attribute, sub: Option<&Attribute>, matched: &[usize]) {
    match (holder.get_mut(&attribute.name), sub) {
        (Some(Value::Array(elements)), Some(sub)) => {
            for position in matched {
                if let Value::Object(element) = &mut elements[*position] {
                    element.shift_remove(&sub.name);
                }
            }
        }
        (Some(Value::Array(elements)), None) => {
            let mut position = 0;
            elements.retain(|_| {
                position += 1;
                !matched.contains(&(position - 1))
            });
        }
        (Some(Value::Object(object)), Some(sub)) => {
            object.shift_remove(&sub.name);
        }
        _ => {
            holder.shift_remove(&attribute.name);
        }
    }
}

fn matching(holder: &Map<String, Value>, attribute: &Attribute, filter: &Filter) -> Vec<usize> {
    let elements = match holder.get(&attribute.name) {
        Some(Value::Array(elements)) => elements.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    elements
        .iter()
        .enumerate()
        .filter(|(_, element)| filter.matches_element(element))
        .map(|(position, _)| position)
        .collect()
}

fn each(holder: &mut Map<String, Value>, attribute: &Attribute, change: impl Fn(&mut Map<String, Value>)) {
    match holder.get_mut(&attribute.name) {
        Some(Value::Array(elements)) => elements.iter_mut().filter_map(Value::as_object_mut).for_each(change),
        Some(Value::Object(object)) => change(object),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(lenient::is_empty_object)
}

/// An attribute without values is unassigned (RFC 7643 §2.5), and the same value twice is once (§2.4).
fn tidy(holder: &mut Map<String, Value>, attribute: &Attribute) {
    let empty = match holder.get_mut(&attribute.name) {
        Some(Value::Array(elements)) => {
            elements.retain(|element| !is_empty(element));
            unique(elements);
            elements.is_empty()
        }
        Some(value) => is_empty(value),
        None => false,
    };
    if empty {
        holder.shift_remove(&attribute.name);
    }
}

fn clear_primary(element: &mut Value) {
    if is_primary(element) {
        element["primary"] = Value::Bool(false);
    }
}

/// `noTarget` for a path.
pub(super) fn no_target(target: &Target<'_>) -> Error {
    missing(&target.attribute.name)
}

fn missing(name: &str) -> Error {
    Error::new(Code::NoTarget, format!("no value of {name} matches the filter of the path. Add the value first."))
}
