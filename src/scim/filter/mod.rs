//! Filters (floor 1): what a filter is, and its canonical text (RFC 7644 §3.4.2.2).
//!
//! A [`Filter`] is resolved against the schemas while it is read: it holds canonical attribute
//! names and literals of the attribute's type, so that neither the evaluator nor the SQL writer
//! has to look anything up or can meet a comparison that makes no sense.

mod evaluate;
mod lexer;
mod parse;
mod resolve;
#[cfg(test)]
mod tests;

use std::fmt;

use super::registry::{ResourceType, Target};
use super::schema::{Attribute, AttributeType, Schema};
use crate::clock::Timestamp;
use crate::error::Result;

pub(super) use lexer::clip;
pub(super) use parse::Parser;
pub(super) use resolve::suggestion;

/// The longest text of a filter or a path, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;
/// How deep parentheses and brackets may nest. SQLite refuses expression trees that are much deeper.
pub const MAX_DEPTH: usize = 50;
/// How many comparisons and presence tests one filter may hold.
pub const MAX_COMPARISONS: usize = 100;

/// A resolved attribute, owned so that a filter can cross threads.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeRef {
    /// The canonical URN of the extension; `None` for core and common attributes.
    pub extension: Option<String>,
    /// The canonical name of the attribute.
    pub name: String,
    /// The canonical name of the sub-attribute.
    pub sub: Option<String>,
    /// The type of the leaf: of the sub-attribute if one is named.
    pub kind: AttributeType,
    /// Whether the leaf's strings are compared exactly ([`Attribute::compares_exactly`]).
    pub case_exact: bool,
    /// Whether the attribute (not the leaf) is multi-valued.
    pub multi_valued: bool,
    /// Whether it is one of another resource type: in a query over all types it has no value here
    /// (RFC 7644 §3.4.2.1).
    pub foreign: bool,
}

impl AttributeRef {
    /// The reference to what a path resolved to.
    #[must_use]
    pub fn new(target: &Target<'_>) -> Self {
        let leaf = target.leaf();
        Self {
            extension: target.extension.map(|schema| schema.id.clone()),
            name: target.attribute.name.clone(),
            sub: target.sub_attribute.map(|sub| sub.name.clone()),
            kind: leaf.kind,
            case_exact: leaf.compares_exactly(),
            multi_valued: target.attribute.multi_valued,
            foreign: false,
        }
    }

    fn mark_foreign(&mut self, resource_type: &ResourceType) {
        self.foreign = match &self.extension {
            Some(urn) => resource_type.extension(urn).is_none(),
            None => resource_type.attribute(&self.name).is_none(),
        };
    }
}

/// An attribute operator of RFC 7644 table 3; `pr` is [`Filter::Present`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Operator {
    /// All of them, in the order in which errors list them.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The operator as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    /// Whether it looks inside a text.
    #[must_use]
    pub const fn is_substring(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }

    /// Whether it asks for an order.
    #[must_use]
    pub const fn is_ordering(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }
}

/// What an attribute is compared with, of the attribute's type.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A text. `key` is what values are compared by: `value` itself for a case-exact attribute,
    /// else [`crate::text::scim_key`] of it, computed once here rather than per value.
    Text {
        value: String,
        key: String,
    },
    Boolean(bool),
    /// Finite, and never `-0.0`.
    Number(f64),
    /// Within the years 0 to 9999, so that it can be written as RFC 3339.
    DateTime(Timestamp),
    /// Only with [`Operator::Eq`] (not present) and [`Operator::Ne`] (present), of any type:
    /// the attribute is then the one named, without an implied `value` sub-attribute.
    Null,
}

/// A filter that was resolved against a resource type.
///
/// `And` and `Or` hold at least two filters and none of their own kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        attribute: AttributeRef,
        operator: Operator,
        literal: Literal,
    },
    Present(AttributeRef),
    /// One and the same value of `attribute` satisfies the whole filter. `attribute.sub` is `None`;
    /// references inside have the attribute's name and `sub`.
    ValuePath {
        attribute: AttributeRef,
        filter: Box<Filter>,
    },
}

impl Filter {
    /// Reads a filter over the resources of a type.
    ///
    /// # Errors
    /// `invalidFilter` saying where and why.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self> {
        Parser::new(text, resource_type)?.whole()
    }

    /// Reads a filter over resources of several types for one of them.
    ///
    /// # Errors
    /// `invalidFilter` saying where and why; also for an attribute that none of the types has.
    pub fn parse_among(text: &str, resource_type: &ResourceType, other: &ResourceType) -> Result<Self> {
        let mut filter = Parser::new(text, resource_type)?.or_of(other).whole()?;
        filter.mark_foreign(resource_type);
        Ok(filter)
    }

    fn mark_foreign(&mut self, resource_type: &ResourceType) {
        match self {
            Self::And(items) | Self::Or(items) => items.iter_mut().for_each(|item| item.mark_foreign(resource_type)),
            Self::Not(inner) => inner.mark_foreign(resource_type),
            Self::Compare { attribute, .. } | Self::Present(attribute) => attribute.mark_foreign(resource_type),
            Self::ValuePath { attribute, filter } => {
                attribute.mark_foreign(resource_type);
                filter.mark_foreign(resource_type);
            }
        }
    }

    /// Reads what stands between the brackets of a value path: a filter over the sub-attributes
    /// of one complex attribute, to be used with [`Filter::matches_element`].
    ///
    /// # Errors
    /// `invalidFilter` saying where and why.
    pub fn parse_for(
        text: &str,
        resource_type: &ResourceType,
        attribute: &Attribute,
        extension: Option<&Schema>,
    ) -> Result<Self> {
        Parser::new(text, resource_type)?.within(attribute, extension).whole()
    }

    /// How deep the brackets of the canonical text nest.
    fn depth(&self) -> usize {
        match self {
            Self::Compare { .. } | Self::Present(_) => 0,
            Self::Not(inner) => 1 + inner.depth(),
            Self::ValuePath { filter, .. } => 1 + filter.depth(),
            Self::Or(items) => items.iter().map(Self::depth).max().unwrap_or(0),
            Self::And(items) => {
                let of = |item: &Self| item.depth() + usize::from(matches!(item, Self::Or(_)));
                items.iter().map(of).max().unwrap_or(0)
            }
        }
    }

    /// Writes the canonical text; inside a value path attributes go by their sub-attribute's name.
    fn write(&self, f: &mut fmt::Formatter<'_>, inside: bool) -> fmt::Result {
        match self {
            Self::And(items) => write_all(f, items, " and ", inside),
            Self::Or(items) => write_all(f, items, " or ", inside),
            Self::Not(inner) => {
                f.write_str("not (")?;
                inner.write(f, inside)?;
                f.write_str(")")
            }
            Self::Compare { attribute, operator, literal } => {
                write_name(f, attribute, inside)?;
                write!(f, " {} {literal}", operator.name())
            }
            Self::Present(attribute) => {
                write_name(f, attribute, inside)?;
                f.write_str(" pr")
            }
            Self::ValuePath { attribute, filter } => {
                write!(f, "{attribute}[")?;
                filter.write(f, true)?;
                f.write_str("]")
            }
        }
    }
}

fn write_all(f: &mut fmt::Formatter<'_>, items: &[Filter], between: &str, inside: bool) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        // "and" binds tighter than "or", so only an "or" within an "and" needs parentheses.
        if between == " and " && matches!(item, Filter::Or(_)) {
            f.write_str("(")?;
            item.write(f, inside)?;
            f.write_str(")")?;
        } else {
            item.write(f, inside)?;
        }
    }
    Ok(())
}

fn write_name(f: &mut fmt::Formatter<'_>, attribute: &AttributeRef, inside: bool) -> fmt::Result {
    match &attribute.sub {
        Some(sub) if inside => f.write_str(sub),
        None if inside => f.write_str("value"),
        _ => write!(f, "{attribute}"),
    }
}

/// The canonical text, which parses back to an equal filter. What [`Filter::parse_for`] read is
/// written with full attribute names.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

impl fmt::Display for AttributeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.extension {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { value, .. } => write!(f, "{}", serde_json::Value::from(value.as_str())),
            Self::Boolean(value) => write!(f, "{value}"),
            // The debug form is a JSON number, with an exponent where digits would run to hundreds.
            Self::Number(value) => write!(f, "{value:?}"),
            Self::DateTime(at) => {
                let text = at.to_string();
                match at.0.rem_euclid(1_000) {
                    0 => write!(f, "\"{text}\""),
                    // Answers print milliseconds; the literal may be finer.
                    micros => write!(f, "\"{}{micros:03}Z\"", text.trim_end_matches('Z')),
                }
            }
            Self::Null => f.write_str("null"),
        }
    }
}
