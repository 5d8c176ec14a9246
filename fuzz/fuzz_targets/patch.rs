//! PATCH bodies (RFC 7644 §3.5.2): whatever a body says, planning it answers in bounded work, and what
//! it plans is a resource again: canonical, complete, with one primary value at most.
#![no_main]

use std::sync::LazyLock;

use headcount::scim::document::Document;
use headcount::scim::index::Storage;
use headcount::scim::patch;
use headcount::scim::registry::{ENTERPRISE_USER, Kind, Registry};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::standard().expect("the schemas are read by a test"));
static STORAGE: LazyLock<Storage> = LazyLock::new(|| Storage::standard().expect("read by a test"));
static DOCUMENTS: LazyLock<Vec<(Kind, Document)>> = LazyLock::new(|| {
    let bodies = [
        (Kind::User, json!({"userName": "ann"})),
        (
            Kind::User,
            json!({
                "userName": "bob", "active": false, "externalId": "7", "displayName": "Bob", "title": "Boss",
                "name": {"givenName": "Bob", "familyName": "Straße"},
                "emails": [
                    {"value": "bob@work.example", "type": "work", "primary": true},
                    {"value": "bob@home.example", "type": "home"}
                ],
                "roles": [{"value": "a", "primary": true}, {"value": "b", "display": "B"}],
                "addresses": [{"type": "work", "formatted": "Here"}],
                ENTERPRISE_USER: {"department": "R&D", "manager": {"value": "26118915"}}
            }),
        ),
        (Kind::Group, json!({"displayName": "Staff", "externalId": "g"})),
    ];
    let document = |(kind, body): (Kind, Value)| {
        (kind, Document::from_request(&body, REGISTRY.resource_type(kind)).expect("a good body").document)
    };
    bodies.into_iter().map(document).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
    for (kind, document) in DOCUMENTS.iter() {
        let resource_type = REGISTRY.resource_type(*kind);
        let planned = match patch::plan(document, &body, resource_type) {
            Ok(plan) => plan.document,
            Err(error) => {
                assert!((400..500).contains(&error.status()), "{error:?}");
                continue;
            }
        };
        let text = planned.to_text();
        assert!(text.len() <= patch::MAX_COST + document.to_text().len(), "a body grew beyond its bound");
        assert_eq!(Document::from_stored(&text).expect("stored text is read back"), planned);
        let value: Value = serde_json::from_str(&text).expect("stored text is JSON");
        // What is stored is canonical: sent back as it is, whole or as a PATCH, it changes nothing.
        let again = Document::from_request(&value, resource_type).expect("a planned document is a good body").document;
        let mut again = sorted(&again);
        if value.get("active").is_none() {
            // Removed by its path it is unassigned; a whole resource without it says true.
            again.as_object_mut().map(|again| again.remove("active"));
        }
        assert_eq!(again, sorted(&planned), "{body}");
        let replace = json!({"Operations": [{"op": "replace", "value": value}]});
        let fixed = patch::plan(&planned, &replace, resource_type).expect("a planned document can be planned");
        assert_eq!(fixed.document, planned, "{body}");
        let required = if *kind == Kind::User { "userName" } else { "displayName" };
        assert!(value[required].as_str().is_some_and(|text| !text.trim().is_empty()), "{body} removed {required}");
        assert_one_primary(&value, &body);
        // A key that is too long is the client's mistake; nothing else may go wrong here.
        if let Err(error) = STORAGE.derive(&planned, *kind) {
            assert_eq!(error.status(), 400);
        }
    }
});

/// The order of attributes says nothing.
fn sorted(document: &Document) -> Value {
    let mut value: Value = serde_json::from_str(&document.to_text()).expect("a document is JSON");
    value.sort_all_objects();
    value
}

fn assert_one_primary(value: &Value, body: &Value) {
    match value {
        Value::Array(values) => {
            let primaries = values.iter().filter(|value| value["primary"] == true).count();
            assert!(primaries <= 1, "{body} made {primaries} values primary");
        }
        Value::Object(object) => object.values().for_each(|value| assert_one_primary(value, body)),
        _ => {}
    }
}
