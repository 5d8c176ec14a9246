//! Users: life from creation to deletion, entity tags, PATCH as clients send it.

use reqwest::Method;
use serde_json::json;

use crate::support::{Server, on_each_database, user};

on_each_database!(life, entity_tags, patches, survives_kill);

async fn life(server: Server) {
    let (status, ann) = server.post("/Users", &user("ann")).await;
    assert_eq!(status, 201);
    assert_eq!(ann["active"], true);
    assert_eq!(ann["meta"]["resourceType"], "User");
    let path = format!("/Users/{}", ann["id"].as_str().unwrap());
    let (status, again) = server.post("/Users", &json!({"userName": "ANN@acme.example"})).await;
    assert_eq!((status.as_u16(), again["scimType"].as_str()), (409, Some("uniqueness")), "{again}");
    assert_eq!(server.get(&path).await.1, ann);
    let (status, put) =
        server.send(Method::PUT, &path, Some(&json!({"userName": "ann@acme.example", "title": "Boss"}))).await;
    assert_eq!((status.as_u16(), put["title"].as_str(), put["emails"].as_array()), (200, Some("Boss"), None));
    assert_eq!(server.send(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(server.get(&path).await.0, 404);
    assert_eq!(server.send(Method::DELETE, &path, None).await.0, 404);
    let (status, new) = server.post("/Users", &user("ann")).await;
    assert_eq!(status, 201);
    assert_ne!(new["id"], ann["id"], "after a DELETE a POST makes a new User");
}

async fn entity_tags(server: Server) {
    let path = format!("/Users/{}", server.user("ann").await);
    let first = server.request(Method::GET, &path).send().await.unwrap();
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(server.request(Method::GET, &path).header("if-none-match", &tag).send().await.unwrap().status(), 304);
    let body = json!({"Operations": [{"op": "replace", "path": "title", "value": "Boss"}]}).to_string();
    let change = |tag: &str| {
        server
            .request(Method::PATCH, &path)
            .header("if-match", tag)
            .header("content-type", "application/scim+json")
            .body(body.clone())
            .send()
    };
    assert_eq!(change(&tag).await.unwrap().status(), 200);
    assert_eq!(change(&tag).await.unwrap().status(), 412, "the tag is stale now");
    assert_eq!(server.request(Method::GET, &path).header("if-none-match", &tag).send().await.unwrap().status(), 200);
}

async fn patches(server: Server) {
    let path = format!("/Users/{}", server.user("ann").await);
    let (status, off) = server.patch(&path, json!([{"op": "Replace", "path": "active", "value": "False"}])).await;
    assert_eq!((status.as_u16(), &off["active"]), (200, &json!(false)), "Entra ID's default");
    let (_, on) =
        server.patch(&path, json!([{"op": "replace", "value": {"active": true, "name.givenName": "Anna"}}])).await;
    assert_eq!(
        (&on["active"], &on["name"]["givenName"]),
        (&json!(true), &json!("Anna")),
        "Okta's, and Entra ID's dotted keys"
    );
    let (_, phone) = server
        .patch(&path, json!([{"op": "add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1 555"}]))
        .await;
    assert_eq!(phone["phoneNumbers"], json!([{"value": "+1 555", "type": "mobile"}]));
    let (_, manager) = server.patch(&path, json!([{"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "m1"}])).await;
    assert_eq!(
        manager["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"],
        json!({"value": "m1"})
    );
    for (operation, scim_type) in [
        (json!({"op": "replace", "path": "emails[value eq \"x\"].value", "value": "y"}), "noTarget"),
        (json!({"op": "replace", "path": "nothing", "value": "y"}), "invalidPath"),
        (json!({"op": "replace", "path": "id", "value": "y"}), "mutability"),
        (json!({"op": "remove"}), "noTarget"),
        (json!({"op": "remove", "path": "userName"}), "mutability"),
        (json!({"op": "replace", "path": "active", "value": "perhaps"}), "invalidValue"),
    ] {
        let good = json!({"op": "replace", "path": "title", "value": "must not stay"});
        let (status, refused) = server.patch(&path, json!([good, operation])).await;
        assert_eq!((status.as_u16(), refused["scimType"].as_str()), (400, Some(scim_type)), "{operation}: {refused}");
        assert!(refused["detail"].as_str().unwrap().starts_with("Operations[1]"), "{refused}");
    }
    assert_eq!(server.get(&path).await.1["title"], json!(null), "a refused PATCH changes nothing");
    let before = server.get(&path).await.1;
    let (_, same) = server.patch(&path, json!([{"op": "replace", "path": "active", "value": true}])).await;
    assert_eq!(same["meta"], before["meta"], "a PATCH that changes nothing leaves version and time");
}

/// Every acknowledged write is there after a kill -9, and the database is sound.
async fn survives_kill(mut server: Server) {
    let mut acknowledged = Vec::new();
    for number in 0..50 {
        acknowledged.push(server.user(&format!("u{number}")).await);
    }
    server.crash().await;
    for id in acknowledged {
        assert_eq!(server.get(&format!("/Users/{id}")).await.0, 200);
    }
    assert_eq!(server.get("/Users?count=0").await.1["totalResults"], 51);
}
