//! The evaluation of a filter over a resource's JSON (floor 1; RFC 7644 §3.4.2.2, tables 3 and 4).
//!
//! This is the oracle that the SQL is tested against. A test of an attribute holds when any of its
//! values passes. `ne` is the exact complement of `eq` over the whole attribute, so an attribute
//! without a value is `ne`, and of several values none may be equal. The RFC is silent on both; the
//! other reading of `ne` ("some value differs") finds nearly everything, and SQL's (NULL is neither
//! equal nor unequal) would hide from `userType ne "Intern"` everyone who has no type.

use std::borrow::Cow;

use serde_json::Value;

use super::{AttributeRef, Filter, Literal, Operator};
use crate::clock::Timestamp;
use crate::text::scim_key;

impl Filter {
    /// Whether a resource, in its canonical JSON, satisfies the filter.
    #[must_use]
    pub fn matches(&self, resource: &Value) -> bool {
        self.holds(Scope::Resource(resource))
    }

    /// Whether one value of a complex attribute satisfies a filter that [`Filter::parse_for`] read
    /// (or that stands in a [`Filter::ValuePath`]).
    #[must_use]
    pub fn matches_element(&self, element: &Value) -> bool {
        self.holds(Scope::Element(element))
    }

    fn holds(&self, scope: Scope<'_>) -> bool {
        match self {
            Self::And(items) => items.iter().all(|item| item.holds(scope)),
            Self::Or(items) => items.iter().any(|item| item.holds(scope)),
            Self::Not(inner) => !inner.holds(scope),
            Self::Present(attribute) => scope.any(attribute, is_present),
            Self::Compare { attribute, operator, literal } => match (operator, literal) {
                (Operator::Eq, Literal::Null) => !scope.any(attribute, is_present),
                (_, Literal::Null) => scope.any(attribute, is_present),
                (Operator::Ne, _) => !scope.any(attribute, |value| compare(attribute, value, Operator::Eq, literal)),
                _ => scope.any(attribute, |value| compare(attribute, value, *operator, literal)),
            },
            Self::ValuePath { attribute, filter } => scope.any(attribute, |element| filter.matches_element(element)),
        }
    }
}

/// What the attributes of a filter are looked up in.
#[derive(Clone, Copy)]
enum Scope<'v> {
    Resource(&'v Value),
    Element(&'v Value),
}

impl Scope<'_> {
    /// Whether any value of the attribute passes a test.
    fn any(self, attribute: &AttributeRef, test: impl Fn(&Value) -> bool) -> bool {
        let in_element = |element: &Value| match &attribute.sub {
            Some(sub) => any_value(element.get(sub), &test),
            None => test(element),
        };
        match self {
            Self::Element(element) => in_element(element),
            Self::Resource(resource) => {
                let holder = attribute.extension.as_ref().map_or(Some(resource), |urn| resource.get(urn));
                any_value(holder.and_then(|holder| holder.get(&attribute.name)), in_element)
            }
        }
    }
}

/// Whether the value, or any of its elements, passes; `null` is no value.
fn any_value(value: Option<&Value>, test: impl Fn(&Value) -> bool) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Array(elements)) => elements.iter().any(|element| !element.is_null() && test(element)),
        Some(value) => test(value),
    }
}

/// "A non-empty or non-null value, or … a non-empty node for complex attributes" (RFC 7644 table 3).
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => elements.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
    }
}

/// One value against a literal; what is not of the literal's type never compares.
fn compare(attribute: &AttributeRef, value: &Value, operator: Operator, literal: &Literal) -> bool {
    match (literal, value) {
        // An empty text is no value (see `pr`), so it neither equals another nor stands in an order.
        (Literal::Text { key, .. }, Value::String(text)) => {
            !text.is_empty() && compare_text(&key_of(text, attribute.case_exact), operator, key)
        }
        (Literal::Boolean(wanted), Value::Bool(found)) => found == wanted,
        (Literal::Number(wanted), Value::Number(found)) => {
            found.as_f64().is_some_and(|found| compare_order(found.partial_cmp(wanted), operator))
        }
        (Literal::DateTime(wanted), Value::String(text)) => {
            Timestamp::parse(text).is_some_and(|found| compare_order(Some(found.cmp(wanted)), operator))
        }
        _ => false,
    }
}

fn compare_text(found: &str, operator: Operator, wanted: &str) -> bool {
    match operator {
        Operator::Co => found.contains(wanted),
        Operator::Sw => found.starts_with(wanted),
        Operator::Ew => found.ends_with(wanted),
        // Order of bytes, which is the order of code points.
        _ => compare_order(Some(found.cmp(wanted)), operator),
    }
}

fn compare_order(order: Option<std::cmp::Ordering>, operator: Operator) -> bool {
    order.is_some_and(|order| match operator {
        Operator::Eq => order.is_eq(),
        Operator::Ne => order.is_ne(),
        Operator::Gt => order.is_gt(),
        Operator::Ge => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::Le => order.is_le(),
        Operator::Co | Operator::Sw | Operator::Ew => false,
    })
}

/// The key of a value, without a copy where it is its own key.
fn key_of(text: &str, case_exact: bool) -> Cow<'_, str> {
    let own_key = case_exact || text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if own_key { Cow::Borrowed(text) } else { Cow::Owned(scim_key(text)) }
}
