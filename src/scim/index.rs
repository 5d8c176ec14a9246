//! What is derived of a document for finding it: key columns and index rows, in one place.
//!
//! `schemas/storage.json` says which attributes have index rows; their numbers are stored, so they never change.

use serde::Deserialize;
use serde_json::Value;

use super::document::Document;
use super::registry::Kind;
use super::validate::is_primary;
use crate::error::{Code, Error, Result};
use crate::text::{address_key, scim_key};

/// A key longer than this cannot be indexed by every database.
const MAX_KEY: usize = 1_000;

/// People are told apart by so much of their names.
const SORTED: usize = 100;

/// The keys of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    pub user_name_key: Option<String>,
    pub external_id: Option<String>,
    pub active: bool,
    pub display_name_key: Option<String>,
    /// The member's address (product.md §3), by the rule for addresses.
    pub address_key: Option<String>,
    /// How a person is shown, as a key to sort members by.
    pub name_key: String,
    pub elements: Vec<Element>,
}

/// One indexed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub attribute: u16,
    pub ordinal: u16,
    pub value_key: String,
    pub type_key: Option<String>,
    pub primary: bool,
}

/// An indexed attribute.
#[derive(Clone, Debug, Deserialize)]
pub struct Indexed {
    pub number: u16,
    pub extension: Option<String>,
    pub attribute: String,
    pub sub: Option<String>,
}

/// Which attributes have index rows.
#[derive(Clone, Debug, Deserialize)]
pub struct Storage {
    pub indexed: Vec<Indexed>,
}

impl Storage {
    /// Reads `schemas/storage.json`, compiled in.
    ///
    /// # Errors
    /// When it is not of its form; a unit test reads it.
    pub fn standard() -> Result<Self> {
        serde_json::from_str(include_str!("../../schemas/storage.json")).map_err(Error::internal)
    }

    /// The number of an indexed attribute.
    #[must_use]
    pub fn number(&self, extension: Option<&str>, attribute: &str, sub: Option<&str>) -> Option<u16> {
        self.indexed
            .iter()
            .find(|indexed| {
                indexed.extension.as_deref() == extension
                    && indexed.attribute == attribute
                    && indexed.sub.as_deref() == sub
            })
            .map(|indexed| indexed.number)
    }

    /// Derives the keys of a document.
    ///
    /// # Errors
    /// `invalidValue` when a key is too long to be indexed.
    pub fn derive(&self, document: &Document, kind: Kind) -> Result<Derived> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let mut derived = Derived {
            // Unassigned is not true: a filter finds nobody as active who may not be.
            active: document.active().unwrap_or(false),
            external_id: text("externalId").map(str::to_owned),
            display_name_key: text("displayName").map(scim_key),
            ..Derived::default()
        };
        if kind == Kind::User {
            derived.user_name_key = text("userName").map(scim_key);
            derived.address_key = address(document).and_then(address_key);
            derived.name_key = scim_key(&shown_name(document).unwrap_or_default()).chars().take(SORTED).collect();
            for indexed in &self.indexed {
                push_elements(&mut derived.elements, indexed, document);
            }
        }
        check_length("userName", derived.user_name_key.as_deref())?;
        check_length("externalId", derived.external_id.as_deref())?;
        check_length("displayName", derived.display_name_key.as_deref())?;
        for element in &derived.elements {
            let name = self
                .indexed
                .iter()
                .find(|indexed| indexed.number == element.attribute)
                .map_or("", |indexed| indexed.attribute.as_str());
            check_length(name, Some(&element.value_key))?;
        }
        Ok(derived)
    }
}

fn check_length(name: &str, key: Option<&str>) -> Result<()> {
    match key {
        Some(key) if key.len() > MAX_KEY => {
            Err(Error::new(Code::InvalidValue, format!("{name} is too long: at most {MAX_KEY} bytes can be searched.")))
        }
        _ => Ok(()),
    }
}

fn push_elements(out: &mut Vec<Element>, indexed: &Indexed, document: &Document) {
    let holder = match &indexed.extension {
        Some(urn) => document.get(urn).and_then(|extension| extension.get(&indexed.attribute)),
        None => document.get(&indexed.attribute),
    };
    let values = match holder {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    for (ordinal, value) in values.iter().enumerate() {
        let leaf = match &indexed.sub {
            Some(sub) => value.get(sub),
            None => Some(value),
        };
        // An empty text is no value, for filters too (RFC 7644 table 3, "pr").
        let Some(leaf) = leaf.and_then(Value::as_str).filter(|text| !text.is_empty()) else { continue };
        out.push(Element {
            attribute: indexed.number,
            ordinal: u16::try_from(ordinal).unwrap_or(u16::MAX),
            value_key: scim_key(leaf),
            type_key: value.get("type").and_then(Value::as_str).map(scim_key),
            primary: value.get("primary").and_then(Value::as_bool).unwrap_or(false),
        });
    }
}

/// The member's address as it is written: the primary e-mail, else the first of type work, else the
/// first, else a userName that is an address (product.md §3).
#[must_use]
pub fn address(document: &Document) -> Option<&str> {
    let emails = document.get("emails").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_work = |email: &&Value| {
        email.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("work"))
    };
    let chosen = emails
        .iter()
        .find(|email| is_primary(email))
        .or_else(|| emails.iter().find(is_work))
        .or_else(|| emails.first());
    match chosen {
        Some(email) => email.get("value").and_then(Value::as_str),
        None => document.user_name(),
    }
    .filter(|address| address_key(address).is_some())
}

/// How a person is shown: `displayName`, else `name.formatted`, else given and family name, else `userName`.
#[must_use]
pub fn shown_name(document: &Document) -> Option<String> {
    let text =
        |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let name = |part: &str| text(document.get("name").and_then(|name| name.get(part)));
    let both = || {
        let parts: Vec<String> = [name("givenName"), name("familyName")].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    text(document.get("displayName"))
        .or_else(|| name("formatted"))
        .or_else(both)
        .or_else(|| text(document.get("userName")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::registry::Registry;

    fn derive(user: &Value) -> Result<Derived> {
        let registry = Registry::standard().unwrap();
        let document = Document::from_request(user, registry.resource_type(Kind::User)).unwrap().document;
        Storage::standard().unwrap().derive(&document, Kind::User)
    }

    #[test]
    fn the_address_is_the_primary_one_else_that_of_work_else_the_first_else_the_user_name() {
        let [home, work] = ["home", "work"].map(|kind| json!({"value": format!("A@{kind}.example"), "type": kind}));
        let primary = json!({"value": "a@primary.example", "primary": true});
        for (emails, expected) in [
            (json!([home, work, primary]), "a@primary.example"),
            (json!([home, work]), "a@work.example"),
            (json!([home]), "a@home.example"),
            (json!([]), "ann@example.com"),
        ] {
            let derived = derive(&json!({"userName": "Ann@Example.com", "emails": emails})).unwrap();
            assert_eq!(derived.address_key.as_deref(), Some(expected), "{emails}");
        }
        assert_eq!(derive(&json!({"userName": "ann"})).unwrap().address_key, None);
    }

    #[test]
    fn a_key_that_no_index_takes_is_refused_by_its_name() {
        let long = "x".repeat(MAX_KEY + 1);
        for (name, user) in [
            ("userName", json!({"userName": long})),
            ("externalId", json!({"userName": "a", "externalId": long})),
            ("displayName", json!({"userName": "a", "displayName": long})),
            ("emails", json!({"userName": "a", "emails": [{"value": long}]})),
        ] {
            let refused = derive(&user).unwrap_err();
            assert_eq!(refused.code, Code::InvalidValue);
            assert!(refused.detail.starts_with(name), "{name}: {refused}");
        }
        assert!(derive(&json!({"userName": "x".repeat(MAX_KEY)})).is_ok());
    }
}
