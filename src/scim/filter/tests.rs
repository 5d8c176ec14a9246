//! Tests of filters (floor 1; RFC 7644 §3.4.2.2): grammar, typing, limits; evaluation and properties in the submodules.

mod evaluation;
mod properties;

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::error::{Code, Error};
use crate::scim::registry::{ENTERPRISE_USER, Kind, Registry};
use crate::scim::schema::Schema;

/// The URN of an extension with an attribute of every type.
pub(super) const DEVICE: &str = "urn:example:2.0:Device";

/// The standard registry, with an extension that has what the RFC's schemas lack.
pub(super) fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(with_device);
    &REGISTRY
}

fn with_device() -> Registry {
    let attributes = [
        ("serial", "string", true),
        ("count", "integer", false),
        ("weight", "decimal", false),
        ("bought", "dateTime", false),
        ("image", "binary", false),
        ("owned", "boolean", false),
    ];
    let attributes: Vec<Value> = attributes
        .iter()
        .map(|(name, kind, exact)| json!({"name": name, "type": kind, "caseExact": exact}))
        .chain([json!({"name": "tags", "type": "string", "multiValued": true})])
        .collect();
    let schema = Schema::from_json(json!({"id": DEVICE, "name": "Device", "attributes": attributes})).unwrap();
    Registry::standard().unwrap().with_extension(schema, false).unwrap()
}

pub(super) fn parse(text: &str) -> Result<Filter, Error> {
    Filter::parse(text, registry().resource_type(Kind::User))
}

fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

fn detail(text: &str) -> String {
    let error = parse(text).expect_err(text);
    assert_eq!(error.code, Code::InvalidFilter, "{text}");
    error.detail.into_owned()
}

#[test]
fn examples_of_the_rfc_parse() {
    // RFC 7644 figure 2, then §3.4.2, §3.4.2.2 and §3.7.1.
    for text in [
        r#"userName eq "bjensen""#,
        r#"name.familyName co "O'Malley""#,
        r#"userName sw "J""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
        "title pr",
        r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified ge "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified lt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified le "2011-05-13T04:42:34Z""#,
        r#"title pr and userType eq "Employee""#,
        r#"title pr or userType eq "Intern""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        "userType eq \"Employee\" and (emails co \"example.com\" or\n  emails.value co \"example.org\")",
        r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType eq "Employee" and (emails.type eq "work")"#,
        r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
        r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
        "(meta.resourceType eq User) or (meta.resourceType eq Group)",
        r#"userName Eq "john""#,
        r#"Username eq "john""#,
        "displayName sw 'Group'",
    ] {
        let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parse(&filter.to_string()).unwrap(), filter, "{text}");
    }
}

#[test]
fn not_binds_tighter_than_and_tighter_than_or() {
    for (text, expected) in [
        ("id pr or title pr and userName pr", "id pr or title pr and userName pr"),
        ("(id pr or title pr) and userName pr", "(id pr or title pr) and userName pr"),
        ("id pr and (title pr and (userName pr))", "id pr and title pr and userName pr"),
        ("NOT(id pr)AND not  ( title pr ) Or (active pr)", "not (id pr) and not (title pr) or active pr"),
        (
            "emails[(not(type eq \"work\")) AND (value pr OR display pr)]",
            "emails[not (type eq \"work\") and (value pr or display pr)]",
        ),
    ] {
        assert_eq!(canonical(text), expected);
    }
    let Filter::Or(items) = parse("id pr or title pr and userName pr").unwrap() else { panic!() };
    assert!(matches!(items.as_slice(), [Filter::Present(_), Filter::And(_)]));
}

#[test]
fn names_become_canonical_and_complex_attributes_mean_their_value() {
    for (text, expected) in [
        ("  USERNAME   EQ   \"x\"  ", "userName eq \"x\""),
        ("emails co \"x\"", "emails.value co \"x\""),
        ("emails pr", "emails pr"),
        ("emails ne null", "emails ne null"),
        ("name eq NULL", "name eq null"),
        ("groups[display eq \"x\"]", "groups[display eq \"x\"]"),
        ("groups.$ref ew \"/1\"", "groups.$ref ew \"/1\""),
        ("meta.resourcetype eq \"User\" and externalid pr", "meta.resourceType eq \"User\" and externalId pr"),
        ("roles[primary eq \"True\"]", "roles[primary eq true]"),
        ("active eq FALSE", "active eq false"),
        ("urn:EXAMPLE:2.0:device:COUNT ge \"-0\"", "urn:example:2.0:Device:count ge 0.0"),
        ("urn:example:2.0:Device:weight lt 1e300", "urn:example:2.0:Device:weight lt 1e300"),
        (
            "urn:example:2.0:Device:bought gt 2020-01-01T01:00:00.0000015+01:00",
            "urn:example:2.0:Device:bought gt \"2020-01-01T00:00:00.000001Z\"",
        ),
        ("externalId eq \"00123\"", "externalId eq \"00123\""),
        ("id eq 2819c223-7f76 and userName eq \"é\"", "id eq \"2819c223-7f76\" and userName eq \"é\""),
        (r#"userName eq "\u00e9\ud83d\ude00\"""#, "userName eq \"é😀\\\"\""),
        ("emails[type eq \"work\"].value eq \"x\"", "emails[type eq \"work\" and value eq \"x\"]"),
        ("emails[type eq \"work\"].value ne \"x\"", "not (emails[type eq \"work\" and value eq \"x\"])"),
        ("emails[type eq \"work\"].value eq null", "not (emails[type eq \"work\" and value pr])"),
    ] {
        assert_eq!(canonical(text), expected);
    }
    let group = Filter::parse("MEMBERS[type eq \"User\"]", registry().resource_type(Kind::Group)).unwrap();
    assert_eq!(group.to_string(), "members[type eq \"User\"]");
    let manager = format!("{ENTERPRISE_USER}:manager");
    assert_eq!(canonical(&format!("{manager} eq X")), format!("{manager}.value eq \"X\""));
}

#[test]
fn references_say_what_they_refer_to() {
    let Filter::Compare { attribute, literal, .. } = parse("emails eq \"A@B\"").unwrap() else { panic!() };
    let expected = AttributeRef {
        extension: None,
        name: "emails".into(),
        sub: Some("value".into()),
        kind: AttributeType::String,
        case_exact: false,
        multi_valued: true,
        foreign: false,
    };
    assert_eq!(attribute, expected);
    assert_eq!(literal, Literal::Text { value: "A@B".into(), key: "a@b".into() });
    let Filter::ValuePath { attribute, filter } = parse("emails[value eq \"x\"]").unwrap() else { panic!() };
    assert_eq!((attribute.sub, attribute.kind), (None, AttributeType::Complex));
    assert!(matches!(*filter, Filter::Compare { attribute, .. } if attribute == expected));
    let Filter::Compare { literal, .. } = parse("id eq \"Ab\"").unwrap() else { panic!() };
    assert_eq!(literal, Literal::Text { value: "Ab".into(), key: "Ab".into() });
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, expected) in [
        ("", "character 1: expected an attribute, found the end."),
        ("userName", "character 9: expected a space and an operator after `userName`, found the end."),
        ("userName regex \"x\"", "character 10: the operator `regex` is not supported"),
        ("userName eq", "character 12: expected a space and a value after `eq`, found the end."),
        ("userName eq\"x\"", "character 12: expected a space"),
        ("userName eq \"é\" xor id pr", "character 17: expected \"and\", \"or\" or the end, found `xor`."),
        ("userName eq \"x\"and id pr", "character 16: expected \"and\""),
        ("userName eq \"x", "character 13: the text in quotes does not end."),
        ("(id pr", "character 7: expected \"and\", \"or\" or \")\", found the end."),
        ("id pr)", "found `)`"),
        ("id pr and", "character 10: expected an attribute, found the end."),
        ("not not (id pr)", "`not` is not an attribute"),
        ("emials pr", "`emials` is not an attribute of User; did you mean `emails`?"),
        ("emails.valeu pr", "did you mean `emails.value`?"),
        ("emails[typ eq \"x\"]", "`typ` is not a sub-attribute of `emails`; did you mean `type`?"),
        ("department pr", "did you mean `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`?"),
        ("urn:example:2.0:Device pr", "is a schema, not an attribute"),
        ("name eq \"x\"", "`name` is complex: compare one of its sub-attributes (formatted, "),
        ("addresses co \"x\"", "`addresses` is complex"),
        ("password eq \"x\"", "`password` is never returned"),
        ("password eq null", "`password` is never returned"),
        ("active gt true", "`gt` cannot be used with `active`, which is a boolean."),
        ("active co \"t\"", "`co` cannot be used with `active`"),
        ("active eq \"yes\"", "`active` is compared with true or false"),
        ("userName eq true", "`userName` is compared with a text in double quotes"),
        ("userName eq unquoted", "`userName` is compared with a text in double quotes, not with `unquoted`"),
        ("userName eq {}", "`userName` is compared with a text in double quotes"),
        ("externalId eq 1", "`externalId` is compared with a text in double quotes"),
        ("emails[type eq work]", "`emails.type` is compared with a text in double quotes"),
        ("userName gt null", "`gt` cannot be used with null"),
        ("x509Certificates.value gt \"x\"", "which is binary"),
        ("meta.created co \"2011\"", "which is a date and time"),
        ("meta.created eq \"2011\"", "`meta.created` is compared with a date and time"),
        ("meta.created eq \"9999-12-31T23:59:59-01:00\"", "`meta.created` is compared with"),
        ("urn:example:2.0:Device:count sw 1", "which is a number"),
        ("urn:example:2.0:Device:count eq inf", "is compared with a number"),
        ("urn:example:2.0:Device:count eq 1e999", "is compared with a number"),
        ("urn:example:2.0:Device:count[value eq 1]", "has no sub-attributes"),
        ("urn:example:2.0:Device:tags[type eq \"a\"]", "is not a sub-attribute of `tags`"),
        ("emails[addresses[type pr]]", "`addresses` is not a sub-attribute"),
        ("emails[type[value pr]]", "a value path cannot hold another"),
        ("emails[type pr].nope eq 1", "`nope` is not a sub-attribute of `emails`"),
        ("emails.type[value pr]", "no sub-attributes"),
        ("id eq \"a\0b\"", "NUL"),
        ("id eq \"\\u0000\"", "NUL"),
    ] {
        let found = detail(text);
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn limits_hold() {
    let nested = |depth: usize| format!("{}id pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert!(detail(&nested(MAX_DEPTH + 1)).contains("deeper than 50"));
    assert!(detail(&"(".repeat(100_000)).contains("8192"));
    assert!(detail(&"not (".repeat(1_600)).contains("deeper than 50"));
    let ids = |count: usize| vec!["id pr"; count].join(" or ");
    assert!(parse(&ids(MAX_COMPARISONS)).is_ok());
    assert!(detail(&ids(MAX_COMPARISONS + 1)).contains("more than 100 comparisons"));
    let long = |length: usize| format!("id eq \"{}\"", "x".repeat(length - 8));
    assert!(parse(&long(MAX_LENGTH)).is_ok());
    assert!(detail(&long(MAX_LENGTH + 1)).contains("8193"));
    // The test behind the brackets becomes a "not" around them, one deeper than the text.
    let behind = format!("{}emails[type pr].value ne \"x\"{}", "not (".repeat(49), ")".repeat(49));
    assert!(detail(&behind).contains("deeper than 50"));
}
