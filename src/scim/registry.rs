//! The registry of resource types and schemas that an organization sees (RFC 7643 §6),
//! and the resolution of attribute paths against it (RFC 7644 §3.10).

use std::sync::Arc;

use serde_json::Value;

use super::redact::Redaction;
use super::schema::{Attribute, Mutability, Returned, Schema};
use crate::error::{Code, Error, Result};

/// URN of the core User schema (RFC 7643 §4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of the core Group schema (RFC 7643 §4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// URN of the enterprise extension (RFC 7643 §4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Which resource type; stored as a small number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    User,
    Group,
}

impl Kind {
    /// Both, in the order in which a query over everything answers.
    pub const ALL: [Self; 2] = [Self::User, Self::Group];

    /// `meta.resourceType`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The endpoint relative to the base URL.
    #[must_use]
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }
}

/// A schema extension of a resource type (RFC 7643 §6).
#[derive(Clone, Debug)]
pub struct Extension {
    pub schema: Arc<Schema>,
    pub required: bool,
}

/// A resource type with the schemas its documents follow (RFC 7643 §6).
#[derive(Clone, Debug)]
pub struct ResourceType {
    pub kind: Kind,
    /// The attributes every resource has: `id`, `externalId`, `meta`, `schemas` (RFC 7643 §3.1).
    pub common: Arc<Schema>,
    pub core: Arc<Schema>,
    pub extensions: Vec<Extension>,
}

/// What an attribute path names (RFC 7644 §3.10).
#[derive(Clone, Copy, Debug)]
pub struct Target<'r> {
    /// The extension the attribute lives in; `None` for core and common attributes.
    pub extension: Option<&'r Schema>,
    pub attribute: &'r Attribute,
    pub sub_attribute: Option<&'r Attribute>,
}

impl<'r> Target<'r> {
    /// The attribute whose values are meant: the sub-attribute if one is named.
    #[must_use]
    pub fn leaf(&self) -> &'r Attribute {
        self.sub_attribute.unwrap_or(self.attribute)
    }
}

/// What the text of a path can name: an attribute, or a whole extension by its URN.
#[derive(Clone, Copy, Debug)]
pub enum Named<'r> {
    Extension(&'r Schema),
    Attribute(Target<'r>),
}

impl ResourceType {
    /// The extension with this URN; URNs are case-insensitive (RFC 8141 §3.1 for the namespace; clients vary the rest).
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }

    /// A core or common attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.core.attribute(name).or_else(|| self.common.attribute(name))
    }

    /// Resolves `[URN:]attribute[.sub]` or a bare extension URN.
    #[must_use]
    pub fn resolve(&self, path: &str) -> Option<Named<'_>> {
        // A URN holds dots and colons itself ("…:2.0:User") and can begin another, but no attribute's name
        // has a colon: only behind the right URN is there one.
        if let Some(extension) = self.extension(path) {
            return Some(Named::Extension(&extension.schema));
        }
        for extension in &self.extensions {
            let rest = after_urn(path, &extension.schema.id);
            let named =
                rest.and_then(|rest| target(Some(&extension.schema), |name| extension.schema.attribute(name), rest));
            if named.is_some() {
                return named;
            }
        }
        let rest = after_urn(path, &self.core.id).unwrap_or(path);
        target(None, |name| self.attribute(name), rest)
    }

    /// Whether documents hold attributes that are not in every answer. What is never returned and
    /// only written is not even stored, and members are rows of their own.
    #[must_use]
    pub fn hides(&self) -> bool {
        let hidden = |attribute: &Attribute| {
            attribute.is_partly_hidden()
                && attribute.name != "members"
                && (attribute.returned, attribute.mutability) != (Returned::Never, Mutability::WriteOnly)
        };
        let schemas = self.extensions.iter().map(|extension| &extension.schema).chain([&self.core]);
        schemas.flat_map(|schema| &schema.attributes).any(hidden)
    }

    /// The schema URNs a document of this type may name.
    pub fn schema_ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.core.id.as_str())
            .chain(self.extensions.iter().map(|extension| extension.schema.id.as_str()))
    }
}

/// The rest of `path` behind `urn:`, compared without case.
fn after_urn<'p>(path: &'p str, urn: &str) -> Option<&'p str> {
    let (head, rest) = (path.get(..urn.len())?, path.get(urn.len()..)?);
    if head.eq_ignore_ascii_case(urn) { rest.strip_prefix(':') } else { None }
}

fn target<'r>(
    extension: Option<&'r Schema>,
    find: impl Fn(&str) -> Option<&'r Attribute>,
    rest: &str,
) -> Option<Named<'r>> {
    let (name, sub_name) = match rest.split_once('.') {
        Some((name, sub_name)) => (name, Some(sub_name)),
        None => (rest, None),
    };
    let attribute = find(name)?;
    let sub_attribute = match sub_name {
        Some(sub_name) => Some(attribute.sub_attribute(sub_name)?),
        None => None,
    };
    Some(Named::Attribute(Target { extension, attribute, sub_attribute }))
}

/// Everything one organization's SCIM endpoint knows about schemas.
#[derive(Clone, Debug)]
pub struct Registry {
    user: ResourceType,
    group: ResourceType,
    service_provider: Arc<[Schema]>,
    redaction: Redaction,
}

impl Registry {
    /// The registry of the schemas compiled in (`schemas/*.json`).
    ///
    /// # Errors
    /// When a file is not a Schema; a unit test reads them all.
    pub fn standard() -> Result<Self> {
        let read = |text: &str| -> Result<Arc<Schema>> {
            let json: Value = serde_json::from_str(text).map_err(Error::internal)?;
            Schema::from_json(json).map(Arc::new)
        };
        let service_provider: Vec<Value> =
            serde_json::from_str(include_str!("../../schemas/service_provider.json")).map_err(Error::internal)?;
        let service_provider = service_provider.into_iter().map(Schema::from_json).collect::<Result<_>>()?;
        let common = read(include_str!("../../schemas/common.json"))?;
        let enterprise = read(include_str!("../../schemas/enterprise_user.json"))?;
        let mut registry = Self {
            user: ResourceType {
                kind: Kind::User,
                common: Arc::clone(&common),
                core: read(include_str!("../../schemas/user.json"))?,
                extensions: vec![Extension { schema: enterprise, required: false }],
            },
            group: ResourceType {
                kind: Kind::Group,
                common,
                core: read(include_str!("../../schemas/group.json"))?,
                extensions: Vec::new(),
            },
            service_provider,
            redaction: Redaction::default(),
        };
        registry.redact();
        Ok(registry)
    }

    /// This registry with an organization's extension of the User type.
    ///
    /// # Errors
    /// `uniqueness` when the URN is taken.
    pub fn with_extension(mut self, schema: Schema, required: bool) -> Result<Self> {
        if self.user.schema_ids().any(|id| id.eq_ignore_ascii_case(&schema.id)) {
            return Err(Error::new(Code::Uniqueness, format!("A schema with the URN {} exists already.", schema.id)));
        }
        self.user.extensions.push(Extension { schema: Arc::new(schema), required });
        self.redact();
        Ok(self)
    }

    /// Learns what is secret of the schemas that there are.
    fn redact(&mut self) {
        let mut never = Vec::new();
        for resource_type in [&self.user, &self.group] {
            let schemas = resource_type.extensions.iter().map(|extension| &extension.schema);
            schemas.chain([&resource_type.core]).for_each(|schema| never_returned(&schema.attributes, &mut never));
        }
        self.redaction = Redaction::new(never);
    }

    /// What of a request may be kept for people to read.
    #[must_use]
    pub const fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    /// The schemas of what discovery itself serves (RFC 7643 §8.7.2).
    #[must_use]
    pub fn service_provider(&self) -> &[Schema] {
        &self.service_provider
    }

    /// The resource type of a kind.
    #[must_use]
    pub const fn resource_type(&self, kind: Kind) -> &ResourceType {
        match kind {
            Kind::User => &self.user,
            Kind::Group => &self.group,
        }
    }
}

fn never_returned<'r>(attributes: &'r [Attribute], names: &mut Vec<&'r str>) {
    for attribute in attributes {
        if attribute.returned == Returned::Never {
            names.push(&attribute.name);
        } else {
            never_returned(&attribute.sub_attributes, names);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_urn_that_begins_another_hides_none_of_its_attributes() {
        let schema = |urn: &str, name: &str| {
            Schema::from_json(json!({"id": urn, "attributes": [{"name": name, "type": "string"}]})).unwrap()
        };
        let registry = Registry::standard().unwrap().with_extension(schema("urn:acme:staff", "badge"), false).unwrap();
        let registry = registry.with_extension(schema("urn:acme:staff:local", "desk"), false).unwrap();
        for (path, urn) in [
            ("urn:acme:staff:badge", "urn:acme:staff"),
            ("urn:acme:staff:local:desk", "urn:acme:staff:local"),
            ("URN:ACME:Staff:Local:DESK", "urn:acme:staff:local"),
        ] {
            let Some(Named::Attribute(target)) = registry.user.resolve(path) else { panic!("{path} names nothing") };
            assert_eq!(target.extension.map(|schema| schema.id.as_str()), Some(urn), "{path}");
        }
        assert!(registry.user.resolve("urn:acme:staff:desk").is_none());
    }
}
