//! How people come in, as an organization's own admins decide it: single sign-on, recovery codes, who asks, and where
//! members are signed in.

use diesel::sql_types::BigInt;
use headcount::administration::actor::Member;
use headcount::administration::recovery_codes::{self, Whom};
use headcount::administration::{Actor, By};
use headcount::clock::Timestamp;
use headcount::error::Code;
use headcount::organization::role::Role;
use headcount::stand_in::person::Person;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::api_keys::{by_key, key_of};
use super::client::{Team, joined_as};
use crate::sign_in::browser::TENANT;
use crate::sign_in::recovery::recover;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    single_sign_on,
    own_recovery_codes,
    join_requests,
    sessions_of_a_member,
    sessions_of_everybody,
    sessions_in_pages,
);

const ACME: &str = "/api/v1/organizations/acme";
const SSO: &str = "/api/v1/organizations/acme/single-sign-on";
const CODES: &str = "/api/v1/organizations/acme/recovery-codes";
const REQUESTS: &str = "/api/v1/organizations/acme/join-requests";
const SESSIONS: &str = "/api/v1/organizations/acme/sessions";

async fn single_sign_on(database: Database) {
    let team = Team::open(database).await;
    let decide = async |sso: &str, tag: &str| {
        team.admin.call_with(Method::PUT, SSO, Some(&json!({ "sso": sso })), &[("if-match", tag)]).await
    };
    // Now that they are an admin, their sign-in through the tenant is the test of it.
    assert_eq!(team.admin.ask(SSO).await.is(200)["requirements"]["test_sign_in"], false);
    assert_eq!(team.admin.sign_in("admin@acme.example").await.status, 303);
    let shown = team.admin.ask(SSO).await;
    let tag = shown.header("etag").to_owned();
    let shown = shown.is(200);
    assert_eq!((&shown["sso"], &shown["descope_tenant_id"]), (&json!("optional"), &json!(TENANT)));
    let requirements = json!({"verified_domain": true, "test_sign_in": true, "recovery_codes": false});
    assert_eq!(shown["requirements"], requirements);
    assert_eq!(shown["missing"].as_array().unwrap().len(), 1);
    assert_eq!(team.owner.ask(ACME).await.header("etag"), tag, "it is of the settings");
    let told = decide("required", &tag).await.problem(409, "conflict");
    assert!(told.contains("recovery codes"), "{told}");
    team.owner.make(CODES, &Value::Null).await.is(201);
    team.owner.make(&format!("{CODES}/confirm"), &Value::Null).await.is(200);
    let set = decide("required", &tag).await;
    let after = set.header("etag").to_owned();
    assert_ne!(after, tag);
    let set = set.is(200);
    assert_eq!((&set["sso"], &set["missing"]), (&json!("required"), &json!([])));
    assert_eq!(team.owner.ask(SSO).await.header("etag"), after);
    decide("off", &tag).await.problem(412, "precondition_failed");
    decide("sometimes", &after).await.problem(400, "invalid_value");
    // Again, it is what it is, and the trail says it once.
    assert_eq!(decide("required", &after).await.header("etag"), after);
    let events = team.place.command(&["audit", "list", "--organization", "acme"]);
    let is_it = |event: &&Value| event["action"] == "organization.changed" && event["detail"]["sso"] == "required";
    assert_eq!(events.as_array().unwrap().iter().filter(is_it).count(), 1);
    // Nobody's sign-in is a program's.
    let key = key_of(&team.place, "acme", "admin", &[]);
    let seen = by_key(&team.place, &key, Method::GET, SSO, None).await.is(200);
    assert_eq!(seen["requirements"]["test_sign_in"], false);
    by_key(&team.place, &key, Method::PUT, SSO, Some(&json!({"sso": "optional"}))).await.is(200);
    by_key(&team.place, &key, Method::PUT, SSO, Some(&json!({"sso": "required"}))).await.problem(403, "forbidden");
    team.place.command(&["organization", "set", "--organization", "acme", "--descope-tenant-id", ""]);
    let shown = team.admin.ask(SSO).await.is(200);
    assert_eq!((&shown["sso"], &shown["descope_tenant_id"]), (&json!("off"), &Value::Null));
    assert!(shown["missing"][0].as_str().unwrap().contains("Tenant ID"), "{shown}");
    decide("optional", "*").await.problem(409, "conflict");
}

async fn own_recovery_codes(database: Database) {
    let team = Team::open(database).await;
    let owner = team.owner.member_id().await;
    team.owner.make(&format!("{CODES}/confirm"), &Value::Null).await.problem(404, "not_found");
    let again = [("idempotency-key", "once")];
    let make = async || team.owner.call_with(Method::POST, CODES, None, &again).await;
    let new = make().await.is(201);
    assert_eq!(make().await.is(201), new, "who did not hear the answer has the same codes");
    let codes = new["codes"].as_array().unwrap();
    assert_eq!((codes.len(), &new["member_id"]), (10, &json!(owner)));
    let listed = team.owner.ask(CODES).await.is(200);
    assert!(!codes.iter().any(|code| listed.to_string().contains(code.as_str().unwrap())), "{listed}");
    let own = &listed["items"][0];
    assert_eq!((&own["member_id"], &own["left"], &own["saved_at"]), (&json!(owner), &json!(10), &Value::Null));
    let kept = team.owner.make(&format!("{CODES}/confirm"), &Value::Null).await.is(200);
    assert!(kept["saved_at"].is_string() && kept["usable"] == true, "{kept}");
    assert_eq!(team.owner.make(&format!("{CODES}/confirm"), &Value::Null).await.is(200), kept, "it is said once");
    // They open the settings, and new ones take their place.
    let browser = team.place.browser();
    let answer = recover(&browser, "owner@acme.example", codes[0].as_str().unwrap()).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    team.owner.make(CODES, &Value::Null).await.is(201);
    let answer = recover(&browser, "owner@acme.example", codes[1].as_str().unwrap()).await;
    assert_ne!(answer.status, 303);
    // Another owner has none of their own in this way.
    let other = joined_as(&team.place, "other", "owner").await;
    assert_ne!(other.make(CODES, &Value::Null).await.is(201)["member_id"], json!(owner));
    // Whatever way it is asked for.
    let (me, shown) = (other.me().await.1, team.owner.ask(ACME).await.is(200));
    let member = Member {
        organization: shown["id"].as_str().unwrap().parse().unwrap(),
        id: me["memberships"][0]["member_id"].as_str().unwrap().parse().unwrap(),
        role: Role::Owner,
        identity: team.place.house.assembly.administration.ids.next(),
        signed_in_at: Timestamp(0),
        recovers: false,
        before_checkout: false,
    };
    let by = By { actor: Actor::Member(member), request_id: None, address: None };
    let administration = team.place.house.assembly.administration.clone();
    for whom in [Whom::Id(owner.clone()), Whom::Address("owner@acme.example".into())] {
        let (administration, by) = (administration.clone(), by.clone());
        let make = move |connection: &mut _| recovery_codes::create(connection, &administration, &by, "acme", &whom);
        assert_eq!(team.place.house.assembly.store.write(make).await.unwrap_err().code, Code::Forbidden);
    }
    team.admin.make(CODES, &Value::Null).await.problem(403, "forbidden");
    let key = key_of(&team.place, "acme", "admin", &[]);
    let told = by_key(&team.place, &key, Method::POST, CODES, None).await.problem(403, "forbidden");
    assert!(told.contains("takes a person"), "{told}");
}

async fn join_requests(database: Database) {
    let team = Team::open(database).await;
    team.place.command(&[
        "domain",
        "set",
        "--organization",
        "acme",
        "--domain",
        "acme.example",
        "--joining",
        "ask_admin",
    ]);
    for name in ["bea", "cay", "dan"] {
        let person = Person::new(&format!("U2{name}"), &format!("{name}@acme.example"), TENANT);
        assert_eq!(team.place.sign_in(&person).await.1.status, 403);
    }
    let listed = team.admin.ask(REQUESTS).await.is(200);
    let emails: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|request| &request["email"]).collect();
    assert_eq!(emails, ["bea@acme.example", "cay@acme.example", "dan@acme.example"]);
    let page = team.admin.ask(&format!("{REQUESTS}?limit=2")).await.is(200);
    let next = team.admin.ask(&format!("{REQUESTS}?after={}", page["next"].as_str().unwrap())).await.is(200);
    assert_eq!((next["items"].as_array().unwrap().len(), &next["items"][0]), (1, &listed["items"][2]));
    let here = |at: usize, what: &str| format!("{REQUESTS}/{}/{what}", listed["items"][at]["id"].as_str().unwrap());
    let again = [("idempotency-key", "once")];
    let approve = async || team.admin.call_with(Method::POST, &here(0, "approve"), None, &again).await;
    let approved = approve().await.is(200);
    assert_eq!(approved["status"], "approved");
    assert_eq!(approve().await.is(200), approved, "it is done once");
    team.admin.make(&here(0, "approve"), &Value::Null).await.problem(404, "not_found");
    let member = format!("{ACME}/members/{}", approved["member_id"].as_str().unwrap());
    assert_eq!(team.reader.ask(&member).await.is(200)["email"], "bea@acme.example");
    assert_eq!(team.admin.make(&here(1, "decline"), &Value::Null).await.is(200)["status"], "declined");
    team.admin.make(&here(1, "decline"), &Value::Null).await.problem(409, "conflict");
    let listed = team.admin.ask(REQUESTS).await.is(200);
    let statuses: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|request| &request["status"]).collect();
    assert_eq!(statuses, ["declined", "pending"]);
    // What nobody decides is over after 30 days, and who was declined is kept out for longer.
    team.place.clock.advance_seconds(30 * 24 * 3_600);
    let (admin, _) = team.place.sign_in(&Person::new("U2admin", "admin@acme.example", TENANT)).await;
    let listed = admin.ask(REQUESTS).await.is(200);
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["status"]), (1, &json!("declined")));
    team.place.clock.advance_seconds(60 * 24 * 3_600);
    let (admin, _) = team.place.sign_in(&Person::new("U2admin", "admin@acme.example", TENANT)).await;
    assert_eq!(admin.ask(REQUESTS).await.is(200)["items"], json!([]));
}

async fn sessions_of_a_member(database: Database) {
    let team = Team::open(database).await;
    let reader = team.reader.member_id().await;
    let twice = joined_as(&team.place, "read", "read").await;
    let here = format!("{ACME}/members/{reader}/sessions");
    let listed = team.admin.ask(&here).await.is(200);
    let items = listed["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["member_id"]), (2, &json!(reader)));
    let first = format!("{here}/{}", items[0]["id"].as_str().unwrap());
    // An admin ends a reader's, and no owner's.
    assert_eq!(team.admin.end(&first).await.status, 204);
    team.admin.end(&first).await.problem(404, "not_found");
    assert_eq!((team.reader.me().await.0.as_u16(), twice.me().await.0.as_u16()), (401, 200));
    let owner = format!("{ACME}/members/{}/sessions", team.owner.member_id().await);
    let own = team.admin.ask(&owner).await.is(200)["items"][0]["id"].as_str().unwrap().to_owned();
    team.admin.end(&format!("{owner}/{own}")).await.problem(403, "forbidden");
    // It is this member's session, or nobody's.
    team.admin.end(&format!("{here}/{own}")).await.problem(404, "not_found");
    team.admin.end(&format!("{here}/x")).await.problem(404, "not_found");
    assert_eq!(team.owner.me().await.0, 200);
    let events = team.place.command(&["audit", "list", "--organization", "acme"]);
    let event = events.as_array().unwrap().iter().find(|event| event["action"] == "sessions.revoked").unwrap();
    assert_eq!((&event["detail"]["session"], &event["detail"]["sessions"]), (&items[0]["id"], &json!(1)));
    assert_eq!(event["target"]["id"], reader);
    // By command too.
    let left = team.place.command(&["session", "list", "--organization", "acme", "--member", &reader]);
    let left = left[0]["id"].as_str().unwrap();
    let revoke = ["session", "revoke", "--organization", "acme", "--member", &reader, "--session", left];
    assert_eq!(team.place.command(&revoke), json!({"revoked": 1}));
    assert_eq!(twice.me().await.0, 401);
}

async fn sessions_of_everybody(database: Database) {
    let team = Team::open(database).await;
    let revoke = format!("{SESSIONS}/revoke");
    let told = team.admin.make(&revoke, &json!({"everybody": true})).await.problem(403, "forbidden");
    assert!(told.contains("owner"), "{told}");
    let key = key_of(&team.place, "acme", "admin", &[]);
    by_key(&team.place, &key, Method::POST, &revoke, Some(&json!({"everybody": true}))).await.problem(403, "forbidden");
    team.owner.make(&revoke, &json!({"everybody": false})).await.problem(400, "invalid_value");
    assert_eq!(team.owner.ask(SESSIONS).await.is(200)["items"].as_array().unwrap().len(), 4);
    assert_eq!(team.owner.make(&revoke, &json!({"everybody": true})).await.is(200), json!({"revoked": 4}));
    for browser in [&team.reader, &team.admin, &team.owner] {
        assert_eq!(browser.me().await.0, 401);
    }
}

async fn sessions_in_pages(database: Database) {
    let team = Team::open(database).await;
    for _ in 0..3 {
        joined_as(&team.place, "read", "read").await;
    }
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = team.admin.ask(&format!("{SESSIONS}?limit=3{after}")).await.is(200);
        ids.extend(page["items"].as_array().unwrap().iter().map(|session| session["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    let all = team.admin.ask(SESSIONS).await.is(200);
    let all: Vec<Value> = all["items"].as_array().unwrap().iter().map(|session| session["id"].clone()).collect();
    assert_eq!((ids.len(), &ids), (7, &all));
    // What a recovery code opened is the owner's too, and listed once.
    let codes = team.owner.make(CODES, &Value::Null).await.is(201);
    let browser = team.place.browser();
    let code = codes["codes"][0].as_str().unwrap();
    assert_eq!(recover(&browser, "owner@acme.example", code).await.status, 303);
    let owner = format!("{ACME}/members/{}/sessions", team.owner.member_id().await);
    let own = team.admin.ask(&owner).await.is(200);
    let scopes: Vec<&Value> = own["items"].as_array().unwrap().iter().map(|session| &session["scope"]).collect();
    assert_eq!(scopes, [&Value::Null, &json!("sso_settings")], "{own}");
    assert_eq!(team.admin.ask(SESSIONS).await.is(200)["items"].as_array().unwrap().len(), 8);
    // What a recovery code of another organization opened is nothing to this one.
    team.place.command(&[
        "organization",
        "create",
        "--name",
        "Bolt",
        "--slug",
        "bolt",
        "--owner-email",
        "owner@bolt.example",
        "--seats",
        "2",
    ]);
    let rescue = own["items"][1]["id"].as_str().unwrap();
    let move_it = "UPDATE sessions SET organization_id = (SELECT id FROM organizations WHERE slug = 'bolt') \
         WHERE recovers_id IS NOT NULL";
    assert_eq!(Sql::new(move_it).execute(&mut team.place.house.database()).unwrap(), 1);
    assert_eq!(team.admin.ask(&owner).await.is(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(team.admin.ask(SESSIONS).await.is(200)["items"].as_array().unwrap().len(), 7);
    team.owner.end(&format!("{owner}/{rescue}")).await.problem(404, "not_found");
    // Nor is what does not open it, once only its tenant does.
    let only = "UPDATE organizations SET sso = 'required' WHERE slug = 'acme'";
    Sql::new(only).execute(&mut team.place.house.database()).unwrap();
    let unproven = "UPDATE sessions SET tenant_proven = FALSE WHERE id = (SELECT s.id FROM sessions s \
         JOIN members m ON m.identity_id = s.identity_id WHERE m.address_key = 'read@acme.example' ORDER BY s.id DESC LIMIT 1)";
    assert_eq!(Sql::new(unproven).execute(&mut team.place.house.database()).unwrap(), 1);
    assert_eq!(team.owner.ask(SESSIONS).await.is(200)["items"].as_array().unwrap().len(), 6);
    let everybody = json!({"everybody": true});
    assert_eq!(team.owner.make(&format!("{SESSIONS}/revoke"), &everybody).await.is(200), json!({"revoked": 6}));
    let left = "SELECT count(*) FROM sessions";
    let left = Sql::new(left).first::<BigInt, i64>(&mut team.place.house.database()).unwrap();
    assert_eq!(left, Some(2), "the one that rescues Bolt, and the one that does not open Acme");
    team.admin.ask(&format!("{SESSIONS}?after=WyJ4IiwieCJd")).await.problem(400, "invalid_cursor");
}
