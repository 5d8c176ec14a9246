//! By what people are looked for in the provisioning log where no resource tells who is meant: who was not made,
//! who is no more, and who was called otherwise.

use serde_json::Value;

use crate::scim::index::Derived;
use crate::scim::lenient;
use crate::text::{address_key, scim_key};

/// Longer ones are nobody's name.
const LONGEST: usize = 320;
/// Of one entry at most.
const MOST: usize = 8;

/// What somebody may be looked for by: the same text as a userName, an address and an external id.
#[must_use]
pub fn of_text(text: &str) -> Vec<String> {
    let text = text.trim();
    gathered([Some(scim_key(text)), address_key(text), Some(text.to_owned())])
}

/// Whom a User's body names.
#[must_use]
pub fn of_body(body: &Value) -> Vec<String> {
    let Value::Object(members) = body else { return Vec::new() };
    let text = |name: &str| lenient::any_case(members, name).and_then(Value::as_str);
    let user_name = text("userName").map(str::trim);
    let emails = lenient::any_case(members, "emails").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let addresses = emails.iter().filter_map(|email| email.get("value").unwrap_or(email).as_str()).map(address_key);
    gathered(
        [user_name.map(scim_key), user_name.and_then(address_key), text("externalId").map(str::to_owned)]
            .into_iter()
            .chain(addresses),
    )
}

/// Whom a filter looks for: the texts it compares with.
#[must_use]
pub fn of_filter(filter: &str) -> Vec<String> {
    let texts = filter.split('"').skip(1).step_by(2).take(3).flat_map(of_text);
    gathered(texts.map(Some))
}

/// Who a User was, if no longer.
#[must_use]
pub fn of_former(before: &Derived, after: Option<&Derived>) -> Vec<String> {
    let keys =
        |derived: &Derived| [derived.user_name_key.clone(), derived.address_key.clone(), derived.external_id.clone()];
    let now = after.map(keys).unwrap_or_default();
    gathered(keys(before).into_iter().filter(|key| !now.contains(key)))
}

fn gathered(keys: impl IntoIterator<Item = Option<String>>) -> Vec<String> {
    let is_name = |key: &String| !key.is_empty() && key.len() <= LONGEST && !key.contains('\0');
    let mut names: Vec<String> = keys.into_iter().flatten().filter(is_name).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST);
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_are_found_by_what_they_are_called() {
        let body = json!({"USERNAME": " Ann@Acme.Example ", "externalId": "E1",
            "emails": [{"value": "A@acme.example"}, "b@acme.example", {"value": 3}]});
        assert_eq!(of_body(&body), ["E1", "a@acme.example", "ann@acme.example", "b@acme.example"]);
        assert_eq!(of_body(&json!([])), [""; 0]);
        assert!(of_text("ANN@acme.example").iter().any(|name| of_body(&body).contains(name)));
        assert_eq!(of_filter("userName eq \"Zoe\" and active eq true"), ["Zoe", "zoe"]);
        assert_eq!(of_filter("active eq true"), [""; 0]);
        assert_eq!(of_text(&"x".repeat(321)), [""; 0]);
        assert_eq!(of_text("a\0b"), [""; 0], "no database takes it");
    }
}
