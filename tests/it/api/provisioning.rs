//! What an identity provider comes by, as an organization's own admins make it: tokens, clients, extension schemas.

use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Reply, Team};
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    tokens,
    signed_tokens,
    clients,
    clients_with_keys,
    schemas,
    schemas_at_once,
    refused,
    pages
);

const TOKENS: &str = "/api/v1/organizations/acme/provisioning-tokens";
const CLIENTS: &str = "/api/v1/organizations/acme/provisioning-clients";
const SCHEMAS: &str = "/api/v1/organizations/acme/schemas";
const USERS: &str = "/Users";

/// What the audit trail tells of an action, newest first.
fn told(place: &Clocked, action: &str) -> Vec<Value> {
    let events = place.command(&["audit", "list", "--organization", "acme"]);
    events.as_array().unwrap().iter().filter(|event| event["action"] == action).cloned().collect()
}

async fn pushes(team: &Team, token: &str) -> u16 {
    team.place.scim(token, Method::GET, USERS, None).await.0
}

async fn once(team: &Team, path: &str, body: &Value) -> Reply {
    team.admin.call_with(Method::POST, path, Some(body), &[("idempotency-key", "once")]).await
}

async fn tokens(database: Database) {
    let team = Team::open(database).await;
    let wanted = json!({"name": "Okta", "expires_in": "1d"});
    let made = once(&team, TOKENS, &wanted).await;
    let location = made.header("location").to_owned();
    let made = made.is(201);
    let token = made["token"].as_str().unwrap();
    assert_eq!((&token[..4], &token[43..]), ("hcp_", made["hint"].as_str().unwrap()));
    assert_eq!(location, format!("{TOKENS}/{}", made["id"].as_str().unwrap()));
    assert_eq!(once(&team, TOKENS, &wanted).await.is(201), made, "one token, of whose secret nobody else hears");
    assert_eq!(pushes(&team, token).await, 200);
    let listed = team.owner.ask(TOKENS).await.is(200);
    assert!(!listed.to_string().contains(token), "{listed}");
    let names: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|token| &token["name"]).collect();
    // The operator's command made its own by the system's clock, a little later than the test's.
    assert_eq!(names, ["Okta", "test"]);
    // Two of them at a time, so that one takes the other's place while nothing stands still.
    let next = team.admin.make(TOKENS, &json!({"name": "Okta"})).await.is(201);
    assert_eq!(next["expires_at"], Value::Null);
    assert_eq!((pushes(&team, token).await, pushes(&team, next["token"].as_str().unwrap()).await), (200, 200));
    assert_eq!(team.admin.end(&location).await.status, 204);
    assert_eq!((pushes(&team, token).await, pushes(&team, next["token"].as_str().unwrap()).await), (401, 200));
    team.admin.end(&location).await.problem(404, "not_found");
    team.admin.end(&format!("{TOKENS}/Okta")).await.problem(404, "not_found");
    // Nobody's name keeps another from being revoked.
    let id = next["id"].as_str().unwrap();
    team.owner.make(TOKENS, &json!({"name": id})).await.is(201);
    assert_eq!(team.owner.end(&format!("{TOKENS}/{id}")).await.status, 204);
    assert_eq!(pushes(&team, next["token"].as_str().unwrap()).await, 401);
    let member = format!("member:{}", team.admin.member_id().await);
    for (action, count) in [("provisioning_token.created", 2), ("provisioning_token.revoked", 1)] {
        let own = told(&team.place, action).into_iter().filter(|event| event["actor"] == member);
        assert_eq!(own.count(), count, "{action}");
    }
}

async fn signed_tokens(database: Database) {
    let team = Team::open(database).await;
    let made = team.admin.make(TOKENS, &json!({"name": "Descope", "descope_signing_secret": "geheim"})).await.is(201);
    assert!(!made.to_string().contains("geheim"), "{made}");
    let token = made["token"].as_str().unwrap();
    let (status, answer, _) = team.place.scim(token, Method::GET, USERS, None).await;
    assert_eq!(status, 401);
    assert!(answer["detail"].as_str().unwrap().contains("x-descope-webhook-s256"), "{answer}");
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"geheim"), b"");
    let tag = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, tag);
    let shape = |request: reqwest::RequestBuilder| request.bearer_auth(token).header("x-descope-webhook-s256", tag);
    assert_eq!(team.place.browser().send(Method::GET, "/scim/v2/Users", shape).await.status, 200);
    let trail = told(&team.place, "provisioning_token.created");
    assert!(!trail[0].to_string().contains("geheim"), "{trail:?}");
}

/// An access token by the client's secret.
async fn access(team: &Team, client: &str, secret: &str) -> (u16, Value) {
    let form = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret)];
    let answer = team.place.browser().send(Method::POST, "/oauth/token", |request| request.form(&form)).await;
    (answer.status.as_u16(), serde_json::from_str(&answer.body).unwrap())
}

async fn clients(database: Database) {
    let team = Team::open(database).await;
    let wanted = json!({"name": "Entra"});
    let made = once(&team, CLIENTS, &wanted).await;
    let location = made.header("location").to_owned();
    let made = made.is(201);
    assert_eq!(once(&team, CLIENTS, &wanted).await.is(201), made);
    let (id, secret) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    assert_eq!(
        (location.as_str(), &made["authentication"]),
        (format!("{CLIENTS}/{id}").as_str(), &json!("client_secret"))
    );
    let (status, answer) = access(&team, id, secret).await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(pushes(&team, token).await, 200);
    let listed = team.owner.ask(CLIENTS).await.is(200);
    assert!(!listed.to_string().contains(secret), "{listed}");
    assert_eq!((listed["items"].as_array().unwrap().len(), listed["items"][0].get("client_secret")), (1, None));
    // An access token of an hour is none of the organization's own tokens.
    assert_eq!(team.owner.ask(TOKENS).await.is(200)["items"].as_array().unwrap().len(), 1);
    // Nobody's name keeps another from being revoked.
    team.admin.make(CLIENTS, &json!({"name": id})).await.is(201);
    assert_eq!(team.admin.end(&location).await.status, 204);
    assert_eq!((pushes(&team, token).await, access(&team, id, secret).await.0), (401, 401));
    team.admin.end(&location).await.problem(404, "not_found");
    assert_eq!(told(&team.place, "provisioning_client.revoked")[0]["detail"]["client_id"], id);
}

async fn clients_with_keys(database: Database) {
    let team = Team::open(database).await;
    let coordinate = "A".repeat(43);
    let point = json!({"kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate});
    let mut private = point.clone();
    private["d"] = "AA".into();
    let told = team.admin.make(CLIENTS, &json!({"name": "Entra", "jwks": {"keys": [private]}})).await;
    assert!(told.problem(400, "invalid_value").contains("private"));
    team.admin.make(CLIENTS, &json!({"name": "Entra", "jwks": {"keys": []}})).await.problem(400, "invalid_value");
    team.admin.make(CLIENTS, &json!({"name": "Entra", "jwks": "keys"})).await.problem(400, "invalid_value");
    let made = team.admin.make(CLIENTS, &json!({"name": "Entra", "jwks": {"keys": [point]}})).await.is(201);
    assert_eq!((&made["authentication"], &made["hint"]), (&json!("private_key_jwt"), &Value::Null));
    assert_eq!(made.get("client_secret"), None);
}

const BADGE: &str = "urn:example:params:scim:schemas:badge";

async fn schemas(database: Database) {
    let team = Team::open(database).await;
    let schema = json!({"id": BADGE, "name": "Badge", "attributes": [{"name": "number", "type": "string"}]});
    let wanted = json!({"schema": schema});
    let made = once(&team, SCHEMAS, &wanted).await;
    assert_eq!(made.header("location"), format!("{SCHEMAS}/{BADGE}"));
    assert_eq!(made.is(201), json!({"schema": BADGE, "required": false}));
    once(&team, SCHEMAS, &wanted).await.is(201);
    team.admin.make(SCHEMAS, &wanted).await.problem(409, "uniqueness");
    let listed = team.owner.ask(SCHEMAS).await.is(200);
    assert_eq!(listed["items"][0]["schema"]["id"], BADGE);
    let token = team.place.house.token.clone();
    let ann = json!({"userName": "ann@acme.example", BADGE: {"number": "7"}});
    let (status, ann) = team.place.scim_post(&token, USERS, &ann).await;
    assert_eq!((status, &ann[BADGE]["number"]), (201, &json!("7")));
    let here = format!("{SCHEMAS}/{BADGE}");
    assert_eq!(team.admin.end(&here).await.status, 204);
    team.admin.end(&here).await.problem(404, "not_found");
    // Added again, it starts clean.
    team.admin.make(SCHEMAS, &wanted).await.is(201);
    let path = format!("{USERS}/{}", ann["id"].as_str().unwrap());
    let (_, ann) = team.place.scim_send(&token, Method::GET, &path, None).await;
    assert_eq!(ann.get(BADGE), None, "{ann}");
    assert_eq!(told(&team.place, "schema.removed").len(), 1);
}

async fn schemas_at_once(database: Database) {
    let team = Team::open(database).await;
    let schema =
        |urn: &str| json!({"schema": {"id": urn, "name": "X", "attributes": [{"name": "n", "type": "string"}]}});
    // Two names of one: the second that is written has to see the first.
    let (lower, upper) = (schema("urn:acme:x"), schema("urn:ACME:x"));
    let (one, other) =
        futures_util::future::join(team.admin.make(SCHEMAS, &lower), team.owner.make(SCHEMAS, &upper)).await;
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let token = team.place.house.token.clone();
    assert_eq!(pushes(&team, &token).await, 200);
    // Where there are both all the same, one is removed.
    let both = "INSERT INTO organization_extensions (organization_id, schema_id, required, resource, created_at) \
         SELECT organization_id, 'urn:Acme:X', required, replace(replace(resource, 'urn:acme:x', 'urn:Acme:X'), 'urn:ACME:x', 'urn:Acme:X'), 0 \
         FROM organization_extensions";
    assert_eq!(Sql::new(both).execute(&mut team.place.house.database()).unwrap(), 1);
    let bump = "UPDATE organizations SET extensions_version = extensions_version + 1";
    Sql::new(bump).execute(&mut team.place.house.database()).unwrap();
    assert_ne!(pushes(&team, &token).await, 200);
    assert_eq!(team.admin.end(&format!("{SCHEMAS}/urn:Acme:X")).await.status, 204);
    assert_eq!(pushes(&team, &token).await, 200);
}

async fn refused(database: Database) {
    let team = Team::open(database).await;
    let attributes = json!([{"name": "number", "type": "string", "description": "x".repeat(70_000)}]);
    for (path, body, named) in [
        (TOKENS, json!({}), "name"),
        (TOKENS, json!({"name": ""}), "name"),
        (TOKENS, json!({"name": "x", "expires_in": "soon"}), "expires_in"),
        (TOKENS, json!({"name": "x", "descope_signing_secret": ""}), "signing secret"),
        (TOKENS, json!({"name": "x", "token": "hcp_mine"}), "token"),
        (CLIENTS, json!({"name": "x\u{7}"}), "name"),
        (CLIENTS, json!({"name": "x", "client_secret": "mine"}), "client_secret"),
        (SCHEMAS, json!({"schema": "urn:x"}), "Schema"),
        (SCHEMAS, json!({"schema": {"id": "x", "attributes": []}}), "URN"),
        (SCHEMAS, json!({"schema": {"id": "urn:x", "attributes": attributes}}), "bytes"),
        (SCHEMAS, json!({"schema": {"id": "urn:x", "attributes": []}, "file": "x"}), "file"),
    ] {
        let detail = team.admin.make(path, &body).await.problem(400, "invalid_value");
        assert!(detail.contains(named), "{body}: {detail}");
    }
    for number in 0..99 {
        team.admin.make(TOKENS, &json!({"name": format!("{number}"), "expires_in": "1h"})).await.is(201);
    }
    team.admin.make(TOKENS, &json!({"name": "x"})).await.problem(409, "conflict");
    team.place.clock.advance_seconds(3_600);
    team.admin.make(TOKENS, &json!({"name": "x"})).await.is(201);
    for number in 0..20 {
        let schema =
            json!({"id": format!("urn:x:{number}"), "name": "X", "attributes": [{"name": "n", "type": "string"}]});
        team.admin.make(SCHEMAS, &json!({"schema": schema})).await.is(201);
    }
    let schema = json!({"id": "urn:x:more", "name": "X", "attributes": [{"name": "n", "type": "string"}]});
    team.admin.make(SCHEMAS, &json!({"schema": schema})).await.problem(409, "conflict");
}

async fn pages(database: Database) {
    let team = Team::open(database).await;
    for number in 0..4 {
        team.admin.make(TOKENS, &json!({"name": format!("t{number}")})).await.is(201);
        team.admin.make(CLIENTS, &json!({"name": format!("c{number}")})).await.is(201);
    }
    for (path, all) in [(TOKENS, vec!["t0", "t1", "t2", "t3", "test"]), (CLIENTS, vec!["c0", "c1", "c2", "c3"])] {
        let (mut names, mut after) = (Vec::new(), String::new());
        loop {
            let page = team.admin.ask(&format!("{path}?limit=2{after}")).await.is(200);
            let items = page["items"].as_array().unwrap();
            names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            assert_eq!(items.len(), 2);
            after = format!("&after={next}");
        }
        assert_eq!(names, all);
        team.admin.ask(&format!("{path}?after=IngiXX")).await.problem(400, "invalid_cursor");
    }
}
