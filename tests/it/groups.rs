//! Groups: members as clients change them, nesting, bulk.

use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database};

on_each_database!(members, deleted_members, streamed_members, nested_groups, bulk_references);

async fn group(server: &Server, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    let (status, group) = server.post("/Groups", &json!({"displayName": name, "members": members})).await;
    assert_eq!(status, 201, "{group}");
    group["id"].as_str().unwrap().to_owned()
}

async fn member_ids(server: &Server, group: &str) -> Vec<String> {
    let (_, group) = server.get(&format!("/Groups/{group}")).await;
    let members = group["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

async fn members(server: Server) {
    let (ann, bob, cid) = (server.user("ann").await, server.user("bob").await, server.user("cid").await);
    let id = group(&server, "Staff", &[&ann, "not-an-id"]).await;
    let path = format!("/Groups/{id}");
    let (status, body) = server
        .patch(
            &path,
            json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": bob}, {"value": ann}]}]),
        )
        .await;
    assert_eq!((status.as_u16(), body), (204, Value::Null));
    assert_eq!(member_ids(&server, &id).await, [ann.clone(), bob.clone()]);
    // Okta renames with its id in the value; the members stay.
    server.patch(&path, json!([{"op": "replace", "value": {"id": id, "displayName": "Team"}}])).await;
    assert_eq!(member_ids(&server, &id).await.len(), 2);
    server.patch(&path, json!([{"op": "remove", "path": format!("members[value eq \"{ann}\"]")}, {"op": "add", "path": "members", "value": [{"value": cid}]}])).await;
    assert_eq!(member_ids(&server, &id).await, [bob.clone(), cid.clone()]);
    server.patch(&path, json!([{"op": "Remove", "path": "members", "value": [{"value": bob}]}])).await;
    assert_eq!(member_ids(&server, &id).await, std::slice::from_ref(&cid));
    let (_, shown) =
        server.send(Method::PUT, &path, Some(&json!({"displayName": "Team", "members": [{"value": ann}]}))).await;
    assert_eq!(shown["members"][0]["value"], ann.as_str());
    assert_eq!(shown["members"][0]["type"], "User");
    let version = server.get(&path).await.1["meta"]["version"].clone();
    server.patch(&path, json!([{"op": "add", "path": "members", "value": [{"value": ann}]}])).await;
    assert_eq!(server.get(&path).await.1["meta"]["version"], version, "adding a member again changes nothing");
    server.patch(&path, json!([{"op": "remove", "path": format!("members[value eq \"{bob}\"]")}])).await;
    assert_eq!(server.get(&path).await.1["meta"]["version"], version, "nor does removing who is no member");
    assert_eq!(server.get(&format!("{path}?excludedAttributes=members")).await.1["members"], Value::Null);
    assert_eq!(server.find("/Groups", &format!("members.value eq \"{ann}\"")).await.len(), 1);
    assert_eq!(server.send(Method::DELETE, &format!("/Users/{ann}"), None).await.0, 204);
    assert!(member_ids(&server, &id).await.is_empty());
}

/// Who is deleted is no member any more, so each group that had the member is another version (RFC 7644 §3.14).
async fn deleted_members(server: Server) {
    let (ann, bob, cid) = (server.user("ann").await, server.user("bob").await, server.user("cid").await);
    let inner = group(&server, "Inner", &[&ann]).await;
    let outer = group(&server, "Outer", &[&ann, &bob, &inner]).await;
    let other = group(&server, "Other", &[&cid]).await;
    // A group may be a member of itself.
    let own = json!([{"op": "add", "path": "members", "value": [{"value": inner}]}]);
    assert_eq!(server.patch(&format!("/Groups/{inner}"), own).await.0, 204);
    let bulk = json!({"Operations": [{"method": "DELETE", "path": format!("/Users/{bob}")}]});
    for (path, body, changed) in [
        (format!("/Users/{ann}"), None, vec![&inner, &outer]),
        ("/Bulk".to_owned(), Some(bulk), vec![&outer]),
        (format!("/Groups/{inner}"), None, vec![&outer]),
    ] {
        Sql::new("UPDATE resources SET updated_at = created_at - 1000000").execute(&mut server.database()).unwrap();
        let mut tags = Vec::new();
        for id in changed.iter().chain([&&other]) {
            tags.push(server.get(&format!("/Groups/{id}")).await.1["meta"]["version"].as_str().unwrap().to_owned());
        }
        let method = if body.is_some() { Method::POST } else { Method::DELETE };
        assert!(server.send(method, &path, body.as_ref()).await.0.is_success(), "{path}");
        for (id, tag) in changed.iter().chain([&&other]).zip(tags) {
            let moves = *id != &other;
            let request = server.request(Method::GET, &format!("/Groups/{id}")).header("if-none-match", &tag);
            assert_eq!(request.send().await.unwrap().status(), if moves { 200 } else { 304 }, "{path}");
            let (_, shown) = server.get(&format!("/Groups/{id}")).await;
            let later = shown["meta"]["lastModified"].as_str() > shown["meta"]["created"].as_str();
            assert_eq!(later, moves, "{path}: {shown}");
            let patch =
                json!({"Operations": [{"op": "replace", "path": "displayName", "value": shown["displayName"]}]});
            let request = server.request(Method::PATCH, &format!("/Groups/{id}")).header("if-match", &tag);
            let status = request.header("content-type", "application/scim+json").body(patch.to_string()).send().await;
            assert_eq!(status.unwrap().status(), if moves { 412 } else { 204 }, "{path}");
        }
    }
}

/// More members than are read with the group: the rest is streamed, with the same sub-attributes.
async fn streamed_members(server: Server) {
    let mut ids: Vec<String> = Vec::new();
    for half in 0..2 {
        let users: Vec<Value> = (0..800)
            .map(|number| {
                let name = format!("u{half}-{number}");
                let data = json!({"userName": name, "displayName": name.to_uppercase(), "active": false});
                json!({"method": "POST", "path": "/Users", "bulkId": name, "data": data})
            })
            .collect();
        let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
        let (_, answer) = server.post("/Bulk", &json!({"schemas": [schema], "Operations": users})).await;
        let made = answer["Operations"].as_array().unwrap().iter();
        ids.extend(made.map(|made| made["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()));
    }
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let path = format!("/Groups/{}", group(&server, "Everybody", &all).await);
    let names = |member: &Value| -> Vec<String> { member.as_object().unwrap().keys().cloned().collect() };
    for (query, expected) in [
        ("", vec!["value", "$ref", "type"]),
        ("?attributes=members.value", vec!["value"]),
        ("?attributes=members.display", vec!["display"]),
        ("?attributes=members.$ref,members.type", vec!["$ref", "type"]),
        ("?excludedAttributes=members.display", vec!["value", "$ref", "type"]),
        ("?excludedAttributes=members.$ref,members.display", vec!["value", "type"]),
    ] {
        let one = server.get(&format!("{path}{query}")).await.1;
        let page = server.get(&format!("/Groups{query}")).await.1["Resources"][0].clone();
        for answer in [one, page] {
            let members = answer["members"].as_array().unwrap();
            assert_eq!(members.len(), 1_600, "{query}");
            for (member, id) in members.iter().zip(&ids) {
                assert_eq!(names(member), expected, "{query}: {member}");
                assert!(expected.iter().all(|name| *name != "value") || member["value"] == id.as_str(), "{query}");
            }
        }
    }
    for query in ["?attributes=displayName", "?excludedAttributes=members"] {
        assert_eq!(server.get(&format!("{path}{query}")).await.1.get("members"), None, "{query}");
    }
}

async fn nested_groups(server: Server) {
    let ann = server.user("ann").await;
    let inner = group(&server, "Inner", &[&ann]).await;
    let outer = group(&server, "Outer", &[&inner]).await;
    // A circle must not turn forever.
    server
        .patch(&format!("/Groups/{inner}"), json!([{"op": "add", "path": "members", "value": [{"value": outer}]}]))
        .await;
    let (_, user) = server.get(&format!("/Users/{ann}")).await;
    let mut groups: Vec<(&str, &str)> = user["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["display"].as_str().unwrap(), group["type"].as_str().unwrap()))
        .collect();
    groups.sort_unstable();
    assert_eq!(groups, [("Inner", "direct"), ("Outer", "indirect")]);
    assert_eq!(server.find("/Users", &format!("groups.value eq \"{outer}\"")).await.len(), 1);
    assert_eq!(server.find("/Users", "groups[display eq \"inner\"]").await.len(), 1);
}

async fn bulk_references(server: Server) {
    let (status, answer) = server
        .post(
            "/Bulk",
            &json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [
                    {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "Staff", "members": [{"value": "bulkId:u"}]}},
                    {"method": "POST", "path": "/Users", "bulkId": "u", "data": {"userName": "ann"}},
                    {"method": "POST", "path": "/Users", "bulkId": "v", "data": {"userName": "ANN"}}
                ]
            }),
        )
        .await;
    assert_eq!(status, 200);
    let statuses: Vec<&str> =
        answer["Operations"].as_array().unwrap().iter().map(|result| result["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "201", "409"], "{answer}");
    let location = answer["Operations"][0]["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(member_ids(&server, &location).await.len(), 1);
    // Two groups that contain each other.
    let group = |name: &str, other: &str| {
        let members = [json!({"value": format!("bulkId:{other}")})];
        json!({"method": "POST", "path": "/Groups", "bulkId": name, "data": {"displayName": name, "members": members}})
    };
    let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let (_, answer) =
        server.post("/Bulk", &json!({"schemas": [schema], "Operations": [group("a", "b"), group("b", "a")]})).await;
    for (one, other) in [(0, 1), (1, 0)] {
        let id = |position: usize| {
            answer["Operations"][position]["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
        };
        assert_eq!(member_ids(&server, &id(one)).await, [id(other)], "{answer}");
    }
}
