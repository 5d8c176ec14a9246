//! `/api/v1/organizations`: one's own, and what is set of one.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::Team;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(shown, set, hostile_bodies, versions, sign_on_locks_nobody_out, a_role_ends_at_once);

const ACME: &str = "/api/v1/organizations/acme";

async fn shown(database: Database) {
    let team = Team::open(database).await;
    let mine = team.reader.ask("/api/v1/organizations").await.is(200);
    assert_eq!((mine["items"].as_array().unwrap().len(), &mine["next"]), (1, &Value::Null), "{mine}");
    assert_eq!((&mine["items"][0]["slug"], &mine["items"][0]["role"]), (&json!("acme"), &json!("read")));
    team.reader.ask("/api/v1/organizations?page=2").await.problem(400, "invalid_value");
    // By its id as by its slug; settings are for admins.
    let id = mine["items"][0]["id"].as_str().unwrap();
    let seen = team.writer.ask(&format!("/api/v1/organizations/{id}")).await.is(200);
    assert_eq!((&seen["name"], &seen["role"]), (&json!("Acme"), &json!("write")), "{seen}");
    for hidden in ["descope_tenant_id", "seats", "plan", "contact_email", "version"] {
        assert!(seen.get(hidden).is_none(), "{hidden}: {seen}");
    }
    let seen = team.admin.ask(ACME).await.is(200);
    assert_eq!(
        (&seen["descope_tenant_id"], &seen["sso"], &seen["scim_role"]),
        (&json!("T2acme"), &json!("optional"), &json!("read"))
    );
    // None of one's business and not there at all are the same.
    team.place.command(&[
        "organization",
        "create",
        "--name",
        "Bolt",
        "--slug",
        "bolt",
        "--owner-email",
        "o@b.example",
        "--seats",
        "2",
    ]);
    let elsewhere = team.owner.ask("/api/v1/organizations/bolt").await.problem(404, "not_found");
    let nowhere = team.owner.ask("/api/v1/organizations/none").await.problem(404, "not_found");
    assert_eq!(elsewhere.replace("bolt", "none"), nowhere);
}

async fn set(database: Database) {
    let team = Team::open(database).await;
    let address = json!({"street": "1 Main St", "city": "Springfield", "postal_code": "12345", "country": "US"});
    let patch = json!({"name": "Acme Inc.", "contact_email": "it@acme.example", "contact_name": "IT", "address": address,
        "session_length": "4h", "scim_role": "write", "seat_policy": "waitlist", "slug": "acme-inc"});
    let set = team.admin.change(ACME, &patch).await.is(200);
    for (name, value) in patch.as_object().unwrap() {
        assert_eq!(&set[name], value, "{name}");
    }
    team.admin.ask(ACME).await.problem(404, "not_found");
    let renamed = "/api/v1/organizations/acme-inc";
    assert_eq!(team.owner.ask(renamed).await.is(200)["address"], address);
    // What is null goes, what is absent stays.
    let set = team
        .admin
        .change(renamed, &json!({"contact_name": null, "session_length": null, "address": null}))
        .await
        .is(200);
    assert_eq!(
        (&set["contact_name"], &set["session_length"], &set["address"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!((&set["contact_email"], &set["name"]), (&json!("it@acme.example"), &json!("Acme Inc.")));
    // The trail tells who did it, from where, and what was what before.
    let events = team.place.command(&["audit", "list", "--organization", "acme-inc"]);
    let of_hers = |event: &&Value| event["action"] == "organization.changed" && event["actor"] != "operator";
    let event = events.as_array().unwrap().iter().find(of_hers).unwrap();
    assert_eq!(event["actor"], format!("member:{}", team.admin.member_id().await));
    assert_eq!(event["detail"]["contact_name"], json!({"before": "IT", "after": null}), "{event}");
    assert_eq!(event["address"], "127.0.0.1");
    assert!(event["request_id"].is_string());
    // Another organization's slug is taken; ids and the service's own addresses are nobody's.
    team.place.command(&[
        "organization",
        "create",
        "--name",
        "Bolt",
        "--slug",
        "bolt",
        "--owner-email",
        "o@b.example",
        "--seats",
        "2",
    ]);
    team.admin.change(renamed, &json!({"slug": "bolt"})).await.problem(409, "uniqueness");
    for slug in ["callback", "01938f3e-0000-7000-8000-000000000000", "Acme", ""] {
        team.admin.change(renamed, &json!({ "slug": slug })).await.problem(400, "invalid_value");
    }
    let changed = team.writer.change(renamed, &json!({"name": "Ours"})).await.problem(403, "forbidden");
    assert!(changed.contains("takes the role admin"), "{changed}");
}

async fn hostile_bodies(database: Database) {
    let team = Team::open(database).await;
    for (body, named) in [
        (json!({"nmae": "Acme"}), "nmae"),
        (json!({"seats": 1_000}), "seats"),
        (json!({"state": "active"}), "state"),
        (json!({"version": 3}), "version"),
        (json!({"name": 3}), "string"),
        (json!({"name": "a\u{0}b"}), "control"),
        (json!({"name": ""}), "1 to 200"),
        (json!({"address": {"country": "Germany"}}), "country"),
        (json!({"address": {"zip": "1"}}), "zip"),
        (json!({"contact_email": "nobody"}), "contact_email"),
        (json!({"contact_phone": "<script>"}), "contact_phone"),
        (json!({"sso": "never"}), "sso"),
        (json!({"scim_role": "admin"}), "scim_role"),
        (json!({"session_length": "0s"}), "session"),
        (json!([]), "object"),
    ] {
        let detail = team.admin.change(ACME, &body).await.problem(400, "invalid_value");
        assert!(detail.contains(named), "{body}: {detail}");
    }
    let send = async |content_type: &str, body: &str| {
        let token = team.admin.api(Method::GET, "/api/v1/me", None).await.2.unwrap();
        let shape = |request: reqwest::RequestBuilder| {
            request.header("x-csrf-token", token).header("content-type", content_type).body(body.to_owned())
        };
        team.admin.send(Method::PATCH, ACME, shape).await.status.as_u16()
    };
    assert_eq!(send("text/plain", "{}").await, 415);
    assert_eq!(send("application/json", "null").await, 400);
    assert_eq!(send("application/json", "{").await, 400);
    assert_eq!(send("application/json", r#"{"name": "A", "name": "B"}"#).await, 400);
    assert_eq!(send("application/json", &"[".repeat(10_000)).await, 400);
    assert_eq!(send("application/json", &format!("{{\"name\": \"{}\"}}", "a".repeat(600_000))).await, 413);
    assert_eq!(team.admin.ask(ACME).await.is(200)["name"], "Acme");
    // Without the token of the page nothing is read at all.
    assert_eq!(team.admin.api(Method::PATCH, ACME, None).await.0, 403);
    assert_eq!(team.place.browser().call(Method::PATCH, ACME, Some(&json!({}))).await.status, 401);
}

async fn versions(database: Database) {
    let team = Team::open(database).await;
    let seen = team.admin.ask(ACME).await;
    let version = seen.header("etag").to_owned();
    let change = async |name: &str, version: &str| {
        team.admin.call_with(Method::PATCH, ACME, Some(&json!({ "name": name })), &[("if-match", version)]).await
    };
    let changed = change("One", &version).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), version);
    change("Two", &version).await.problem(412, "precondition_failed");
    change("Two", "W/\"x\"").await.problem(412, "precondition_failed");
    assert_eq!(change("Three", changed.header("etag")).await.is(200)["name"], "Three");
    assert_eq!(change("Four", "*").await.is(200)["name"], "Four");
}

async fn sign_on_locks_nobody_out(database: Database) {
    let team = Team::open(database).await;
    let refused = team.admin.change(ACME, &json!({"sso": "required"})).await.problem(409, "conflict");
    assert!(refused.contains("recovery codes"), "{refused}");
    let (owner, command) = (team.owner.member_id().await, ["--organization", "acme"]);
    let codes = |what: &str| {
        team.place.command(&[&["recovery-codes", what], command.as_slice(), &["--member", &owner]].concat())
    };
    codes("create");
    codes("confirm");
    // The admin was one when they last came in.
    team.admin.sign_in("admin@acme.example").await;
    assert_eq!(team.admin.change(ACME, &json!({"sso": "required"})).await.is(200)["sso"], "required");
    team.admin.change(ACME, &json!({"descope_tenant_id": "T2other"})).await.problem(409, "conflict");
    let set = team.admin.change(ACME, &json!({"descope_tenant_id": null})).await.is(200);
    assert_eq!((&set["sso"], &set["descope_tenant_id"]), (&json!("off"), &Value::Null));
    team.admin.change(ACME, &json!({"sso": "optional"})).await.problem(409, "conflict");
}

async fn a_role_ends_at_once(database: Database) {
    let team = Team::open(database).await;
    assert_eq!(team.admin.change(ACME, &json!({"name": "One"})).await.status, 200);
    let member = team.admin.member_id().await;
    let set = |what: &str, to: &str| {
        team.place.command(&["member", "set", "--organization", "acme", "--member", &member, what, to])
    };
    set("--role", "write");
    team.admin.change(ACME, &json!({"name": "Two"})).await.problem(403, "forbidden");
    assert!(team.admin.ask(ACME).await.is(200).get("seats").is_none());
    set("--status", "removed");
    assert_eq!(team.admin.ask(ACME).await.status, 401);
    assert_eq!(team.owner.ask(ACME).await.is(200)["name"], "One");
}
