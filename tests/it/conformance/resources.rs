//! Resources, their attributes, and what answers show of them (RFC 7643; RFC 7644 §3.3, §3.5.1, §3.9).

use reqwest::Method;
use serde_json::{Value, json};

use super::{BADGE, ENTERPRISE, GROUP, USER, add_badge, created, patched, refused};
use crate::support::{Server, on_each_database, user};

on_each_database!(
    creation,
    replacement,
    deletion,
    returned,
    members_and_groups,
    required_extension,
    manager,
    uniqueness
);

/// RFC 7644 §3.3, RFC 7643 §3
async fn creation(server: Server) {
    let body = json!({
        "schemas": [USER, ENTERPRISE], "id": "mine", "externalId": "E1", "userName": "Ann",
        "meta": {"resourceType": "Other", "created": "2001-01-01T00:00:00Z"}, "groups": [{"value": "x"}],
        "password": "secret", "title": null, "roles": [], "active": true,
        "emails": [{"value": "a@x.example", "type": "work"}, {"value": "a@x.example", "type": "work"}],
        ENTERPRISE: {"employeeNumber": "7", "manager": {"value": "m", "displayName": "ignored"}}
    });
    let response = server
        .request(Method::POST, "/Users")
        .header("content-type", "application/scim+json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (location, content_location, etag, media_type) =
        (header("location"), header("content-location"), header("etag"), header("content-type"));
    let ann: Value = response.json().await.unwrap();
    assert_eq!(media_type.unwrap(), "application/scim+json", "RFC 7644 §3.8");
    // "The URI … SHALL include, in the HTTP "Location" header and the HTTP body …, "meta.location"".
    let id = ann["id"].as_str().unwrap();
    assert_eq!(location.as_deref(), Some(format!("{}/Users/{id}", server.base).as_str()));
    assert_eq!(location.as_deref(), ann["meta"]["location"].as_str());
    assert_eq!(content_location, location, "RFC 7643 §3.1 meta.location");
    assert_eq!(etag.as_deref(), ann["meta"]["version"].as_str(), "RFC 7643 §3.1 meta.version");
    assert!(etag.unwrap().starts_with("W/\""));
    // readOnly attributes "SHALL be ignored"; "id" and "meta" are the service's.
    assert_ne!(id, "mine");
    assert_eq!(ann["meta"]["resourceType"], "User");
    assert_eq!(ann["meta"]["created"], ann["meta"]["lastModified"], "RFC 7643 §3.1 meta.lastModified");
    assert!(ann.get("groups").is_none() && ann.get("password").is_none(), "{ann}");
    assert!(ann[ENTERPRISE]["manager"].get("displayName").is_none(), "RFC 7643 §4.3: readOnly");
    assert_eq!(ann["externalId"], "E1");
    assert_eq!(ann["userName"], "Ann", "the case is kept");
    assert_eq!(ann["schemas"], json!([USER, ENTERPRISE]), "RFC 7643 §3");
    assert_eq!(ann["emails"].as_array().unwrap().len(), 1, "RFC 7643 §2.4: no (type, value) twice");
    assert!(ann.get("title").is_none() && ann.get("roles").is_none(), "RFC 7643 §2.5");
    assert_eq!(server.get(&format!("/Users/{id}")).await.1, ann);
    // Names are case-insensitive (RFC 7643 §2.1), answers have the schema's.
    let (bob, _) = created(&server, "/Users", &json!({"USERNAME": "bob", "Emails": [{"VALUE": "b@x.example"}]})).await;
    assert_eq!((bob["userName"].as_str(), bob["emails"][0]["value"].as_str()), (Some("bob"), Some("b@x.example")));
    // "MUST return HTTP status code 409 (Conflict) with … "uniqueness"".
    refused(&server, Method::POST, "/Users", Some(&json!({"userName": "ANN"})), 409, Some("uniqueness")).await;
    for body in [
        json!({"schemas": [USER]}),
        json!({"userName": ""}),
        json!({"userName": 5}),
        json!({"userName": "c", "active": 3}),
        json!({"userName": "c", "name": []}),
        json!({"userName": "c", "emails": ["a", {"value": 5}]}),
        json!({"userName": "c", "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
        json!({"userName": "c", "x509Certificates": [{"value": "not base64!"}]}),
        json!({"userName": "c", "schemas": ["urn:unknown"]}),
    ] {
        refused(&server, Method::POST, "/Users", Some(&body), 400, Some("invalidValue")).await;
    }
    refused(&server, Method::POST, "/Groups", Some(&json!({"schemas": [GROUP]})), 400, Some("invalidValue")).await;
    refused(&server, Method::POST, "/Users", Some(&json!([])), 400, Some("invalidSyntax")).await;
}

/// RFC 7644 §3.5.1
async fn replacement(server: Server) {
    add_badge(&server, false);
    let body = json!({"userName": "ann", "title": "Boss", "externalId": "E", "active": false, BADGE: {"serial": "s1", "kind": "blue"}});
    let (ann, path) = created(&server, "/Users", &body).await;
    let put = |body: Value| {
        let (server, path) = (&server, &path);
        async move { server.send(Method::PUT, path, Some(&body)).await }
    };
    let (status, after) =
        put(json!({"userName": "ann", "id": "x", "meta": {"created": "2001-01-01T00:00:00Z"}, "nickName": "A"})).await;
    assert_eq!(status, 200);
    assert_eq!(
        (after["id"].clone(), after["meta"]["created"].clone()),
        (ann["id"].clone(), ann["meta"]["created"].clone())
    );
    assert!(after.get("title").is_none() && after.get("externalId").is_none() && after["nickName"] == "A");
    assert_eq!(after["active"], true, "the default is assigned anew");
    // immutable: "the input value(s) MUST match, or … 400 … "mutability""; left out it stays.
    assert_eq!(after[BADGE], json!({"serial": "s1"}));
    let other = json!({"userName": "ann", BADGE: {"serial": "s2"}});
    refused(&server, Method::PUT, &path, Some(&other), 400, Some("mutability")).await;
    assert_eq!(put(json!({"userName": "ann", BADGE: {"serial": "s1"}})).await.0, 200);
    // The same again changes nothing, whatever the order of names.
    let one = put(json!({"userName": "ann", "name": {"givenName": "A", "familyName": "B"}})).await.1;
    assert_eq!(put(json!({"name": {"familyName": "B", "givenName": "A"}, "userName": "ann"})).await.1, one);
    refused(&server, Method::PUT, &path, Some(&json!({"nickName": "A"})), 400, Some("invalidValue")).await;
    created(&server, "/Users", &user("bob")).await;
    refused(&server, Method::PUT, &path, Some(&user("bob")), 409, Some("uniqueness")).await;
    // "HTTP PUT MUST NOT be used to create new resources."
    let unknown = "/Users/0197b1a0-0000-7000-8000-000000000000";
    refused(&server, Method::PUT, unknown, Some(&user("new")), 404, None).await;
    assert_eq!(server.get(unknown).await.0, 404);
}

/// RFC 7644 §3.6
async fn deletion(server: Server) {
    let (ann, path) = created(&server, "/Users", &json!({"userName": "ann"})).await;
    let (group, group_path) =
        created(&server, "/Groups", &json!({"displayName": "G", "members": [{"value": ann["id"]}]})).await;
    for deleted in [&path, &group_path] {
        let (status, body) = server.send(Method::DELETE, deleted, None).await;
        assert_eq!((status.as_u16(), body), (204, Value::Null));
        // "MUST return a 404 (Not Found) error code for all operations associated with the previously deleted resource".
        refused(&server, Method::GET, deleted, None, 404, None).await;
        refused(&server, Method::DELETE, deleted, None, 404, None).await;
        refused(&server, Method::PUT, deleted, Some(&json!({"userName": "ann", "displayName": "G"})), 404, None).await;
        let operations = json!({"Operations": [{"op": "replace", "path": "displayName", "value": "x"}]});
        refused(&server, Method::PATCH, deleted, Some(&operations), 404, None).await;
    }
    assert!(
        server.find("/Users", "userName eq \"ann\"").await.is_empty(),
        "MUST omit the resource from future query results"
    );
    // "SHOULD NOT fail with a 409 error due to userName conflict"; RFC 7643 §3.1: an id is not assigned again.
    let (again, _) = created(&server, "/Users", &json!({"userName": "ann"})).await;
    assert_ne!(again["id"], ann["id"]);
    refused(&server, Method::GET, &format!("/Groups/{}", again["id"].as_str().unwrap()), None, 404, None).await;
    refused(&server, Method::GET, &format!("/Users/{}", group["id"].as_str().unwrap()), None, 404, None).await;
}

/// RFC 7643 §7 "returned", RFC 7644 §3.9
async fn returned(server: Server) {
    add_badge(&server, false);
    let badge =
        json!({"number": "7", "pin": "1234", "note": "hidden", "kind": "blue", "doors": [{"value": "a", "code": "9"}]});
    let (ann, path) = created(
        &server,
        "/Users",
        &json!({"userName": "ann", "title": "Boss", "name": {"givenName": "A", "familyName": "B"}, BADGE: badge}),
    )
    .await;
    // "request": in the answer to the write that has it; "never": nowhere.
    assert_eq!(ann[BADGE], json!({"number": "7", "note": "hidden", "kind": "blue", "doors": [{"value": "a"}]}));
    let plain = server.get(&path).await.1;
    assert_eq!(plain[BADGE], json!({"number": "7", "kind": "blue", "doors": [{"value": "a"}]}));
    assert_eq!(server.find("/Users", "userName eq \"ann\"").await[0], plain);
    let after =
        patched(&server, &path, json!([{"op": "replace", "path": format!("{BADGE}:note"), "value": "new"}])).await;
    assert_eq!(after[BADGE]["note"], "new");
    assert_eq!(
        patched(&server, &path, json!([{"op": "replace", "path": "title", "value": "x"}])).await[BADGE].get("note"),
        None
    );
    let shown = |query: String| {
        let (server, path) = (&server, &path);
        async move { server.get(&format!("{path}?{query}")).await.1 }
    };
    // The minimum set is in every answer; "always" whatever is asked; names are case-insensitive.
    let only = shown(format!("attributes={BADGE}:note,USERNAME,name.familyName,{BADGE}:pin,nothing")).await;
    let id = &ann["id"];
    assert_eq!(
        only,
        json!({"schemas": ann["schemas"], "id": id, "userName": "ann", "name": {"familyName": "B"}, BADGE: {"note": "new", "kind": "blue"}})
    );
    assert_eq!(shown(format!("attributes={USER}:userName")).await["userName"], "ann");
    let without =
        shown(format!("excludedAttributes=id,schemas,meta,name.familyName,{BADGE}:kind,{BADGE}:number")).await;
    assert_eq!(
        without,
        json!({"schemas": ann["schemas"], "id": id, "userName": "ann", "title": "x", "active": true, "name": {"givenName": "A"}, BADGE: {"kind": "blue", "doors": [{"value": "a"}]}})
    );
    // On operations that return a resource too, and checked before anything is done.
    let (status, made) = server.post("/Users?attributes=userName", &json!({"userName": "bob", "title": "x"})).await;
    assert_eq!(
        (status.as_u16(), made.get("title"), made.get("meta"), made["userName"].as_str()),
        (201, None, None, Some("bob"))
    );
    let both = "attributes=userName&excludedAttributes=title";
    refused(
        &server,
        Method::POST,
        &format!("/Users?{both}"),
        Some(&json!({"userName": "cid"})),
        400,
        Some("invalidValue"),
    )
    .await;
    assert!(server.find("/Users", "userName eq \"cid\"").await.is_empty());
    refused(&server, Method::GET, &format!("/Users?{both}"), None, 400, Some("invalidValue")).await;
    let (_, put) =
        server.send(Method::PUT, &format!("{path}?excludedAttributes=meta"), Some(&json!({"userName": "ann"}))).await;
    assert!(put.get("meta").is_none() && put["userName"] == "ann", "{put}");
    let (_, page) = server.get("/Users?attributes=userName&count=1").await;
    assert_eq!(page["Resources"][0].as_object().unwrap().len(), 3, "{page}");
    // Nothing that is never returned can be found out.
    for filter in [
        "password eq \"x\"",
        "password pr",
        &format!("{BADGE}:pin eq \"1234\""),
        &format!("{BADGE}:doors[code eq \"9\"]"),
    ] {
        let response = server.request(Method::GET, "/Users").query(&[("filter", filter)]).send().await.unwrap();
        assert_eq!(response.status(), 400, "{filter}");
    }
}

/// RFC 7643 §4.1.2 groups, §4.2
async fn members_and_groups(server: Server) {
    let (ann, ann_path) = created(&server, "/Users", &json!({"userName": "ann", "displayName": "Ann Test"})).await;
    let (bob, _) = created(&server, "/Users", &json!({"userName": "bob", "name": {"formatted": "Bob Test"}})).await;
    let (cid, _) = created(&server, "/Users", &json!({"userName": "cid"})).await;
    let (inner, inner_path) = created(&server, "/Groups", &json!({"displayName": "Inner", "members": [{"value": ann["id"], "display": "sent", "$ref": "sent", "type": "User"}]})).await;
    let members = [&inner["id"], &bob["id"], &cid["id"]].map(|id| json!({"value": id}));
    let (outer, outer_path) = created(&server, "/Groups", &json!({"displayName": "Outer", "members": members})).await;
    let member = |resource: &Value, kind: &str, display: Option<&str>| {
        let mut member = json!({"value": resource["id"], "$ref": resource["meta"]["location"], "type": kind});
        if let Some(display) = display {
            member["display"] = display.into();
        }
        member
    };
    assert_eq!(inner["members"], json!([member(&ann, "User", None)]));
    let all = |named: bool| {
        let name = |name: &'static str| named.then_some(name);
        let mut members = vec![
            member(&bob, "User", name("Bob Test")),
            member(&cid, "User", name("cid")),
            member(&inner, "Group", name("Inner")),
        ];
        members.sort_by_key(|member| member["value"].as_str().unwrap().to_owned());
        json!(members)
    };
    assert_eq!(outer["members"], all(false));
    assert_eq!(server.get(&outer_path).await.1["members"], all(false));
    assert_eq!(server.find("/Groups", "displayName eq \"outer\"").await[0]["members"], all(false));
    // RFC 7643 §2.4 "display": our schema says that it is returned on request.
    let named = "attributes=members.value,members.$ref,members.type,members.display";
    assert_eq!(server.get(&format!("{outer_path}?{named}")).await.1["members"], all(true));
    let (_, page) = server.get(&format!("/Groups?{named}&filter=displayName%20eq%20%22outer%22")).await;
    assert_eq!(page["Resources"][0]["members"], all(true));
    let made = json!({"displayName": "Made", "members": [{"value": bob["id"]}]});
    let (_, made) = server.post("/Groups?attributes=members.display", &made).await;
    assert_eq!(made["members"], json!([{"display": "Bob Test"}]));
    let (_, only) = server.get(&format!("{outer_path}?attributes=members.type")).await;
    assert!(only["members"].as_array().unwrap().iter().all(|member| member.as_object().unwrap().len() == 1), "{only}");
    let (_, without) = server.get(&format!("{outer_path}?excludedAttributes=members.$ref")).await;
    assert!(without["members"][0].get("$ref").is_none() && without["members"][0].get("value").is_some(), "{without}");
    let group = |resource: &Value, kind: &str, display: &str| json!({"value": resource["id"], "$ref": resource["meta"]["location"], "display": display, "type": kind});
    let mut groups = server.get(&ann_path).await.1["groups"].as_array().unwrap().clone();
    groups.sort_by_key(|group| group["display"].as_str().unwrap().to_owned());
    assert_eq!(groups, [group(&inner, "direct", "Inner"), group(&outer, "indirect", "Outer")]);
    assert_eq!(
        server.get(&format!("{ann_path}?attributes=groups.display")).await.1["groups"][0].as_object().unwrap().len(),
        1
    );
    for (endpoint, filter, found) in [
        ("/Groups", "displayName eq \"outer\" and members[display eq \"BOB TEST\"]".to_owned(), 1),
        ("/Groups", "members.display sw \"ann\"".to_owned(), 1),
        ("/Groups", format!("members.$ref eq \"{}\"", ann["meta"]["location"].as_str().unwrap()), 1),
        ("/Groups", "members[type eq \"group\"]".to_owned(), 1),
        ("/Groups", "not (members pr)".to_owned(), 0),
        ("/Users", format!("groups.$ref eq \"{}\"", outer["meta"]["location"].as_str().unwrap()), 4 - 1),
        ("/Users", format!("meta.location eq \"{}\"", ann["meta"]["location"].as_str().unwrap()), 1),
    ] {
        assert_eq!(server.find(endpoint, &filter).await.len(), found, "{filter}");
    }
    server.patch(&outer_path, json!([{"op": "remove", "path": "members[display eq \"Bob Test\"]"}])).await;
    assert_eq!(server.get(&outer_path).await.1["members"].as_array().unwrap().len(), 2);
    // A name that changes changes where it is shown.
    server.patch(&inner_path, json!([{"op": "replace", "path": "displayName", "value": "Renamed"}])).await;
    assert_eq!(server.find("/Groups", "members[display eq \"renamed\"]").await.len(), 1);
}

/// RFC 7643 §6: `schemaExtensions.required`
async fn required_extension(server: Server) {
    let (_, before) = created(&server, "/Users", &json!({"userName": "before"})).await;
    add_badge(&server, true);
    refused(&server, Method::POST, "/Users", Some(&json!({"userName": "ann"})), 400, Some("invalidValue")).await;
    let (_, path) = created(&server, "/Users", &json!({"userName": "ann", BADGE: {"kind": "blue"}})).await;
    super::patch_refused(&server, &path, json!([{"op": "remove", "path": BADGE}]), "mutability").await;
    refused(&server, Method::PUT, &path, Some(&json!({"userName": "ann"})), 400, Some("invalidValue")).await;
    // Who was there before can still be changed, above all deactivated.
    assert_eq!(
        patched(&server, &before, json!([{"op": "replace", "path": "active", "value": false}])).await["active"],
        false
    );
}

/// RFC 7643 §4.3: "$ref" is "the URI of the SCIM resource representing the User's manager. RECOMMENDED."
async fn manager(server: Server) {
    let (boss, boss_path) = created(&server, "/Users", &json!({"userName": "boss"})).await;
    let (chief, chief_path) = created(&server, "/Users", &json!({"userName": "chief"})).await;
    let manager = |of: &Value, path: &str| json!({"value": of["id"], "$ref": format!("{}{path}", server.base)});
    let body = json!({"userName": "ann", ENTERPRISE: {"department": "R&D", "manager": {"value": boss["id"]}}});
    let (mut ann, path) = created(&server, "/Users", &body).await;
    assert_eq!(ann[ENTERPRISE]["manager"], manager(&boss, &boss_path));
    assert_eq!(server.get(&path).await.1, ann);
    assert_eq!(server.find("/Users", "userName eq \"ann\"").await[0], ann);
    let filter = format!("{ENTERPRISE}:manager.$ref eq \"{}{boss_path}\"", server.base);
    assert_eq!(server.find("/Users", &filter).await[0], ann);
    let (_, only) = server.get(&format!("{path}?attributes={ENTERPRISE}:manager.$ref")).await;
    assert_eq!(only[ENTERPRISE], json!({"manager": {"$ref": format!("{}{boss_path}", server.base)}}));
    // What was answered is put back, and then the manager changes: the reference with it.
    assert_eq!(server.send(Method::PUT, &path, Some(&ann)).await.0, 200);
    let other = json!([{"op": "replace", "path": format!("{ENTERPRISE}:manager.value"), "value": chief["id"]}]);
    ann = patched(&server, &path, other).await;
    assert_eq!(ann[ENTERPRISE]["manager"], manager(&chief, &chief_path));
    // What is no id of ours refers to nothing here.
    let elsewhere = json!([{"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": {"value": "m1"}}]);
    assert_eq!(patched(&server, &path, elsewhere).await[ENTERPRISE]["manager"], json!({"value": "m1"}));
}

/// RFC 7643 §7 "uniqueness", RFC 7644 table 9
async fn uniqueness(server: Server) {
    add_badge(&server, false);
    let user = |name: &str, number: &str| json!({"userName": name, BADGE: {"number": number}});
    let (_, ann) = created(&server, "/Users", &user("ann", "Seven")).await;
    let (_, bob) = created(&server, "/Users", &user("bob", "8")).await;
    refused(&server, Method::POST, "/Users", Some(&user("cid", "SEVEN")), 409, Some("uniqueness")).await;
    refused(&server, Method::PUT, &bob, Some(&user("bob", "seven")), 409, Some("uniqueness")).await;
    let (_, told) = server.post("/Users", &user("cid", "SEVEN")).await;
    assert!(told["detail"].as_str().unwrap().contains(&format!("{BADGE}:number")), "which value it is: {told}");
    let steal = json!({"Operations": [{"op": "replace", "path": format!("{BADGE}:number"), "value": "seven"}]});
    refused(&server, Method::PATCH, &bob, Some(&steal), 409, Some("uniqueness")).await;
    // The same value may stay, and is free once nobody has it.
    assert_eq!(server.send(Method::PUT, &ann, Some(&user("ann", "SEVEN"))).await.0, 200);
    assert_eq!(server.send(Method::PUT, &ann, Some(&user("ann", "9"))).await.0, 200);
    assert_eq!(patched(&server, &bob, steal["Operations"].clone()).await[BADGE]["number"], "seven");
    assert_eq!(server.send(Method::DELETE, &bob, None).await.0, 204);
    created(&server, "/Users", &user("dan", "seven")).await;
    // A race has one winner.
    let users: Vec<_> = (0..8).map(|number| user(&format!("race{number}"), "race")).collect();
    let answers = futures_util::future::join_all(users.iter().map(|user| server.post("/Users", user))).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|(status, _)| *status == 201 || *status == 409), "{answers:?}");
}
