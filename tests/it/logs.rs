//! Logs hold no personal data and no secret: a busy run at the most talkative level is searched for both.

use reqwest::Method;
use serde_json::json;

use crate::support::{Database, Server, Setup, directory, postgres, user};

/// What must not be found, in lower case.
const PERSONAL: &[&str] = &[
    "zaphod",
    "beeblebrox",
    "trillian",
    "heartofgold",
    "acme.example",
    "olga",
    "555-0199",
    "top-secret-title",
    "hcp_",
];

async fn busy(database: Database) {
    let log = directory().join("log");
    let mut setup = Setup::default().with("HEADCOUNT_LOG_FORMAT", "json");
    setup.environment.retain(|(name, _)| *name != "HEADCOUNT_LOG_LEVEL");
    let setup = Setup { log: Some(log.clone()), ..setup.with("HEADCOUNT_LOG_LEVEL", "debug") };
    let mut server = Server::set_up(database, setup).await;
    let mut zaphod = user("zaphod.beeblebrox");
    zaphod["title"] = "top-secret-title".into();
    zaphod["phoneNumbers"] = json!([{"value": "555-0199", "type": "work"}]);
    zaphod["unknownAttribute"] = "heartofgold".into();
    let (status, made) = server.post("/Users", &zaphod).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    // Successes, refusals and errors of every kind; each of them carries something personal.
    server.post("/Users", &zaphod).await;
    server.post("/Users", &json!({"userName": "trillian", "emails": "trillian@heartofgold.example"})).await;
    server.patch(&path, json!([{"op": "replace", "path": "name.familyName", "value": "Beeblebrox"}])).await;
    server
        .patch(&path, json!([{"op": "replace", "path": "emails[value eq \"trillian\"].value", "value": "zaphod"}]))
        .await;
    server.patch(&path, json!([{"op": "replace", "path": "zaphod", "value": "zaphod"}])).await;
    server.send(Method::PUT, &path, Some(&json!({"userName": "zaphod", "password": "top-secret-title"}))).await;
    server.get("/Users?filter=userName%20eq%20%22zaphod%22&zaphod=trillian").await;
    server.get("/Users?filter=zaphod%20eq%20%22trillian").await;
    server.get("/Users/zaphod").await;
    server.get("/zaphod/trillian").await;
    let (_, group) = server
        .post(
            "/Groups",
            &json!({"displayName": "Heartofgold crew", "members": [{"value": made["id"], "display": "Zaphod"}]}),
        )
        .await;
    server
        .patch(
            &format!("/Groups/{}", group["id"].as_str().unwrap()),
            json!([{"op": "add", "path": "members", "value": [{"value": "trillian"}]}]),
        )
        .await;
    server.post("/Bulk", &json!({"Operations": [{"method": "POST", "path": "/Users", "bulkId": "zaphod", "data": {"userName": "trillian"}}]})).await;
    let token = std::mem::replace(&mut server.token, "hcp_zaphod".into());
    server.get("/Users").await;
    server.token = token;
    // A database that fails in the middle of it: errors with their cause.
    server.database().batch("DROP TABLE attribute_values").unwrap();
    assert!(server.post("/Users", &user("trillian")).await.0.is_server_error());
    server.kill();
    let text = std::fs::read_to_string(&log).unwrap().to_lowercase();
    assert!(text.lines().count() > 15, "a busy run says something: {text}");
    for personal in PERSONAL.iter().copied().chain([server.token.to_lowercase().as_str()]) {
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(personal)).collect();
        assert!(lines.is_empty(), "{personal} is in the log: {lines:#?}");
    }
    std::fs::remove_dir_all(log.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn hold_nothing_personal_on_sqlite() {
    busy(Database::Sqlite).await;
}

#[tokio::test]
async fn hold_nothing_personal_on_postgresql() {
    if let Some(url) = postgres::database() {
        busy(Database::Postgres(url)).await;
    }
}
