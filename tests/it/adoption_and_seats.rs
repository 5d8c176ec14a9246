//! Members who were there before, seats, the waitlist, the owner who stays.

use diesel::sql_types::BigInt;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database, user};

on_each_database!(adoption, restore, seats_and_waitlist, removed_active, waits_on, the_owner_stays);

async fn adoption(server: Server) {
    let owner = server.find("/Users", "userName eq \"olga@acme.example\"").await.remove(0);
    let (status, adopted) = server.post("/Users", &json!({"userName": "olga", "externalId": "x", "emails": [{"value": "OLGA@acme.example", "primary": true}]})).await;
    assert_eq!(status, 201, "{adopted}");
    assert_eq!(adopted["id"], owner["id"]);
    assert_eq!(adopted["emails"], owner["emails"], "the address stays on first contact");
    assert_eq!(
        server.post("/Users", &json!({"userName": "olga"})).await.0,
        409,
        "the second time it is managed already"
    );
}

async fn restore(server: Server) {
    let mut ann = user("ann");
    ann["externalId"] = "e1".into();
    let (_, first) = server.post("/Users", &ann).await;
    let path = format!("/Users/{}", first["id"].as_str().unwrap());
    server.patch(&path, json!([{"op": "replace", "value": {"active": false}}])).await;
    ann["externalId"] = "e2".into();
    assert_eq!(server.post("/Users", &ann).await.0, 409, "the same userName with another externalId");
    ann["externalId"] = "e1".into();
    ann["userName"] = "ann.new".into();
    let activate = |active: bool| json!([{"op": "replace", "value": {"active": active}}]);
    server.patch(&path, activate(true)).await;
    let (status, another) = server.post("/Users", &ann).await;
    assert_eq!(status, 201, "an externalId is not unique, and who is active is not restored: {another}");
    assert_ne!(another["id"], first["id"]);
    let other_path = format!("/Users/{}", another["id"].as_str().unwrap());
    server.patch(&path, activate(false)).await;
    server.patch(&other_path, activate(false)).await;
    ann["userName"] = "ann.third".into();
    let (_, third) = server.post("/Users", &ann).await;
    assert!(![&first["id"], &another["id"]].contains(&&third["id"]), "of two it cannot be told who is meant: {third}");
    for path in [other_path, format!("/Users/{}", third["id"].as_str().unwrap())] {
        assert_eq!(server.send(Method::DELETE, &path, None).await.0, 204);
    }
    let (status, again) = server.post("/Users", &ann).await;
    assert_eq!(status, 201, "{again}");
    assert_eq!((&again["id"], &again["active"]), (&first["id"], &json!(true)));
}

async fn seats_and_waitlist(server: Server) {
    server.command(&["organization", "set", "--organization", "acme", "--seats", "2", "--json"]);
    let ann = server.user("ann").await;
    let (status, refused) = server.post("/Users", &user("bob")).await;
    assert_eq!(status, 403);
    assert!(refused["detail"].as_str().unwrap().starts_with("No seats available: 2 of 2 used."), "{refused}");
    server.command(&["organization", "set", "--organization", "acme", "--seat-policy", "waitlist", "--json"]);
    let (status, bob) = server.post("/Users", &user("bob")).await;
    assert_eq!((status.as_u16(), &bob["active"]), (201, &json!(false)));
    let bob = format!("/Users/{}", bob["id"].as_str().unwrap());
    let cid = format!("/Users/{}", server.user("cid").await);
    let (status, still) = server.patch(&cid, json!([{"op": "replace", "path": "active", "value": true}])).await;
    assert_eq!((status.as_u16(), &still["active"]), (200, &json!(false)), "who waits keeps waiting");
    server.patch(&format!("/Users/{ann}"), json!([{"op": "replace", "path": "active", "value": false}])).await;
    assert_eq!(server.get(&bob).await.1["active"], true, "first in, first out");
    assert_eq!(server.get(&cid).await.1["active"], false);
    server.command(&["organization", "set", "--organization", "acme", "--seats", "3", "--json"]);
    assert_eq!(server.get(&cid).await.1["active"], true, "a bought seat admits who waits");
    let dan = format!("/Users/{}", server.user("dan").await);
    assert_eq!(server.get(&dan).await.1["active"], false);
    assert_eq!(server.send(Method::DELETE, &bob, None).await.0, 204);
    assert_eq!(server.get(&dan).await.1["active"], true, "the seat of who is deleted goes to who waits");
    let ledger = server.command(&["organization", "show", "--organization", "acme", "--json"]);
    assert_eq!(
        (ledger["seats_used"].as_i64(), ledger["waiting"].as_i64(), ledger["users"].as_i64()),
        (Some(3), Some(0), Some(4))
    );
}

/// RFC 7644 §3.5.2.2: `active` is unassigned then; who may enter is another matter and stays as it was.
async fn removed_active(server: Server) {
    let ledger = async || {
        let shown = server.command(&["organization", "show", "--organization", "acme", "--json"]);
        shown["seats_used"].as_i64().unwrap()
    };
    let path = format!("/Users/{}", server.user("ann").await);
    let set = |active: Value| json!([{"op": "replace", "path": "active", "value": active}]);
    let remove = json!([{"op": "remove", "path": "active"}]);
    let title = |title: &str| json!([{"op": "replace", "path": "title", "value": title}]);
    for (active, seats) in [(true, 2), (false, 1)] {
        server.patch(&path, set(json!(active))).await;
        let (status, without) = server.patch(&path, remove.clone()).await;
        assert_eq!((status.as_u16(), without.get("active")), (200, None));
        assert_eq!(server.get(&path).await.1.get("active"), None);
        assert_eq!(ledger().await, seats, "the standing stays");
        for operations in [title("Boss"), set(Value::Null), remove.clone(), title("Chief")] {
            assert_eq!(server.patch(&path, operations.clone()).await.0, 200);
            assert_eq!(ledger().await, seats, "{operations}");
        }
        server.command(&["reindex", "--json"]);
        if !active {
            let both = json!([{"op": "replace", "path": "active", "value": true}, {"op": "remove", "path": "active"}]);
            server.patch(&path, both).await;
            assert_eq!(ledger().await, seats, "nobody becomes active by a remove");
            assert!(
                !server
                    .find("/Users", "active eq true")
                    .await
                    .iter()
                    .any(|user| user["userName"] == "ann@acme.example")
            );
        }
        // Who is deactivated is restored by a POST, who is active is there already.
        let (status, answer) = server.post("/Users", &user("ann")).await;
        assert_eq!(status, if active { 409 } else { 201 }, "{answer}");
    }
    let owner = server.find("/Users", "userName eq \"olga@acme.example\"").await.remove(0);
    let path = format!("/Users/{}", owner["id"].as_str().unwrap());
    assert_eq!(server.patch(&path, remove).await.0, 200, "an owner remains");
    assert_eq!(ledger().await, 2);
}

/// Who waits for a seat keeps the place until the provider says otherwise.
async fn waits_on(server: Server) {
    let set = |setting: &str, value: &str| {
        server.command(&["organization", "set", "--organization", "acme", setting, value, "--json"]);
    };
    set("--seats", "1");
    set("--seat-policy", "waitlist");
    let bob = format!("/Users/{}", server.user("bob").await);
    let cid = format!("/Users/{}", server.user("cid").await);
    let dan = format!("/Users/{}", server.user("dan").await);
    let (_, still) = server.patch(&bob, json!([{"op": "replace", "path": "title", "value": "Boss"}])).await;
    assert_eq!((&still["active"], &still["title"]), (&json!(false), &json!("Boss")));
    server.patch(&cid, json!([{"op": "replace", "value": {"active": false}}])).await;
    set("--seats", "2");
    for (path, active) in [(&bob, true), (&cid, false), (&dan, false)] {
        assert_eq!(server.get(path).await.1["active"], active, "{path}");
    }
    server.patch(&dan, json!([{"op": "remove", "path": "active"}])).await;
    set("--seats", "3");
    for (path, active) in [(&cid, false), (&dan, true)] {
        assert_eq!(server.get(path).await.1["active"], active, "{path}");
    }
}

async fn the_owner_stays(server: Server) {
    let owner = server.find("/Users", "userName eq \"olga@acme.example\"").await.remove(0);
    let path = format!("/Users/{}", owner["id"].as_str().unwrap());
    assert_eq!(server.send(Method::DELETE, &path, None).await.0, 409);
    let (status, refused) = server.patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).await;
    assert_eq!(status, 409);
    assert!(refused["detail"].as_str().unwrap().contains("olga@acme.example is the last active owner"), "{refused}");
    assert_eq!(
        server.send(Method::PUT, &path, Some(&json!({"userName": "olga@acme.example", "active": false}))).await.0,
        409
    );
    assert_eq!(server.post("/Users", &json!({"userName": "olga@acme.example", "active": false})).await.0, 409);
    assert_eq!(server.get(&path).await.1["active"], true);
    // A refusal is in the provisioning log; the audit trail tells of what was done.
    let count = |sql: &'static str| Sql::new(sql).first::<BigInt, i64>(&mut server.database()).unwrap();
    assert_eq!(count("SELECT count(*) FROM provisioning_log WHERE status = 409"), Some(4));
    assert_eq!(count("SELECT count(*) FROM audit_events WHERE actor = 'provisioning'"), Some(0));
}
