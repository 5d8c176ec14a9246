//! Where tolerance ends: what no client sends and what could only be guessed at is refused, naming it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database};

on_each_database!(
    texts_for_objects,
    words_without_quotes,
    bulk_ids_that_repeat,
    replacing_by_nothing,
    forms_of_references,
    unless_it_is_as_known,
    dry_runs,
);

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn assert_invalid((status, answer): (reqwest::StatusCode, Value), scim_type: &str, named: &str) {
    assert_eq!((status.as_u16(), answer["scimType"].as_str()), (400, Some(scim_type)), "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains(named), "{named}: {answer}");
}

/// RFC 7643 §2.4
async fn texts_for_objects(server: Server) {
    let id = server.user("ann").await;
    for name in ["emails", "phoneNumbers", "addresses"] {
        let body = json!({"userName": "bob", name: "x"});
        assert_invalid(server.post("/Users", &body).await, "invalidValue", name);
        assert_invalid(server.send(Method::PUT, &format!("/Users/{id}"), Some(&body)).await, "invalidValue", name);
    }
    assert_invalid(
        server.post("/Groups", &json!({"displayName": "g", "members": "zzz"})).await,
        "invalidValue",
        "members",
    );
    // What clients do send: one object for many, an empty text, a bare manager, roles and ids of members.
    let body = json!({"userName": "cid", "emails": {"value": "c@x.example"}, "addresses": "", "roles": "boss",
                      ENTERPRISE: {"manager": id}});
    let (status, made) = server.post("/Users", &body).await;
    assert_eq!((status.as_u16(), &made["emails"][0]["value"]), (201, &json!("c@x.example")), "{made}");
    assert_eq!((&made["roles"][0]["value"], &made[ENTERPRISE]["manager"]["value"]), (&json!("boss"), &json!(id)));
    let (status, group) = server.post("/Groups", &json!({"displayName": "g", "members": [id]})).await;
    assert_eq!((status.as_u16(), &group["members"][0]["value"]), (201, &json!(id)), "{group}");
}

/// RFC 7644 §3.4.2.2
async fn words_without_quotes(server: Server) {
    let id = server.user("ann").await;
    for filter in ["userName eq unquoted", "userName eq {}", "userName eq 1", "emails[type eq work]", "title eq x"] {
        let response = server.request(Method::GET, "/Users").query(&[("filter", filter)]).send().await.unwrap();
        let refused = (response.status(), response.json().await.unwrap());
        assert_invalid(refused, "invalidFilter", "");
    }
    for filter in
        [format!("id eq {id}"), "userName eq 'ann@acme.example'".into(), format!("id eq {id} and active eq true")]
    {
        assert_eq!(server.find("/Users", &filter).await.len(), 1, "{filter}");
    }
    assert!(server.find("/Users", &format!("id eq {id} and manager eq {id}")).await.is_empty());
    assert!(server.find("/Groups", &format!("members eq {id}")).await.is_empty());
}

/// RFC 7644 §3.7
async fn bulk_ids_that_repeat(server: Server) {
    let make = |name: &str| json!({"method": "POST", "path": "/Users", "bulkId": "one", "data": {"userName": name}});
    let (_, answer) = server.post("/Bulk", &json!({"Operations": [make("ann"), make("bob")]})).await;
    let results = answer["Operations"].as_array().unwrap();
    assert_eq!((&results[0]["status"], &results[1]["status"]), (&json!("201"), &json!("400")), "{answer}");
    assert_eq!(results[1]["response"]["scimType"], "invalidValue");
    assert!(server.find("/Users", "userName eq \"bob\"").await.is_empty());
    for errors in [json!(-1), json!("1"), json!(1.5), json!(true)] {
        let body = json!({"failOnErrors": errors, "Operations": [make("cid")]});
        assert_invalid(server.post("/Bulk", &body).await, "invalidValue", "failOnErrors");
    }
    for errors in [json!(0), json!(1), Value::Null] {
        let body = json!({"failOnErrors": errors, "Operations": []});
        assert_eq!(server.post("/Bulk", &body).await.0, 200, "{errors}");
    }
}

/// RFC 7644 §3.5.2.3
async fn replacing_by_nothing(server: Server) {
    let ann = server.user("ann").await;
    let user = format!("/Users/{ann}");
    server.patch(&user, json!([{"op": "add", "path": "title", "value": "Boss"}])).await;
    for path in ["title", "emails", "name.givenName", ENTERPRISE] {
        assert_invalid(server.patch(&user, json!([{"op": "replace", "path": path}])).await, "invalidValue", "value");
    }
    let (_, group) = server.post("/Groups", &json!({"displayName": "g", "members": [ann]})).await;
    let group = format!("/Groups/{}", group["id"].as_str().unwrap());
    assert_invalid(server.patch(&group, json!([{"op": "replace", "path": "members"}])).await, "invalidValue", "value");
    assert_eq!(server.get(&group).await.1["members"].as_array().unwrap().len(), 1);
    // An explicit null unassigns (RFC 7643 §2.5).
    let (status, patched) = server.patch(&user, json!([{"op": "replace", "path": "title", "value": null}])).await;
    assert_eq!((status.as_u16(), patched.get("title")), (200, None), "{patched}");
}

async fn forms_of_references(server: Server) {
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let manager = json!([{"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": [{"value": bob}]}]);
    let (status, patched) = server.patch(&format!("/Users/{ann}"), manager).await;
    assert_eq!((status.as_u16(), &patched[ENTERPRISE]["manager"]["value"]), (200, &json!(bob)), "{patched}");
    let members = json!([{"$ref": format!("{}/Users/{ann}", server.base)}]);
    let (status, group) = server.post("/Groups", &json!({"displayName": "g", "members": members})).await;
    assert_eq!((status.as_u16(), &group["members"][0]["value"]), (201, &json!(ann)), "{group}");
    assert_invalid(
        server.post("/Groups", &json!({"displayName": "g", "members": [{"$ref": null}]})).await,
        "invalidValue",
        "members[0].value",
    );
}

/// RFC 9110 §13.1.2
async fn unless_it_is_as_known(server: Server) {
    let path = format!("/Users/{}", server.user("ann").await);
    let tag = server.get(&path).await.1["meta"]["version"].as_str().unwrap().to_owned();
    for (method, condition, status) in [
        (Method::PATCH, "*", 412),
        (Method::PATCH, tag.as_str(), 412),
        (Method::PUT, tag.as_str(), 412),
        (Method::PATCH, "W/\"999\"", 200),
    ] {
        let body = match method {
            Method::PUT => json!({"userName": "ann", "title": "Boss"}),
            _ => json!({"Operations": [{"op": "add", "path": "title", "value": "Boss"}]}),
        };
        let request = server.request(method.clone(), &path).header("if-none-match", condition);
        let request = request.header("content-type", "application/scim+json").body(body.to_string());
        assert_eq!(request.send().await.unwrap().status(), status, "{method} {condition}");
        assert_eq!(server.get(&path).await.1.get("title").is_some(), status == 200, "{method} {condition}");
    }
}

/// Until it is built, a write that must change nothing is refused rather than done.
async fn dry_runs(server: Server) {
    let ann = server.user("ann").await;
    let path = format!("/Users/{ann}?dryRun=true");
    let change = json!({"Operations": [{"op": "add", "path": "title", "value": "Boss"}]});
    let bulk = json!({"Operations": [{"method": "DELETE", "path": format!("/Users/{ann}")}]});
    for (method, path, body) in [
        (Method::POST, "/Users?dryRun=true", Some(json!({"userName": "bob"}))),
        (Method::PATCH, path.as_str(), Some(change.clone())),
        (Method::PUT, path.as_str(), Some(json!({"userName": "ann", "title": "Boss"}))),
        (Method::DELETE, path.as_str(), None),
        (Method::POST, "/Bulk?dryRun=true", Some(bulk)),
    ] {
        assert_eq!(server.send(method.clone(), path, body.as_ref()).await.0, 501, "{method} {path}");
    }
    assert_eq!(server.get(&format!("/Users/{ann}")).await.1.get("title"), None);
    assert!(server.find("/Users", "userName eq \"bob\"").await.is_empty());
    assert_eq!(server.send(Method::PATCH, &format!("/Users/{ann}?dryRun=false"), Some(&change)).await.0, 200);
    assert_eq!(server.get("/Users?dryRun=true").await.0, 200, "a read changes nothing anyway");
}
