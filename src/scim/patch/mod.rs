//! PATCH (RFC 7644 §3.5.2): the operations are planned on a copy, so a request changes all or nothing.

mod apply;

use serde_json::{Map, Value};

use super::document::{Document, member_ids};
use super::filter::{Filter, Literal, Operator};
use super::lenient;
use super::message::PATCH_OP;
use super::path::{Path, PathTarget};
use super::registry::{Kind, ResourceType, Target};
use super::schema::Mutability;
use crate::error::{Code, Error, Result};

/// Operations in one request at most.
pub const MAX_OPERATIONS: usize = 1_000;

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
    pub members: Vec<MemberChange>,
    /// What the schema does not know; for the log.
    pub ignored: Vec<String>,
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
    let mut planner =
        Planner { resource_type, plan: Plan { document: document.clone(), members: Vec::new(), ignored: Vec::new() } };
    for (position, operation) in operations.iter().enumerate() {
        planner.operation(operation).map_err(|error| error.at(format!("Operations[{position}]")))?;
    }
    planner.plan.document.finish(resource_type)?;
    Ok(planner.plan)
}

fn operations(body: &Value) -> Result<&[Value]> {
    let Value::Object(body) = body else {
        return Err(Error::new(Code::InvalidSyntax, "The body must be a JSON object."));
    };
    if let Some(Value::Array(urns)) = lenient::any_case(body, "schemas") {
        let is_patch = |urn: &Value| {
            urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_OP) || urn.starts_with("urn:scim:"))
        };
        if !urns.is_empty() && !urns.iter().any(is_patch) {
            return Err(Error::new(Code::InvalidSyntax, format!("schemas does not name {PATCH_OP}.")));
        }
    }
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
}

impl<'r> Planner<'r> {
    fn operation(&mut self, operation: &Value) -> Result<()> {
        let Value::Object(operation) = operation else {
            return Err(Error::new(Code::InvalidSyntax, "an operation must be a JSON object."));
        };
        let verb =
            match lenient::any_case(operation, "op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
                Some("add") => Verb::Add,
                Some("replace") => Verb::Replace,
                Some("remove") => Verb::Remove,
                _ => return Err(Error::new(Code::InvalidSyntax, "op must be add, replace or remove.")),
            };
        let value = lenient::any_case(operation, "value").cloned();
        match lenient::any_case(operation, "path") {
            Some(Value::String(path)) if !path.trim().is_empty() => self.with_path(verb, path, value),
            None | Some(Value::Null | Value::String(_)) => self.without_path(verb, value),
            Some(_) => Err(Error::new(Code::InvalidPath, "path must be a string.")),
        }
    }

    /// No path: the value holds attributes by name, by dotted name or by URN.
    fn without_path(&mut self, verb: Verb, value: Option<Value>) -> Result<()> {
        if verb == Verb::Remove {
            return Err(Error::new(Code::NoTarget, "remove needs a path."));
        }
        let Some(Value::Object(values)) = value.map(lenient::json_in_string) else {
            return Err(Error::new(Code::InvalidValue, "value must be an object when there is no path."));
        };
        for (name, value) in values {
            self.named(verb, &name, value)?;
        }
        Ok(())
    }

    fn named(&mut self, verb: Verb, name: &str, value: Value) -> Result<()> {
        let name = lenient::draft_urn(name);
        let Ok(path) = Path::parse(name, self.resource_type) else {
            self.plan.ignored.push(name.to_owned());
            return Ok(());
        };
        match path.target {
            PathTarget::Extension(schema) => {
                let Value::Object(values) = value else { return Ok(()) };
                for (name, value) in values {
                    self.named(verb, &format!("{}:{name}", schema.id), value)?;
                }
                Ok(())
            }
            // What the service says of a resource comes back from some clients; it is not theirs to change.
            PathTarget::Attribute { target, .. } if is_read_only(&target) || target.attribute.name == "schemas" => {
                Ok(())
            }
            PathTarget::Attribute { target, filter } => self.at(verb, target, filter, Some(value)),
        }
    }

    fn with_path(&mut self, verb: Verb, text: &str, value: Option<Value>) -> Result<()> {
        let text = lenient::draft_urn(text.trim());
        match Path::parse(text, self.resource_type)?.target {
            PathTarget::Extension(schema) if verb == Verb::Remove => {
                self.plan.document.0.shift_remove(&schema.id);
                Ok(())
            }
            PathTarget::Extension(schema) => {
                let Some(Value::Object(values)) = value else {
                    return Err(Error::new(Code::InvalidValue, format!("the value of {text} must be an object.")));
                };
                for (name, value) in values {
                    self.named(verb, &format!("{}:{name}", schema.id), value)?;
                }
                Ok(())
            }
            PathTarget::Attribute { target, .. } if is_read_only(&target) => {
                Err(Error::new(Code::Mutability, format!("{text} is readOnly: this service sets it. Leave it out.")))
            }
            PathTarget::Attribute { target, .. } if target.attribute.name == "schemas" => Ok(()),
            PathTarget::Attribute { target, filter } => self.at(verb, target, filter, value),
        }
    }

    fn at(&mut self, verb: Verb, target: Target<'r>, filter: Option<Filter>, value: Option<Value>) -> Result<()> {
        if target.attribute.name == "members" && self.resource_type.kind == Kind::Group {
            return self.members(verb, filter, value);
        }
        if verb == Verb::Remove || value.as_ref().is_none_or(Value::is_null) && verb == Verb::Replace {
            return self.remove(&target, filter.as_ref(), value);
        }
        let Some(value) = value else {
            return Err(Error::new(Code::InvalidValue, "value is missing."));
        };
        let Plan { document, ignored, .. } = &mut self.plan;
        let holder = match target.extension {
            None => &mut document.0,
            Some(schema) => match document.0.entry(schema.id.as_str()).or_insert_with(|| Value::Object(Map::new())) {
                Value::Object(holder) => holder,
                _ => return Err(Error::internal("an extension is stored that is no object")),
            },
        };
        apply::set(holder, verb == Verb::Replace, &target, filter.as_ref(), value, ignored)
    }

    fn remove(&mut self, target: &Target<'_>, filter: Option<&Filter>, value: Option<Value>) -> Result<()> {
        if target.attribute.required && target.sub_attribute.is_none() && filter.is_none() {
            return Err(Error::new(
                Code::Mutability,
                format!("{} is required and cannot be removed.", target.attribute.name),
            ));
        }
        let holder = match target.extension {
            None => Some(&mut self.plan.document.0),
            Some(schema) => self.plan.document.0.get_mut(&schema.id).and_then(Value::as_object_mut),
        };
        match holder {
            Some(holder) => apply::remove(holder, target, filter, value),
            None if filter.is_some() => Err(apply::no_target(target)),
            None => Ok(()),
        }
    }

    /// Memberships are rows, not part of the document.
    fn members(&mut self, verb: Verb, filter: Option<Filter>, value: Option<Value>) -> Result<()> {
        let ids = value.as_ref().filter(|value| !value.is_null()).map(member_ids).transpose()?;
        let change = match (verb, filter, ids) {
            (Verb::Add, _, Some(ids)) => MemberChange::Add(ids),
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

fn is_read_only(target: &Target<'_>) -> bool {
    target.attribute.mutability == Mutability::ReadOnly || target.leaf().mutability == Mutability::ReadOnly
}
