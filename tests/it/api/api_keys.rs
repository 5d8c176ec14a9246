//! API keys: who makes them, what they open, and when they open nothing any more.

use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Reply, Team, joined_as};
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    a_life,
    refused,
    another_organization,
    no_stronger_than_its_creator,
    made_by_a_key,
    keys_that_are_none_are_counted,
    the_bearer_decides,
    an_organization_that_is_none,
    pages,
);

const ACME: &str = "/api/v1/organizations/acme";
const KEYS: &str = "/api/v1/organizations/acme/api-keys";

/// What a program is answered that presents this.
pub async fn by_key(place: &Clocked, key: &str, method: Method, path: &str, body: Option<&Value>) -> Reply {
    let shape = |request: reqwest::RequestBuilder| {
        let request = request.bearer_auth(key);
        match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        }
    };
    let answer = place.browser().send(method, path, shape).await;
    let body = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    Reply { status: answer.status, headers: answer.headers, body }
}

async fn ask(place: &Clocked, key: &str, path: &str) -> Reply {
    by_key(place, key, Method::GET, path, None).await
}

async fn rename(place: &Clocked, key: &str, name: &str) -> Reply {
    by_key(place, key, Method::PATCH, ACME, Some(&json!({ "name": name }))).await
}

/// An operator makes a key.
pub fn key_of(place: &Clocked, organization: &str, role: &str, more: &[&str]) -> String {
    let create = ["api-key", "create", "--organization", organization, "--name", role, "--role", role];
    place.command(&[create.as_slice(), more].concat())["key"].as_str().unwrap().to_owned()
}

async fn a_life(database: Database) {
    let team = Team::open(database).await;
    let wanted = json!({"name": "Deploy", "role": "admin", "expires_in": "365d"});
    let made = team.admin.make(KEYS, &wanted).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let location = made.header("location").to_owned();
    let made = made.is(201);
    let key = made["key"].as_str().unwrap();
    assert_eq!((key.len(), &key[..4], &key[43..]), (47, "hck_", made["hint"].as_str().unwrap()));
    assert_eq!(location, format!("{KEYS}/{}", made["id"].as_str().unwrap()));
    let mut shown = team.owner.ask(&location).await.is(200);
    shown["key"] = made["key"].clone();
    assert_eq!(shown, made);
    assert_eq!(made["created_by"], format!("member:{}", team.admin.member_id().await));
    // It is shown this once, and stored by its hash.
    let listed = team.owner.ask(KEYS).await.is(200);
    assert!(!listed.to_string().contains(key) && listed["items"][0].get("key").is_none(), "{listed}");
    let stored = Sql::new("SELECT name || hint || created_by FROM api_keys");
    let stored = stored.load::<diesel::sql_types::Text, String>(&mut team.place.house.database()).unwrap();
    assert!(!stored.concat().contains(&key[4..]), "{stored:?}");
    // It acts without the token of a page, and the trail tells which.
    assert_eq!(rename(&team.place, key, "By a program").await.is(200)["name"], "By a program");
    let id = team.reader.ask("/api/v1/organizations").await.is(200)["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(ask(&team.place, key, &format!("/api/v1/organizations/{id}")).await.is(200)["name"], "By a program");
    let events = team.place.command(&["audit", "list", "--organization", "acme"]);
    let of = |action: &str| {
        let is_it = |event: &&Value| event["action"] == action && event["actor"] != "operator";
        events.as_array().unwrap().iter().find(is_it).unwrap()
    };
    assert_eq!(of("organization.changed")["actor"], format!("api_key:{}", made["id"].as_str().unwrap()));
    assert_eq!(of("api_key.created")["detail"]["name"], "Deploy");
    // Sent again, it is one key.
    let again = [("idempotency-key", "once")];
    let wanted = json!({"name": "Once", "role": "read"});
    let once = team.admin.call_with(Method::POST, KEYS, Some(&wanted), &again).await.is(201);
    assert_eq!(team.admin.call_with(Method::POST, KEYS, Some(&wanted), &again).await.is(201), once);
    team.admin.end(&format!("{KEYS}/{}", once["id"].as_str().unwrap())).await;
    let sql = Sql::new("DELETE FROM api_keys WHERE name = 'Once'");
    assert_eq!(sql.execute(&mut team.place.house.database()).unwrap(), 1);
    // The use is written down, a minute apart.
    let first = used(&team, "").await;
    for (later, is_another) in [(59, false), (1, true)] {
        team.place.clock.advance_seconds(later);
        ask(&team.place, key, ACME).await.is(200);
        if is_another {
            used(&team, &first).await;
        } else {
            assert_eq!(team.owner.ask(KEYS).await.is(200)["items"][0]["last_used_at"], first.as_str());
        }
    }
    assert_eq!(team.admin.end(&location).await.status, 204);
    assert!(team.admin.ask(&location).await.is(200)["revoked_at"].is_string());
    team.admin.end(&location).await.problem(404, "not_found");
    team.admin.end(&format!("{KEYS}/Deploy")).await.problem(404, "not_found");
    let told = ask(&team.place, key, ACME).await.problem(401, "unauthorized");
    assert!(told.contains("revoked on 2"), "{told}");
    assert_eq!(team.owner.ask(ACME).await.is(200)["name"], "By a program");
}

/// When the only key was used last, once that is another time than `before`.
async fn used(team: &Team, before: &str) -> String {
    loop {
        let listed = team.owner.ask(KEYS).await.is(200);
        if let Some(at) = listed["items"][0]["last_used_at"].as_str().filter(|at| *at != before) {
            return at.to_owned();
        }
    }
}

async fn refused(database: Database) {
    let team = Team::open(database).await;
    for (body, named) in [
        (json!({"name": "x", "role": "owner"}), "role"),
        (json!({"name": "x", "role": "root"}), "role"),
        (json!({"name": "", "role": "read"}), "name"),
        (json!({"name": "x\u{7}", "role": "read"}), "name"),
        (json!({"name": "x", "role": "read", "expires_in": "soon"}), "expires_in"),
        (json!({"name": "x", "role": "read", "expires_in": "36501d"}), "expires_in"),
        (json!({"name": "x", "role": "read", "expires_in": "4294967295d"}), "expires_in"),
        (json!({"name": "x", "role": "read", "key": "hck_mine"}), "key"),
        (json!({"role": "read"}), "name"),
    ] {
        let detail = team.admin.make(KEYS, &body).await.problem(400, "invalid_value");
        assert!(detail.contains(named), "{body}: {detail}");
    }
    team.writer.make(KEYS, &json!({"name": "x", "role": "read"})).await.problem(403, "forbidden");
    let key = key_of(&team.place, "acme", "write", &["--expires-in", "1d"]);
    assert!(rename(&team.place, &key, "x").await.problem(403, "forbidden").contains("takes the role admin"));
    for wrong in ["", "hck_", "hck_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &key[4..], &team.place.house.token] {
        let reply = ask(&team.place, wrong, ACME).await;
        let told = reply.problem(401, "unauthorized");
        assert!(told.contains("not one of this service"), "{wrong}: {told}");
        assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"api\", error=\"invalid_token\"");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    let nobody = team.place.browser().ask(ACME).await;
    assert_eq!((nobody.status.as_u16(), nobody.header("www-authenticate")), (401, "Bearer realm=\"api\""));
    // The scheme has no case; a key is nobody, and no identity provider.
    let shape = |request: reqwest::RequestBuilder| request.header("authorization", format!("bEARER {key}"));
    assert_eq!(team.place.browser().send(Method::GET, ACME, shape).await.status, 200);
    for path in ["/api/v1/me", "/api/v1/me/sessions", "/api/v1/organizations"] {
        ask(&team.place, &key, path).await.problem(403, "forbidden");
    }
    assert_eq!(ask(&team.place, &key, "/scim/v2/Users").await.status, 401);
    // The command made it by the system's clock, a little later than the test's.
    team.place.clock.advance_seconds(25 * 3_600);
    let told = ask(&team.place, &key, ACME).await.problem(401, "unauthorized");
    assert!(told.contains("expired on 2"), "{told}");
    // A command in a process of its own revokes for this one at once.
    let key = key_of(&team.place, "acme", "read", &[]);
    assert_eq!(ask(&team.place, &key, ACME).await.status, 200);
    team.place.command(&["api-key", "revoke", "--organization", "acme", "--name", "read"]);
    assert_eq!(ask(&team.place, &key, ACME).await.status, 401);
    let listed = team.place.command(&["api-key", "list", "--organization", "acme"]);
    assert!(listed[0]["revoked_at"].is_string() && listed[1]["revoked_at"].is_null(), "{listed}");
}

async fn another_organization(database: Database) {
    let team = Team::open(database).await;
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "o@b.example"];
    let bolt = team.place.command(&[bolt.as_slice(), &["--seats", "2"]].concat());
    let id = bolt["id"].as_str().unwrap();
    let key = key_of(&team.place, "acme", "admin", &[]);
    for name in ["bolt", id, "none"] {
        for path in ["", "/api-keys", "/billing"] {
            let told = ask(&team.place, &key, &format!("/api/v1/organizations/{name}{path}")).await;
            assert_eq!(told.problem(404, "not_found").replace(name, "none").matches("none").count(), 1);
        }
    }
    let theirs = key_of(&team.place, "bolt", "read", &[]);
    let listed = team.place.command(&["api-key", "list", "--organization", "bolt"]);
    let own = listed[0]["id"].as_str().unwrap();
    by_key(&team.place, &key, Method::DELETE, &format!("{KEYS}/{own}"), None).await.problem(404, "not_found");
    assert_eq!(ask(&team.place, &theirs, "/api/v1/organizations/bolt").await.status, 200);
}

async fn no_stronger_than_its_creator(database: Database) {
    let team = Team::open(database).await;
    let made = team.admin.make(KEYS, &json!({"name": "x", "role": "admin"})).await.is(201);
    let key = made["key"].as_str().unwrap();
    let member = team.admin.member_id().await;
    let set = |what: &str, to: &str| {
        team.place.command(&["member", "set", "--organization", "acme", "--member", &member, what, to])
    };
    assert_eq!(rename(&team.place, key, "One").await.status, 200);
    set("--role", "write");
    rename(&team.place, key, "Two").await.problem(403, "forbidden");
    assert_eq!(ask(&team.place, key, ACME).await.is(200)["name"], "One");
    set("--role", "admin");
    set("--status", "suspended");
    let told = ask(&team.place, key, ACME).await.problem(401, "unauthorized");
    assert!(told.contains("no access"), "{told}");
    set("--status", "active");
    assert_eq!(rename(&team.place, key, "Three").await.status, 200);
    set("--status", "removed");
    assert_eq!(ask(&team.place, key, ACME).await.status, 401);
}

async fn made_by_a_key(database: Database) {
    let team = Team::open(database).await;
    let admin = joined_as(&team.place, "second", "admin").await;
    let wanted = json!({"name": "parent", "role": "admin", "expires_in": "1h"});
    let parent = admin.make(KEYS, &wanted).await.is(201);
    let wanted = json!({"name": "child", "role": "admin"});
    let child = by_key(&team.place, parent["key"].as_str().unwrap(), Method::POST, KEYS, Some(&wanted)).await.is(201);
    assert_eq!(child["expires_at"], parent["expires_at"], "it does not outlive the key that made it");
    assert_eq!(child["created_by"], format!("api_key:{}", parent["id"].as_str().unwrap()));
    let key = child["key"].as_str().unwrap();
    assert_eq!(ask(&team.place, key, ACME).await.status, 200);
    // Nor the access of whoever made that one.
    let member = admin.member_id().await;
    team.place.command(&["member", "set", "--organization", "acme", "--member", &member, "--role", "read"]);
    rename(&team.place, key, "x").await.problem(403, "forbidden");
    // It ends itself.
    team.place.command(&["member", "set", "--organization", "acme", "--member", &member, "--role", "admin"]);
    let own = format!("{KEYS}/{}", child["id"].as_str().unwrap());
    assert_eq!(by_key(&team.place, key, Method::DELETE, &own, None).await.status, 204);
    assert_eq!(ask(&team.place, key, ACME).await.status, 401);
}

async fn keys_that_are_none_are_counted(database: Database) {
    let team = Team::at(Clocked::open(database, &[("limits.api_keys", "3"), ("limits.sign_in", "0")])).await;
    let key = key_of(&team.place, "acme", "read", &[]);
    for _ in 0..3 {
        ask(&team.place, "hck_none", ACME).await.problem(401, "unauthorized");
        team.place.browser().ask(ACME).await.problem(401, "unauthorized");
        // A good one that is asked for what is a person's is none of them.
        ask(&team.place, &key, "/api/v1/me").await.problem(403, "forbidden");
    }
    let reply = ask(&team.place, "hck_other", ACME).await;
    reply.problem(429, "too_many_requests");
    assert_eq!(reply.header("retry-after"), "60");
    assert_eq!(ask(&team.place, &key, ACME).await.status, 200, "a right one always works");
    assert_eq!(team.place.browser().ask(ACME).await.status, 401, "who presents none is not counted");
    team.place.clock.advance_seconds(60);
    ask(&team.place, "hck_none", ACME).await.problem(401, "unauthorized");
}

async fn the_bearer_decides(database: Database) {
    let team = Team::open(database).await;
    let key = key_of(&team.place, "acme", "read", &[]);
    let both = async |bearer: &str, method: Method, path: &str| {
        let bearer = format!("Bearer {bearer}");
        let body = (method == Method::PATCH).then(|| json!({"name": "Both"}));
        team.owner.call_with(method, path, body.as_ref(), &[("authorization", &bearer)]).await
    };
    both(&key, Method::PATCH, ACME).await.problem(403, "forbidden");
    both("hck_none", Method::GET, ACME).await.problem(401, "unauthorized");
    both("hck_none", Method::PATCH, ACME).await.problem(401, "unauthorized");
    both(&key, Method::GET, "/api/v1/me").await.problem(403, "forbidden");
    assert!(!both(&key, Method::GET, ACME).await.headers.contains_key("x-csrf-token"));
    // What a proxy checks is none of ours.
    let basic = [("authorization", "Basic YTpi")];
    assert_eq!(team.owner.call_with(Method::GET, ACME, None, &basic).await.status, 200);
    // A bearer is no way around the token of the page.
    let forged = team.owner.send(Method::PATCH, ACME, |request| {
        request.header("content-type", "application/json").body("{\"name\": \"x\"}")
    });
    assert_eq!(forged.await.status, 403);
}

async fn an_organization_that_is_none(database: Database) {
    let team = Team::open(database).await;
    let key = key_of(&team.place, "acme", "admin", &[]);
    for (state, status) in [("pending_checkout", 403), ("deleted", 401), ("past_due", 200)] {
        let sql = Sql::new("UPDATE organizations SET state = ? WHERE slug = 'acme'").bind(state);
        sql.execute(&mut team.place.house.database()).unwrap();
        assert_eq!(ask(&team.place, &key, ACME).await.status, status, "{state}");
    }
}

async fn pages(database: Database) {
    let team = Team::open(database).await;
    for number in 0..3 {
        team.admin.make(KEYS, &json!({"name": format!("k{number}"), "role": "read"})).await.is(201);
    }
    let mut seen = Vec::new();
    let mut path = format!("{KEYS}?limit=2");
    loop {
        let page = team.admin.ask(&path).await.is(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{KEYS}?limit=2&after={next}");
    }
    assert_eq!(seen, ["k2", "k1", "k0"]);
}
