//! `attributes` and `excludedAttributes` (RFC 7644 §3.9) with the `returned` rules (RFC 7643 §2.2).

use serde_json::{Map, Value};

use super::registry::{Named, ResourceType};
use super::schema::{Attribute, Returned, Schema};
use crate::error::{Code, Error, Result};

/// Which attributes an answer has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    mode: Mode,
    names: Vec<Name>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Default,
    Only,
    Without,
}

/// A resolved name: `(extension, attribute, sub)`; no attribute means the whole extension.
type Name = (Option<String>, Option<String>, Option<String>);

impl Projection {
    /// Reads both parameters; names that are no attribute are ignored.
    ///
    /// # Errors
    /// `invalidValue` when both are given: they exclude each other (RFC 7644 §3.9).
    pub fn parse(attributes: &[String], excluded: &[String], resource_type: &ResourceType) -> Result<Self> {
        let given = |names: &[String]| names.iter().any(|name| !name.trim().is_empty());
        let (mode, names) = match (given(attributes), given(excluded)) {
            (true, true) => {
                return Err(Error::new(
                    Code::InvalidValue,
                    "attributes and excludedAttributes exclude each other: send one of them.",
                ));
            }
            (true, false) => (Mode::Only, attributes),
            (false, true) => (Mode::Without, excluded),
            (false, false) => return Ok(Self::default()),
        };
        let names = names
            .iter()
            .filter_map(|name| match resource_type.resolve(name.trim())? {
                Named::Extension(schema) => Some((Some(schema.id.clone()), None, None)),
                Named::Attribute(target) => Some((
                    target.extension.map(|schema| schema.id.clone()),
                    Some(target.attribute.name.clone()),
                    target.sub_attribute.map(|sub| sub.name.clone()),
                )),
            })
            .collect();
        Ok(Self { mode, names })
    }

    /// Whether the answer is the whole resource.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.mode == Mode::Default
    }

    /// Whether a core attribute is in the answer, at least in part.
    #[must_use]
    pub fn wants(&self, attribute: &str) -> bool {
        let named = |whole: bool| {
            self.names.iter().any(|(extension, name, sub)| {
                extension.is_none() && name.as_deref() == Some(attribute) && (!whole || sub.is_none())
            })
        };
        match self.mode {
            Mode::Default => true,
            Mode::Only => named(false),
            Mode::Without => !named(true),
        }
    }

    /// Leaves in the resource what the answer has.
    pub fn apply(&self, resource: &mut Value, resource_type: &ResourceType) {
        if self.is_default() {
            return;
        }
        let Value::Object(object) = resource else { return };
        for extension in &resource_type.extensions {
            if let Some(Value::Object(values)) = object.get_mut(&extension.schema.id) {
                self.keep(values, Some(&extension.schema), |name| extension.schema.attribute(name));
                if values.is_empty() {
                    object.shift_remove(&extension.schema.id);
                }
            }
        }
        self.keep(object, None, |name| resource_type.attribute(name));
    }

    fn keep<'r>(
        &self,
        object: &mut Map<String, Value>,
        extension: Option<&Schema>,
        find: impl Fn(&str) -> Option<&'r Attribute>,
    ) {
        let urn = extension.map(|schema| schema.id.as_str());
        object.retain(|name, value| {
            // What is no attribute here is an extension's object, which has been dealt with.
            let Some(attribute) = find(name) else { return true };
            self.keep_value(attribute, urn, value)
        });
    }

    fn keep_value(&self, attribute: &Attribute, urn: Option<&str>, value: &mut Value) -> bool {
        let of_attribute = self.names.iter().filter(|(extension, name, _)| {
            extension.as_deref() == urn && name.as_deref() == Some(attribute.name.as_str())
        });
        let subs: Vec<&str> = of_attribute.clone().filter_map(|(_, _, sub)| sub.as_deref()).collect();
        let whole = of_attribute.clone().any(|(_, _, sub)| sub.is_none())
            || urn.is_some()
                && self.names.iter().any(|(extension, name, _)| extension.as_deref() == urn && name.is_none());
        if attribute.returned == Returned::Always {
            return true;
        }
        match self.mode {
            Mode::Default => true,
            Mode::Only if whole => true,
            Mode::Only if subs.is_empty() => false,
            Mode::Only => {
                keep_subs(attribute, value, |sub| sub.returned == Returned::Always || subs.contains(&sub.name.as_str()))
            }
            Mode::Without if whole => false,
            Mode::Without => keep_subs(attribute, value, |sub| {
                sub.returned == Returned::Always || !subs.contains(&sub.name.as_str())
            }),
        }
    }
}

/// Keeps some sub-attributes; whether anything is left.
fn keep_subs(attribute: &Attribute, value: &mut Value, keep: impl Fn(&Attribute) -> bool) -> bool {
    let filter = |value: &mut Value| match value {
        Value::Object(object) => {
            object.retain(|name, _| attribute.sub_attribute(name).is_some_and(&keep));
            !object.is_empty()
        }
        _ => true,
    };
    match value {
        Value::Array(values) => {
            values.retain_mut(filter);
            !values.is_empty()
        }
        other => filter(other),
    }
}
