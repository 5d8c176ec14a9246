//! Evaluation in memory: the oracle that SQL is tested against, and what decides where no index helps.

use serde_json::Value;

use super::{AttributeRef, Filter, Literal, Operator};
use crate::clock::Timestamp;
use crate::scim::schema::AttributeType;
use crate::text::scim_key;

impl Filter {
    /// Whether a resource matches. The resource carries what the filter may name: `id`, `meta`, `groups`, `members`.
    #[must_use]
    pub fn matches(&self, resource: &Value) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(resource)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(resource)),
            Self::Not(inner) => !inner.matches(resource),
            Self::ValuePath { attribute, filter } => {
                elements(holder(attribute, resource)).any(|element| filter.matches_element(element))
            }
            Self::Compare { attribute, operator, literal } => compare(
                elements(holder(attribute, resource)).filter_map(|value| leaf(attribute, value)),
                attribute,
                *operator,
                literal,
            ),
            Self::Present(attribute) => {
                elements(holder(attribute, resource)).filter_map(|value| leaf(attribute, value)).any(present)
            }
        }
    }

    /// Whether one element of a multi-valued attribute matches the inside of a value path.
    #[must_use]
    pub fn matches_element(&self, element: &Value) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches_element(element)),
            Self::Or(parts) => parts.iter().any(|part| part.matches_element(element)),
            Self::Not(inner) => !inner.matches_element(element),
            Self::Compare { attribute, operator, literal } => {
                compare(leaf(attribute, element).into_iter(), attribute, *operator, literal)
            }
            Self::Present(attribute) => leaf(attribute, element).is_some_and(present),
            Self::ValuePath { .. } => false,
        }
    }
}

fn holder<'v>(attribute: &AttributeRef, resource: &'v Value) -> Option<&'v Value> {
    match &attribute.extension {
        Some(urn) => resource.get(urn)?.get(&attribute.name),
        None => resource.get(&attribute.name),
    }
}

fn elements(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (many, one) = match value {
        Some(Value::Array(many)) => (many.as_slice(), None),
        other => (&[][..], other),
    };
    many.iter().chain(one).filter(|value| !value.is_null())
}

fn leaf<'v>(attribute: &AttributeRef, value: &'v Value) -> Option<&'v Value> {
    match &attribute.sub {
        Some(sub) => value.get(sub).filter(|value| !value.is_null()),
        None => Some(value),
    }
}

/// RFC 7643 §2.5: unassigned, null and empty are the same.
fn present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(many) => !many.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

/// Any value may match; `ne` is the complement of `eq` over the whole attribute, so that an
/// unassigned attribute is `ne` everything and `not (a eq b)` is `a ne b`.
fn compare<'v>(
    mut values: impl Iterator<Item = &'v Value>,
    attribute: &AttributeRef,
    operator: Operator,
    literal: &Literal,
) -> bool {
    match (operator, literal) {
        (Operator::Eq, Literal::Null) => !values.any(present),
        (Operator::Ne, Literal::Null) => values.any(present),
        (Operator::Ne, _) => !values.any(|value| holds(value, attribute, Operator::Eq, literal)),
        _ => values.any(|value| holds(value, attribute, operator, literal)),
    }
}

fn holds(value: &Value, attribute: &AttributeRef, operator: Operator, literal: &Literal) -> bool {
    use std::cmp::Ordering;
    let ordered = |ordering: Ordering| match operator {
        Operator::Eq => ordering == Ordering::Equal,
        Operator::Gt => ordering == Ordering::Greater,
        Operator::Ge => ordering != Ordering::Less,
        Operator::Lt => ordering == Ordering::Less,
        Operator::Le => ordering != Ordering::Greater,
        Operator::Ne | Operator::Co | Operator::Sw | Operator::Ew => false,
    };
    match (literal, value) {
        (Literal::Boolean(wanted), Value::Bool(found)) => operator == Operator::Eq && wanted == found,
        (Literal::Number(wanted), Value::Number(found)) => {
            found.as_f64().and_then(|found| found.partial_cmp(wanted)).is_some_and(ordered)
        }
        (Literal::DateTime(wanted), Value::String(found)) => {
            Timestamp::parse(found).is_some_and(|found| ordered(found.cmp(wanted)))
        }
        (Literal::Text(wanted), Value::String(found)) => {
            let folds = !attribute.case_exact && attribute.kind == AttributeType::String;
            let (found, wanted) =
                if folds { (scim_key(found), scim_key(wanted)) } else { (found.clone(), wanted.clone()) };
            match operator {
                Operator::Co => found.contains(&wanted),
                Operator::Sw => found.starts_with(&wanted),
                Operator::Ew => found.ends_with(&wanted),
                _ => ordered(found.as_bytes().cmp(wanted.as_bytes())),
            }
        }
        _ => false,
    }
}
