//! What is told: every change of an organization, to those who ask for it, and to nobody else.

use diesel::sql_types::BigInt;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::{HOOKS, Place};
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(
    changes_of_members,
    changes_of_groups,
    changes_of_the_organization,
    signed,
    only_what_is_asked_for,
    who_has_no_endpoint_pays_nothing,
);

async fn changes_of_members(database: Database) {
    let place = Place::open(database).await;
    let token = place.team.place.house.token.clone();
    let (_, zoe) = place.team.place.scim_post(&token, "/Users", &user("zoe")).await;
    let id = zoe["id"].as_str().unwrap().to_owned();
    let told = place.told().await;
    let joined = told[0].json();
    assert_eq!((told.len(), &joined["type"]), (1, &json!("member.joined")), "{told:?}");
    let member = json!({"id": id, "email": "zoe@acme.example", "role": "read", "status": "active"});
    assert_eq!((&joined["data"]["member"], &joined["data"]["actor"]), (&member, &json!("provisioning")));
    let patch = async |value: Value| {
        let operations = json!({"Operations": [{"op": "replace", "path": "active", "value": value}]});
        place.team.place.scim_send(&token, Method::PATCH, &format!("/Users/{id}"), Some(&operations)).await;
    };
    patch(json!(false)).await;
    assert_eq!(place.kinds().await, ["member.deactivated"]);
    patch(json!(false)).await;
    assert!(place.kinds().await.is_empty(), "nothing changed");
    patch(json!(true)).await;
    assert_eq!(place.kinds().await, ["member.reactivated"]);
    let mut renamed = user("zoe");
    renamed["displayName"] = json!("Zoe");
    place.team.place.scim_send(&token, Method::PUT, &format!("/Users/{id}"), Some(&renamed)).await;
    assert_eq!(place.kinds().await, ["member.updated"]);
    // A command, in a process of its own.
    let set = |what: &str, to: &str| {
        place.team.place.command(&["member", "set", "--organization", "acme", "--member", &id, what, to])
    };
    set("--role", "write");
    set("--status", "suspended");
    set("--status", "active");
    let mut kinds = place.kinds().await;
    kinds.sort_unstable();
    assert_eq!(kinds, ["member.reactivated", "member.role_changed", "member.suspended"]);
    place.team.place.scim_send(&token, Method::DELETE, &format!("/Users/{id}"), None).await;
    let told = place.told().await;
    assert_eq!((told[0].kind().as_str(), &told[0].json()["data"]["member"]["id"]), ("member.removed", &json!(id)));
    let bulk = |name: &str| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": user(name)});
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [bulk("u1"), bulk("u2"), bulk("u3")]});
    assert_eq!(place.team.place.scim_post(&token, "/Bulk", &bulk).await.0, 200);
    assert_eq!(place.kinds().await, ["member.joined"; 3]);
}

async fn changes_of_groups(database: Database) {
    let place = Place::open(database).await;
    let token = place.team.place.house.token.clone();
    let (_, group) = place.team.place.scim_post(&token, "/Groups", &json!({"displayName": "Zebras"})).await;
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let body = json!({"displayName": "Yaks"});
    place.team.place.scim_send(&token, Method::PUT, &path, Some(&body)).await;
    place.team.place.scim_send(&token, Method::DELETE, &path, None).await;
    let told = place.told().await;
    let kinds: Vec<String> = told.iter().map(super::Received::kind).collect();
    assert_eq!(kinds, ["group.created", "group.updated", "group.deleted"]);
    assert_eq!(told[0].json()["data"]["group"]["id"], group["id"]);
}

async fn changes_of_the_organization(database: Database) {
    let place = Place::open(database).await;
    place.rename("Acme Inc.").await;
    let told = place.told().await;
    assert_eq!(told.len(), 1, "{told:?}");
    let event = told[0].json();
    assert_eq!(event["data"]["detail"]["name"], json!({"before": "Acme", "after": "Acme Inc."}), "{event}");
    assert_eq!(event["data"]["actor"], format!("member:{}", place.team.owner.member_id().await));
    place.team.place.command(&["organization", "set", "--organization", "acme", "--seats", "30"]);
    let mut kinds = place.kinds().await;
    kinds.sort_unstable();
    assert_eq!(kinds, ["organization.updated", "seats.changed"]);
    place.team.place.command(&["session", "revoke", "--organization", "acme"]);
    assert_eq!(place.kinds().await, ["session.revoked"]);
    place.team.owner.sign_in("owner@acme.example").await;
    let name = json!({"name": "Acme Inc."});
    place.team.owner.call(Method::DELETE, "/api/v1/organizations/acme", Some(&name)).await.is(204);
    assert_eq!(place.kinds().await, ["organization.deleted"], "also of its end");
}

async fn signed(database: Database) {
    let place = Place::open(database).await;
    place.rename("One").await;
    let told = place.told().await;
    let received = &told[0];
    assert_eq!(received.signatures(&place.secret), (1, true));
    assert_eq!(received.headers["webhook-timestamp"], (place.team.place.now() / 1_000_000).to_string());
    assert_eq!((received.headers["content-type"].as_str(), received.path.as_str()), ("application/json", "/hooks"));
    let log = place.log().await;
    assert_eq!((received.id(), &log[0]["state"]), (log[0]["id"].as_str().unwrap(), &json!("delivered")));
    assert_eq!(
        (&log[0]["status"], &log[0]["response"], &log[0]["attempts"]),
        (&json!(200), &json!("thanks"), &json!(1))
    );
    assert_eq!(log[0]["payload"], received.json());
    // Another secret, and for a day the one before.
    let rotated = place.team.admin.make(&format!("{}/rotate-secret", place.path), &Value::Null).await.is(200);
    let secret = rotated["secret"].as_str().unwrap();
    assert_ne!(secret, place.secret);
    place.rename("Two").await;
    let told = place.told().await;
    assert_eq!((told[0].signatures(secret), told[0].signatures(&place.secret)), ((2, true), (2, true)));
    place.later(24 * 3_600);
    place.team.owner.sign_in("owner@acme.example").await;
    place.rename("Three").await;
    let told = place.told().await;
    assert_eq!((told[0].signatures(secret), told[0].signatures(&place.secret)), ((1, true), (1, false)));
    // No secret is stored in the clear, nor shown again.
    let stored = Sql::new("SELECT CAST(count(*) AS BIGINT) FROM webhook_endpoints WHERE secret = ?");
    let plain = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &secret[6..]).unwrap();
    let stored = stored.bind(headcount::store::sql::Value::Bytes(plain));
    assert_eq!(stored.first::<BigInt, i64>(&mut place.team.place.house.database()).unwrap(), Some(0));
    place.team.admin.sign_in("admin@acme.example").await;
    assert!(!place.team.admin.ask(HOOKS).await.is(200).to_string().contains("whsec_"));
}

async fn only_what_is_asked_for(database: Database) {
    let place = Place::asking(database, &["seats.changed", "member.joined"]).await;
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "o@b.example"];
    place.team.place.command(&[bolt.as_slice(), &["--seats", "2"]].concat());
    place.team.place.command(&["organization", "set", "--organization", "bolt", "--seats", "3"]);
    place.rename("One").await;
    assert!(place.kinds().await.is_empty());
    place.team.place.command(&["organization", "set", "--organization", "acme", "--seats", "30"]);
    assert_eq!(place.kinds().await, ["seats.changed"]);
    // Nobody is told while it is off, nor of that later.
    place.team.admin.change(&place.path, &json!({"enabled": false})).await.is(200);
    place.team.place.command(&["organization", "set", "--organization", "acme", "--seats", "31"]);
    assert_eq!(place.deliver().await, 0);
    place.team.admin.change(&place.path, &json!({"enabled": true, "events": []})).await.is(200);
    assert!(place.kinds().await.is_empty());
    place.rename("Two").await;
    assert_eq!(place.kinds().await, ["organization.updated"], "no events asked for is all of them");
}

async fn who_has_no_endpoint_pays_nothing(database: Database) {
    let place = Place::open(database).await;
    let untold = || {
        let sql = Sql::new("SELECT count(*) FROM audit_events WHERE untold");
        sql.first::<BigInt, i64>(&mut place.team.place.house.database()).unwrap().unwrap()
    };
    place.rename("One").await;
    assert_eq!(untold(), 1);
    place.deliver().await;
    assert_eq!(untold(), 0);
    // What is no event is not marked either.
    place.team.owner.sign_in("owner@acme.example").await;
    assert_eq!(untold(), 0);
    place.team.admin.end(&place.path).await.is(204);
    place.rename("Two").await;
    assert_eq!(untold(), 0);
}
