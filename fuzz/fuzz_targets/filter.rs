//! Filters (RFC 7644 §3.4.2.2): no text makes the parser fail otherwise than by an error, and what it
//! reads prints to a text that reads the same.
#![no_main]

use std::sync::LazyLock;

use headcount::scim::filter::{Filter, MAX_LENGTH};
use headcount::scim::registry::{Kind, Registry};
use libfuzzer_sys::fuzz_target;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::standard().expect("the schemas are read by a test"));

fuzz_target!(|text: &str| {
    for kind in Kind::ALL {
        let resource_type = REGISTRY.resource_type(kind);
        let Ok(filter) = Filter::parse(text, resource_type) else { continue };
        let printed = filter.to_string();
        // Quotes and implied names can make the canonical text longer than what is taken.
        if printed.len() <= MAX_LENGTH {
            let again = Filter::parse(&printed, resource_type).expect("canonical text is a filter");
            assert_eq!(again, filter, "{printed}");
        }
        let resource = serde_json::json!({"userName": text, "emails": [{"value": text, "primary": true}]});
        assert_ne!(filter.matches(&resource), Filter::Not(Box::new(filter)).matches(&resource));
    }
});
