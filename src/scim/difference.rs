//! What is another in a document than it was before (floor 1), attribute by attribute, for people to read.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An attribute that is another one now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// Its path, as a PATCH would name it.
    pub attribute: String,
    pub before: Value,
    pub after: Value,
}

/// The attributes that differ, each with what it was and what it is. Parts of an object and the attributes of an
/// extension are told one by one, lists as a whole.
#[must_use]
pub fn difference(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut found, "", before, after);
    found
}

fn compare(found: &mut Vec<Difference>, path: &str, before: &Value, after: &Value) {
    if before == after || path == "schemas" {
        return;
    }
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let is_whole = |value: &Value| !value.is_object() && !value.is_null();
    if is_whole(before) || is_whole(after) || (before.is_null() && after.is_null()) {
        found.push(Difference { attribute: path.to_owned(), before: before.clone(), after: after.clone() });
        return;
    }
    let (before, after) = (members(before), members(after));
    let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    for name in names {
        let separator = match path {
            "" => "",
            urn if urn.starts_with("urn:") => ":",
            _ => ".",
        };
        let absent = Value::Null;
        let of = |members: &serde_json::Map<String, Value>| members.get(name).unwrap_or(&absent).clone();
        compare(found, &format!("{path}{separator}{name}"), &of(&before), &of(&after));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({"schemas": ["a"], "userName": "ann", "name": {"givenName": "Ann", "familyName": "A"}, "title": "x",
            "urn:x:User": {"department": "Sales"}, "emails": [{"value": "a"}]});
        let after = json!({"schemas": ["b"], "userName": "ann", "name": {"givenName": "Anna", "familyName": "A"},
            "urn:x:User": {"department": "IT"}, "emails": [{"value": "b"}]});
        assert_eq!(
            json!(difference(&before, &after)),
            json!([
                {"attribute": "name.givenName", "before": "Ann", "after": "Anna"},
                {"attribute": "urn:x:User:department", "before": "Sales", "after": "IT"},
                {"attribute": "emails", "before": [{"value": "a"}], "after": [{"value": "b"}]},
                {"attribute": "title", "before": "x", "after": null}
            ])
        );
        assert!(difference(&before, &before).is_empty());
        let made = difference(&Value::Null, &json!({"name": {"givenName": "A"}}));
        assert_eq!(json!(made), json!([{"attribute": "name.givenName", "before": null, "after": "A"}]));
    }
}
