//! Tests of the evaluator (floor 1; RFC 7644 §3.4.2.2, table 3).

use serde_json::{Value, json};

use super::{ENTERPRISE_USER, Filter, Kind, parse, registry};

fn user() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE_USER],
        "id": "01Ab",
        "externalId": "X1",
        "userName": "BJensen",
        "title": "",
        "nickName": null,
        "profileUrl": "https://example.com/Ann",
        "displayName": "Straße",
        "active": true,
        "name": {"familyName": "Jensen"},
        "emails": [
            {"value": "b@Example.com", "type": "work", "primary": true},
            {"value": "b@home.example", "type": "home"}
        ],
        "phoneNumbers": [],
        "groups": [{"value": "g1", "display": "Staff"}],
        "meta": {"resourceType": "User", "lastModified": "2026-11-24T08:15:30.250Z"},
        ENTERPRISE_USER: {"department": "Tools", "manager": {"value": "m1"}},
        super::DEVICE: {
            "serial": "AbC", "count": 10, "weight": -0.0, "bought": "2020-02-02T02:00:00.000001+02:00",
            "owned": false, "image": "aGk=", "tags": ["red", "Green"]
        }
    })
}

fn check(cases: &[(&str, bool)]) {
    for (text, expected) in cases {
        let text = text.replace("D:", "urn:example:2.0:Device:").replace("E:", &format!("{ENTERPRISE_USER}:"));
        let filter = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.matches(&user()), *expected, "{text}");
        assert_eq!(Filter::Not(Box::new(filter)).matches(&user()), !expected, "not ({text})");
    }
}

#[test]
fn texts() {
    check(&[
        ("userName eq \"bjENSEN\"", true),
        ("userName sw \"BJ\" and userName co \"jen\" and userName ew \"SEN\"", true),
        ("userName sw \"jen\"", false),
        ("displayName eq \"STRASSE\"", true),
        ("displayName co \"SS\"", true),
        ("id eq \"01ab\"", false),
        ("id eq \"01Ab\"", true),
        ("externalId sw \"x\"", false),
        ("profileUrl eq \"https://example.com/Ann\"", true),
        ("profileUrl eq \"https://example.com/ann\"", false),
        ("D:image eq \"aGk=\"", true),
        ("D:image eq \"AGK=\"", false),
        ("D:serial co \"bC\"", true),
        ("D:serial co \"bc\"", false),
        ("userName gt \"BJENSEM\"", true),
        ("userName ge \"bjensen\" and userName le \"BJENSEN\"", true),
        ("userName lt \"BJENSEN\"", false),
        ("D:serial gt \"Aba\"", false),
        ("userName co \"\"", true),
        ("title sw \"\"", false),
        ("userType ew \"\"", false),
        ("title eq \"\"", false),
        ("title ne \"\"", true),
        ("title lt \"a\"", false),
    ]);
}

#[test]
fn absence() {
    check(&[
        ("userType ne \"Intern\"", true),
        ("userName ne \"bjensen\"", false),
        ("userType eq null", true),
        ("nickName ne null", false),
        ("title pr", false),
        ("nickName pr", false),
        ("phoneNumbers pr", false),
        ("phoneNumbers ne \"1\"", true),
        ("active ne false", true),
        ("name pr and name.familyName pr", true),
        ("name.givenName pr", false),
        ("emails.display pr", false),
        ("E:manager pr and E:manager ne null", true),
        ("E:costCenter pr", false),
        ("userType gt \"a\" or userType le \"a\"", false),
    ]);
}

#[test]
fn several_values() {
    check(&[
        ("emails eq \"B@example.COM\"", true),
        ("emails.type eq \"home\"", true),
        ("emails.type ne \"home\"", false),
        ("emails.type ne \"other\"", true),
        ("emails[type eq \"home\" and value co \"example.com\"]", false),
        ("emails.type eq \"home\" and emails.value co \"example.com\"", true),
        ("emails[type ne \"home\"]", true),
        ("emails[primary eq null]", true),
        ("emails[primary eq \"True\"]", true),
        ("emails[not (primary pr) and type eq \"home\"]", true),
        ("emails[type eq \"home\"].value eq \"b@home.example\"", true),
        ("emails[type eq \"home\"].value ne \"b@home.example\"", false),
        ("emails[type eq \"work\"].display eq null", true),
        ("phoneNumbers[not (type eq \"work\")]", false),
        ("name[familyName eq \"jensen\"]", true),
        ("groups.value eq \"g1\" and groups[display eq \"staff\"]", true),
        ("D:tags eq \"GREEN\"", true),
        ("D:tags ne \"red\"", false),
        ("D:tags[value eq \"GREEN\"]", true),
        ("D:tags[value eq \"blue\"]", false),
        ("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"", true),
    ]);
}

#[test]
fn other_types() {
    check(&[
        ("D:count eq 10.0 and D:count gt 9 and D:count lt \"10.5\"", true),
        ("D:count ne 10", false),
        ("D:weight eq 0 and D:weight ge -0.0", true),
        ("D:weight gt 0", false),
        ("D:bought eq \"2020-02-02T00:00:00.000001Z\"", true),
        ("D:bought gt \"2020-02-02T00:00:00Z\"", true),
        ("meta.lastModified ge \"2026-11-24T09:15:30.25+01:00\"", true),
        ("meta.lastModified lt \"2026-11-24T08:15:30.250Z\"", false),
        ("meta.resourceType eq \"User\"", true),
        ("D:owned eq false and D:owned pr", true),
        ("active eq \"False\"", false),
        ("E:department eq \"tools\" and E:manager eq m1", true),
    ]);
}

#[test]
fn elements() {
    let registry = registry();
    let group = registry.resource_type(Kind::Group);
    let members = group.attribute("members").unwrap();
    let filter = Filter::parse_for(" value eq \"a\" and not (type eq \"group\")", group, members, None).unwrap();
    assert!(filter.matches_element(&json!({"value": "a", "type": "User"})));
    assert!(!filter.matches_element(&json!({"value": "a", "type": "Group"})));
    assert!(!filter.matches_element(&json!({"value": "A"})));
    assert!(!filter.matches_element(&json!("a")));
    // As a filter of the whole resource it asks any element for each part.
    assert_eq!(filter.to_string(), "members.value eq \"a\" and not (members.type eq \"group\")");
    assert!(Filter::parse_for("displayName pr", group, members, None).is_err());
    assert!(Filter::parse_for("value pr]", group, members, None).is_err());
}
