//! The clauses of "lenient in" (product.md §7) that are more than one client's: what is tolerated, where
//! tolerance ends, and that the log says so.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Server, on_each_database, user};

on_each_database!(
    schemas_that_are_known_or_not,
    unknown_attributes_are_ignored_and_logged,
    what_the_service_sets,
    null_is_absent,
    active_is_always_there,
    elements_are_created_only_for_a_known_type,
    members_nobody_knows,
    a_second_group_of_the_same_name,
    external_ids_are_not_identities,
    the_wrong_one_is_not_restored,
    first_contact_leaves_the_address,
    query_parameters_are_ignored_and_logged,
);

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Sends a body and gets status, answer and what the log says.
async fn logged(server: &Server, request: RequestBuilder, body: &Value) -> (u16, Value, String) {
    let request = request.header("content-type", "application/scim+json").body(body.to_string());
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null), server.explanation(&id))
}

fn patch(operations: Value) -> Value {
    json!({"Operations": operations})
}

async fn schemas_that_are_known_or_not(server: Server) {
    for (name, schemas, status) in [
        ("missing", Value::Null, 201),
        ("empty", json!([]), 201),
        ("draft", json!(["urn:scim:schemas:core:1.0"]), 201),
        ("extra", json!(["urn:example:extra", USER.to_uppercase()]), 201),
        ("extension only", json!([ENTERPRISE]), 201),
        ("unknown", json!(["urn:example:extra"]), 400),
        ("other type", json!(["urn:ietf:params:scim:schemas:core:2.0:Group"]), 400),
    ] {
        let body = json!({"schemas": schemas, "userName": name});
        let (found, answer, log) = logged(&server, server.request(Method::POST, "/Users"), &body).await;
        assert_eq!(found, status, "{name}: {answer}");
        if status == 201 {
            assert_eq!(answer["schemas"], json!([USER]), "{name}");
        } else {
            assert_eq!(answer["scimType"], "invalidValue", "{name}");
        }
        assert_eq!(log.contains("Ignored: urn:example:extra"), name == "extra", "{name}: {log}");
    }
}

async fn unknown_attributes_are_ignored_and_logged(server: Server) {
    let body = json!({"userName": "ann", "favouriteColour": "crimson", "name": {"nick": "a", "givenName": "Ann"}, ENTERPRISE: {"floor": 3}, "urn:example:other": {"a": 1}, "emails": [{"value": "a@b.example", "verified": true}]});
    let expected =
        format!("Ignored: favouriteColour, name.nick, {ENTERPRISE}:floor, urn:example:other, emails[0].verified.");
    let (status, ann, log) = logged(&server, server.request(Method::POST, "/Users"), &body).await;
    assert_eq!((status, ann["name"].clone()), (201, json!({"givenName": "Ann"})));
    assert!(log.contains(&expected), "{log}");
    assert!(!ann.to_string().contains("crimson"), "{ann}");
    let path = format!("/Users/{}", ann["id"].as_str().unwrap());
    let (status, _, log) = logged(&server, server.request(Method::PUT, &path), &body).await;
    assert_eq!(status, 200);
    assert!(log.contains(&expected), "{log}");
    assert!(!log.contains("crimson"), "values are no business of the log: {log}");
    let mild =
        patch(json!([{"op": "add", "value": {"favouriteColour": "crimson", "title": "Boss", "name.nick": "a"}}]));
    let (status, patched, log) = logged(&server, server.request(Method::PATCH, &path), &mild).await;
    assert_eq!((status, patched["title"].as_str()), (200, Some("Boss")));
    assert!(log.contains("Ignored: favouriteColour, name.nick."), "{log}");
    let named = patch(json!([{"op": "add", "path": "favouriteColour", "value": "crimson"}]));
    let (status, refused, _) = logged(&server, server.request(Method::PATCH, &path), &named).await;
    assert_eq!((status, refused["scimType"].as_str()), (400, Some("invalidPath")));
    let (status, group, log) =
        logged(&server, server.request(Method::POST, "/Groups"), &json!({"displayName": "Staff", "colour": "crimson"}))
            .await;
    assert_eq!(status, 201);
    assert!(log.contains("Ignored: colour."), "{log}");
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let body = patch(json!([{"op": "replace", "value": {"colour": "blue"}}]));
    let (status, _, log) = logged(&server, server.request(Method::PATCH, &path), &body).await;
    assert_eq!(status, 204);
    assert!(log.contains("Ignored: colour."), "{log}");
}

async fn what_the_service_sets(server: Server) {
    let ann = server.user("ann").await;
    let path = format!("/Users/{ann}");
    let theirs =
        json!({"id": "x", "meta": {"version": "9"}, "groups": [{"value": "x"}], "userName": "ann", "title": "Boss"});
    let (status, put, log) = logged(&server, server.request(Method::PUT, &path), &theirs).await;
    assert_eq!((status, put["id"].as_str(), put["groups"].clone()), (200, Some(ann.as_str()), Value::Null));
    assert_ne!(put["meta"]["version"], "9");
    assert!(log.contains("Ignored: id, meta, groups."), "{log}");
    let (status, patched, log) =
        logged(&server, server.request(Method::PATCH, &path), &patch(json!([{"op": "replace", "value": theirs}])))
            .await;
    assert_eq!((status, patched["id"].as_str()), (200, Some(ann.as_str())));
    assert!(log.contains("Ignored: id, meta, groups."), "{log}");
    for name in ["id", "meta", "groups", "meta.version", "groups.value"] {
        let body = patch(json!([{"op": "replace", "path": name, "value": "x"}]));
        let (status, refused, _) = logged(&server, server.request(Method::PATCH, &path), &body).await;
        assert_eq!((status, refused["scimType"].as_str()), (400, Some("mutability")), "{name}: {refused}");
    }
}

async fn null_is_absent(server: Server) {
    let body = json!({"schemas": null, "userName": "ann", "externalId": null, "title": null, "name": {"givenName": "Ann", "familyName": null}, "emails": null, "phoneNumbers": [null], "active": null, ENTERPRISE: null});
    let (status, ann) = server.post("/Users", &body).await;
    assert_eq!(status, 201, "{ann}");
    let keys: Vec<&String> = ann.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["schemas", "userName", "name", "active", "id", "meta"]);
    assert_eq!(ann["name"], json!({"givenName": "Ann"}));
    let path = format!("/Users/{}", ann["id"].as_str().unwrap());
    server.patch(&path, json!([{"op": "add", "value": {"title": "Boss", ENTERPRISE: {"department": "Sales"}}}])).await;
    let (status, less) = server
        .patch(&path, json!([{"op": "replace", "path": "title", "value": null}, {"op": "replace", "value": {ENTERPRISE: null, "name": {"givenName": null, "familyName": "Able"}}}]))
        .await;
    assert_eq!((status.as_u16(), &less["title"], &less[ENTERPRISE]), (200, &Value::Null, &Value::Null), "{less}");
    let nothing = json!([{"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": null}]);
    let (status, same) = server.patch(&path, nothing).await;
    assert_eq!((status.as_u16(), &same["phoneNumbers"]), (200, &Value::Null), "nothing is created for a null");
}

async fn active_is_always_there(server: Server) {
    let path = format!("/Users/{}", server.user("ann").await);
    for wanted in [true, false] {
        server.patch(&path, json!([{"op": "replace", "path": "active", "value": wanted}])).await;
        for operation in [
            json!({"op": "replace", "path": "active", "value": null}),
            json!({"op": "replace", "path": "active", "value": ""}),
            json!({"op": "replace", "value": {"active": null}}),
        ] {
            let (status, user) = server.patch(&path, json!([operation])).await;
            assert_eq!((status.as_u16(), &user["active"]), (200, &json!(wanted)), "{operation}");
        }
    }
    let (_, put) = server.send(Method::PUT, &path, Some(&json!({"userName": "ann"}))).await;
    assert_eq!(put["active"], true, "the default of a whole resource");
}

async fn elements_are_created_only_for_a_known_type(server: Server) {
    let path = format!("/Users/{}", server.post("/Users", &json!({"userName": "ann"})).await.1["id"].as_str().unwrap());
    for op in ["add", "replace"] {
        for (place, status) in [
            ("emails[type eq \"WORK\"].value", 200),
            ("emails[type eq \"home\"]", 200),
            ("emails[type eq \"office\"].value", 400),
            ("emails[value eq \"x@y.example\"].value", 400),
            ("emails[type eq \"other\" and primary eq true].value", 400),
            ("emails[type ne \"work\" and type ne \"home\"].value", 400),
            ("roles[type eq \"work\"].value", 400),
        ] {
            let value = if place.ends_with(']') { json!({"value": "x@z.example"}) } else { json!("a@z.example") };
            let (found, answer) = server.patch(&path, json!([{"op": op, "path": place, "value": value}])).await;
            assert_eq!(found, status, "{op} {place}: {answer}");
            if status == 400 {
                assert_eq!(answer["scimType"], "noTarget", "{op} {place}: {answer}");
            } else {
                let kind = if place.contains("home") { "home" } else { "work" };
                let emails = answer["emails"].as_array().unwrap();
                assert_eq!(emails.iter().filter(|email| email["type"] == kind).count(), 1, "{op} {place}: {answer}");
            }
        }
        server.patch(&path, json!([{"op": "remove", "path": "emails"}])).await;
    }
}

async fn members_nobody_knows(server: Server) {
    let ann = server.user("ann").await;
    let unknown = "0193b0aa-0000-7000-8000-000000000000";
    let members = json!([{"value": ann}, {"value": unknown}, {"value": "no-id"}]);
    let says = format!("Unknown members skipped: no-id, {unknown}.");
    let (status, group, log) =
        logged(&server, server.request(Method::POST, "/Groups"), &json!({"displayName": "A", "members": members}))
            .await;
    assert_eq!((status, group["members"].as_array().map(Vec::len)), (201, Some(1)), "{group}");
    assert!(log.contains(&says), "{log}");
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let (status, group, log) =
        logged(&server, server.request(Method::PUT, &path), &json!({"displayName": "A", "members": members})).await;
    assert_eq!((status, group["members"].as_array().map(Vec::len)), (200, Some(1)), "{group}");
    assert!(log.contains(&says), "{log}");
    for op in ["add", "replace"] {
        let body = patch(json!([{"op": op, "path": "members", "value": members}]));
        let (status, _, log) = logged(&server, server.request(Method::PATCH, &path), &body).await;
        assert_eq!(status, 204);
        assert!(log.contains(&says), "{op}: {log}");
    }
    let body = patch(json!([{"op": "remove", "path": "members", "value": members}]));
    assert_eq!(logged(&server, server.request(Method::PATCH, &path), &body).await.0, 204);
    assert_eq!(server.get(&path).await.1["members"], Value::Null);
    assert_eq!(logged(&server, server.request(Method::PATCH, &path), &body).await.0, 204, "a second time as well");
}

async fn a_second_group_of_the_same_name(server: Server) {
    let warning = "Warning: another group has the same displayName.";
    let create = |name: &str| json!({"displayName": name});
    let (status, first, log) = logged(&server, server.request(Method::POST, "/Groups"), &create("Sales")).await;
    assert_eq!(status, 201);
    assert!(!log.contains(warning), "{log}");
    let (status, second, log) = logged(&server, server.request(Method::POST, "/Groups"), &create("SALES")).await;
    assert_eq!(status, 201);
    assert!(log.contains(warning), "{log}");
    assert_ne!(first["id"], second["id"]);
    assert_eq!(server.find("/Groups", "displayName eq \"sales\"").await.len(), 2);
    let path = format!("/Groups/{}", second["id"].as_str().unwrap());
    let rename = |name: &str| patch(json!([{"op": "replace", "path": "displayName", "value": name}]));
    let (_, _, log) = logged(&server, server.request(Method::PATCH, &path), &rename("Support")).await;
    assert!(!log.contains(warning), "{log}");
    let (status, _, log) = logged(&server, server.request(Method::PATCH, &path), &rename("Sales")).await;
    assert_eq!(status, 204);
    assert!(log.contains(warning), "{log}");
}

async fn external_ids_are_not_identities(server: Server) {
    let (mut ann, mut bob) = (user("ann"), user("bob"));
    ann["externalId"] = "Same".into();
    bob["externalId"] = "Same".into();
    let (_, ann) = server.post("/Users", &ann).await;
    let (status, bob) = server.post("/Users", &bob).await;
    assert_eq!((status.as_u16(), &bob["externalId"]), (201, &json!("Same")));
    assert_ne!(ann["id"], bob["id"]);
    assert_eq!(server.find("/Users", "externalId eq \"Same\"").await.len(), 2);
    assert_eq!(server.find("/Users", "externalId eq \"same\"").await.len(), 0, "its case counts");
    assert_eq!(server.get("/Users/Same").await.0, 404);
    let path = format!("/Users/{}", ann["id"].as_str().unwrap());
    let (status, put) =
        server.send(Method::PUT, &path, Some(&json!({"userName": "ann@acme.example", "externalId": null}))).await;
    assert_eq!((status.as_u16(), &put["externalId"]), (200, &Value::Null));
}

async fn the_wrong_one_is_not_restored(server: Server) {
    let leaver = |name: &str, external_id: &str| {
        let mut body = user(name);
        body["externalId"] = external_id.into();
        body["active"] = false.into();
        body
    };
    let (_, ann) = server.post("/Users", &leaver("ann", "e1")).await;
    let as_new = |name: &str, external_id: &str, address: &str| json!({"userName": name, "externalId": external_id, "emails": [{"value": address, "type": "work", "primary": true}]});
    let (status, other) = server.post("/Users", &as_new("ann2", "e1", "ann.other@acme.example")).await;
    assert_eq!(status, 201);
    assert_ne!(other["id"], ann["id"], "the same externalId with another address is another person");
    let (status, third) = server.post("/Users", &as_new("ann3", "e1", "ann@acme.example")).await;
    assert_eq!(status, 201);
    assert_ne!(third["id"], ann["id"], "an externalId that two users have tells nothing");
    let (_, bob) = server.post("/Users", &leaver("bob", "e2")).await;
    let (status, fourth) = server.post("/Users", &as_new("bob2", "e3", "bob@acme.example")).await;
    assert_eq!(status, 201);
    assert_ne!(fourth["id"], bob["id"], "the address alone is no reason");
    let (status, back) = server.post("/Users", &json!({"userName": "BOB@acme.example", "active": false})).await;
    assert_eq!((status.as_u16(), &back["id"]), (201, &bob["id"]), "no externalId contradicts none");
    assert_eq!(back["userName"], "BOB@acme.example", "the case that was sent");
    let (_, cid) = server.post("/Users", &user("cid")).await;
    assert_eq!(server.post("/Users", &user("CID")).await.0, 409, "who is active is not restored: {cid}");
}

async fn first_contact_leaves_the_address(server: Server) {
    let owner = server.find("/Users", "userName eq \"olga@acme.example\"").await.remove(0);
    let path = format!("/Users/{}", owner["id"].as_str().unwrap());
    let takes = json!([{"value": "mallory@elsewhere.example", "type": "work", "primary": true}]);
    let body = patch(
        json!([{"op": "replace", "path": "emails", "value": takes}, {"op": "add", "path": "title", "value": "Boss"}]),
    );
    let (status, adopted, log) = logged(&server, server.request(Method::PATCH, &path), &body).await;
    assert_eq!((status, &adopted["emails"], &adopted["title"]), (200, &owner["emails"], &json!("Boss")));
    assert!(log.contains("emails (first contact: the member's own stay)"), "{log}");
    let (_, moved, log) = logged(&server, server.request(Method::PATCH, &path), &body).await;
    assert_eq!(moved["emails"], takes, "from then on the provider's change moves the address: {log}");
    let shown = server.command(&["organization", "show", "--organization", "acme", "--json"]);
    assert_eq!(shown["users"], 1);
}

async fn query_parameters_are_ignored_and_logged(server: Server) {
    let (status, ann, log) =
        logged(&server, server.request(Method::POST, "/Users?flag&x=1&"), &json!({"userName": "ann"})).await;
    assert_eq!(status, 201);
    assert!(log.contains("Ignored query parameters: flag, x."), "{log}");
    let path = format!("/Users/{}?flag", ann["id"].as_str().unwrap());
    let (status, _, log) = logged(
        &server,
        server.request(Method::PATCH, &path),
        &patch(json!([{"op": "add", "path": "nothing", "value": 1}])),
    )
    .await;
    assert_eq!(status, 400);
    assert!(log.contains("Ignored query parameters: flag."), "a refusal's too: {log}");
    let bulk = json!({"Operations": [{"method": "POST", "bulkId": "a", "path": "/Users", "data": {"userName": "bob", "nothing": 1}}]});
    let (status, _, log) = logged(&server, server.request(Method::POST, "/Bulk?flag"), &bulk).await;
    assert_eq!(status, 200);
    assert!(log.contains("Ignored: nothing.") && log.contains("Ignored query parameters: flag."), "{log}");
    assert_eq!(server.get("/Users?flag=1&&filter=userName%20eq%20%22ann%22&").await.1["totalResults"], 1);
}
