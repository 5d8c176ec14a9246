//! Organizations that people found, and requests that are safe to send again.

use std::collections::BTreeSet;

use headcount::stand_in::person::Person;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Reply, Team};
use crate::sign_in::browser::Browser;
use crate::sign_in::clocked::Clocked;
use crate::sign_in::join_requests::count;
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(found, unproven, before_checkout, slugs, sent_again, at_once);

const HERE: &str = "/api/v1/organizations";

/// Somebody whom no organization knows.
pub async fn stranger(place: &Clocked) -> Browser {
    let (browser, answer) = place.sign_in(&Person::new("U2fay", "fay@elsewhere.example", "T2none")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    browser
}

fn bolt() -> Value {
    json!({"name": "Bolt & Sons", "seats": 5, "plan": "enterprise_seat_monthly"})
}

async fn keyed(browser: &Browser, path: &str, body: &Value, key: &str) -> Reply {
    browser.call_with(Method::POST, path, Some(body), &[("idempotency-key", key)]).await
}

async fn found(database: Database) {
    let place = Clocked::open(database, &[]);
    let fay = stranger(&place).await;
    assert_eq!(fay.me().await.1["memberships"], json!([]));
    let made = fay.make(HERE, &bolt()).await;
    let location = made.header("location").to_owned();
    let made = made.is(201);
    assert_eq!(
        (&made["slug"], &made["state"], &made["seats"]),
        (&json!("bolt-sons"), &json!("pending_checkout"), &json!(5))
    );
    let shown = fay.ask(&location).await.is(200);
    assert_eq!((&shown["id"], &shown["role"], &shown["seats_used"]), (&made["id"], &json!("owner"), &json!(1)));
    assert_eq!(fay.me().await.1["memberships"][0]["member_id"], made["member_id"]);
    for (wrong, named) in [
        (json!({"name": "B", "seats": 0, "plan": "enterprise_seat_monthly"}), "seats"),
        (json!({"name": "B", "seats": 1.5, "plan": "enterprise_seat_monthly"}), "whole number"),
        (json!({"name": "B", "seats": 1, "plan": "free"}), "plan"),
        (json!({"name": "B\r\nBcc: x", "seats": 1, "plan": "enterprise_seat_monthly"}), "control"),
        (json!({"name": "B", "seats": 1, "plan": "enterprise_seat_monthly", "state": "active"}), "state"),
        (json!({"seats": 1, "plan": "enterprise_seat_monthly"}), "name"),
    ] {
        let detail = fay.make(HERE, &wrong).await.problem(400, "invalid_value");
        assert!(detail.contains(named), "{wrong}: {detail}");
    }
    for _ in 1..10 {
        fay.make(HERE, &bolt()).await.is(201);
    }
    fay.make(HERE, &bolt()).await.problem(409, "conflict");
}

/// What an account merely says is nobody's address: letters about the organization would go there.
async fn unproven(database: Database) {
    let place = Clocked::open(database, &[]);
    let person = Person::new("U2eve", "ceo@elsewhere.example", "T2none");
    let (eve, answer) = place.sign_in(&Person { email_verified: Some(false.into()), ..person }).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let detail = eve.make(HERE, &bolt()).await.problem(400, "invalid_value");
    assert!(detail.contains("is not proven yet"), "{detail}");
}

/// What is not paid for is looked at, set and paid for; nothing else.
async fn before_checkout(database: Database) {
    let place = Clocked::open(database, &[]);
    let fay = stranger(&place).await;
    let made = fay.make(HERE, &bolt()).await.is(201);
    let here = format!("{HERE}/{}", made["id"].as_str().unwrap());
    assert_eq!(fay.change(&here, &json!({"name": "Bolt"})).await.is(200)["name"], "Bolt");
    let transfer = json!({"member_id": made["member_id"]});
    let refused = fay.make(&format!("{here}/transfer"), &transfer).await.problem(403, "forbidden");
    assert!(refused.contains("checkout"), "{refused}");
    let token = place.command(&["provisioning-token", "create", "--organization", "bolt-sons", "--name", "t"]);
    let (status, refused) = place.scim_post(token["token"].as_str().unwrap(), "/Users", &user("zoe")).await;
    assert_eq!(status, 403);
    assert!(refused["detail"].as_str().unwrap().contains("checkout"), "{refused}");
}

async fn slugs(database: Database) {
    let place = Clocked::open(database, &[]);
    let fay = stranger(&place).await;
    let mut slugs = Vec::new();
    for _ in 0..3 {
        slugs.push(fay.make(HERE, &bolt()).await.is(201)["slug"].as_str().unwrap().to_owned());
    }
    assert_eq!(slugs, ["bolt-sons", "bolt-sons-2", "bolt-sons-3"]);
    let named = |slug: &str| json!({"name": "B", "slug": slug, "seats": 1, "plan": "enterprise_seat_yearly"});
    fay.make(HERE, &named("acme")).await.problem(409, "uniqueness");
    fay.make(HERE, &named("callback")).await.problem(400, "invalid_value");
    fay.make(HERE, &named("b")).await.is(201);
}

async fn sent_again(database: Database) {
    let team = Team::open(database).await;
    let fay = stranger(&team.place).await;
    let first = keyed(&fay, HERE, &bolt(), "k1").await;
    let again = keyed(&fay, HERE, &bolt(), "k1").await;
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.is(201), first.is(201));
    assert_eq!(count(&team.place, "organizations"), 2);
    let other = json!({"name": "Other", "seats": 5, "plan": "enterprise_seat_monthly"});
    keyed(&fay, HERE, &other, "k1").await.problem(422, "idempotency_key_reused");
    keyed(&fay, HERE, &bolt(), "").await.problem(400, "invalid_value");
    // What was refused was not done, and may be done yet.
    let wrong = json!({"name": "", "seats": 5, "plan": "enterprise_seat_monthly"});
    keyed(&fay, HERE, &wrong, "k2").await.problem(400, "invalid_value");
    keyed(&fay, HERE, &other, "k2").await.is(201);
    // The same key of somebody else is another one.
    keyed(&team.reader, HERE, &bolt(), "k1").await.is(201);
    assert_eq!(count(&team.place, "organizations"), 4);
    // After a day it is forgotten.
    let assembly = &team.place.house.assembly;
    headcount::administration::idempotency::forget(&assembly.store, &assembly.administration).await.unwrap();
    assert_eq!(count(&team.place, "idempotency_keys"), 3);
    team.place.clock.advance_seconds(24 * 3_600 + 1);
    headcount::administration::idempotency::forget(&assembly.store, &assembly.administration).await.unwrap();
    assert_eq!(count(&team.place, "idempotency_keys"), 0);
}

/// Of many at the same time one is done, and all are answered by it.
async fn at_once(database: Database) {
    let place = Clocked::open(database, &[]);
    let fay = stranger(&place).await;
    let body = bolt();
    let replies = futures_util::future::join_all((0..20).map(|_| keyed(&fay, HERE, &body, "k"))).await;
    let ids: BTreeSet<String> = replies.into_iter().map(|reply| reply.is(201)["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(count(&place, "organizations"), 2);
}
