//! What no request may bring about: endless work, the same value twice, values without end.

use serde_json::{Value, json};

use super::{MAX_COST, plan};
use crate::error::Result;
use crate::scim::document::Document;
use crate::scim::registry::{Kind, Registry};
use crate::scim::validate::MAX_VALUES;

fn patched(document: Value, operations: Value) -> Result<Value> {
    let registry = Registry::standard().unwrap();
    let user = registry.resource_type(Kind::User);
    let document = Document::from_request(&document, user).unwrap().document;
    let planned = plan(&document, &json!({"Operations": operations}), user)?.document;
    Ok(serde_json::from_str(&planned.to_text()).unwrap())
}

#[test]
fn a_value_written_to_many_is_paid_for_each() {
    let roles: Vec<Value> = (0..100).map(|number| json!({"value": format!("r{number}")})).collect();
    let user = json!({"userName": "ann", "roles": roles});
    let write = |bytes: usize| json!([{"op": "replace", "path": "roles.display", "value": "x".repeat(bytes)}]);
    assert!(patched(user.clone(), write(MAX_COST / 200)).is_ok());
    let refused = patched(user, write(MAX_COST / 100)).unwrap_err();
    assert!(refused.detail.contains("Operations[0]") && refused.detail.contains("roles"), "{refused}");
}

#[test]
fn values_that_become_equal_are_one() {
    let user = json!({"userName": "ann", "roles": [{"value": "a", "type": "x"}, {"value": "b", "type": "x"}]});
    let operations = json!([{"op": "replace", "path": "roles.value", "value": "c"}]);
    assert_eq!(patched(user, operations).unwrap()["roles"], json!([{"value": "c", "type": "x"}]));
}

#[test]
fn values_have_an_end() {
    let roles =
        |from: usize, to: usize| -> Value { (from..to).map(|number| json!({"value": number.to_string()})).collect() };
    let user = json!({"userName": "ann", "roles": roles(0, MAX_VALUES)});
    let add = |value: Value| json!([{"op": "add", "path": "roles", "value": value}]);
    assert!(patched(user.clone(), add(roles(0, 5))).is_ok());
    assert!(
        patched(user, add(roles(MAX_VALUES, MAX_VALUES + 1))).unwrap_err().detail.contains("more than 1000 values")
    );
    assert!(patched(json!({"userName": "ann"}), add(roles(0, MAX_VALUES + 1))).is_err());
}
