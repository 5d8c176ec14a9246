//! Associated domains by the API: added, proven by the DNS, set and removed by an organization's own admins.

use headcount::administration::domain::{self, Settings};
use headcount::administration::{Actor, By};
use headcount::error::Code;
use headcount::organization::role::Role;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::api_keys::{by_key, key_of};
use super::client::Team;
use crate::sign_in::clocked::Clocked;
use crate::support::dns::Dns;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(a_life, refused, never_vouched_for, of_another_organization);

const HERE: &str = "/api/v1/organizations/acme/domains";

/// A team whose proofs are asked of a DNS of the test's own.
async fn open(database: Database) -> (Team, Dns) {
    let dns = Dns::start();
    let address = dns.address.to_string();
    let place = Clocked::open(database, &[("limits.sign_in", "0"), ("dns.servers", &address)]);
    (Team::at(place).await, dns)
}

async fn a_life(database: Database) {
    let (team, dns) = open(database).await;
    let wanted = json!({"domain": "Bücher.Example", "joining": "ask_admin", "role": "write"});
    let made = team.admin.call_with(Method::POST, HERE, Some(&wanted), &[("idempotency-key", "one")]).await;
    assert_eq!(made.header("location"), format!("{HERE}/xn--bcher-kva.example"));
    let made = made.is(201);
    assert_eq!(
        (&made["name"], &made["state"], &made["vouched"]),
        (&json!("bücher.example"), &json!("pending"), &json!(false))
    );
    assert_eq!((&made["joining"], &made["role"]), (&json!("ask_admin"), &json!("write")));
    assert_eq!(made["txt_host"], "_headcount-challenge.xn--bcher-kva.example");
    let again = team.admin.call_with(Method::POST, HERE, Some(&wanted), &[("idempotency-key", "one")]).await;
    assert_eq!(again.is(201), made, "it is done once");
    team.admin.make(HERE, &wanted).await.problem(409, "uniqueness");
    // By either of its names.
    for name in ["xn--bcher-kva.example", "b%C3%BCcher.example"] {
        assert_eq!(team.owner.ask(&format!("{HERE}/{name}")).await.is(200), made);
    }
    let listed = team.owner.ask(HERE).await.is(200);
    let names: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|domain| &domain["domain"]).collect();
    assert_eq!((names, &listed["next"]), (vec![&json!("acme.example"), &made["domain"]], &Value::Null));
    // What the DNS shows is told.
    let here = format!("{HERE}/xn--bcher-kva.example");
    let check = format!("{here}/check");
    let looked = team.admin.make(&check, &Value::Null).await.is(200);
    assert_eq!((&looked["state"], &looked["seen"]), (&json!("pending"), &json!([])));
    dns.put(made["txt_host"].as_str().unwrap(), &["v=spf1 -all", made["txt_value"].as_str().unwrap()]);
    let looked = team.admin.make(&check, &Value::Null).await.is(200);
    assert_eq!((&looked["state"], looked["seen"].as_array().unwrap().len()), (&json!("verified"), 2));
    let shown = team.admin.ask(&here).await.is(200);
    assert_eq!((&shown["state"], shown.get("seen")), (&json!("verified"), None));
    dns.fail(true);
    team.admin.make(&check, &Value::Null).await.problem(503, "unavailable");
    dns.fail(false);
    // The policy; what stays the same leaves no event.
    let changed = team.admin.change(&here, &json!({"joining": "invite_only"})).await.is(200);
    assert_eq!((&changed["joining"], &changed["role"]), (&json!("invite_only"), &json!("write")));
    assert_eq!(team.admin.change(&here, &json!({"role": "write"})).await.is(200), changed);
    assert_eq!(team.admin.end(&here).await.status, 204);
    team.admin.end(&here).await.problem(404, "not_found");
    assert_eq!(
        trail(&team.place, &team.admin.member_id().await),
        ["domain.added", "domain.verified", "domain.changed", "domain.removed"]
    );
}

/// What this member has done to domains, oldest first.
fn trail(place: &Clocked, member: &str) -> Vec<String> {
    let events = place.command(&["audit", "list", "--organization", "acme"]);
    let own = events.as_array().unwrap().iter().rev().filter(|event| event["actor"] == format!("member:{member}"));
    let actions = own.map(|event| event["action"].as_str().unwrap().to_owned());
    actions.filter(|action| action.starts_with("domain.")).collect()
}

async fn refused(database: Database) {
    let (team, _dns) = open(database).await;
    for (body, named) in [
        (json!({"domain": "gmail.com"}), "gmail.com"),
        (json!({"domain": "co.uk"}), "co.uk"),
        (json!({"domain": "192.0.2.1"}), "192.0.2.1"),
        (json!({"domain": "b.example", "joining": "sometimes"}), "joining"),
        (json!({"domain": "b.example", "role": "root"}), "role"),
        (json!({"domain": "b.example", "role": "admin"}), "role"),
        (json!({"domain": "b.example", "vouched": true}), "vouched"),
        (json!({"domain": "b.example", "verified": true}), "verified"),
        (json!({}), "domain"),
    ] {
        let detail = team.admin.make(HERE, &body).await.problem(400, "invalid_value");
        assert!(detail.contains(named), "{body}: {detail}");
    }
    let own = format!("{HERE}/acme.example");
    for body in [json!({"role": "owner"}), json!({"joining": ""}), json!({"state": "verified"})] {
        team.admin.change(&own, &body).await.problem(400, "invalid_value");
    }
    team.writer.make(HERE, &json!({"domain": "b.example"})).await.problem(403, "forbidden");
    let listed = team.admin.ask(HERE).await.is(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    team.admin.ask(&format!("{HERE}?limit=1")).await.problem(400, "invalid_value");
    // As many as there can be.
    for number in 1..200 {
        let sql = Sql::new(
            "INSERT INTO associated_domains (organization_id, domain, state, vouched, joining, role, challenge, created_at) \
             SELECT organization_id, ?, 'pending', vouched, joining, role, challenge, created_at \
             FROM associated_domains WHERE domain = 'acme.example'",
        );
        sql.bind(format!("d{number}.example").as_str()).execute(&mut team.place.house.database()).unwrap();
    }
    let detail = team.admin.make(HERE, &json!({"domain": "b.example"})).await.problem(409, "conflict");
    assert!(detail.contains("200 domains"), "{detail}");
}

/// The operator's word is the operator's alone, whichever way it is asked for.
async fn never_vouched_for(database: Database) {
    let (team, _dns) = open(database).await;
    let shown = team.owner.ask("/api/v1/organizations/acme").await.is(200);
    let organization = shown["id"].as_str().unwrap().parse().unwrap();
    let id = team.place.house.assembly.administration.ids.next();
    let actor = Actor::ApiKey { organization, id, role: Role::Admin };
    let by = By { actor, request_id: None, address: None };
    let settings = Settings { vouched: true, ..Settings::default() };
    let administration = team.place.house.assembly.administration.clone();
    let add = move |connection: &mut _| domain::add(connection, &administration, &by, "acme", "b.example", settings);
    let refused = team.place.house.assembly.store.write(add).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
}

async fn of_another_organization(database: Database) {
    let (team, dns) = open(database).await;
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "o@b.example"];
    team.place.command(&[bolt.as_slice(), &["--seats", "2"]].concat());
    let theirs = key_of(&team.place, "bolt", "admin", &[]);
    let there = "/api/v1/organizations/bolt/domains";
    // The same name; which of the two has it is decided by the proof, and until then nobody is told.
    let wanted = json!({"domain": "shared.example"});
    team.admin.make(HERE, &wanted).await.is(201);
    let other = by_key(&team.place, &theirs, Method::POST, there, Some(&wanted)).await.is(201);
    let here = format!("{HERE}/shared.example");
    let own = team.admin.ask(&here).await.is(200);
    let values = [own["txt_value"].as_str().unwrap(), other["txt_value"].as_str().unwrap()];
    dns.put(own["txt_host"].as_str().unwrap(), &values);
    let there = format!("{there}/shared.example");
    let checked = by_key(&team.place, &theirs, Method::POST, &format!("{there}/check"), None).await.is(200);
    assert_eq!(checked["state"], "verified");
    let told = team.admin.make(&format!("{here}/check"), &Value::Null).await.problem(409, "uniqueness");
    assert!(told.contains("Another organization has verified"), "{told}");
    assert_eq!(team.admin.ask(&here).await.is(200)["state"], "pending");
    for (method, path) in [(Method::GET, there.clone()), (Method::DELETE, there)] {
        team.admin.call(method, &path, None).await.problem(404, "not_found");
    }
}
