//! What operators may set of domains and members: each case goes wrong without one rule.

use diesel::sql_types::Text;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database};

on_each_database!(domains, who_vouches, roles, who_is_brought_back);

const DOMAIN: &str = "acme.example";

fn domain<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["domain", command, "--organization", "acme", "--json", "--domain"], more].concat()
}

fn refused(server: &Server, arguments: &[&str]) -> String {
    let output = server.run(arguments);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn domains(server: Server) {
    for role in ["admin", "owner"] {
        let said = refused(&server, &domain("add", &[DOMAIN, "--role", role]));
        assert!(said.contains("read or write"), "{said}");
    }
    server.command(&domain("add", &[DOMAIN, "--role", "write"]));
    let said = refused(&server, &domain("add", &["ACME.example."]));
    assert!(said.contains("acme.example is associated already"), "{said}");
    // As people type it.
    let set = server.command(&domain("set", &[" Acme.Example. ", "--joining", "invite_only"]));
    assert_eq!((&set["domain"], &set["joining"]), (&json!(DOMAIN), &json!("invite_only")));
    let said = refused(&server, &domain("set", &["other.example", "--joining", "automatic"]));
    assert!(said.contains("other.example is not a domain of this organization"), "{said}");
}

async fn who_vouches(server: Server) {
    server.command(&domain("add", &[DOMAIN, "--verified"]));
    // Its own is nobody else's.
    assert_eq!(server.command(&domain("set", &[DOMAIN, "--verified"]))["state"], "verified");
    let lost =
        Sql::new("UPDATE associated_domains SET state = 'at_risk', vouched = FALSE, lost_at = 1 WHERE domain = ");
    assert_eq!(lost.bind_here(DOMAIN).execute(&mut server.database()).unwrap(), 1);
    let listed = server.command(&["domain", "list", "--organization", "acme", "--json"]);
    assert_eq!(listed[0]["state"], "at_risk");
    assert_ne!(listed[0]["lost_at"], Value::Null);
    let vouched = server.command(&domain("set", &[DOMAIN, "--verified"]));
    assert_eq!((&vouched["state"], &vouched["lost_at"]), (&json!("verified"), &Value::Null), "nothing is lost now");
}

async fn roles(server: Server) {
    let ann = server.user("ann").await;
    let set = |more: &[&str]| {
        server.run(&[&["member", "set", "--organization", "acme", "--json", "--member", &ann], more].concat())
    };
    let told = || {
        let action = Sql::new("SELECT action FROM audit_events WHERE action = 'member.role_changed'");
        action.load::<Text, String>(&mut server.database()).unwrap().len()
    };
    assert!(set(&["--role", "read"]).status.success());
    assert_eq!(told(), 1, "the role she has by default is given by hand now");
    assert!(set(&["--role", "read"]).status.success());
    assert_eq!(told(), 1, "nothing changes");
    // Who is suspended runs nothing, also with the highest role.
    assert!(set(&["--status", "suspended"]).status.success());
    assert!(set(&["--role", "owner"]).status.success());
    let listed = server.command(&["member", "list", "--organization", "acme", "--json"]);
    let olga = listed.as_array().unwrap().iter().find(|line| line["email"] == "olga@acme.example").unwrap();
    let id = olga["id"].as_str().unwrap();
    let said = refused(&server, &["member", "set", "--organization", "acme", "--member", id, "--role", "read"]);
    assert!(said.contains("last active owner"), "{said}");
    assert!(set(&["--status", "active"]).status.success());
    server.command(&["member", "set", "--organization", "acme", "--json", "--member", id, "--role", "read"]);
}

const BADGE: &str = "urn:example:params:scim:schemas:badge";

/// Whoever comes back is unique as before, without what is no attribute any more, and active.
async fn who_is_brought_back(server: Server) {
    let schema = |urn: &str| {
        server.extension(&json!({"id": urn, "name": "X", "attributes": [
            {"name": "number", "type": "string", "uniqueness": "server"}
        ]}));
    };
    let gone = format!("{BADGE}:gone");
    schema(BADGE);
    schema(&gone);
    let body = |name: &str| json!({"userName": name, BADGE: {"number": "7"}, gone.as_str(): {"number": name}});
    let (_, ann) = server.post("/Users", &body("ann")).await;
    let ann = ann["id"].as_str().unwrap();
    let set = |status: &str| {
        server.run(&["member", "set", "--organization", "acme", "--json", "--member", ann, "--status", status])
    };
    server.patch(&format!("/Users/{ann}"), json!([{"op": "replace", "path": "active", "value": false}])).await;
    assert!(set("removed").status.success());
    server.command(&["schema", "remove", "--organization", "acme", "--schema", &gone, "--json"]);
    let (status, bob) = server.post("/Users", &json!({"userName": "bob", BADGE: {"number": "7"}})).await;
    assert_eq!(status, 201, "what she had is free: {bob}");
    let why = set("active").stderr;
    assert!(String::from_utf8_lossy(&why).contains("which must be unique"), "{}", String::from_utf8_lossy(&why));
    let bob = format!("/Users/{}", bob["id"].as_str().unwrap());
    assert_eq!(server.send(reqwest::Method::DELETE, &bob, None).await.0, 204);
    assert!(set("active").status.success());
    let (_, back) = server.get(&format!("/Users/{ann}")).await;
    assert_eq!((&back["active"], &back[BADGE]["number"]), (&json!(true), &json!("7")), "{back}");
    assert_eq!(back.get(&gone), None, "{back}");
    assert_eq!(server.post("/Users", &json!({"userName": "cid", BADGE: {"number": "7"}})).await.0, 409);
    let told = server.command(&["audit", "list", "--organization", "acme", "--json"]);
    assert!(told.as_array().unwrap().iter().any(|event| event["action"] == "member.brought_back"), "{told}");
}
