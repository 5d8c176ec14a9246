//! `attributes` and `excludedAttributes` (RFC 7644 §3.9) with the `returned` rules (RFC 7643 §2.2).

use serde_json::{Map, Value};

use super::lenient;
use super::registry::{Named, ResourceType};
use super::schema::{Attribute, Returned, Schema};

/// Which attributes an answer has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    mode: Mode,
    names: Vec<Name>,
    /// What the request wrote: it may see even what is only `returned` on request (RFC 7643 §7).
    written: Vec<Name>,
    /// Whether the resource type has attributes that are not in every answer.
    hides: bool,
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
    /// Reads both parameters, of which one is empty; names that are no attribute are ignored.
    #[must_use]
    pub fn parse(attributes: &[String], excluded: &[String], resource_type: &ResourceType) -> Self {
        let hides = resource_type.hides();
        let given = |names: &[String]| names.iter().any(|name| !name.trim().is_empty());
        let (mode, names) = match (given(attributes), given(excluded)) {
            (true, _) => (Mode::Only, attributes),
            (false, true) => (Mode::Without, excluded),
            (false, false) => return Self { hides, ..Self::default() },
        };
        let names = names.iter().filter_map(|name| named(name, resource_type)).collect();
        Self { mode, names, written: Vec::new(), hides }
    }

    /// Adds what a request's body writes.
    #[must_use]
    pub fn with_written(mut self, body: &Value, resource_type: &ResourceType) -> Self {
        if self.hides {
            let paths = written_paths(body, resource_type);
            self.written = paths.iter().filter_map(|path| named(path, resource_type)).collect();
        }
        self
    }

    /// Whether the answer is the whole resource.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.mode == Mode::Default && !self.hides
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
        if self.is_whole() {
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

    /// Applies the rules of RFC 7643 §7 "returned" to an attribute; whether anything of it is left.
    fn keep_value(&self, attribute: &Attribute, urn: Option<&str>, value: &mut Value) -> bool {
        let name = attribute.name.as_str();
        let (listed, written) = (lists(&self.names, urn, name, None), lists(&self.written, urn, name, None));
        let whole = match (attribute.returned, self.mode) {
            (Returned::Never, _) => return false,
            (Returned::Always, _) | (Returned::Default, Mode::Default) => true,
            (Returned::Default, Mode::Only) => listed,
            (Returned::Default, Mode::Without) => !listed,
            (Returned::Request, mode) => mode == Mode::Only && listed || written,
        };
        if !attribute.is_complex() || whole && self.mode == Mode::Default && !attribute.is_partly_hidden() {
            return whole;
        }
        if !whole && attribute.returned == Returned::Request && self.mode != Mode::Only {
            return false;
        }
        keep_subs(attribute, value, |sub| self.keep_sub(sub, urn, name, whole))
    }

    fn keep_sub(&self, sub: &Attribute, urn: Option<&str>, name: &str, whole: bool) -> bool {
        let listed = lists(&self.names, urn, name, Some(&sub.name));
        let written = || [None, Some(sub.name.as_str())].iter().any(|sub| lists(&self.written, urn, name, *sub));
        match (sub.returned, self.mode) {
            (Returned::Never, _) => false,
            (Returned::Always, _) => true,
            (Returned::Default, Mode::Default) => whole,
            (Returned::Default, Mode::Only) => whole || listed,
            (Returned::Default, Mode::Without) => whole && !listed,
            (Returned::Request, mode) => mode == Mode::Only && listed || written(),
        }
    }

    /// Whether the answer has a sub-attribute of a core attribute.
    #[must_use]
    pub fn wants_sub(&self, attribute: &Attribute, sub: &str) -> bool {
        let listed = lists(&self.names, None, &attribute.name, None);
        let whole = match self.mode {
            Mode::Default => true,
            Mode::Only => listed,
            Mode::Without => !listed,
        };
        attribute.sub_attribute(sub).is_some_and(|sub| self.keep_sub(sub, None, &attribute.name, whole))
    }
}

/// Whether names have this attribute or sub-attribute; the name of an extension has all of its attributes.
fn lists(names: &[Name], urn: Option<&str>, attribute: &str, sub: Option<&str>) -> bool {
    names.iter().any(|(extension, name, named_sub)| {
        extension.as_deref() == urn
            && match name.as_deref() {
                Some(name) => name == attribute && named_sub.as_deref() == sub,
                None => sub.is_none(),
            }
    })
}

fn named(path: &str, resource_type: &ResourceType) -> Option<Name> {
    Some(match resource_type.resolve(path.trim())? {
        Named::Extension(schema) => (Some(schema.id.clone()), None, None),
        Named::Attribute(target) => (
            target.extension.map(|schema| schema.id.clone()),
            Some(target.attribute.name.clone()),
            target.sub_attribute.map(|sub| sub.name.clone()),
        ),
    })
}

/// The attributes a body names: those of a resource, or those of the operations of a PATCH.
fn written_paths(body: &Value, resource_type: &ResourceType) -> Vec<String> {
    let of_object = |object: &Map<String, Value>| -> Vec<String> {
        let path = |(name, value): (&String, &Value)| match (resource_type.extension(name), value) {
            (Some(extension), Value::Object(values)) => {
                values.keys().map(|key| format!("{}:{key}", extension.schema.id)).collect()
            }
            _ => vec![name.clone()],
        };
        object.iter().flat_map(path).collect()
    };
    let Value::Object(object) = body else { return Vec::new() };
    let Some(Value::Array(operations)) = lenient::any_case(object, "Operations") else { return of_object(object) };
    let mut paths = Vec::new();
    for operation in operations.iter().filter_map(Value::as_object) {
        let path = lenient::any_case(operation, "path").and_then(Value::as_str);
        let value = lenient::any_case(operation, "value").and_then(Value::as_object);
        match (path, value) {
            // `roles[type eq "x"].value` writes `roles`.
            (Some(path), _) => paths.push(path.split('[').next().unwrap_or(path).to_owned()),
            (None, Some(value)) => paths.extend(of_object(value)),
            (None, None) => {}
        }
    }
    paths
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::registry::{Kind, Registry};

    const CARD: &str = "urn:example:card";

    /// The attributes of the extension that are left, with or without `attributes` and `excludedAttributes`.
    fn left(attributes: &[&str], excluded: &[&str], written: &Value) -> Vec<String> {
        let returned = ["always", "default", "request", "never"];
        let attribute = |returned: &str| json!({"name": returned, "type": "string", "returned": returned});
        let schema = json!({"id": CARD, "attributes": returned.map(attribute)});
        let registry = Registry::standard().unwrap();
        let registry = registry.with_extension(Schema::from_json(schema).unwrap(), false).unwrap();
        let user = registry.resource_type(Kind::User);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let projection = Projection::parse(&names(attributes), &names(excluded), user).with_written(written, user);
        let mut resource = json!({"id": "1", CARD: {"always": "a", "default": "d", "request": "r", "never": "n"}});
        projection.apply(&mut resource, user);
        resource[CARD].as_object().map(|values| values.keys().cloned().collect()).unwrap_or_default()
    }

    #[test]
    fn returned_decides_and_the_client_within_it() {
        let names = |names: &[&str]| names.iter().map(|name| format!("{CARD}:{name}")).collect::<Vec<_>>();
        let all = names(&["always", "default", "request", "never"]);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let nothing = Value::Null;
        assert_eq!(left(&[], &[], &nothing), ["always", "default"]);
        assert_eq!(left(&all, &[], &nothing), ["always", "default", "request"]);
        assert_eq!(left(&["id"], &[], &nothing), ["always"]);
        assert_eq!(left(&[], &all, &nothing), ["always"]);
        assert_eq!(left(&[CARD], &[], &nothing), ["always", "default", "request"], "its URN names all of them");
        // Who writes a value may see it, but never one that is never returned.
        let written = json!({CARD: {"request": "r", "never": "n"}});
        assert_eq!(left(&[], &[], &written), ["always", "default", "request"]);
    }
}
