//! PATCH paths (RFC 7644 §3.5.2): `attribute`, `attribute.sub`, `attribute[filter].sub`, or the URN of an extension.

use super::filter::Filter;
use super::registry::{Named, ResourceType, Target};
use super::schema::Schema;
use crate::error::{Code, Error, Result};

/// What a path points at.
#[derive(Clone, Debug)]
pub enum Path<'r> {
    /// Everything under an extension's URN.
    Extension(&'r Schema),
    /// An attribute, its elements that match, and a sub-attribute of them.
    Attribute { target: Target<'r>, filter: Option<Filter> },
}

impl<'r> Path<'r> {
    /// Parses and resolves a path.
    ///
    /// # Errors
    /// `invalidPath` naming what is wrong; `invalidFilter` for a filter inside.
    pub fn parse(text: &str, resource_type: &'r ResourceType) -> Result<Self> {
        let text = text.trim();
        let Some((name, rest)) = text.split_once('[') else {
            return match resource_type.resolve(text) {
                Some(Named::Extension(schema)) => Ok(Self::Extension(schema)),
                Some(Named::Attribute(target)) => Ok(Self::Attribute { target, filter: None }),
                None => Err(invalid(text, "it names no attribute")),
            };
        };
        let Some((inside, after)) = rest.rsplit_once(']') else {
            return Err(invalid(text, "its \"]\" is missing"));
        };
        let Some(Named::Attribute(Target { extension, attribute, sub_attribute: None })) = resource_type.resolve(name)
        else {
            return Err(invalid(text, "what stands before \"[\" names no attribute"));
        };
        if !attribute.is_complex() {
            return Err(invalid(text, "the attribute has no sub-attributes to filter by"));
        }
        let sub_attribute = match after.strip_prefix('.') {
            Some(sub) => Some(
                attribute
                    .sub_attribute(sub)
                    .ok_or_else(|| invalid(text, "what follows \"].\" names no sub-attribute"))?,
            ),
            None if after.is_empty() => None,
            None => return Err(invalid(text, "expected \".\" and a sub-attribute, or the end, after \"]\"")),
        };
        let filter = Filter::parse_inside(inside, extension, attribute)?;
        Ok(Self::Attribute { target: Target { extension, attribute, sub_attribute }, filter: Some(filter) })
    }
}

fn invalid(path: &str, why: &str) -> Error {
    Error::new(Code::InvalidPath, format!("The path \"{path}\" cannot be used: {why}."))
}
