//! Bulk (RFC 7644 §3.7).

use diesel::sql_types::BigInt;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ENTERPRISE, created, refused};
use crate::support::{Server, on_each_database, user};

on_each_database!(operations, references, circles, unreadable, errors_and_limits, together, together_on_the_waitlist);

const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

async fn bulk(server: &Server, body: Value) -> Vec<Value> {
    let (status, answer) = server.post("/Bulk", &body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    answer["Operations"].as_array().unwrap().clone()
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["status"].as_str().expect("the status is a string")).collect()
}

/// §3.7, §3.7.3
async fn operations(server: Server) {
    let (ann, path) = created(&server, "/Users", &user("ann")).await;
    let (_, gone) = created(&server, "/Users", &user("gone")).await;
    let tag = ann["meta"]["version"].as_str().unwrap();
    let results = bulk(&server, json!({"schemas": [SCHEMA], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "new", "data": user("new")},
        {"method": "PUT", "path": path, "version": tag, "data": {"userName": "ann", "title": "Boss"}},
        {"method": "PATCH", "path": path, "data": {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "title", "value": "Chief"}]}},
        {"method": "DELETE", "path": gone},
        {"method": "DELETE", "path": path, "version": "W/\"999\""},
        {"method": "DELETE", "path": gone},
        {"method": "POST", "path": "/Users", "bulkId": "again", "data": user("new")}
    ]})).await;
    assert_eq!(statuses(&results), ["201", "200", "200", "204", "412", "404", "409"]);
    let location = results[0]["location"].as_str().unwrap();
    assert_eq!(results[0]["bulkId"], "new");
    assert!(location.starts_with(&format!("{}/Users/", server.base)));
    let made = server.get(location.strip_prefix(&server.base).unwrap()).await.1;
    assert_eq!(results[0]["version"], made["meta"]["version"]);
    for result in &results[1..6] {
        assert!(result["location"].is_string(), "every operation but a failed POST has one: {result}");
    }
    assert!(results[6].get("location").is_none() && results[6]["bulkId"] == "again");
    for (result, scim_type) in [(&results[4], None), (&results[5], None), (&results[6], Some("uniqueness"))] {
        let response = &result["response"];
        assert_eq!(response["schemas"], json!([super::ERROR]), "§3.12");
        assert_eq!((&response["status"], response["scimType"].as_str()), (&result["status"], scim_type));
    }
    for (result, method) in results.iter().zip(["POST", "PUT", "PATCH", "DELETE", "DELETE", "DELETE", "POST"]) {
        assert_eq!(result["method"], method);
    }
    assert_eq!(server.get(&path).await.1["title"], "Chief", "operations run in their order");
}

/// §3.7.1, §3.7.2
async fn references(server: Server) {
    let id = |result: &Value| result["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    // Forward references, into members, the manager, a path.
    let results = bulk(&server, json!({"schemas": [SCHEMA], "Operations": [
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "G", "members": [{"value": "bulkId:a", "type": "User"}]}},
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {"Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:b"}]}]}},
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "a", ENTERPRISE: {"manager": {"value": "bulkId:b"}}}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "b"}}
    ]})).await;
    assert_eq!(statuses(&results), ["201", "200", "201", "201"], "{results:?}");
    let (group, a, b) = (id(&results[0]), id(&results[2]), id(&results[3]));
    let mut members: Vec<Value> = server.get(&format!("/Groups/{group}")).await.1["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["value"].clone())
        .collect();
    members.sort_by_key(ToString::to_string);
    let mut expected = [json!(a), json!(b)];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(members, expected);
    assert_eq!(server.get(&format!("/Users/{a}")).await.1[ENTERPRISE]["manager"]["value"], b);
    // What names nothing is a conflict, and only of its own operation.
    let results = bulk(&server, json!({"schemas": [SCHEMA], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": {"userName": "c", ENTERPRISE: {"manager": {"value": "bulkId:nobody"}}}},
        {"method": "POST", "path": "/Users", "bulkId": "d", "data": {"userName": "d"}}
    ]})).await;
    assert_eq!(statuses(&results), ["409", "201"]);
}

/// §3.7.1: "MUST try to resolve circular cross-references".
async fn circles(server: Server) {
    let id = |result: &Value| result["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let circle = |name: &str, other: &str| json!({"method": "POST", "path": "/Groups", "bulkId": name, "data": {"displayName": name, "members": [{"value": format!("bulkId:{other}")}]}});
    let results = bulk(&server, json!({"schemas": [SCHEMA], "Operations": [circle("x", "y"), circle("y", "x")]})).await;
    assert_eq!(statuses(&results), ["201", "201"]);
    for (one, other) in [(0, 1), (1, 0)] {
        let group = server.get(&format!("/Groups/{}", id(&results[one]))).await.1;
        assert_eq!(group["members"][0]["value"], id(&results[other]));
        assert_eq!(group["meta"]["version"], results[one]["version"], "§3.7.3: the current version");
    }
}

/// §3.7.3: each result names the method, the bulkId and, but for a POST, the location.
async fn unreadable(server: Server) {
    let path = "/Users/0190a7d2-0000-7000-8000-000000000000";
    for (operation, method, scim_type) in [
        (json!({"bulkId": "q", "path": "/Users", "data": user("q")}), None, "invalidSyntax"),
        (json!({"method": "GET", "bulkId": "q", "path": path}), Some("GET"), "invalidSyntax"),
        (json!({"method": "POST", "bulkId": "q", "data": user("q")}), Some("POST"), "invalidSyntax"),
        (json!({"method": "POST", "bulkId": "q", "path": "/Users"}), Some("POST"), "invalidSyntax"),
        (json!({"method": "PUT", "bulkId": "q", "path": path}), Some("PUT"), "invalidSyntax"),
        (json!({"method": "DELETE", "bulkId": "q"}), Some("DELETE"), "invalidSyntax"),
        (json!({"method": "POST", "path": "/Users", "data": user("q")}), Some("POST"), "invalidValue"),
        (json!("x"), None, "invalidSyntax"),
    ] {
        let request = json!({"schemas": [SCHEMA], "Operations": [operation, {"method": "POST", "path": "/Foos", "bulkId": "f", "data": {}}]});
        let results = bulk(&server, request).await;
        let (result, unknown) = (&results[0], &results[1]);
        assert_eq!(result["status"], "400", "{operation}: {result}");
        assert_eq!(result["response"]["scimType"], scim_type, "{operation}: {result}");
        assert!(result["response"]["detail"].as_str().unwrap().starts_with("Operations[0]: "), "{result}");
        assert_eq!(result.get("method").and_then(Value::as_str), method, "{operation}: {result}");
        assert_eq!(result.get("bulkId"), operation.get("bulkId"), "{operation}: {result}");
        let path = operation["path"].as_str().filter(|_| method != Some("POST"));
        let location = path.map(|path| json!(format!("{}{path}", server.base)));
        assert_eq!(result.get("location"), location.as_ref(), "{operation}: {result}");
        assert_eq!((&unknown["status"], unknown["response"].get("scimType")), (&json!("404"), None), "{unknown}");
    }
    for operation in [
        json!({"method": "DELETE", "path": "/Foos/1"}),
        json!({"method": "POST", "path": "/Foos/1", "bulkId": "q", "data": {}}),
        json!({"method": "PATCH", "path": "/Foos", "data": {}}),
    ] {
        let results = bulk(&server, json!({"schemas": [SCHEMA], "Operations": [operation]})).await;
        assert_eq!(statuses(&results), ["404"], "{operation}");
    }
    let mut connection = server.database();
    let logged = Sql::new("SELECT count(*) FROM provisioning_log WHERE status >= 400")
        .first::<BigInt, i64>(&mut connection)
        .unwrap();
    assert_eq!(logged, Some(8 * 2 + 3), "each refusal is in the log");
}

/// §3.7.3, §3.7.4
async fn errors_and_limits(server: Server) {
    let bad = json!({"method": "POST", "path": "/Users", "bulkId": "x", "data": {"title": "no name"}});
    let good = |name: &str| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name}});
    for (fail_on_errors, expected) in [(json!(null), 4), (json!(1), 2), (json!(2), 3)] {
        let mut body = json!({"schemas": [SCHEMA], "Operations": [good(&format!("a{fail_on_errors}")), bad, bad, good(&format!("b{fail_on_errors}"))]});
        if !fail_on_errors.is_null() {
            body["failOnErrors"] = fail_on_errors.clone();
        }
        let results = bulk(&server, body).await;
        assert_eq!(results.len(), expected, "failOnErrors {fail_on_errors}");
        assert_eq!(results[1]["response"]["scimType"], "invalidValue");
    }
    // More operations than one transaction takes.
    let many: Vec<Value> =
        std::iter::once(bad.clone()).chain((0..150).map(|number| good(&format!("many{number}")))).collect();
    let results = bulk(&server, json!({"schemas": [SCHEMA], "failOnErrors": 1, "Operations": many})).await;
    assert_eq!(results.len(), 1, "nothing behind the error was done");
    for operation in [
        json!({"method": "GET", "path": "/Users", "bulkId": "q"}),
        json!({"method": "POST", "path": "/Users", "data": {"userName": "nobulkid"}}),
        json!({"method": "POST", "path": "/Users", "bulkId": "q"}),
        json!({"method": "POST", "bulkId": "q", "data": {"userName": "q"}}),
        json!({"method": "DELETE", "path": "/Users", "bulkId": "q"}),
        json!({"method": "POST", "path": "/Nothing", "bulkId": "q", "data": {}}),
        json!("x"),
    ] {
        let results = bulk(&server, json!({"schemas": [SCHEMA], "Operations": [operation]})).await;
        let status = results[0]["status"].as_str().unwrap();
        assert!(status.starts_with('4') && results[0]["response"]["status"] == status, "{operation}: {results:?}");
    }
    for body in [json!({"schemas": [SCHEMA]}), json!({"schemas": ["urn:x"], "Operations": []}), json!([])] {
        refused(&server, Method::POST, "/Bulk", Some(&body), 400, Some("invalidSyntax")).await;
    }
    // "If either limit is exceeded, … 413 …. The returned response MUST specify the limit exceeded".
    let config = server.get("/ServiceProviderConfig").await.1["bulk"].clone();
    let limit = config["maxOperations"].as_u64().unwrap();
    let many: Vec<Value> =
        (0..=limit).map(|number| json!({"method": "DELETE", "path": format!("/Users/{number}")})).collect();
    let (status, error) = server.post("/Bulk", &json!({"schemas": [SCHEMA], "Operations": many})).await;
    assert_eq!(status, 413);
    assert!(error["detail"].as_str().unwrap().contains(&limit.to_string()), "{error}");
    let limit = config["maxPayloadSize"].as_u64().unwrap();
    let large = json!({"schemas": [SCHEMA], "Operations": [], "padding": "x".repeat(usize::try_from(limit).unwrap())});
    let (status, error) = server.post("/Bulk", &large).await;
    assert_eq!(status, 413);
    assert!(error["detail"].as_str().unwrap().contains(&limit.to_string()), "{error}");
}

/// Users that are new are created in one go; each is still answered as if it had come alone.
async fn together(server: Server) {
    let id =
        |result: &Value| result["location"].as_str().map(|location| location.rsplit('/').next().unwrap().to_owned());
    let (old, _) = created(&server, "/Users", &user("old")).await;
    let owner = server.find("/Users", "userName eq \"olga@acme.example\"").await.remove(0);
    server.command(&["organization", "set", "--organization", "acme", "--seats", "7", "--json"]);
    let post =
        |bulk_id: &str, data: Value| json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data});
    let with = |name: &str, more: Value| {
        let mut data = user(name);
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post(name, data)
    };
    let same_person = json!({"externalId": "e", "emails": [{"value": "r@acme.example"}]});
    let left = json!({"externalId": "e", "active": false, "emails": [{"value": "r@acme.example"}]});
    let results = bulk(&server, json!({"schemas": [SCHEMA], "Operations": [
        post("a", user("a")), post("b", user("b")), post("b2", user("b")), post("old", user("old")),
        post("olga", json!({"userName": "olga", "emails": [{"value": "olga@acme.example"}]})),
        post("c", user("c")), with("left", left), with("back", same_person), post("nameless", json!({"title": "x"})),
        with("off", json!({"active": false})), post("d", user("d")), post("e", user("e")), post("f", user("f")),
        with("off2", json!({"active": false}))
    ]})).await;
    let expected = ["201", "201", "409", "409", "201", "201", "201", "201", "400", "201", "201", "403", "403", "201"];
    assert_eq!(statuses(&results), expected, "{results:?}");
    assert_eq!(id(&results[4]).as_deref(), owner["id"].as_str(), "the owner is adopted");
    assert_eq!(id(&results[7]), id(&results[6]), "who has left in this request is restored in it");
    let ledger = server.command(&["organization", "show", "--organization", "acme", "--json"]);
    assert_eq!((ledger["seats_used"].as_i64(), ledger["users"].as_i64()), (Some(7), Some(9)));
    for (position, name) in [(0, "a"), (1, "b"), (5, "c"), (9, "off"), (10, "d"), (13, "off2")] {
        let found = server.find("/Users", &format!("emails.value eq \"{name}@acme.example\"")).await.remove(0);
        assert_eq!(found["id"].as_str(), id(&results[position]).as_deref());
        assert_eq!(found["meta"]["version"], results[position]["version"]);
        assert_eq!(found["active"], !name.starts_with("off"));
    }
    assert_ne!(old["id"].as_str(), id(&results[3]).as_deref());
    let mut connection = server.database();
    for (table, expected) in [("provisioning_log", 15), ("audit_events WHERE actor = 'provisioning'", 10)] {
        let mut count = Sql::new("SELECT count(*) FROM ");
        count.push(table);
        assert_eq!(count.first::<BigInt, i64>(&mut connection).unwrap(), Some(expected), "{table}");
    }
}

async fn together_on_the_waitlist(server: Server) {
    let set = |arguments: &[&str]| {
        server.command(&[&["organization", "set", "--organization", "acme", "--json"], arguments].concat());
    };
    set(&["--seats", "2", "--seat-policy", "waitlist"]);
    let post = |name: &str| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": user(name)});
    let body = json!({"schemas": [SCHEMA], "Operations": [post("a"), post("b"), post("c")]});
    assert_eq!(statuses(&bulk(&server, body).await), ["201"; 3]);
    let active = async || {
        let mut found = server.find("/Users", "userName sw \"\" and not (userName sw \"olga\")").await;
        found.sort_by_key(|user| user["userName"].to_string());
        found.iter().map(|user| user["active"] == true).collect::<Vec<_>>()
    };
    assert_eq!(active().await, [true, false, false]);
    set(&["--seats", "3"]);
    assert_eq!(active().await, [true, true, false], "first in, first out");
}
