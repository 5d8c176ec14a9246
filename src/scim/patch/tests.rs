//! What no request may bring about: endless work, the same value twice, values without end, another
//! value where the first is to stay.

use serde_json::{Value, json};

use super::{MAX_COST, plan};
use crate::error::{Code, Result};
use crate::scim::document::Document;
use crate::scim::registry::{Kind, Registry};
use crate::scim::schema::Schema;
use crate::scim::validate::MAX_VALUES;

fn patched(document: Value, operations: Value) -> Result<Value> {
    patched_with(&Registry::standard().unwrap(), document, operations)
}

fn patched_with(registry: &Registry, document: Value, operations: Value) -> Result<Value> {
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
    let body = json!({"userName": "ann", "roles": roles(0, MAX_VALUES + 1)});
    let registry = Registry::standard().unwrap();
    assert!(Document::from_request(&body, registry.resource_type(Kind::User)).is_err(), "of a whole resource too");
}

#[test]
fn what_is_immutable_or_read_only_inside_a_complex_attribute_stays() {
    const SHED: &str = "urn:example:shed";
    let schema = Schema::from_json(json!({"id": SHED, "attributes": [
        {"name": "tools", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value", "type": "string"},
            {"name": "serial", "type": "string", "mutability": "immutable"}
        ]},
        {"name": "built", "type": "complex", "mutability": "readOnly", "subAttributes": [
            {"name": "by", "type": "string"}
        ]}
    ]}));
    let registry = Registry::standard().unwrap().with_extension(schema.unwrap(), false).unwrap();
    let patched = |op: &str, path: &str, value: Value| {
        let tools = json!([{"value": "saw", "serial": "1"}, {"value": "axe"}]);
        let user = json!({"userName": "ann", SHED: {"tools": tools}});
        let operation = json!([{"op": op, "path": format!("{SHED}:{path}"), "value": value}]);
        patched_with(&registry, user, operation).map_err(|error| error.code)
    };
    for (op, path) in [
        ("replace", "tools[value eq \"saw\"].serial"),
        ("add", "tools.serial"),
        ("remove", "tools[value eq \"saw\"].serial"),
        ("remove", "tools.serial"),
        ("replace", "built.by"),
        ("remove", "built"),
    ] {
        assert_eq!(patched(op, path, json!("2")).unwrap_err(), Code::Mutability, "{op} {path}");
    }
    assert!(patched("replace", "tools[value eq \"saw\"].serial", json!("1")).is_ok(), "the same value is no other");
    // An element comes and goes whole.
    assert!(patched("add", "tools", json!([{"value": "pen", "serial": "3"}])).is_ok());
    assert!(patched("remove", "tools[value eq \"saw\"]", Value::Null).is_ok());
    let without = patched("remove", "tools[value pr]", Value::Null).unwrap();
    assert!(without.get(SHED).is_none(), "what is empty is unassigned: {without}");
}
