//! What a name and a value in a filter mean (floor 1): typing by the schema, RFC 7643 §2.3 and RFC 7644 §3.4.2.2.
//!
//! Failures are the text that goes into an `invalidFilter`; the parser adds where.

use super::lexer::{Operand, clip};
use super::{Literal, Operator};
use crate::clock::Timestamp;
use crate::scim::lenient;
use crate::scim::registry::{ResourceType, Target};
use crate::scim::schema::{Attribute, AttributeType, Returned, Schema};
use crate::text::scim_key;

/// The years that RFC 3339 can write: a zone can push a time beyond them, and it could not be printed.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;

/// Refuses what no answer shows: a filter over it would tell its value bit by bit.
pub fn searchable(target: &Target<'_>) -> Result<(), String> {
    if [target.attribute, target.leaf()].iter().any(|attribute| attribute.returned == Returned::Never) {
        return Err(format!("`{}` is never returned and cannot be searched", name_of(target)));
    }
    Ok(())
}

/// What a comparison with this attribute looks at: `emails co "x"` means `emails.value` (RFC 7644
/// figure 2), and clients say `manager eq "x"` likewise.
pub fn comparable(target: Target<'_>) -> Result<Target<'_>, String> {
    if !target.leaf().is_complex() {
        return Ok(target);
    }
    let value = target.attribute.sub_attribute("value").filter(|_| target.sub_attribute.is_none());
    value.map(|value| Target { sub_attribute: Some(value), ..target }).ok_or_else(|| {
        let subs = target.leaf().sub_attributes.iter().map(|sub| sub.name.as_str()).collect::<Vec<_>>().join(", ");
        format!("`{}` is complex: compare one of its sub-attributes ({subs})", name_of(&target))
    })
}

/// The literal that an operand is for an attribute, if the operator may compare them.
pub fn literal(target: &Target<'_>, operator: Operator, operand: &Operand<'_>) -> Result<Literal, String> {
    let name = name_of(target);
    let leaf = target.leaf();
    let refuse = |kind: &str| Err(format!("`{}` cannot be used with `{name}`, which is {kind}", operator.name()));
    match leaf.kind {
        AttributeType::Boolean if operator != Operator::Eq && operator != Operator::Ne => refuse("a boolean"),
        AttributeType::Boolean => boolean(operand, &name),
        AttributeType::Integer | AttributeType::Decimal if operator.is_substring() => refuse("a number"),
        AttributeType::Integer | AttributeType::Decimal => number(operand.text())
            .map(Literal::Number)
            .ok_or_else(|| format!("`{name}` is compared with a number, not with `{}`", clip(operand.text()))),
        AttributeType::DateTime if operator.is_substring() => refuse("a date and time"),
        AttributeType::DateTime => date_time(operand.text()).map(Literal::DateTime).ok_or_else(|| {
            format!(
                "`{name}` is compared with a date and time such as \"2026-11-24T08:15:30Z\", not with `{}`",
                clip(operand.text())
            )
        }),
        AttributeType::Binary if operator.is_ordering() => refuse("binary"),
        AttributeType::Complex => refuse("complex"),
        AttributeType::String | AttributeType::Reference | AttributeType::Binary => text(leaf, operand, &name),
    }
}

/// `true` or `false`, quoted or not.
fn boolean(operand: &Operand<'_>, name: &str) -> Result<Literal, String> {
    let text = operand.text();
    lenient::boolean_text(text)
        .map(Literal::Boolean)
        .ok_or_else(|| format!("`{name}` is compared with true or false, not with `{}`", clip(text)))
}

/// A number of JSON, in quotes or not. Rust alone would take `inf`, `.5` and `+1` too; `serde_json`
/// alone would be off by the last bit of a long one.
fn number(text: &str) -> Option<f64> {
    let text = text.trim_ascii();
    serde_json::from_str::<serde_json::Number>(text).ok()?;
    let number: f64 = text.parse().ok()?;
    // Minus zero equals zero but would be another key.
    number.is_finite().then_some(if number == 0.0 { 0.0 } else { number })
}

fn date_time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).filter(|at| WRITABLE.contains(&at.0))
}

/// A text in quotes, or a word where one may be a text.
fn text(leaf: &Attribute, operand: &Operand<'_>, name: &str) -> Result<Literal, String> {
    if matches!(operand, Operand::Bare(word) if !lenient::is_unquoted_text(name, word)) {
        return Err(format!("`{name}` is compared with a text in double quotes, not with `{}`", clip(operand.text())));
    }
    let value = operand.text().to_owned();
    let key = if leaf.compares_exactly() { value.clone() } else { scim_key(&value) };
    Ok(Literal::Text { value, key })
}

/// `name` or `name.sub`.
fn name_of(target: &Target<'_>) -> String {
    match target.sub_attribute {
        Some(sub) => format!("{}.{}", target.attribute.name, sub.name),
        None => target.attribute.name.clone(),
    }
}

/// `; did you mean …?` for a path that names nothing, if some attribute is near; else nothing.
pub fn suggestion(path: &str, resource_type: &ResourceType) -> String {
    let names = |schema: &Schema, prefix: &str| -> Vec<String> {
        let subs = |attribute: &Attribute| -> Vec<String> {
            attribute.sub_attributes.iter().map(|sub| format!("{prefix}{}.{}", attribute.name, sub.name)).collect()
        };
        if path.rsplit(':').next().is_some_and(|tail| tail.contains('.')) {
            schema.attributes.iter().flat_map(subs).collect()
        } else {
            schema.attributes.iter().map(|attribute| format!("{prefix}{}", attribute.name)).collect()
        }
    };
    let own = [&resource_type.core, &resource_type.common].map(|schema| names(schema, "")).into_iter().flatten();
    let extensions = resource_type.extensions.iter();
    let extended = extensions.flat_map(|extension| names(&extension.schema, &format!("{}:", extension.schema.id)));
    nearest(path, own.chain(extended))
}

/// The same among the sub-attributes of one attribute.
pub fn suggestion_within(name: &str, attribute: &Attribute) -> String {
    nearest(name, attribute.sub_attributes.iter().map(|sub| sub.name.clone()))
}

/// Compares what stands behind a URN, so that an extension's attribute without its URN is found.
fn nearest(wanted: &str, candidates: impl Iterator<Item = String>) -> String {
    const LONGEST: usize = 64;
    let tail = |path: &str| path.rsplit(':').next().unwrap_or(path).to_ascii_lowercase();
    let wanted = tail(wanted);
    if wanted.len() > LONGEST {
        return String::new();
    }
    let near = candidates.filter_map(|candidate| {
        let tail = tail(&candidate);
        let distance = strsim::damerau_levenshtein(&wanted, &tail);
        (distance <= (tail.len() / 3).min(2)).then_some((distance, candidate))
    });
    near.min_by_key(|(distance, _)| *distance).map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}
