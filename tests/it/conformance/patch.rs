//! PATCH (RFC 7644 §3.5.2).

use reqwest::Method;
use serde_json::{Value, json};

use super::{BADGE, ENTERPRISE, add_badge, created, patch_refused, patched, refused};
use crate::support::{Server, on_each_database, user};

on_each_database!(add, remove, replace, failures, primary, extensions);

async fn ann(server: &Server) -> String {
    created(
        server,
        "/Users",
        &json!({
            "userName": "ann",
            "name": {"givenName": "Ann", "familyName": "Test"},
            "nickName": "Annie",
            "emails": [{"value": "ann@work.example", "type": "work", "primary": true}, {"value": "ann@home.example", "type": "home"}],
            "addresses": [{"type": "work", "locality": "Bonn", "country": "DE"}, {"type": "home", "locality": "Köln"}],
            ENTERPRISE: {"department": "R&D", "manager": {"value": "boss"}}
        }),
    )
    .await
    .1
}

/// §3.5.2.1
async fn add(server: Server) {
    let path = ann(&server).await;
    let before = server.get(&path).await.1;
    // "If the target location already contains the value specified, no changes SHOULD be made … SHALL NOT
    // change the modify timestamp".
    for operation in [
        json!({"op": "add", "path": "nickName", "value": "Annie"}),
        json!({"op": "add", "path": "emails", "value": [{"type": "home", "value": "ann@home.example"}]}),
        json!({"op": "add", "path": "name", "value": {"familyName": "Test"}}),
        json!({"op": "add", "value": {"nickName": "Annie", "name": {"familyName": "Test", "givenName": "Ann"}}}),
        json!({"op": "replace", "path": "emails", "value": before["emails"]}),
        json!({"op": "replace", "path": "name", "value": {"familyName": "Test", "givenName": "Ann"}}),
    ] {
        assert_eq!(patched(&server, &path, json!([operation])).await, before, "{operation}");
    }
    // Without a path the value holds attributes; a multi-valued one gets a further value.
    let after = patched(
        &server,
        &path,
        json!([{"op": "add", "value": {"title": "Boss", "emails": [{"value": "a@other.example", "type": "other"}]}}]),
    )
    .await;
    assert_eq!((after["title"].as_str(), after["emails"].as_array().unwrap().len()), (Some("Boss"), 3));
    assert_ne!(after["meta"]["version"], before["meta"]["version"]);
    assert!(after["meta"]["lastModified"].as_str() >= before["meta"]["lastModified"].as_str());
    // A single value is replaced, a new sub-attribute joins the others.
    let after = patched(&server, &path, json!([{"op": "add", "path": "title", "value": "Chief"}, {"op": "add", "path": "name.middleName", "value": "B"}])).await;
    assert_eq!(after["title"], "Chief");
    assert_eq!(after["name"], json!({"givenName": "Ann", "familyName": "Test", "middleName": "B"}));
    // RFC 7643 §2.4: the same (type, value) is not there twice.
    let after = patched(&server, &path, json!([{"op": "add", "path": "emails", "value": {"value": "ann@home.example", "type": "home", "display": "Home"}}])).await;
    let home: Vec<&Value> =
        after["emails"].as_array().unwrap().iter().filter(|email| email["type"] == "home").collect();
    assert_eq!(home, [&json!({"value": "ann@home.example", "type": "home", "display": "Home"})]);
    // A value filter adds to what it selects.
    let after =
        patched(&server, &path, json!([{"op": "add", "path": "addresses[type eq \"home\"].country", "value": "DE"}]))
            .await;
    assert_eq!(after["addresses"][1], json!({"type": "home", "locality": "Köln", "country": "DE"}));
    // By URN, which joins `schemas` implicitly.
    let (_, bob) = created(&server, "/Users", &user("bob")).await;
    let after =
        patched(&server, &bob, json!([{"op": "add", "path": format!("{ENTERPRISE}:costCenter"), "value": "7"}])).await;
    assert_eq!(after[ENTERPRISE], json!({"costCenter": "7"}));
    assert!(after["schemas"].as_array().unwrap().contains(&json!(ENTERPRISE)), "RFC 7643 §3: {after}");
}

/// §3.5.2.2
async fn remove(server: Server) {
    let path = ann(&server).await;
    let after = patched(
        &server,
        &path,
        json!([
            {"op": "remove", "path": "nickName"},
            {"op": "remove", "path": "name.givenName"},
            {"op": "remove", "path": "emails[type eq \"home\"]"},
            {"op": "remove", "path": "addresses[type eq \"work\"].locality"},
            {"op": "remove", "path": format!("{ENTERPRISE}:manager")}
        ]),
    )
    .await;
    assert!(after.get("nickName").is_none());
    assert_eq!(after["name"], json!({"familyName": "Test"}));
    assert_eq!(after["emails"].as_array().unwrap().len(), 1);
    assert_eq!(after["addresses"][0], json!({"type": "work", "country": "DE"}));
    assert_eq!(after[ENTERPRISE], json!({"department": "R&D"}));
    // "If no other values remain …, the multi-valued attribute SHALL be considered unassigned."
    let after = patched(
        &server,
        &path,
        json!([
            {"op": "remove", "path": "emails[value ew \"work.example\"]"},
            {"op": "remove", "path": "addresses"},
            {"op": "remove", "path": "name.familyName"},
            {"op": "remove", "path": format!("{ENTERPRISE}:department")}
        ]),
    )
    .await;
    for gone in ["emails", "addresses", "name", ENTERPRISE] {
        assert!(after.get(gone).is_none(), "{gone}: {after}");
    }
    assert_eq!(after["schemas"], json!([super::USER]), "RFC 7643 §3");
    // "… defined as a required attribute or a read-only attribute … mutability".
    for required in ["userName", "id", "meta", "groups", "meta.created", "schemas"] {
        patch_refused(&server, &path, json!([{"op": "remove", "path": required}]), "mutability").await;
    }
    patch_refused(&server, &path, json!([{"op": "replace", "path": "userName", "value": null}]), "mutability").await;
    // "If "path" is unspecified, the operation fails with … noTarget."
    patch_refused(&server, &path, json!([{"op": "remove"}]), "noTarget").await;
    patch_refused(&server, &path, json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]), "noTarget").await;
    let (_, group) = created(&server, "/Groups", &json!({"displayName": "Staff"})).await;
    patch_refused(&server, &group, json!([{"op": "remove", "path": "displayName"}]), "mutability").await;
}

/// §3.5.2.3
async fn replace(server: Server) {
    let path = ann(&server).await;
    // The value's attributes are replaced, what is not there is added, others stay.
    let after = patched(
        &server,
        &path,
        json!([{"op": "replace", "value": {
            "nickName": "A", "title": "Boss", "emails": [{"value": "new@work.example", "type": "work"}]
        }}]),
    )
    .await;
    assert_eq!((after["nickName"].as_str(), after["title"].as_str()), (Some("A"), Some("Boss")));
    assert_eq!(after["emails"], json!([{"value": "new@work.example", "type": "work"}]));
    assert_eq!(after["name"]["givenName"], "Ann");
    // "If the target location path specifies an attribute that does not exist, … as an "add"".
    assert_eq!(
        patched(&server, &path, json!([{"op": "replace", "path": "userType", "value": "Staff"}])).await["userType"],
        "Staff"
    );
    // A complex attribute: "Sub-attributes that are not specified … are left unchanged."
    let after = patched(
        &server,
        &path,
        json!([{"op": "replace", "path": "name", "value": {"familyName": "New", "formatted": "Ann New"}}]),
    )
    .await;
    assert_eq!(after["name"], json!({"givenName": "Ann", "familyName": "New", "formatted": "Ann New"}));
    // A value filter: "all matching record values SHALL be replaced".
    let after = patched(&server, &path, json!([{"op": "replace", "path": "addresses[type eq \"work\"]", "value": {"type": "work", "locality": "Berlin"}}])).await;
    assert_eq!(after["addresses"][0], json!({"type": "work", "locality": "Berlin"}));
    assert_eq!(after["addresses"][1]["locality"], "Köln");
    // A value filter and a sub-attribute: "the matching sub-attribute of all matching records".
    let after =
        patched(&server, &path, json!([{"op": "replace", "path": "addresses[locality pr].country", "value": "DE"}]))
            .await;
    assert!(after["addresses"].as_array().unwrap().iter().all(|address| address["country"] == "DE"), "{after}");
    // "no record match was made … noTarget"
    for filter in ["value eq \"x\"", "type eq \"no-such-type\"", "type eq \"home\" and value sw \"x\""] {
        let path_with_filter = format!("emails[{filter}].value");
        patch_refused(
            &server,
            &path,
            json!([{"op": "replace", "path": path_with_filter, "value": "y@z.example"}]),
            "noTarget",
        )
        .await;
    }
    let after =
        patched(&server, &path, json!([{"op": "replace", "path": ENTERPRISE, "value": {"department": "Sales"}}])).await;
    assert_eq!(after[ENTERPRISE]["department"], "Sales");
    // §3.10: all parts of a name are case-insensitive, and the core URN may be written.
    let after = patched(
        &server,
        &path,
        json!([
            {"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:NAME.familyname", "value": "Case"},
            {"op": "replace", "path": format!("{}:DEPARTMENT", ENTERPRISE.to_uppercase()), "value": "Ops"}
        ]),
    )
    .await;
    assert_eq!(
        (after["name"]["familyName"].as_str(), after[ENTERPRISE]["department"].as_str()),
        (Some("Case"), Some("Ops"))
    );
}

/// §3.5.2: what is refused, and that it is refused whole.
async fn failures(server: Server) {
    let path = ann(&server).await;
    let before = server.get(&path).await.1;
    for (operation, scim_type) in [
        (json!({"op": "replace", "path": "nothing", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "emails[", "value": "x"}), "invalidFilter"),
        (json!({"op": "replace", "path": "emails[type regex \"x\"].value", "value": "x"}), "invalidFilter"),
        (json!({"op": "replace", "path": "name.nothing", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "id", "value": "x"}), "mutability"),
        (json!({"op": "add", "path": "meta.version", "value": "x"}), "mutability"),
        (json!({"op": "add", "path": "groups", "value": [{"value": "x"}]}), "mutability"),
        (json!({"op": "add", "path": "title"}), "invalidValue"),
        (json!({"op": "add", "value": "x"}), "invalidValue"),
        (json!({"op": "replace", "path": "title", "value": {"a": 1}}), "invalidValue"),
        (json!({"op": "replace", "path": "active", "value": "maybe"}), "invalidValue"),
        (json!({"op": "replace", "path": "name", "value": "x"}), "invalidValue"),
        (json!({"op": "replace", "path": "userName", "value": ""}), "invalidValue"),
        (json!({"op": "move", "path": "title", "value": "x"}), "invalidSyntax"),
        (json!({"path": "title", "value": "x"}), "invalidSyntax"),
        (json!("x"), "invalidSyntax"),
    ] {
        // "A PATCH request … SHALL be treated as atomic."
        let operations = json!([{"op": "replace", "path": "title", "value": "lost"}, operation]);
        patch_refused(&server, &path, operations, scim_type).await;
    }
    assert_eq!(server.get(&path).await.1, before, "the original resource MUST be restored");
    for body in [
        json!({}),
        json!({"Operations": []}),
        json!({"Operations": {}}),
        json!({"schemas": ["urn:x"], "Operations": [{"op": "add", "path": "title", "value": "x"}]}),
    ] {
        refused(&server, Method::PATCH, &path, Some(&body), 400, Some("invalidSyntax")).await;
    }
    created(&server, "/Users", &json!({"userName": "bob"})).await;
    let taken = json!({"Operations": [{"op": "replace", "path": "userName", "value": "BOB"}]});
    refused(&server, Method::PATCH, &path, Some(&taken), 409, Some("uniqueness")).await;
    refused(&server, Method::PATCH, "/Users/0197b1a0-0000-7000-8000-000000000000", Some(&taken), 404, None).await;
    // "The server MUST return a 200 OK if the "attributes" parameter is specified in the request."
    let (_, group) = created(&server, "/Groups", &json!({"displayName": "Staff"})).await;
    let rename = json!([{"op": "replace", "path": "displayName", "value": "Team"}]);
    assert_eq!(server.patch(&group, rename.clone()).await.0, 204);
    let (status, shown) = server.patch(&format!("{group}?attributes=displayName"), rename).await;
    assert_eq!((status.as_u16(), shown["displayName"].as_str(), shown.get("meta")), (200, Some("Team"), None));
    // Members' sub-attributes are immutable (RFC 7643 §8.7.1).
    let ann = before["id"].as_str().unwrap();
    server.patch(&group, json!([{"op": "add", "path": "members", "value": [{"value": ann}]}])).await;
    for sub in ["value", "type", "$ref", "display"] {
        let operation = json!([{"op": "replace", "path": format!("members[value eq \"{ann}\"].{sub}"), "value": "x"}]);
        patch_refused(&server, &group, operation, "mutability").await;
    }
}

/// §3.5.2: "sets a value's "primary" sub-attribute to "true" SHALL cause the server to automatically set
/// "primary" to "false" for any other values in the array".
async fn primary(server: Server) {
    let primaries = |user: &Value| -> Vec<String> {
        let emails = user["emails"].as_array().unwrap().iter();
        emails
            .filter(|email| email["primary"] == true)
            .map(|email| email["value"].as_str().unwrap().to_owned())
            .collect()
    };
    for (operation, expected) in [
        (
            json!({"op": "add", "path": "emails", "value": [{"value": "new@x.example", "primary": true}]}),
            "new@x.example",
        ),
        (json!({"op": "add", "value": {"emails": [{"value": "new@x.example", "primary": true}]}}), "new@x.example"),
        (
            json!({"op": "add", "path": "emails", "value": [{"value": "ann@home.example", "type": "home", "primary": true}]}),
            "ann@home.example",
        ),
        (json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}), "ann@home.example"),
        (
            json!({"op": "replace", "path": "emails[type eq \"home\"]", "value": {"value": "h@x.example", "primary": true}}),
            "h@x.example",
        ),
        (json!({"op": "add", "path": "emails[type eq \"home\"]", "value": {"primary": true}}), "ann@home.example"),
    ] {
        let path = ann(&server).await;
        let after = patched(&server, &path, json!([operation])).await;
        assert_eq!(primaries(&after), [expected], "{operation}");
        assert_eq!(server.send(Method::DELETE, &path, None).await.0, 204);
    }
    let path = ann(&server).await;
    let two = json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]);
    patch_refused(&server, &path, json!([{"op": "replace", "path": "emails", "value": two}]), "invalidValue").await;
    patch_refused(&server, &path, json!([{"op": "replace", "path": "emails.primary", "value": true}]), "invalidValue")
        .await;
}

/// RFC 7643 §7: the characteristics of an organization's own attributes.
async fn extensions(server: Server) {
    add_badge(&server, false);
    let badge =
        json!({"userName": "ann", BADGE: {"serial": "s1", "floors": [1], "doors": [{"value": "a", "open": true}]}});
    let (_, path) = created(&server, "/Users", &badge).await;
    // "immutable": the value it has stays, the same one may be sent, none yet may be given.
    let serial = format!("{BADGE}:serial");
    for verb in ["add", "replace"] {
        patch_refused(&server, &path, json!([{"op": verb, "path": serial, "value": "s2"}]), "mutability").await;
        patch_refused(&server, &path, json!([{"op": verb, "value": {BADGE: {"serial": "s2"}}}]), "mutability").await;
        patched(&server, &path, json!([{"op": verb, "path": serial, "value": "s1"}])).await;
    }
    patch_refused(&server, &path, json!([{"op": "remove", "path": serial}]), "mutability").await;
    patch_refused(&server, &path, json!([{"op": "remove", "path": BADGE}]), "mutability").await;
    let (_, bob) = created(&server, "/Users", &json!({"userName": "bob"})).await;
    assert_eq!(
        patched(&server, &bob, json!([{"op": "add", "path": serial, "value": "s3"}])).await[BADGE]["serial"],
        "s3"
    );
    patch_refused(
        &server,
        &path,
        json!([{"op": "add", "path": format!("{BADGE}:issued"), "value": "2026-01-01T00:00:00Z"}]),
        "mutability",
    )
    .await;
    // A required sub-attribute cannot go; types are checked.
    patch_refused(
        &server,
        &path,
        json!([{"op": "remove", "path": format!("{BADGE}:doors[value eq \"a\"].value")}]),
        "mutability",
    )
    .await;
    for (name, value) in [
        ("floors", json!([1.5])),
        ("height", json!("tall")),
        ("until", json!("today")),
        ("print", json!("%%")),
        ("doors", json!([{"open": true}])),
    ] {
        patch_refused(
            &server,
            &path,
            json!([{"op": "add", "path": format!("{BADGE}:{name}"), "value": value}]),
            "invalidValue",
        )
        .await;
    }
    let after = patched(
        &server,
        &path,
        json!([
            {"op": "add", "path": format!("{BADGE}:floors"), "value": [2]},
            {"op": "replace", "path": format!("{BADGE}:doors[value eq \"a\"].open"), "value": false},
            {"op": "add", "path": format!("{BADGE}:height"), "value": 1.5}
        ]),
    )
    .await;
    assert_eq!(
        after[BADGE],
        json!({"serial": "s1", "floors": [1, 2], "doors": [{"value": "a", "open": false}], "height": 1.5})
    );
}
