//! Schema and attribute definitions (RFC 7643 §2 and §7), read from the JSON that discovery serves.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Code, Error, Result};

/// `type` of an attribute (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttributeType {
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

/// `mutability` (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    WriteOnly,
}

/// `returned` (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    Always,
    Never,
    Default,
    Request,
}

/// `uniqueness` (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    None,
    Server,
    Global,
}

/// One attribute or sub-attribute. Defaults of absent characteristics are those of RFC 7643 §2.2.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    pub name: String,
    #[serde(rename = "type", default = "default_type")]
    pub kind: AttributeType,
    #[serde(default)]
    pub sub_attributes: Vec<Attribute>,
    #[serde(default)]
    pub multi_valued: bool,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub canonical_values: Vec<String>,
    #[serde(default)]
    pub case_exact: bool,
    #[serde(default = "default_mutability")]
    pub mutability: Mutability,
    #[serde(default = "default_returned")]
    pub returned: Returned,
    #[serde(default = "default_uniqueness")]
    pub uniqueness: Uniqueness,
    #[serde(default)]
    pub reference_types: Vec<String>,
}

const fn default_type() -> AttributeType {
    AttributeType::String
}
const fn default_mutability() -> Mutability {
    Mutability::ReadWrite
}
const fn default_returned() -> Returned {
    Returned::Default
}
const fn default_uniqueness() -> Uniqueness {
    Uniqueness::None
}

impl Attribute {
    /// The sub-attribute of this name; names are case-insensitive (RFC 7643 §2.1).
    #[must_use]
    pub fn sub_attribute(&self, name: &str) -> Option<&Self> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// Whether values are JSON objects.
    #[must_use]
    pub fn is_complex(&self) -> bool {
        self.kind == AttributeType::Complex
    }

    /// Whether a value path can select among its values: simple ones have `value` for a name (RFC 7643 §2.4).
    #[must_use]
    pub fn has_elements(&self) -> bool {
        self.is_complex() || self.multi_valued
    }

    /// Whether answers may leave the attribute or a part of it out on their own (`request`, `never`).
    #[must_use]
    pub fn is_partly_hidden(&self) -> bool {
        matches!(self.returned, Returned::Never | Returned::Request)
            || self.sub_attributes.iter().any(Self::is_partly_hidden)
    }

    /// Whether a string value is compared exactly. References are (RFC 7643 §2.3.7), binaries too (§2.3.6).
    #[must_use]
    pub fn compares_exactly(&self) -> bool {
        self.case_exact || matches!(self.kind, AttributeType::Reference | AttributeType::Binary)
    }
}

/// A schema (RFC 7643 §7): its attributes, and the resource as discovery serves it.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The URN.
    pub id: String,
    pub name: String,
    pub attributes: Vec<Attribute>,
    /// The Schema resource, without `meta.location`'s base.
    pub resource: Value,
}

impl Schema {
    /// Reads a Schema resource.
    ///
    /// # Errors
    /// `invalidValue` naming what is missing or not as RFC 7643 §7 has it.
    pub fn from_json(resource: Value) -> Result<Self> {
        #[derive(Deserialize)]
        struct Raw {
            id: String,
            #[serde(default)]
            name: String,
            attributes: Vec<Attribute>,
        }
        let raw = Raw::deserialize(&resource).map_err(|source| {
            Error::new(Code::InvalidValue, format!("This is not a Schema as RFC 7643 §7 defines it: {source}."))
        })?;
        let mut resource = resource;
        complete(&mut resource);
        Ok(Self { id: raw.id, name: raw.name, attributes: raw.attributes, resource })
    }

    /// The attribute of this name, case-insensitively.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}

/// Writes out what a Schema leaves to the defaults of RFC 7643 §2.2, so that clients need not know them.
fn complete(schema: &mut Value) {
    if schema.get("schemas").is_none() {
        schema["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"]);
    }
    for attribute in schema.get_mut("attributes").and_then(Value::as_array_mut).into_iter().flatten() {
        complete_attribute(attribute);
    }
}

fn complete_attribute(attribute: &mut Value) {
    let Value::Object(characteristics) = attribute else { return };
    for (name, default) in [
        ("type", json!("string")),
        ("multiValued", json!(false)),
        ("description", json!("")),
        ("required", json!(false)),
        ("mutability", json!("readWrite")),
        ("returned", json!("default")),
        ("uniqueness", json!("none")),
    ] {
        characteristics.entry(name).or_insert(default);
    }
    // The case of letters is a question only where there are letters (RFC 7643 §7).
    if matches!(characteristics["type"].as_str(), Some("string" | "reference" | "binary")) {
        characteristics.entry("caseExact").or_insert(json!(false));
    }
    for sub in characteristics.get_mut("subAttributes").and_then(Value::as_array_mut).into_iter().flatten() {
        complete_attribute(sub);
    }
}
