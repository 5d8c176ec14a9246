//! Endpoints that fail: tried again, given up, switched off; nothing is lost, and what comes twice has one id.

use std::collections::BTreeSet;

use diesel::sql_types::Text;
use headcount::jobs::webhooks;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use super::receiver::{Manner, Receiver};
use super::{HOOKS, Place};
use crate::api::client::Team;
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(
    tried_again,
    given_up_and_replayed,
    away_and_back,
    switched_off_after_days,
    gone,
    a_private_address_is_refused,
    several_processes_deliver_once,
    what_is_old_goes,
);

async fn tried_again(database: Database) {
    let place = Place::open(database).await;
    let elsewhere = format!("http://{}/elsewhere", place.receiver.address);
    let manners = [
        (Manner::Answer(500, "oh\u{7} no".into()), "it answered 500"),
        (Manner::Hang, "too long"),
        (Manner::HangUp, ""),
        (Manner::Redirect(elsewhere), "redirects are not followed"),
    ];
    place.receiver.next(&manners.clone().map(|(manner, _)| manner));
    place.rename("One").await;
    let mut ids = BTreeSet::new();
    // With a fifth on top: nothing is due before the pause is over.
    for ((_, why), pause) in manners.iter().zip([5, 300, 1_800, 7_200]) {
        assert_eq!(place.deliver().await, 0);
        let log = place.log().await;
        assert_eq!((log.len(), &log[0]["state"]), (1, &json!("waiting")), "{log:?}");
        assert!(log[0]["error"].as_str().unwrap().contains(why), "{why}: {log:?}");
        place.later(pause - 1);
        place.deliver().await;
        let received = place.receiver.take();
        assert_eq!((received.len(), received[0].path.as_str()), (1, "/hooks"), "one attempt, and not elsewhere");
        ids.insert(received[0].id().to_owned());
        place.later(pause / 5 + 2);
    }
    place.receiver.next(&[Manner::Endless]);
    assert_eq!(place.deliver().await, 1);
    ids.insert(place.receiver.take()[0].id().to_owned());
    assert_eq!(ids.len(), 1, "the same id each time");
    place.team.admin.sign_in("admin@acme.example").await;
    let log = place.log().await;
    assert_eq!(
        (&log[0]["state"], &log[0]["attempts"], &log[0]["error"]),
        (&json!("delivered"), &json!(5), &Value::Null)
    );
    assert!(log[0]["response"].as_str().unwrap().len() <= 1_024);
    assert_eq!(place.deliver().await, 0, "once taken it is not sent again");
}

/// Fails every attempt there is.
async fn fail(place: &Place) {
    for pause in [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, 86_400] {
        place.receiver.next(&[Manner::Answer(503, String::new())]);
        place.deliver().await;
        place.later(pause + pause / 5 + 1);
    }
}

async fn given_up_and_replayed(database: Database) {
    let place = Place::open(database).await;
    place.rename("One").await;
    fail(&place).await;
    let attempts = place.receiver.take();
    assert_eq!(attempts.len(), 10);
    assert_eq!(place.deliver().await, 0);
    place.team.admin.sign_in("admin@acme.example").await;
    let log = place.log().await;
    assert_eq!((&log[0]["state"], &log[0]["status"]), (&json!("failed"), &json!(503)), "{log:?}");
    let replay = format!("{}/deliveries/{}/replay", place.path, log[0]["id"].as_str().unwrap());
    assert_eq!(place.team.admin.make(&replay, &Value::Null).await.is(200)["state"], "waiting");
    assert_eq!(place.deliver().await, 1);
    assert_eq!(place.receiver.take()[0].id(), attempts[0].id());
    place
        .team
        .admin
        .make(&replay.replace("/deliveries/", "/deliveries/0"), &Value::Null)
        .await
        .problem(404, "not_found");
}

async fn away_and_back(database: Database) {
    let mut place = Place::open(database).await;
    let address = place.receiver.address;
    // It is away: the connection is refused.
    drop(std::mem::replace(&mut place.receiver, Receiver::start()));
    let token = place.team.place.house.token.clone();
    for number in 0..5 {
        place.team.place.scim_post(&token, "/Users", &user(&format!("z{number}"))).await;
    }
    assert_eq!(place.deliver().await, 0);
    assert!(place.log().await.iter().all(|told| told["state"] == "waiting" && told["error"].is_string()));
    place.receiver = Receiver::at(address);
    place.later(6);
    assert_eq!(place.deliver().await, 5);
    let told: BTreeSet<String> =
        place.receiver.take().iter().map(|told| told.json()["data"]["member"]["email"].to_string()).collect();
    assert_eq!(told.len(), 5, "{told:?}");
    let endpoint = place.team.admin.ask(&place.path).await.is(200);
    assert_eq!(endpoint["failing_since"], Value::Null);
}

async fn switched_off_after_days(database: Database) {
    let place = Place::open(database).await;
    place.rename("One").await;
    for day in 0..2 {
        place.receiver.next(&[Manner::Answer(500, String::new())]);
        place.deliver().await;
        place.team.admin.sign_in("admin@acme.example").await;
        let endpoint = place.team.admin.ask(&place.path).await.is(200);
        assert_eq!((&endpoint["state"], endpoint["failing_since"].is_string()), (&json!("enabled"), true), "{day}");
        place.later(2 * 24 * 3_600 + 1);
    }
    place.later(24 * 3_600);
    place.receiver.next(&[Manner::Answer(500, String::new())]);
    place.deliver().await;
    place.team.admin.sign_in("admin@acme.example").await;
    let endpoint = place.team.admin.ask(&place.path).await.is(200);
    assert_eq!(endpoint["state"], "disabled", "{endpoint}");
    assert!(endpoint["reason"].as_str().unwrap().contains("it answered 500"), "{endpoint}");
    let mails = Sql::new("SELECT recipient FROM outbox WHERE kind = 'webhook_disabled' ORDER BY recipient");
    let mails = mails.load::<Text, String>(&mut place.team.place.house.database()).unwrap();
    assert!(mails.contains(&"admin@acme.example".to_owned()) && !mails.contains(&"read@acme.example".to_owned()));
    let audit = place.team.place.command(&["audit", "list", "--organization", "acme"]);
    let off = audit.as_array().unwrap().iter().find(|event| event["action"] == "webhook.disabled").unwrap();
    assert_eq!(off["actor"], "system");
    // Nothing more is sent.
    place.receiver.take();
    place.later(3 * 24 * 3_600);
    place.deliver().await;
    assert!(place.receiver.take().is_empty());
    let failed = Sql::new("SELECT state FROM webhook_deliveries");
    let failed = failed.load::<Text, String>(&mut place.team.place.house.database()).unwrap();
    assert_eq!(failed, ["failed"]);
}

async fn gone(database: Database) {
    let place = Place::open(database).await;
    place.receiver.next(&[Manner::Answer(410, String::new())]);
    place.rename("One").await;
    place.deliver().await;
    assert_eq!(place.team.admin.ask(&place.path).await.is(200)["state"], "disabled");
    assert_eq!(place.log().await[0]["state"], "failed");
}

async fn a_private_address_is_refused(database: Database) {
    let team = Team::at(Clocked::open(database, &[("limits.sign_in", "0")])).await;
    let receiver = Receiver::start();
    let make = async |url: &str| team.admin.make(HOOKS, &json!({ "url": url })).await;
    for url in [receiver.url().as_str(), "https://10.0.0.1/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/"]
    {
        let why = make(url).await.problem(400, "invalid_value");
        assert!(why.contains("private"), "{url}: {why}");
    }
    // A name is looked at when it is connected to: that very address is.
    let url = format!("https://localhost:{}/hooks", receiver.address.port());
    let endpoint = make(&url).await.is(201);
    let path = format!("{HOOKS}/{}", endpoint["id"].as_str().unwrap());
    team.admin.make(&format!("{path}/test"), &Value::Null).await.is(200);
    let assembly = &team.place.house.assembly;
    assert_eq!(webhooks::deliver(&assembly.store, &assembly.administration).await.unwrap(), 0);
    let log = team.admin.ask(&format!("{path}/deliveries")).await.is(200);
    assert!(log["items"][0]["error"].as_str().unwrap().contains("private address 1"), "{log}");
    assert_eq!((&log["items"][0]["state"], receiver.connections()), (&json!("failed"), 0));
}

async fn several_processes_deliver_once(database: Database) {
    let place = Place::open(database).await;
    let token = place.team.place.house.token.clone();
    for number in 0..5 {
        place.team.place.scim_post(&token, "/Users", &user(&format!("z{number}"))).await;
    }
    let (one, two, three) = tokio::join!(place.deliver(), place.deliver(), place.deliver());
    assert_eq!(one + two + three, 5);
    let ids: BTreeSet<String> = place.receiver.take().iter().map(|told| told.id().to_owned()).collect();
    assert_eq!((ids.len(), place.log().await.len()), (5, 5));
}

async fn what_is_old_goes(database: Database) {
    let place = Place::open(database).await;
    place.rename("One").await;
    place.deliver().await;
    place.receiver.next(&[Manner::Answer(500, String::new())]);
    place.rename("Two").await;
    place.deliver().await;
    let assembly = &place.team.place.house.assembly;
    let count = async |days: i64| {
        place.later(days * 24 * 3_600);
        webhooks::tidy(&assembly.store, &assembly.administration).await.unwrap();
        place.team.admin.sign_in("admin@acme.example").await;
        place.log().await.len()
    };
    assert_eq!(count(30).await, 2);
    assert_eq!(count(1).await, 1, "what waits stays");
}
