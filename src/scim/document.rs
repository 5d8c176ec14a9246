//! The canonical document of a resource (RFC 7643 §3): what is stored and what answers are made of.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::immutable;
use super::lenient::{self, Notes};
use super::manager;
use super::registry::{Kind, Named, ResourceType};
use super::schema::{Attribute, Mutability, Schema};
use super::validate::{canonical, refuse};
use crate::error::{Code, Error, Result};

/// A resource's attributes without `id`, `meta`, `groups` and `members`; `schemas` comes first.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(pub(super) Map<String, Value>);

/// A request body made canonical.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub document: Document,
    /// A Group's members by id, if the body has them.
    pub members: Option<Vec<String>>,
    /// What was ignored and what rewritten; for the log.
    pub notes: Notes,
}

impl Document {
    /// Reads the body of a POST or PUT.
    ///
    /// # Errors
    /// `invalidSyntax` for what is no object, `invalidValue` naming the attribute.
    pub fn from_request(body: &Value, resource_type: &ResourceType) -> Result<Accepted> {
        let Value::Object(body) = body else {
            return Err(Error::new(Code::InvalidSyntax, "The body must be a JSON object."));
        };
        let mut accepted = Accepted { document: Self(Map::new()), members: None, notes: Notes::default() };
        lenient::schemas(lenient::any_case(body, "schemas"), resource_type, &mut accepted.notes)?;
        for (name, value) in body {
            accepted.take(name, value, resource_type)?;
        }
        if resource_type.kind == Kind::User && accepted.document.get("active").is_none() {
            accepted.document.set_active(true);
        }
        accepted.document.finish(resource_type, None)?;
        Ok(accepted)
    }

    /// Reads what [`Document::to_text`] wrote.
    ///
    /// # Errors
    /// `internal`: the database holds something else.
    pub fn from_stored(text: &str) -> Result<Self> {
        serde_json::from_str(text).map(Self).map_err(Error::internal)
    }

    /// The text that is stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// An attribute's value, or an extension's object by its URN.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// `userName`.
    #[must_use]
    pub fn user_name(&self) -> Option<&str> {
        self.get("userName").and_then(Value::as_str)
    }

    /// A User's `active`; `None` where a client has removed it.
    #[must_use]
    pub fn active(&self) -> Option<bool> {
        self.get("active").and_then(Value::as_bool)
    }

    /// Takes `active` out.
    pub(super) fn take_active(&mut self) -> Option<bool> {
        self.0.shift_remove("active").and_then(|active| active.as_bool())
    }

    /// Sets `active`.
    pub fn set_active(&mut self, active: bool) {
        self.0.insert("active".into(), Value::Bool(active));
    }

    /// Takes the e-mails of another document in place of its own.
    pub fn keep_emails_of(&mut self, other: &Self) {
        match other.get("emails") {
            Some(emails) => {
                self.0.insert("emails".into(), emails.clone());
            }
            None => {
                self.0.shift_remove("emails");
            }
        }
    }

    /// Takes out the values of extensions that the resource type no longer has; whether there were any.
    pub fn forget_removed(&mut self, resource_type: &ResourceType) -> bool {
        // Only a URN has a colon in it (RFC 7643 §2.1).
        let stays = |name: &str| !name.contains(':') || resource_type.schema_ids().any(|id| id == name);
        let before = self.0.len();
        self.0.retain(|name, _| stays(name));
        let forgotten = self.0.len() < before;
        if let (true, Some(Value::Array(schemas))) = (forgotten, self.0.get_mut("schemas")) {
            schemas.retain(|urn| urn.as_str().is_some_and(stays));
        }
        forgotten
    }

    /// Keeps the immutable attributes of `old` that a PUT leaves out, and refuses one that changes them
    /// (RFC 7644 §3.5.1).
    ///
    /// # Errors
    /// `mutability` naming the attribute.
    pub fn keep_immutable(&mut self, old: &Self, resource_type: &ResourceType) -> Result<()> {
        for extension in &resource_type.extensions {
            let urn = &extension.schema.id;
            let Some(Value::Object(before)) = old.get(urn) else { continue };
            let values = self.0.entry(urn.as_str()).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(values) = values else { continue };
            immutable::keep(before, values, &extension.schema.attributes)?;
            if values.is_empty() {
                self.0.shift_remove(urn);
            }
        }
        immutable::keep(&old.0, &mut self.0, &resource_type.core.attributes)?;
        self.finish(resource_type, None)
    }

    /// Refuses a change or removal of an immutable attribute (RFC 7644 §3.5.2).
    ///
    /// # Errors
    /// `mutability` naming the attribute.
    pub(super) fn check_immutable(&self, old: &Self, resource_type: &ResourceType) -> Result<()> {
        for extension in &resource_type.extensions {
            let Some(Value::Object(before)) = old.get(&extension.schema.id) else { continue };
            let after = self.get(&extension.schema.id).and_then(Value::as_object);
            immutable::check(before, after.unwrap_or(&Map::new()), &extension.schema.attributes)?;
        }
        immutable::check(&old.0, &self.0, &resource_type.core.attributes)
    }

    /// Checks what is required and recomputes `schemas`. What was missing `before` a PATCH already
    /// (the organization made it required later) does not stand in the way of other changes.
    pub(super) fn finish(&mut self, resource_type: &ResourceType, before: Option<&Self>) -> Result<()> {
        self.0.retain(|_, value| {
            !matches!(value, Value::Object(object) if object.is_empty())
                && !matches!(value, Value::Array(values) if values.is_empty())
        });
        manager::forget_reference(&mut self.0);
        require(&resource_type.core, Some(&self.0), before.map(|before| &before.0))?;
        let mut schemas = vec![Value::from(resource_type.core.id.as_str())];
        for extension in &resource_type.extensions {
            let urn = &extension.schema.id;
            let held_before = before.and_then(|before| before.get(urn)).and_then(Value::as_object);
            match self.get(urn) {
                Some(values) => {
                    require(&extension.schema, values.as_object(), held_before)?;
                    schemas.push(Value::from(urn.as_str()));
                }
                None if extension.required && before.is_none() => {
                    return Err(refuse(urn, "is required for this organization"));
                }
                None if extension.required && held_before.is_some() => return Err(unremovable(urn)),
                None => {}
            }
        }
        self.0.shift_remove("schemas");
        self.0.shift_insert(0, "schemas".into(), Value::Array(schemas));
        Ok(())
    }
}

/// Refuses the absence of a required attribute: of a new value with `invalidValue`, of one that was
/// there before with `mutability` (RFC 7644 §3.5.2.2).
fn require(schema: &Schema, after: Option<&Map<String, Value>>, before: Option<&Map<String, Value>>) -> Result<()> {
    let required = |attribute: &&Attribute| attribute.required && attribute.mutability != Mutability::ReadOnly;
    for attribute in schema.attributes.iter().filter(required) {
        let name = &attribute.name;
        match (after.and_then(|values| values.get(name)), before) {
            (Some(value), _) if value.as_str().is_some_and(|text| text.trim().is_empty()) => {
                return Err(refuse(name, "is required and must not be empty"));
            }
            (None, Some(before)) if before.contains_key(name) => return Err(unremovable(name)),
            (Some(_), _) | (None, Some(_)) => {}
            (None, None) => return Err(refuse(name, "is required")),
        }
    }
    Ok(())
}

fn unremovable(name: &str) -> Error {
    Error::new(Code::Mutability, format!("{name} is required and cannot be removed."))
}

impl Accepted {
    fn take(&mut self, name: &str, value: &Value, resource_type: &ResourceType) -> Result<()> {
        let name = lenient::draft_urn(name);
        match resource_type.resolve(name) {
            Some(Named::Extension(schema)) => self.take_extension(schema, value),
            Some(Named::Attribute(target)) if target.sub_attribute.is_none() => {
                let attribute = target.attribute;
                if attribute.name == "schemas" {
                    return Ok(());
                }
                if attribute.name == "members" && resource_type.kind == Kind::Group {
                    if value.is_string() {
                        return Err(refuse("members", "must be an array of objects"));
                    }
                    self.members = if value.is_null() { None } else { Some(member_ids(value, &mut self.notes)?) };
                    return Ok(());
                }
                let urn = target.extension.map(|schema| schema.id.as_str());
                self.set(urn, attribute, value, name)
            }
            _ => {
                self.notes.ignored(name);
                Ok(())
            }
        }
    }

    fn take_extension(&mut self, schema: &Schema, value: &Value) -> Result<()> {
        let values = match value {
            Value::Object(values) => values,
            Value::Null => return Ok(()),
            _ => return Err(refuse(&schema.id, "must be an object")),
        };
        for (name, value) in values {
            match schema.attribute(name) {
                Some(attribute) => self.set(Some(&schema.id), attribute, value, name)?,
                None => self.notes.ignored(&format!("{}:{name}", schema.id)),
            }
        }
        Ok(())
    }

    fn set(&mut self, urn: Option<&str>, attribute: &Attribute, value: &Value, path: &str) -> Result<()> {
        if attribute.multi_valued && attribute.is_complex() && lenient::is_bare_text(attribute, value) {
            return Err(refuse(path, "must be an array of objects"));
        }
        let Some(value) = canonical(attribute, value.clone(), path, &mut self.notes)? else { return Ok(()) };
        let map = &mut self.document.0;
        match urn {
            None => {
                map.insert(attribute.name.clone(), value);
            }
            Some(urn) => {
                if let Value::Object(extension) = map.entry(urn).or_insert_with(|| Value::Object(Map::new())) {
                    extension.insert(attribute.name.clone(), value);
                }
            }
        }
        Ok(())
    }
}

/// The ids in a `members` value, deduplicated, in order.
///
/// # Errors
/// `invalidValue` for an element without an id.
pub fn member_ids(value: &Value, notes: &mut Notes) -> Result<Vec<String>> {
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    let one = [value.clone()];
    let elements = value.as_array().map_or(&one[..], Vec::as_slice);
    for (position, element) in elements.iter().enumerate() {
        if element.is_null() {
            continue;
        }
        match lenient::member_id(element, notes) {
            Some(id) if id.contains('\0') => {
                return Err(refuse(&format!("members[{position}].value"), "must not contain a NUL character"));
            }
            Some(id) => {
                if seen.insert(id.to_owned()) {
                    ids.push(id.to_owned());
                }
            }
            None => return Err(refuse(&format!("members[{position}].value"), "must be the id of a member")),
        }
    }
    Ok(ids)
}
