//! The path of a PATCH operation (floor 1): `attrPath / valuePath [subAttr]`, RFC 7644 §3.5.2 figure 7.

use super::filter::{Filter, MAX_LENGTH, Parser, clip, suggestion};
use super::registry::{Named, ResourceType, Target};
use super::schema::Schema;
use crate::error::{Code, Error, Result};

/// A path that was resolved against a resource type.
#[derive(Clone, Debug)]
pub struct Path<'r> {
    /// What it names.
    pub target: PathTarget<'r>,
}

/// What a path can name.
#[derive(Clone, Debug)]
pub enum PathTarget<'r> {
    /// All attributes of an extension, by its bare URN.
    Extension(&'r Schema),
    /// An attribute or a sub-attribute, of all values or of those that a filter selects.
    Attribute {
        /// The sub-attribute is the one behind the value path's brackets, if there are any.
        target: Target<'r>,
        /// For [`Filter::matches_element`].
        filter: Option<Filter>,
    },
}

impl<'r> Path<'r> {
    /// Reads a path.
    ///
    /// # Errors
    /// `invalidPath` saying why; `invalidFilter` when it is the filter between the brackets.
    pub fn parse(text: &str, resource_type: &'r ResourceType) -> Result<Self> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(invalid("The path is empty. Leave it out, or name an attribute.".into()));
        }
        if text.len() > MAX_LENGTH {
            return Err(invalid(format!("The path has {} bytes; the most that is taken is {MAX_LENGTH}.", text.len())));
        }
        if text.contains('\0') {
            return Err(invalid("The path holds the character NUL.".into()));
        }
        match text.find('[') {
            None => Self::attribute(text, resource_type),
            Some(bracket) => Self::value_path(text, bracket, resource_type),
        }
    }

    fn attribute(text: &str, resource_type: &'r ResourceType) -> Result<Self> {
        let target = match resource_type.resolve(text) {
            Some(Named::Extension(schema)) => PathTarget::Extension(schema),
            Some(Named::Attribute(target)) => PathTarget::Attribute { target, filter: None },
            None => return Err(unknown(text, resource_type)),
        };
        Ok(Self { target })
    }

    fn value_path(text: &str, bracket: usize, resource_type: &'r ResourceType) -> Result<Self> {
        let mut parser = Parser::new(text, resource_type)?;
        let name = text.get(..bracket).unwrap_or_default().trim_ascii_end();
        let Some(Named::Attribute(target)) = resource_type.resolve(name) else {
            return Err(unknown(name, resource_type));
        };
        if target.sub_attribute.is_some() || !target.attribute.has_elements() {
            let detail = format!("`{name}` has no sub-attributes that the filter in its path could look at.");
            return Err(invalid(detail));
        }
        parser.cursor.skip_to(bracket);
        let filter = Some(parser.brackets(&target)?);
        let rest = text.get(parser.cursor.at()..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(Self { target: PathTarget::Attribute { target, filter } });
        }
        let sub_attribute = rest.strip_prefix('.').and_then(|sub| target.attribute.sub_attribute(sub));
        if sub_attribute.is_none() {
            let detail = format!(
                "The path goes on with `{}` behind its filter; only \".\" and a sub-attribute of `{name}` can follow.",
                clip(rest)
            );
            return Err(invalid(detail));
        }
        let target = Target { sub_attribute, ..target };
        Ok(Self { target: PathTarget::Attribute { target, filter } })
    }
}

fn invalid(detail: String) -> Error {
    Error::new(Code::InvalidPath, detail)
}

fn unknown(path: &str, resource_type: &ResourceType) -> Error {
    let near = suggestion(path, resource_type);
    let end = if near.is_empty() { "." } else { "" };
    let name = clip(path);
    invalid(format!("`{name}` is not an attribute of {}{near}{end}", resource_type.kind.name()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::registry::{ENTERPRISE_USER, Kind, Registry};

    /// `[URN:]attribute[.sub]`, the filter if any; or the error's code and detail.
    fn read(kind: Kind, text: &str) -> Result<(String, Option<String>), (Code, String)> {
        let registry = Registry::standard().unwrap();
        let path = Path::parse(text, registry.resource_type(kind)).map_err(|error| (error.code, error.to_string()))?;
        Ok(match path.target {
            PathTarget::Extension(schema) => (schema.id.clone(), None),
            PathTarget::Attribute { target, filter } => {
                let name = crate::scim::filter::AttributeRef::new(&target).to_string();
                (name, filter.map(|filter| filter.to_string()))
            }
        })
    }

    #[test]
    fn paths_name_attributes() {
        let manager = format!("{ENTERPRISE_USER}:manager");
        for (text, name, filter) in [
            ("userName", "userName", None),
            (" NAME.familyname ", "name.familyName", None),
            ("addresses[type eq \"work\"]", "addresses", Some("addresses.type eq \"work\"")),
            (
                "addresses[type eq \"work\" and primary eq \"True\"].streetAddress",
                "addresses.streetAddress",
                Some("addresses.type eq \"work\" and addresses.primary eq true"),
            ),
            ("roles[primary eq \"True\"].value", "roles.value", Some("roles.primary eq true")),
            ("emails[value eq \"a].[b\"].type", "emails.type", Some("emails.value eq \"a].[b\"")),
            ("password", "password", None),
            ("urn:ietf:params:scim:schemas:core:2.0:User:emails", "emails", None),
            (&manager.to_uppercase(), &manager, None),
            (&format!("{manager}.value"), &format!("{manager}.value"), None),
            (ENTERPRISE_USER, ENTERPRISE_USER, None),
        ] {
            let expected = (name.to_owned(), filter.map(str::to_owned));
            assert_eq!(read(Kind::User, text), Ok(expected), "{text}");
        }
        // RFC 7644 §3.5.2.
        assert!(read(Kind::Group, "members[value eq \"2819c223\"].display").is_ok());
        // The RFC's own example names a sub-attribute that members do not have.
        assert!(read(Kind::Group, "members[value eq \"2819c223\"].displayName").is_err());
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        for (text, code, expected) in [
            ("", Code::InvalidPath, "empty"),
            ("emials", Code::InvalidPath, "`emials` is not an attribute of User; did you mean `emails`?"),
            ("emails.valeu", Code::InvalidPath, "did you mean `emails.value`?"),
            ("emials[type eq \"work\"]", Code::InvalidPath, "did you mean"),
            ("emails.value[type eq \"work\"]", Code::InvalidPath, "no sub-attributes"),
            ("userName[type eq \"work\"]", Code::InvalidPath, "no sub-attributes"),
            ("emails[type eq \"work\"]value", Code::InvalidPath, "goes on with `value`"),
            ("emails[type eq \"work\"].", Code::InvalidPath, "goes on with `.`"),
            ("emails[type eq \"work\"].nope", Code::InvalidPath, "goes on with"),
            ("emails[type eq \"work\"] .value", Code::InvalidPath, "goes on with"),
            ("emails[]", Code::InvalidFilter, "character 8: expected an attribute"),
            ("emails[type eq \"work\"", Code::InvalidFilter, "or \"]\", found the end"),
            ("emails[nope eq work]", Code::InvalidFilter, "`nope` is not a sub-attribute of `emails`"),
            ("emails[type regex work]", Code::InvalidFilter, "`regex`"),
            ("a\0", Code::InvalidPath, "NUL"),
            ("[", Code::InvalidPath, "not an attribute"),
            ("userName eq \"x\"", Code::InvalidPath, "not an attribute"),
        ] {
            let (found, detail) = read(Kind::User, text).expect_err(text);
            assert_eq!(found, code, "{text}: {detail}");
            assert!(detail.contains(expected), "{text}: {detail}");
        }
        assert_eq!(read(Kind::User, &"x".repeat(MAX_LENGTH + 1)).unwrap_err().0, Code::InvalidPath);
        assert_eq!(read(Kind::User, &format!("emails[{}", "(".repeat(8_000))).unwrap_err().0, Code::InvalidFilter);
    }

    #[test]
    fn the_filter_selects_elements() {
        let registry = Registry::standard().unwrap();
        let path = Path::parse("members[type eq \"user\"]", registry.resource_type(Kind::Group)).unwrap();
        let PathTarget::Attribute { filter: Some(filter), .. } = path.target else { panic!() };
        assert!(filter.matches_element(&json!({"value": "1", "type": "User"})));
        assert!(!filter.matches_element(&json!({"value": "1"})));
    }
}
