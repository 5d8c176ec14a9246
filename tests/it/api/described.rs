//! Answers of the API against its own description: what it does not describe is not answered.

use std::collections::BTreeSet;

use headcount::http::api::openapi::document;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Keywords that say something for people, or how something is used. Patterns are of values that are sent.
const SAID: [&str; 10] = [
    "pattern",
    "title",
    "description",
    "example",
    "examples",
    "default",
    "deprecated",
    "writeOnly",
    "readOnly",
    "propertyNames",
];

/// Asserts that an answer to a request is one that the description has.
pub fn check(method: &Method, address: &str, status: StatusCode, headers: &HeaderMap, body: &str) {
    let path = address.split('?').next().unwrap();
    if !path.starts_with("/api/") {
        return;
    }
    let Some(described) = operation(method, path) else {
        let is_nothing = matches!(status.as_u16(), 404 | 405);
        assert!(is_nothing, "{method} {path} is answered {status} and described nowhere");
        return;
    };
    let answer = &described["responses"][status.as_str()];
    assert!(answer.is_object(), "{method} {path} is answered {status}, which is not described: {body}");
    let Some(content) = answer["content"].as_object() else {
        assert!(body.is_empty(), "{method} {path}: {status} is described without a body, and has one: {body}");
        return;
    };
    let sent = headers[CONTENT_TYPE].to_str().unwrap().split(';').next().unwrap();
    let kind = content.get(sent);
    let kind = kind.unwrap_or_else(|| panic!("{method} {path}: {status} is {sent}, which is not described"));
    // A line of NDJSON is a thing of the list.
    if *method != Method::HEAD && sent.ends_with("json") && sent != "application/x-ndjson" {
        let value: Value = serde_json::from_str(body).unwrap();
        if let Err(why) = fits(&kind["schema"], &value) {
            panic!("{method} {path} {status}: {why}\n{value:#}");
        }
    }
}

/// What describes a request: of several templates the one that says most of the path.
fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
    let parts: Vec<&str> = path.split('/').collect();
    let is_parameter = |part: &str| part.starts_with('{');
    let matches = |template: &&String| {
        let wanted: Vec<&str> = template.split('/').collect();
        wanted.len() == parts.len()
            && wanted.iter().zip(&parts).all(|(wanted, part)| is_parameter(wanted) || wanted == part)
    };
    let paths = document()["paths"].as_object().unwrap();
    let found = paths.keys().filter(matches);
    let found = found.min_by_key(|template| template.split('/').filter(|part| is_parameter(part)).count())?;
    paths[found].get(method.as_str().to_lowercase())
}

/// Whether a value is what a schema says, and has no member that the schema does not name.
fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    says(schema, value)?;
    let known = members(schema);
    match value.as_object() {
        Some(object) if !known.is_empty() => match object.keys().find(|name| !known.contains(*name)) {
            Some(unknown) => Err(format!("the member {unknown} is not described")),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The members that a schema names, in any of its parts.
fn members(schema: &Value) -> BTreeSet<String> {
    let schema = resolved(schema);
    let own = schema["properties"].as_object().into_iter().flat_map(|properties| properties.keys().cloned());
    let parts = ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|kind| schema[kind].as_array()).flatten();
    own.chain(parts.flat_map(members)).collect()
}

fn resolved(schema: &Value) -> &Value {
    let Some(place) = schema["$ref"].as_str() else { return schema };
    let found = document().pointer(place.trim_start_matches('#'));
    found.unwrap_or_else(|| panic!("{place} is not there"))
}

fn says(schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolved(schema);
    for (keyword, wanted) in schema.as_object().unwrap() {
        let is_so = match keyword.as_str() {
            "type" => is_of(wanted, value),
            "enum" => wanted.as_array().unwrap().contains(value),
            "required" => value.as_object().is_none_or(|object| {
                wanted.as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap()))
            }),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap()),
            "format" => value.as_str().is_none_or(|text| is_written(wanted.as_str().unwrap(), text)),
            "properties" => {
                for (name, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        fits(schema, value).map_err(|why| format!("{name}: {why}"))?;
                    }
                }
                true
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    fits(wanted, item)?;
                }
                true
            }
            "allOf" => {
                for part in wanted.as_array().unwrap() {
                    says(part, value)?;
                }
                true
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|part| says(part, value).is_ok()),
            "oneOf" => wanted.as_array().unwrap().iter().filter(|part| fits(part, value).is_ok()).count() == 1,
            // `fits` refuses every member that is not described.
            "additionalProperties" => true,
            said if SAID.contains(&said) => true,
            other => panic!("the keyword {other} is used in the description and not known here"),
        };
        if !is_so {
            return Err(format!("{value} is not what {keyword} says: {wanted}"));
        }
    }
    Ok(())
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    let is = |kind: &Value| match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type {other}"),
    };
    wanted.as_array().map_or_else(|| is(wanted), |kinds| kinds.iter().any(is))
}

fn is_written(format: &str, text: &str) -> bool {
    match format {
        "uuid" => text.parse::<headcount::id::OrganizationId>().is_ok(),
        "date-time" => headcount::clock::Timestamp::parse(text).is_some(),
        "int32" | "int64" => true,
        other => panic!("there is no format {other}"),
    }
}

/// An answer without a shape says nothing.
#[test]
fn every_answer_has_a_shape() {
    let mut shapeless = Vec::new();
    for (path, operations) in document()["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let kinds = answer["content"].as_object().into_iter().flatten();
                let bare = kinds.filter(|(kind, content)| {
                    (kind.ends_with("/json") || kind.ends_with("+json"))
                        && path != "/api/openapi.json"
                        && members(&content["schema"]).is_empty()
                });
                shapeless.extend(bare.map(|(kind, _)| format!("{method} {path} {status} {kind}")));
            }
        }
    }
    assert!(shapeless.is_empty(), "{shapeless:#?}");
}

/// Each operation has a name of its own.
#[test]
fn operations_are_told_apart() {
    let mut names = BTreeSet::new();
    for operation in
        document()["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values())
    {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "two are called {name}");
    }
}

/// What is sent again by POST is done once: by its `Idempotency-Key`, or by what it is.
#[test]
fn every_post_is_safe_to_send_again() {
    const BY_WHAT_THEY_ARE: [(&str, &str); 6] = [
        ("/billing/portal", "it opens a page at the provider and changes nothing here"),
        ("/billing/preview", "it changes nothing"),
        ("/checkout", "it goes on with the open one for the same"),
        ("/domains/{domain}/check", "it looks, and notes what is there"),
        ("/invitations/import/preview", "it changes nothing"),
        ("/role-mappings/preview", "it changes nothing"),
    ];
    let mut without = BTreeSet::new();
    for (path, operations) in document()["paths"].as_object().unwrap() {
        let Some(post) = operations.get("post") else { continue };
        let takes_a_key = |parameter: &Value| parameter["name"] == "Idempotency-Key";
        if !post["parameters"].as_array().is_some_and(|parameters| parameters.iter().any(takes_a_key)) {
            without.insert(path.trim_start_matches("/api/v1/organizations/{organization}"));
        }
    }
    assert_eq!(without, BY_WHAT_THEY_ARE.into_iter().map(|(path, _)| path).collect());
}

/// The judge is judged: a wrong answer does not pass.
#[test]
fn what_does_not_fit_is_refused() {
    let schema = json!({"$ref": "#/components/schemas/RoleHolder"});
    let member_id = "0192f0c1-2b3c-7def-8123-456789abcdef";
    assert_eq!(fits(&schema, &json!({"member_id": member_id, "role": "owner"})), Ok(()));
    for wrong in [
        json!({"member_id": member_id}),
        json!({"member_id": member_id, "role": "king"}),
        json!({"member_id": "1", "role": "owner"}),
        json!({"member_id": null, "role": "owner"}),
        json!({"member_id": member_id, "role": "owner", "more": 1}),
        json!([]),
    ] {
        assert!(fits(&schema, &wrong).is_err(), "{wrong}");
    }
}
