//! PATCH (RFC 7644 §3.5.2): the operations are planned on a copy, so a request changes all or nothing.

mod apply;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::document::{Document, member_ids};
use super::filter::{Filter, Literal, Operator};
use super::lenient::{self, Notes};
use super::message::PATCH_OP;
use super::path::{Path, PathTarget};
use super::registry::{Kind, ResourceType, Target};
use super::schema::{Mutability, Schema};
use super::validate::refuse;
use crate::error::{Code, Error, Result};

/// Operations in one request at most.
pub const MAX_OPERATIONS: usize = 1_000;

/// What one request may cost at most: the bytes of each operation's path and value, once for every
/// value the attribute has, because a value path is tried on all and may write to all. Without it
/// a few kilobytes could be written a million times over.
pub const MAX_COST: usize = 64 * 1_024 * 1_024;

/// A change of a group's memberships; they apply in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberChange {
    Add(Vec<String>),
    Remove(Vec<String>),
    ReplaceAll(Vec<String>),
    RemoveAll,
    RemoveWhere(Filter),
}

/// What a PATCH comes to.
#[derive(Clone, Debug)]
pub struct Plan {
    pub document: Document,
    /// What the operations say of a User's `active`; `None` where they leave it as it is or remove it.
    pub active: Option<bool>,
    pub members: Vec<MemberChange>,
    /// What was ignored and what rewritten; for the log.
    pub notes: Notes,
}

/// The `op` of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Replace,
    Remove,
}

/// Plans a PATCH body on a document.
///
/// # Errors
/// Those of RFC 7644 §3.5.2, naming the operation by its index.
pub fn plan(document: &Document, body: &Value, resource_type: &ResourceType) -> Result<Plan> {
    let operations = operations(body)?;
    let plan = Plan { document: document.clone(), active: None, members: Vec::new(), notes: Notes::default() };
    let mut planner = Planner { resource_type, plan, cost: 0, removed_active: false };
    let kept = planner.plan.document.take_active();
    for (position, operation) in operations.iter().enumerate() {
        planner.operation(operation).map_err(|error| error.at(format!("Operations[{position}]")))?;
    }
    planner.plan.active = planner.plan.document.active();
    // Without a value it stays, so that nobody is let in or locked out by a null. Only an explicit remove
    // leaves it unassigned (§3.5.2.2), and even that leaves nobody in or out who was not.
    if planner.plan.active.is_none()
        && !planner.removed_active
        && let Some(kept) = kept
    {
        planner.plan.document.set_active(kept);
    }
    planner.plan.document.finish(resource_type, Some(document))?;
    planner.plan.document.check_immutable(document, resource_type)?;
    Ok(planner.plan)
}

fn operations(body: &Value) -> Result<&[Value]> {
    let Value::Object(body) = body else {
        return Err(Error::new(Code::InvalidSyntax, "The body must be a JSON object."));
    };
    lenient::names_message(body, PATCH_OP)?;
    match lenient::any_case(body, "Operations") {
        Some(Value::Array(operations)) if operations.len() > MAX_OPERATIONS => {
            Err(Error::new(Code::InvalidValue, format!("A PATCH may have {MAX_OPERATIONS} operations; split it.")))
        }
        Some(Value::Array(operations)) if !operations.is_empty() => Ok(operations),
        _ => Err(Error::new(Code::InvalidSyntax, "Operations must be an array with at least one operation.")),
    }
}

struct Planner<'r> {
    resource_type: &'r ResourceType,
    plan: Plan,
    /// What the operations cost so far, of [`MAX_COST`].
    cost: usize,
    /// Whether an operation removed `active` by its path.
    removed_active: bool,
}

impl<'r> Planner<'r> {
    fn operation(&mut self, operation: &Value) -> Result<()> {
        let Value::Object(operation) = operation else {
            return Err(Error::new(Code::InvalidSyntax, "an operation must be a JSON object."));
        };
        let op = lenient::any_case(operation, "op").and_then(Value::as_str).unwrap_or_default();
        let verb = match lenient::operation_name(op, &mut self.plan.notes).as_str() {
            "add" => Verb::Add,
            "replace" => Verb::Replace,
            "remove" => Verb::Remove,
            _ => return Err(Error::new(Code::InvalidSyntax, "op must be add, replace or remove.")),
        };
        let value = lenient::any_case(operation, "value").cloned();
        match lenient::any_case(operation, "path") {
            path if lenient::no_path(path) => self.without_path(verb, value),
            Some(Value::String(path)) => self.with_path(verb, path, value),
            _ => Err(Error::new(Code::InvalidPath, "path must be a string.")),
        }
    }

    /// No path: the value holds attributes by name, by dotted name or by URN.
    fn without_path(&mut self, verb: Verb, value: Option<Value>) -> Result<()> {
        if verb == Verb::Remove {
            return Err(Error::new(Code::NoTarget, "remove needs a path."));
        }
        let value = value.map(|value| lenient::json_in_string(value, "value", &mut self.plan.notes));
        let Some(Value::Object(values)) = value else {
            return Err(Error::new(Code::InvalidValue, "value must be an object when there is no path."));
        };
        for (name, value) in values {
            self.named(verb, &name, value)?;
        }
        Ok(())
    }

    fn named(&mut self, verb: Verb, name: &str, value: Value) -> Result<()> {
        let Some(path) = lenient::key_as_path(name, self.resource_type, &mut self.plan.notes) else { return Ok(()) };
        match path.target {
            PathTarget::Extension(schema) => self.extension(verb, schema, value),
            PathTarget::Attribute { target, .. }
                if lenient::read_only(target.attribute, &value, name, &mut self.plan.notes)
                    || lenient::read_only(target.leaf(), &value, name, &mut self.plan.notes)
                    || target.attribute.name == "schemas" =>
            {
                Ok(())
            }
            PathTarget::Attribute { target, filter } => {
                self.charge(name, Some(&value), &target)?;
                self.at(verb, target, filter, Some(value))
            }
        }
    }

    fn with_path(&mut self, verb: Verb, text: &str, value: Option<Value>) -> Result<()> {
        let text = lenient::draft_urn(text.trim());
        match Path::parse(text, self.resource_type)?.target {
            PathTarget::Extension(schema) => match value {
                None if verb == Verb::Replace => {
                    Err(Error::new(Code::InvalidValue, "value is missing; a null unassigns."))
                }
                value => self.extension(verb, schema, value.unwrap_or_default()),
            },
            PathTarget::Attribute { target, .. } if is_read_only(&target) => {
                Err(Error::new(Code::Mutability, format!("{text} is readOnly: this service sets it. Leave it out.")))
            }
            PathTarget::Attribute { target, .. } if target.attribute.name == "schemas" && verb == Verb::Remove => {
                Err(Error::new(Code::Mutability, "schemas is required and cannot be removed."))
            }
            // What a resource has decides what schemas names.
            PathTarget::Attribute { target, .. } if target.attribute.name == "schemas" => Ok(()),
            PathTarget::Attribute { target, filter } => {
                self.charge(text, value.as_ref(), &target)?;
                self.at(verb, target, filter, value)
            }
        }
    }

    /// All attributes of an extension: an object's, each on its own; null or `remove` unassigns them.
    fn extension(&mut self, verb: Verb, schema: &Schema, value: Value) -> Result<()> {
        match value {
            Value::Object(values) if verb != Verb::Remove => {
                for (name, value) in values {
                    self.named(verb, &format!("{}:{name}", schema.id), value)?;
                }
            }
            Value::Null if verb == Verb::Add => {}
            Value::Null => {
                self.plan.document.0.shift_remove(&schema.id);
            }
            _ if verb == Verb::Remove => {
                self.plan.document.0.shift_remove(&schema.id);
            }
            _ => return Err(refuse(&schema.id, "must be an object")),
        }
        Ok(())
    }

    fn charge(&mut self, path: &str, value: Option<&Value>, target: &Target<'_>) -> Result<()> {
        let document = &self.plan.document;
        let holder = match target.extension {
            None => document.get(&target.attribute.name),
            Some(schema) => document.get(&schema.id).and_then(|extension| extension.get(&target.attribute.name)),
        };
        let values = holder.and_then(Value::as_array).map_or(1, |values| values.len().max(1));
        let once = path.len() + value.map_or(0, size);
        self.cost = self.cost.saturating_add(once.saturating_mul(values));
        if self.cost > MAX_COST {
            let why = format!("this is too much to do for {} in one request; split it.", target.attribute.name);
            return Err(Error::new(Code::InvalidValue, why));
        }
        Ok(())
    }

    fn at(&mut self, verb: Verb, target: Target<'r>, filter: Option<Filter>, value: Option<Value>) -> Result<()> {
        if target.attribute.name == "members" && self.resource_type.kind == Kind::Group {
            if let Some(sub) = target.sub_attribute {
                let detail = format!("members.{} is immutable: add or remove the member instead.", sub.name);
                return Err(Error::new(Code::Mutability, detail));
            }
            return self.members(verb, filter, value);
        }
        self.removed_active |= verb == Verb::Remove && target.extension.is_none() && target.attribute.name == "active";
        if verb == Verb::Replace && value.is_none() {
            return Err(Error::new(Code::InvalidValue, "value is missing; a null unassigns."));
        }
        let unassigns = verb == Verb::Replace && value.as_ref().is_some_and(Value::is_null);
        if verb == Verb::Remove || unassigns {
            let removed = self.remove(&target, filter.as_ref(), value);
            return match (removed, &filter) {
                // What an element would be created for has no value: there is nothing to create.
                (Err(error), Some(filter))
                    if unassigns
                        && error.code == Code::NoTarget
                        && lenient::typed_element(target.attribute, filter).is_some() =>
                {
                    Ok(())
                }
                (removed, _) => removed,
            };
        }
        let Some(value) = value else {
            return Err(Error::new(Code::InvalidValue, "value is missing."));
        };
        let Plan { document, notes, .. } = &mut self.plan;
        let holder = match target.extension {
            None => &mut document.0,
            Some(schema) => match document.0.entry(schema.id.as_str()).or_insert_with(|| Value::Object(Map::new())) {
                Value::Object(holder) => holder,
                _ => return Err(Error::internal("an extension is stored that is no object")),
            },
        };
        apply::set(holder, verb == Verb::Replace, &target, filter.as_ref(), value, notes)
    }

    fn remove(&mut self, target: &Target<'_>, filter: Option<&Filter>, value: Option<Value>) -> Result<()> {
        if target.leaf().required && (target.sub_attribute.is_some() || filter.is_none() && value.is_none()) {
            return Err(Error::new(
                Code::Mutability,
                format!("{} is required and cannot be removed.", target.leaf().name),
            ));
        }
        let Plan { document, notes, .. } = &mut self.plan;
        let holder = match target.extension {
            None => Some(&mut document.0),
            Some(schema) => document.0.get_mut(&schema.id).and_then(Value::as_object_mut),
        };
        match holder {
            Some(holder) => apply::remove(holder, target, filter, value, notes),
            None if filter.is_some() => Err(apply::no_target(target)),
            None => Ok(()),
        }
    }

    /// Memberships are rows, not part of the document.
    fn members(&mut self, verb: Verb, filter: Option<Filter>, value: Option<Value>) -> Result<()> {
        let notes = &mut self.plan.notes;
        let ids = value.as_ref().filter(|value| !value.is_null()).map(|value| member_ids(value, notes)).transpose()?;
        if verb == Verb::Remove && filter.is_none() && ids.is_some() {
            notes.rewrote("members", "remove by value");
        }
        let change = match (verb, filter, ids) {
            (Verb::Add, _, Some(ids)) => MemberChange::Add(ids),
            (Verb::Replace, ..) if value.is_none() => {
                return Err(Error::new(Code::InvalidValue, "value is missing; a null removes all."));
            }
            (Verb::Add, _, None) => return Err(Error::new(Code::InvalidValue, "value is missing.")),
            (Verb::Replace, None, ids) => MemberChange::ReplaceAll(ids.unwrap_or_default()),
            (Verb::Replace, Some(filter), ids) => {
                self.plan.members.push(remove_where(filter));
                MemberChange::Add(ids.unwrap_or_default())
            }
            (Verb::Remove, Some(filter), _) => remove_where(filter),
            (Verb::Remove, None, Some(ids)) => MemberChange::Remove(ids),
            (Verb::Remove, None, None) => MemberChange::RemoveAll,
        };
        self.plan.members.push(change);
        Ok(())
    }
}

/// `members[value eq "…"]` and an `or` of them name their members; nothing has to be looked through.
fn remove_where(filter: Filter) -> MemberChange {
    fn ids(filter: &Filter, out: &mut Vec<String>) -> bool {
        match filter {
            Filter::Or(parts) => parts.iter().all(|part| ids(part, out)),
            Filter::Compare { attribute, operator: Operator::Eq, literal: Literal::Text { value: id, .. } }
                if attribute.sub.as_deref() == Some("value") =>
            {
                out.push(id.clone());
                true
            }
            _ => false,
        }
    }
    let mut named = Vec::new();
    if ids(&filter, &mut named) { MemberChange::Remove(named) } else { MemberChange::RemoveWhere(filter) }
}

/// About how many bytes a value's text has.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(values) => values.iter().map(|value| size(value) + 1).sum(),
        Value::Object(object) => object.iter().map(|(name, value)| name.len() + size(value) + 4).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 5,
    }
}

fn is_read_only(target: &Target<'_>) -> bool {
    target.attribute.mutability == Mutability::ReadOnly || target.leaf().mutability == Mutability::ReadOnly
}
