//! Discovery (RFC 7644 §4; RFC 7643 §5 to §8.7; RFC 9865 §4).

use reqwest::Method;
use serde_json::{Value, json};

use super::{BADGE, ENTERPRISE, GROUP, USER, add_badge, refused};
use crate::support::{Server, on_each_database};

on_each_database!(service_provider_config, resource_types_and_schemas, refusals);

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:";

/// RFC 7643 §5
async fn service_provider_config(server: Server) {
    let (status, config) = server.get("/ServiceProviderConfig").await;
    assert_eq!(status, 200);
    assert_eq!(config["schemas"], json!([format!("{CORE}ServiceProviderConfig")]));
    for feature in ["patch", "bulk", "filter", "sort", "etag"] {
        assert_eq!(config[feature]["supported"], true, "{feature}");
    }
    assert!(config["changePassword"]["supported"].is_boolean());
    for (holder, name) in [("bulk", "maxOperations"), ("bulk", "maxPayloadSize"), ("filter", "maxResults")] {
        assert!(config[holder][name].as_u64().is_some_and(|number| number > 0), "{holder}.{name}");
    }
    for scheme in config["authenticationSchemes"].as_array().unwrap() {
        for name in ["type", "name", "description", "specUri", "documentationUri"] {
            assert!(scheme[name].is_string(), "{name}");
        }
    }
    // RFC 9865 §4
    let pagination = &config["pagination"];
    assert_eq!((&pagination["cursor"], &pagination["index"]), (&json!(true), &json!(true)));
    assert_eq!(pagination["defaultPaginationMethod"], "index");
    for name in ["defaultPageSize", "maxPageSize", "cursorTimeout"] {
        assert!(pagination[name].as_u64().is_some_and(|number| number > 0), "{name}");
    }
    let location = config["meta"]["location"].as_str().unwrap();
    assert_eq!(location, format!("{}/ServiceProviderConfig", server.base));
    // "SHOULD … make the authenticationSchemes attribute publicly accessible without prior authentication".
    let anonymous = reqwest::Client::builder().no_proxy().build().unwrap();
    let public: Value = anonymous.get(location).send().await.unwrap().json().await.unwrap();
    assert_eq!(public, config);
    assert_eq!(anonymous.get(format!("{location}?filter=x")).send().await.unwrap().status(), 403);
    let help = anonymous.get(config["documentationUri"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(help.status(), 200);
}

/// RFC 7643 §6, §7
async fn resource_types_and_schemas(server: Server) {
    add_badge(&server, false);
    let (_, types) = server.get("/ResourceTypes?startIndex=2&count=1&sortBy=name").await;
    assert_eq!(types["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    assert_eq!(
        (&types["totalResults"], types["Resources"].as_array().unwrap().len()),
        (&json!(2), 2),
        "paging is ignored"
    );
    for resource_type in types["Resources"].as_array().unwrap() {
        for name in ["id", "name", "description", "endpoint", "schema"] {
            assert!(resource_type[name].is_string(), "{name}");
        }
        assert_eq!(server.get(resource_type["endpoint"].as_str().unwrap()).await.0, 200);
        assert_eq!(server.get(&format!("/Schemas/{}", resource_type["schema"].as_str().unwrap())).await.0, 200);
        let path = format!("/ResourceTypes/{}", resource_type["id"].as_str().unwrap());
        assert_eq!(&server.get(&path).await.1, resource_type, "a single one is the object itself");
        assert_eq!(
            resource_type["meta"],
            json!({"resourceType": "ResourceType", "location": format!("{}{path}", server.base)})
        );
    }
    let user = server.get("/ResourceTypes/User").await.1;
    let extensions = [ENTERPRISE, BADGE].map(|urn| json!({"schema": urn, "required": false}));
    assert_eq!(user["schemaExtensions"], json!(extensions));
    let (_, schemas) = server.get("/Schemas").await;
    let mut ids: Vec<&str> =
        schemas["Resources"].as_array().unwrap().iter().map(|schema| schema["id"].as_str().unwrap()).collect();
    assert_eq!(schemas["totalResults"], ids.len());
    ids.sort_unstable();
    let names = ["ResourceType", "Schema", "ServiceProviderConfig"].map(|name| format!("{CORE}{name}"));
    let mut expected: Vec<&str> =
        [USER, GROUP, ENTERPRISE, BADGE].into_iter().chain(names.iter().map(String::as_str)).collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    for schema in schemas["Resources"].as_array().unwrap() {
        let path = format!("/Schemas/{}", schema["id"].as_str().unwrap());
        assert_eq!(&server.get(&path).await.1, schema);
        assert_eq!(schema["schemas"], json!([format!("{CORE}Schema")]));
        assert_eq!(schema["meta"], json!({"resourceType": "Schema", "location": format!("{}{path}", server.base)}));
        assert!(schema["name"].is_string());
        schema["attributes"].as_array().unwrap().iter().for_each(complete);
    }
    // RFC 7643 §8.7.1: characteristics that clients rely on.
    let attribute = |urn: &str, name: &str| -> Value {
        let schema = schemas["Resources"].as_array().unwrap().iter().find(|schema| schema["id"] == urn).unwrap();
        schema["attributes"].as_array().unwrap().iter().find(|attribute| attribute["name"] == name).unwrap().clone()
    };
    for (urn, name, characteristic, value) in [
        (USER, "userName", "required", json!(true)),
        (USER, "userName", "uniqueness", json!("server")),
        (USER, "userName", "caseExact", json!(false)),
        (USER, "password", "returned", json!("never")),
        (USER, "password", "mutability", json!("writeOnly")),
        (USER, "groups", "mutability", json!("readOnly")),
        (USER, "emails", "multiValued", json!(true)),
        (GROUP, "displayName", "required", json!(true)),
        (BADGE, "serial", "mutability", json!("immutable")),
        (BADGE, "note", "returned", json!("request")),
        (BADGE, "number", "uniqueness", json!("server")),
    ] {
        assert_eq!(attribute(urn, name)[characteristic], value, "{name} {characteristic}");
    }
    assert_eq!(attribute(GROUP, "members")["subAttributes"][1]["referenceTypes"], json!(["User", "Group"]));
}

/// RFC 7643 §7: what every attribute of a schema says of itself.
fn complete(attribute: &Value) {
    for (name, values) in [
        ("type", &["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"][..]),
        ("mutability", &["readOnly", "readWrite", "immutable", "writeOnly"]),
        ("returned", &["always", "never", "default", "request"]),
        ("uniqueness", &["none", "server", "global"]),
    ] {
        assert!(attribute[name].as_str().is_some_and(|value| values.contains(&value)), "{name}: {attribute}");
    }
    assert!(attribute["name"].is_string() && attribute["description"].is_string(), "{attribute}");
    assert!(attribute["multiValued"].is_boolean() && attribute["required"].is_boolean(), "{attribute}");
    match attribute["type"].as_str().unwrap() {
        "string" => assert!(attribute["caseExact"].is_boolean(), "{attribute}"),
        "reference" => assert!(attribute["referenceTypes"].is_array(), "{attribute}"),
        "complex" => attribute["subAttributes"].as_array().unwrap().iter().for_each(complete),
        _ => {}
    }
}

/// RFC 7644 §4
async fn refusals(server: Server) {
    for endpoint in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        refused(&server, Method::GET, &format!("{endpoint}?filter=id%20pr"), None, 403, None).await;
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            refused(&server, method, endpoint, Some(&json!({})), 405, None).await;
        }
        assert_eq!(server.get(&format!("{endpoint}?attributes=id&unknown=x")).await.0, 200);
    }
    refused(&server, Method::GET, "/ResourceTypes/Nothing", None, 404, None).await;
    refused(&server, Method::GET, "/Schemas/urn:nothing", None, 404, None).await;
    refused(&server, Method::GET, "/Schemas/urn:ietf:params:scim:api:messages:2.0:ListResponse", None, 404, None).await;
}
