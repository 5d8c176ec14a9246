//! Filters beyond the grammar of RFC 7644 §3.4.2.2.

use crate::scim::filter::{AttributeRef, Filter, Literal, Operator};
use crate::scim::registry::{ENTERPRISE_USER, ResourceType, Target};

/// Entra ID writes booleans as the texts "True" and "False", in filters
/// (`roles[primary eq "True"].value`) as in bodies: `entra.json`.
#[must_use]
pub fn boolean_text(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Whether a word without quotes may be a text of this attribute: Entra ID's reference checks write
/// `id eq 2819c223 and manager eq 7f3a` (`entra.json`), and an example of RFC 7644 §3.4.2.2
/// `meta.resourceType eq User`. A bare `true` or `false` is rather a mistaken attribute.
#[must_use]
pub fn is_unquoted_text(attribute: &str, word: &str) -> bool {
    ["id", "manager.value", "members.value", "meta.resourceType"].contains(&attribute) && boolean_text(word).is_none()
}

/// A test behind a value path, `emails[type eq "work"].value eq "x"`, which Entra ID's matching
/// attributes write (`entra.json`): the values that satisfy the filter are tested as a whole, so that
/// `ne` is the complement of `eq` here too.
#[must_use]
pub fn test_behind_value_path(attribute: AttributeRef, filter: Filter, test: Filter) -> Filter {
    let (test, negated) = match test {
        Filter::Compare { attribute, operator: Operator::Eq, literal: Literal::Null } => {
            (Filter::Present(attribute), true)
        }
        Filter::Compare { attribute, operator: Operator::Ne, literal: Literal::Null } => {
            (Filter::Present(attribute), false)
        }
        Filter::Compare { attribute, operator: Operator::Ne, literal } => {
            (Filter::Compare { attribute, operator: Operator::Eq, literal }, true)
        }
        test => (test, false),
    };
    let mut items = match filter {
        Filter::And(items) => items,
        filter => vec![filter],
    };
    items.push(test);
    let path = Filter::ValuePath { attribute, filter: Box::new(Filter::And(items)) };
    if negated { Filter::Not(Box::new(path)) } else { path }
}

/// What a name in a filter means that the schema does not have as it is: `manager` without its URN
/// (Entra ID's reference checks, `entra.json`), and `email` (the example in Ping's guide,
/// `ping.json`). Only in filters: a PATCH path says exactly what it changes.
#[must_use]
pub fn misnamed_attribute<'r>(name: &str, resource_type: &'r ResourceType) -> Option<Target<'r>> {
    let extension = resource_type.extension(ENTERPRISE_USER)?;
    let (schema, meant) = match name.to_ascii_lowercase().as_str() {
        "email" => (None, resource_type.attribute("emails")),
        "manager" => (Some(&*extension.schema), extension.schema.attribute("manager")),
        _ => return None,
    };
    meant.map(|attribute| Target { extension: schema, attribute, sub_attribute: None })
}
