//! Endpoints: made, changed, tested and removed by admins, keys and commands; of one's own organization only.

use serde_json::{Value, json};

use super::{HOOKS, Place};
use crate::api::api_keys::{by_key, key_of};
use crate::support::{Database, in_process_on_each_database};
use reqwest::Method;

in_process_on_each_database!(a_life, refused, commands, pages);

async fn a_life(database: Database) {
    let place = Place::open(database).await;
    let seen = place.team.admin.ask(&place.path).await;
    let etag = seen.header("etag").to_owned();
    let seen = seen.is(200);
    assert_eq!(
        (&seen["url"], &seen["state"], &seen["events"]),
        (&json!(place.receiver.url()), &json!("enabled"), &json!([]))
    );
    assert!(seen.get("secret").is_none() && place.secret.starts_with("whsec_"), "{seen}");
    let change = json!({"description": "Theirs", "events": ["member.removed", "member.joined"]});
    let set = place.team.admin.call_with(Method::PATCH, &place.path, Some(&change), &[("if-match", &etag)]).await;
    assert_eq!(set.is(200)["events"], json!(["member.joined", "member.removed"]), "in the order of the list");
    let again = place.team.admin.call_with(Method::PATCH, &place.path, Some(&change), &[("if-match", &etag)]).await;
    again.problem(412, "precondition_failed");
    // A test is sent whatever it asks for, also while it is off, and once.
    place.team.admin.change(&place.path, &json!({"enabled": false})).await.is(200);
    place.receiver.next(&[super::receiver::Manner::Answer(500, String::new())]);
    for state in ["failed", "delivered"] {
        let test = place.team.admin.make(&format!("{}/test", place.path), &Value::Null).await.is(200);
        let told = place.told().await;
        assert_eq!(
            (told.len(), told[0].kind().as_str(), told[0].id()),
            (1, "webhook.test", test["id"].as_str().unwrap())
        );
        assert_eq!(told[0].signatures(&place.secret), (1, true));
        assert_eq!(place.log().await[0]["state"], state);
    }
    // A program does the same.
    let key = key_of(&place.team.place, "acme", "admin", &[]);
    let removed = by_key(&place.team.place, &key, Method::DELETE, &place.path, None).await;
    assert_eq!(removed.status, 204);
    place.team.admin.ask(&place.path).await.problem(404, "not_found");
    place.team.admin.ask(&format!("{}/deliveries", place.path)).await.problem(404, "not_found");
    assert_eq!(place.team.admin.ask(HOOKS).await.is(200)["items"], json!([]));
}

async fn refused(database: Database) {
    let place = Place::open(database).await;
    for (body, named) in [
        (json!({}), "url"),
        (json!({"url": ""}), "url"),
        (json!({"url": "http://acme.example/"}), "https"),
        (json!({"url": "https://a:b@acme.example/"}), "password"),
        (json!({"url": "https://acme.example/", "events": ["member.left"]}), "member.left"),
        (json!({"url": "https://acme.example/", "description": "a\nb"}), "description"),
        (json!({"url": "https://acme.example/", "secret": "whsec_AAAA"}), "secret"),
    ] {
        let why = place.team.admin.make(HOOKS, &body).await.problem(400, "invalid_value");
        assert!(why.contains(named), "{body}: {why}");
    }
    place.team.admin.change(&place.path, &json!({"url": "ftp://x"})).await.problem(400, "invalid_value");
    place.team.writer.ask(HOOKS).await.problem(403, "forbidden");
    // Another organization's is nowhere.
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "o@b.example"];
    place.team.place.command(&[bolt.as_slice(), &["--seats", "2"]].concat());
    let theirs = key_of(&place.team.place, "bolt", "admin", &[]);
    let path = place.path.replace("/acme/", "/bolt/");
    for path in [path.clone(), format!("{path}/deliveries")] {
        by_key(&place.team.place, &theirs, Method::GET, &path, None).await.problem(404, "not_found");
    }
    for number in 1..20 {
        let wanted = json!({"url": format!("https://acme.example/{number}")});
        place.team.admin.make(HOOKS, &wanted).await.is(201);
    }
    place.team.admin.make(HOOKS, &json!({"url": "https://acme.example/"})).await.problem(409, "conflict");
}

async fn commands(database: Database) {
    let place = Place::open(database).await;
    let command = |what: &str, more: &[&str]| {
        place.team.place.command(&[&["webhook", what, "--organization", "acme"], more].concat())
    };
    let made = command("create", &["--url", "https://acme.example/x", "--events", "seats.changed,member.joined"]);
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["events"], json!(["member.joined", "seats.changed"]), "{made}");
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(command("list", &[]).as_array().unwrap().len(), 2);
    let set = command("set", &["--webhook", id, "--enabled", "false", "--description", "Off"]);
    assert_eq!((&set["state"], &set["description"]), (&json!("disabled"), &json!("Off")));
    assert_ne!(command("rotate-secret", &["--webhook", id])["secret"], made["secret"]);
    let own = place.path.rsplit('/').next().unwrap();
    let test = command("test", &["--webhook", own]);
    // The command has the system's clock, a little ahead of the test's.
    place.later(600);
    assert_eq!(place.kinds().await, ["webhook.test"]);
    assert_eq!(command("deliveries", &["--webhook", own])[0]["state"], "delivered");
    let replayed = command("replay", &["--webhook", own, "--delivery", test["id"].as_str().unwrap()]);
    place.later(600);
    assert_eq!((&replayed["state"], place.kinds().await.len()), (&json!("waiting"), 1));
    assert_eq!(command("remove", &["--webhook", id])["removed"], true);
}

async fn pages(database: Database) {
    let place = Place::open(database).await;
    for name in ["One", "Two", "Three"] {
        place.rename(name).await;
    }
    place.deliver().await;
    let first = place.team.admin.ask(&format!("{}/deliveries?limit=2", place.path)).await.is(200);
    let next = first["next"].as_str().unwrap();
    let second = place.team.admin.ask(&format!("{}/deliveries?limit=2&after={next}", place.path)).await.is(200);
    assert_eq!((first["items"].as_array().unwrap().len(), second["items"].as_array().unwrap().len()), (2, 1));
    assert_eq!(second["next"], Value::Null);
}
