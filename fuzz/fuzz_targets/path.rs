//! PATCH paths (RFC 7644 §3.5.2): no text makes the parser fail otherwise than by an error of a client.
#![no_main]

use std::sync::LazyLock;

use headcount::scim::path::{Path, PathTarget};
use headcount::scim::registry::{Kind, Registry};
use libfuzzer_sys::fuzz_target;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::standard().expect("the schemas are read by a test"));

fuzz_target!(|text: &str| {
    for kind in Kind::ALL {
        match Path::parse(text, REGISTRY.resource_type(kind)) {
            Err(error) => assert_eq!(error.status(), 400),
            Ok(Path { target: PathTarget::Attribute { target, filter: Some(filter) } }) => {
                assert!(target.attribute.is_complex());
                let _ = filter.matches_element(&serde_json::json!({"value": text}));
            }
            Ok(_) => {}
        }
    }
});
