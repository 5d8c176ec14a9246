//! Filters (RFC 7644 §3.4.2.2): resolved against a resource type, so that a filter that parsed
//! names attributes that exist and compares them in ways their type allows.

mod evaluate;
mod lexer;
mod parse;

use std::fmt;

use super::schema::AttributeType;
use crate::clock::Timestamp;

/// A filter's text may be this long, in bytes.
pub const MAX_TEXT: usize = 8 * 1_024;
/// Parentheses, brackets and `not` may nest this deep.
pub const MAX_DEPTH: usize = 50;
/// A filter may hold this many comparisons.
pub const MAX_COMPARISONS: usize = 100;

/// A resolved attribute; owned, so that a filter can cross threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeRef {
    /// The URN of the extension; `None` for core and common attributes.
    pub extension: Option<String>,
    /// The schema's spelling of the name.
    pub name: String,
    /// The schema's spelling of the sub-attribute.
    pub sub: Option<String>,
    /// The type of the leaf.
    pub kind: AttributeType,
    /// Whether the leaf's strings compare exactly.
    pub case_exact: bool,
    /// Whether the attribute (not the leaf) has several values.
    pub multi_valued: bool,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    const ALL: [Self; 9] = [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The keyword.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
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

    fn from_keyword(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.keyword().eq_ignore_ascii_case(word))
    }
}

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Text(String),
    Boolean(bool),
    Number(f64),
    DateTime(Timestamp),
    Null,
}

/// A filter.
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
    /// One element of the attribute satisfies the whole inner filter.
    ValuePath {
        attribute: AttributeRef,
        filter: Box<Filter>,
    },
}

impl fmt::Display for AttributeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extension) = &self.extension {
            write!(f, "{extension}:")?;
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
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::DateTime(at) => write!(f, "\"{at}\""),
            Self::Null => f.write_str("null"),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

impl Filter {
    /// Writes the filter; inside a value path attributes are the sub-attributes alone.
    fn write(&self, f: &mut fmt::Formatter<'_>, inside: bool) -> fmt::Result {
        let name = |attribute: &AttributeRef| match (&attribute.sub, inside) {
            (Some(sub), true) => sub.clone(),
            _ => attribute.to_string(),
        };
        match self {
            Self::And(parts) => Self::write_joined(f, parts, " and ", inside),
            Self::Or(parts) => Self::write_joined(f, parts, " or ", inside),
            Self::Not(inner) => {
                f.write_str("not (")?;
                inner.write(f, inside)?;
                f.write_str(")")
            }
            Self::Compare { attribute, operator, literal } => {
                write!(f, "{} {} {literal}", name(attribute), operator.keyword())
            }
            Self::Present(attribute) => write!(f, "{} pr", name(attribute)),
            Self::ValuePath { attribute, filter } => {
                write!(f, "{attribute}[")?;
                filter.write(f, true)?;
                f.write_str("]")
            }
        }
    }

    fn write_joined(f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str, inside: bool) -> fmt::Result {
        for (position, part) in parts.iter().enumerate() {
            if position > 0 {
                f.write_str(word)?;
            }
            if matches!(part, Self::And(_) | Self::Or(_)) {
                f.write_str("(")?;
                part.write(f, inside)?;
                f.write_str(")")?;
            } else {
                part.write(f, inside)?;
            }
        }
        Ok(())
    }

    /// The value of `type` if the filter is only `type eq "…"`: an element can be made of it.
    #[must_use]
    pub fn as_type_alone(&self) -> Option<&str> {
        match self {
            Self::Compare { attribute, operator: Operator::Eq, literal: Literal::Text(text) }
                if attribute.sub.as_deref() == Some("type") =>
            {
                Some(text)
            }
            _ => None,
        }
    }
}
