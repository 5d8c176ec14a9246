//! `/api/v1/organizations/{organization}/provisioning-log`: what the identity provider asked, what came of it and
//! why; found by whom it is about, also when they are no more.

use std::time::Duration;

use diesel::sql_types::Text;
use headcount::jobs::{provisioning_log, retention};
use headcount::provisioning::log_buffer::{Owner, Waiting};
use headcount::secret::SecretHash;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Team;
use crate::sign_in::browser::Browser;
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(
    writes_and_refusals,
    nothing_secret_is_kept,
    reads_come_behind_the_answer,
    people_are_found_when_they_are_no_more,
    dead_tokens,
    dead_tokens_are_counted,
    bulk,
    exports_and_commands,
    old_entries_are_forgotten,
);

const LOG: &str = "/api/v1/organizations/acme/provisioning-log";

impl Team {
    /// What SCIM answers the organization's identity provider.
    async fn push(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let token = self.place.house.token.clone();
        let (status, json, _) = self.place.scim(&token, method, path, body).await;
        (status, json)
    }

    /// Writes down what waits.
    async fn flush(&self) {
        let assembly = &self.place.house.assembly;
        provisioning_log::round(&assembly.store, &assembly.provisioning).await;
    }
}

async fn entries(browser: &Browser, query: &str) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = browser.ask(&format!("{LOG}?limit=2&{query}{after}")).await.is(200);
        found.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
    }
}

/// Method, status and explanation of each.
fn told(entries: &[Value]) -> Vec<(String, u64, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|entry| {
            let status = entry["response"]["status"].as_u64().unwrap();
            (text(&entry["request"]["method"]), status, text(&entry["explanation"]))
        })
        .collect()
}

async fn entry(browser: &Browser, found: &Value) -> Value {
    browser.ask(&format!("{LOG}/{}", found["id"].as_str().unwrap())).await.is(200)
}

async fn writes_and_refusals(database: Database) {
    let team = Team::open(database).await;
    let mut zoe = user("zoe");
    zoe["externalId"] = "E77".into();
    let (status, made) = team.push(Method::POST, "/Users?attributes=userName&made_up=1", Some(&zoe)).await;
    assert_eq!(status, 201);
    let id = made["id"].as_str().unwrap();
    let patch = json!({"Operations": [{"op": "replace", "path": "name.givenName", "value": "Zoë"}]});
    assert_eq!(team.push(Method::PATCH, &format!("/Users/{id}"), Some(&patch)).await.0, 200);
    assert_eq!(team.push(Method::POST, "/Users", Some(&zoe)).await.0, 409);
    let found = entries(&team.admin, "").await;
    let (refused, changed, created) = (&found[0], &found[1], &found[2]);
    assert_eq!(
        (&created["outcome"], &created["token"]["name"], &created["resource"]),
        (&json!("succeeded"), &json!("test"), &json!({"kind": "User", "id": id}))
    );
    assert_eq!(created["explanation"], "Created. Ignored query parameters: made_up.");
    let request = &created["request"];
    assert_eq!(
        (&request["method"], &request["path"], &request["query"], &request["address"]),
        (&json!("POST"), &json!("/Users"), &json!("attributes=userName&made_up=1"), &json!("127.0.0.1"))
    );
    assert!(request["id"].is_string() && created["latency_us"].is_u64() && request.get("body").is_none());
    let created = entry(&team.admin, created).await;
    assert_eq!(created["request"]["body"], zoe);
    let shown = &created["response"]["body"];
    assert_eq!((&shown["id"], &shown["userName"]), (&json!(id), &json!("zoe@acme.example")));
    let difference = created["difference"].as_array().unwrap();
    assert!(difference.contains(&json!({"attribute": "userName", "before": null, "after": "zoe@acme.example"})));
    let changed = entry(&team.admin, changed).await;
    assert_eq!(changed["request"]["body"], patch);
    assert_eq!(changed["difference"], json!([{"attribute": "name.givenName", "before": "zoe", "after": "Zoë"}]));
    assert_eq!(
        (&changed["before"]["name"]["givenName"], &changed["after"]["name"]["givenName"]),
        (&json!("zoe"), &json!("Zoë"))
    );
    let refused = entry(&team.admin, refused).await;
    assert_eq!((&refused["outcome"], &refused["request"]["body"]), (&json!("refused"), &zoe));
    let answer = &refused["response"];
    assert_eq!(
        (&answer["status"], &answer["body"]["status"], &answer["body"]["scimType"]),
        (&json!(409), &json!("409"), &json!("uniqueness"))
    );
    assert_eq!(refused["explanation"], answer["body"]["detail"]);
    assert!(refused["explanation"].as_str().unwrap().contains("exists already"));
    assert_eq!((&refused["before"], &refused["difference"]), (&Value::Null, &json!([])));
    // What is cut says so.
    let values: Vec<Value> = (0..900).map(|n| json!({"value": format!("00000000-0000-7000-8000-{n:012}")})).collect();
    let group = json!({"displayName": "Staff", "members": values});
    assert_eq!(team.push(Method::POST, "/Groups", Some(&group)).await.0, 201);
    let kept = entry(&team.admin, &entries(&team.admin, "").await[0]).await;
    assert!(kept["request"]["body"].as_str().unwrap().ends_with("[cut after 4096 bytes]"), "{kept}");
    // Found by what it came to, by its token and by its method.
    assert_eq!(entries(&team.admin, "outcome=refused").await.len(), 1);
    assert_eq!(entries(&team.admin, "method=patch&outcome=succeeded").await.len(), 1);
    let all = entries(&team.admin, "").await;
    assert_eq!(
        (entries(&team.admin, "token=test").await.len(), entries(&team.admin, "token=other").await.len()),
        (all.len(), 0)
    );
    let token = all[0]["token"]["id"].as_str().unwrap();
    assert_eq!(entries(&team.admin, &format!("token={token}")).await, all);
    assert_eq!(entries(&team.admin, "to=2020-01-01").await, Vec::<Value>::new());
    for query in ["outcome=maybe", "from=x", "person=a&who=b", "after=x"] {
        assert_eq!(team.admin.ask(&format!("{LOG}?{query}")).await.status, 400, "{query}");
    }
    team.admin.ask(&format!("{LOG}/nothing")).await.problem(404, "not_found");
    team.writer.ask(LOG).await.problem(403, "forbidden");
    // Nobody else's.
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "o@bolt.example"];
    team.place.command(&[bolt.as_slice(), &["--seats", "9"]].concat());
    let theirs = team.place.command(&["provisioning-log", "list", "--organization", "bolt", "--person", id]);
    assert_eq!(theirs, json!([]));
    let run = crate::support::run(
        &team.place.house.url,
        &["provisioning-log", "show", "--organization", "bolt", "--id", all[0]["id"].as_str().unwrap()],
    );
    assert!(!run.status.success());
}

async fn nothing_secret_is_kept(database: Database) {
    const SECRET: &str = "S3cr3t-Pa55";
    let team = Team::open(database).await;
    let schema = json!({"id": "urn:acme:door", "name": "Door", "description": "d", "attributes": [
        {"name": "pin", "type": "string", "multiValued": false, "returned": "never", "mutability": "readWrite"}]});
    let file =
        std::env::temp_dir().join(format!("headcount-door-{}-{}.json", std::process::id(), crate::support::unique()));
    std::fs::write(&file, schema.to_string()).unwrap();
    team.place.command(&["schema", "add", "--organization", "acme", "--file", file.to_str().unwrap()]);
    std::fs::remove_file(file).unwrap();
    let mut zoe = user("zoe");
    zoe["password"] = SECRET.into();
    zoe["urn:acme:door"] = json!({"pin": SECRET});
    let (status, made) = team.push(Method::POST, "/Users", Some(&zoe)).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let operation = |operation: Value| json!({"Operations": [operation]});
    for body in [
        operation(json!({"op": "replace", "path": "password", "value": SECRET})),
        operation(json!({"op": "replace", "path": "urn:acme:door:pin", "value": format!("{SECRET}2")})),
        operation(json!({"op": "replace", "value": {"password": SECRET, "title": "x"}})),
        operation(json!({"op": "replace", "path": "password", "value": {"a": SECRET}})),
        operation(json!({"op": "add", "path": format!("emails[password eq \"{SECRET}\"].value"), "value": "x"})),
        operation(json!({"op": "replace", "path": "nowhere", "value": {"clientSecret": SECRET}})),
    ] {
        team.push(Method::PATCH, &path, Some(&body)).await;
    }
    zoe["password"] = json!({"value": SECRET});
    team.push(Method::POST, "/Users", Some(&zoe)).await;
    team.push(Method::PUT, &path, Some(&zoe)).await;
    let bulk = json!({"Operations": [{"method": "POST", "path": "/Users", "bulkId": "1", "data": zoe}]});
    team.push(Method::POST, "/Bulk", Some(&bulk)).await;
    let filter = format!("/Users?filter=password%20eq%20%22{SECRET}%22&access_token={SECRET}");
    assert_eq!(team.push(Method::GET, &filter, None).await.0, 400);
    for filter in [
        format!("urn:acme:door:pin eq \"{SECRET}\""),
        format!("urn:acme:door:pin eq {SECRET}"),
        format!("active eq true and urn:acme:door:pin eq \"\\\"{SECRET}\""),
        format!("pin pr {SECRET}"),
    ] {
        let search = json!({"filter": filter});
        team.push(Method::POST, "/Users/.search", Some(&search)).await;
        let query = filter.replace(' ', "%20").replace('"', "%22").replace('\\', "%5C");
        team.push(Method::GET, &format!("/Users?filter={query}"), None).await;
        team.push(Method::GET, &format!("/password={SECRET}"), None).await;
    }
    team.push(Method::DELETE, &path, None).await;
    team.flush().await;
    let found = entries(&team.owner, "").await;
    assert!(found.len() >= 12, "{found:#?}");
    for line in &found {
        let whole = entry(&team.owner, line).await;
        assert!(!whole.to_string().contains(SECRET), "{whole:#}");
    }
    let created = entry(&team.owner, found.last().unwrap()).await;
    assert_eq!(
        (&created["request"]["body"]["password"], &created["after"]["urn:acme:door"]["pin"]),
        (&json!("***"), &json!("***"))
    );
    // Nor is the password in the database.
    let stored = Sql::new(
        "SELECT COALESCE(request, '') || COALESCE(query, '') || COALESCE(response, '') || explanation || path FROM provisioning_log",
    );
    for row in stored.load::<Text, String>(&mut team.place.house.database()).unwrap() {
        assert!(!row.contains(SECRET), "{row}");
    }
    let names = Sql::new("SELECT name_key FROM provisioning_log_names");
    for name in names.load::<Text, String>(&mut team.place.house.database()).unwrap() {
        assert!(!name.to_lowercase().contains(&SECRET.to_lowercase()), "{name}");
    }
}

async fn reads_come_behind_the_answer(database: Database) {
    let team = Team::open(database).await;
    let (_, made) = team.push(Method::POST, "/Users", Some(&user("zoe"))).await;
    let id = made["id"].as_str().unwrap();
    for path in [
        &format!("/Users/{id}"),
        "/Users?filter=userName%20eq%20%22zoe@acme.example%22",
        "/Users?filter=userName%20eq%20%22yan@acme.example%22",
        "/ServiceProviderConfig",
    ] {
        assert_eq!(team.push(Method::GET, path, None).await.0, 200, "{path}");
    }
    let search = json!({"filter": "userName eq \"zoe@acme.example\""});
    assert_eq!(team.push(Method::POST, "/Users/.search", Some(&search)).await.0, 200);
    assert_eq!(team.push(Method::GET, "/Users?filter=nothing%20of", None).await.0, 400);
    assert_eq!(team.push(Method::GET, "/Users/00000000-0000-7000-8000-000000000000", None).await.0, 404);
    assert_eq!(team.push(Method::PUT, "/Users", Some(&search)).await.0, 405);
    assert_eq!(entries(&team.admin, "").await.len(), 1, "they wait");
    team.flush().await;
    let found = entries(&team.admin, "").await;
    let statuses: Vec<(String, u64)> = told(&found).into_iter().map(|(method, status, _)| (method, status)).collect();
    let expected = [
        ("PUT", 405),
        ("GET", 404),
        ("GET", 400),
        ("POST", 200),
        ("GET", 200),
        ("GET", 200),
        ("GET", 200),
        ("GET", 200),
        ("POST", 201),
    ];
    assert_eq!(statuses, expected.map(|(method, status)| (method.to_owned(), status)), "newest first, in their order");
    // By whom they are about: who was there, and who was looked for in vain.
    let zoe = told(&entries(&team.admin, "person=ZOE@acme.example").await);
    assert_eq!(
        zoe.iter().map(|(_, _, why)| why.as_str()).collect::<Vec<_>>(),
        ["Found 1, answered 1.", "Found 1, answered 1.", "Read.", "Created."]
    );
    let yan = entries(&team.admin, "person=yan@acme.example").await;
    assert_eq!(told(&yan), [("GET".to_owned(), 200, "Found 0, answered 0.".to_owned())]);
    assert_eq!(yan[0]["request"]["query"], "filter=userName eq \"yan@acme.example\"");
    let refused = entry(&team.admin, &found[2]).await;
    assert_eq!(refused["response"]["body"]["scimType"], "invalidFilter");
    assert_eq!(refused["response"]["body"]["detail"], refused["explanation"]);
}

async fn people_are_found_when_they_are_no_more(database: Database) {
    let team = Team::open(database).await;
    let mut zoe = user("zoe");
    zoe["externalId"] = "E77".into();
    let (_, made) = team.push(Method::POST, "/Users", Some(&zoe)).await;
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let rename =
        json!({"Operations": [{"op": "replace", "value": {"userName": "zora@acme.example", "externalId": "E78"}}]});
    assert_eq!(team.push(Method::PATCH, &path, Some(&rename)).await.0, 200);
    let count = async |person: &str| entries(&team.admin, &format!("person={person}")).await.len();
    let id = made["id"].as_str().unwrap();
    let names = ["zoe@acme.example", "ZORA@acme.example", "E77", "E78", id];
    for name in names {
        assert_eq!(count(name).await, 2, "{name}");
    }
    assert_eq!(team.push(Method::DELETE, &path, None).await.0, 204);
    for name in names {
        assert_eq!(count(name).await, 3, "{name}");
    }
    // Another one of the name is another person, and who looks for the name sees both.
    assert_eq!(team.push(Method::POST, "/Users", Some(&user("zora"))).await.0, 201);
    assert_eq!((count("zora@acme.example").await, count(id).await), (4, 3));
    // Who was never made.
    let mut nobody = user("nobody");
    nobody["emails"] = json!([{"value": "no.body@acme.example"}]);
    nobody["active"] = "perhaps".into();
    assert_eq!(team.push(Method::POST, "/Users", Some(&nobody)).await.0, 400);
    for name in ["nobody@acme.example", "no.body@ACME.example"] {
        assert_eq!(count(name).await, 1, "{name}");
    }
    // Who was removed by an admin.
    let (_, yan) = team.push(Method::POST, "/Users", Some(&user("yan"))).await;
    let yan = yan["id"].as_str().unwrap();
    team.place.command(&["member", "set", "--organization", "acme", "--member", yan, "--status", "removed"]);
    assert_eq!(count("yan@acme.example").await, 1);
    assert_eq!((count("").await > 4, count("who.ever@acme.example").await), (true, 0));
}

async fn dead_tokens(database: Database) {
    let team = Team::open(database).await;
    let made = team.place.command(&["provisioning-token", "create", "--organization", "acme", "--name", "old"]);
    let token = made["token"].as_str().unwrap();
    team.place.command(&["provisioning-token", "revoke", "--organization", "acme", "--token", "old"]);
    for (method, path) in [(Method::GET, "/Users"), (Method::POST, "/Users")] {
        assert_eq!(team.place.scim(token, method, path, Some(&user("zoe"))).await.0, 401);
    }
    assert_eq!(team.place.scim("hcp_nobodys", Method::GET, "/Users", None).await.0, 401);
    assert_eq!(team.place.scim("", Method::GET, "/Users", None).await.0, 401);
    team.flush().await;
    let found = entries(&team.admin, "").await;
    assert_eq!(found.len(), 2, "what is no token is nobody's: {found:#?}");
    for line in &found {
        assert_eq!((&line["token"]["name"], &line["response"]["status"]), (&json!("old"), &json!(401)));
        assert!(line["explanation"].as_str().unwrap().contains("was revoked on"), "{line}");
    }
    // A token that was known a moment ago too.
    team.place.command(&["provisioning-token", "revoke", "--organization", "acme", "--token", "test"]);
    assert_eq!(team.push(Method::GET, "/Users", None).await.0, 401);
    team.flush().await;
    assert_eq!(entries(&team.admin, "token=test").await.len(), 1);
}

/// Whoever presents a token that is none any more fills no disk.
async fn dead_tokens_are_counted(database: Database) {
    let team = Team::open(database).await;
    let service = &team.place.house.assembly.provisioning;
    let made = team.place.command(&["provisioning-token", "create", "--organization", "acme", "--name", "old"]);
    let token = made["token"].as_str().unwrap();
    let refused = async || assert_eq!(team.place.scim(token, Method::GET, "/Users", None).await.0, 401);
    team.place.command(&["provisioning-token", "revoke", "--organization", "acme", "--token", "old"]);
    refused().await;
    team.flush().await;
    assert_eq!(entries(&team.admin, "token=old").await.len(), 1);
    // All that the organization may have in an hour.
    assert_eq!(team.push(Method::GET, "/Users", None).await.0, 200);
    let organization = service.bearers.organization(SecretHash::of(team.place.house.token.as_bytes()));
    let organization = organization.unwrap_or_else(|| panic!("the token is not known yet"));
    let now = service.clock.now();
    let nobodys = || Waiting {
        id: service.ids.next(),
        at: now,
        owner: Owner::Bearer(SecretHash::of(b"hcp_nobodys")),
        request_id: String::new(),
        client_address: None,
        method: "GET",
        path: String::new(),
        query: String::new(),
        status: 200,
        latency_us: 0,
        resource: None,
        explanation: String::new(),
        refused: None,
        filter: None,
    };
    while service.log_buffer.offer(Some(organization), 200, now, nobodys) || {
        team.flush().await;
        service.log_buffer.offer(Some(organization), 200, now, nobodys)
    } {}
    refused().await;
    team.flush().await;
    assert_eq!(entries(&team.admin, "token=old").await.len(), 1, "no more than the organization may have");
}

async fn bulk(database: Database) {
    let team = Team::open(database).await;
    let operation = |name: &str| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": user(name)});
    let body = json!({"Operations": [operation("zoe"), operation("yan"), operation("zoe2"), operation("zoe")]});
    assert_eq!(team.push(Method::POST, "/Bulk", Some(&body)).await.0, 200);
    team.flush().await;
    let found = entries(&team.admin, "").await;
    assert_eq!(found.len(), 4, "one for each operation: {found:#?}");
    let yan = entry(&team.admin, &entries(&team.admin, "person=yan@acme.example").await[0]).await;
    assert_eq!((&yan["request"]["body"], &yan["request"]["path"]), (&user("yan"), &json!("/Users")));
    // One that is refused whole is logged whole.
    assert_eq!(team.push(Method::POST, "/Bulk", Some(&json!({"Operations": 3}))).await.0, 400);
    team.flush().await;
    assert_eq!(entries(&team.admin, "").await[0]["request"]["path"], "/Bulk");
}

async fn exports_and_commands(database: Database) {
    let team = Team::open(database).await;
    let mut formula = user("zoe");
    formula["userName"] = "=1+1".into();
    formula["active"] = "perhaps".into();
    team.push(Method::POST, "/Users?=%3D1", Some(&formula)).await;
    let (_, made) = team.push(Method::POST, "/Users", Some(&user("zoe"))).await;
    let found = entries(&team.admin, "").await;
    let export =
        async |query: &str| team.admin.send(Method::GET, &format!("{LOG}/export?{query}"), |request| request).await;
    let csv = export("").await;
    assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"provisioning-log.csv\"");
    let lines: Vec<&str> = csv.body.trim_start_matches('\u{feff}').trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), found.len() + 1);
    assert!(lines[1].contains(",succeeded,201,POST,/Users,,Created.,test,127.0.0.1,"), "{}", lines[1]);
    assert!(lines[2].contains(",'=="), "{}", lines[2]);
    let ndjson = export("format=ndjson").await.body;
    assert_eq!(ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>(), found);
    assert_eq!(export("format=ndjson&outcome=refused").await.body.lines().count(), 1);
    team.writer.ask(&format!("{LOG}/export")).await.problem(403, "forbidden");
    let command = |more: &[&str]| {
        team.place.command(&[&["provisioning-log", more[0], "--organization", "acme"], &more[1..]].concat())
    };
    assert_eq!(command(&["list"]), json!(found));
    assert_eq!(command(&["list", "--person", made["id"].as_str().unwrap()]), json!(found[..1]));
    assert_eq!(command(&["list", "--outcome", "refused", "--limit", "1"]), json!(found[1..]));
    let shown = command(&["show", "--id", found[0]["id"].as_str().unwrap()]);
    assert_eq!(shown, entry(&team.admin, &found[0]).await);
    let file = std::env::temp_dir().join(format!("headcount-log-{}-{}", std::process::id(), crate::support::unique()));
    let path = file.to_str().unwrap();
    assert_eq!(command(&["export", "--format", "ndjson", "--file", path])["lines"], found.len());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), ndjson);
    std::fs::remove_file(file).unwrap();
}

async fn old_entries_are_forgotten(database: Database) {
    let team = Team::open(database).await;
    let (_, made) = team.push(Method::POST, "/Users", Some(&user("zoe"))).await;
    assert_eq!(team.push(Method::DELETE, &format!("/Users/{}", made["id"].as_str().unwrap()), None).await.0, 204);
    let day = Duration::from_hours(24);
    let store = team.place.house.assembly.store.clone();
    let round = async || {
        let kept = retention::Kept { audit: None, provisioning_log: Some(day), invitations: None };
        retention::round(&store, headcount::clock::Timestamp(team.place.now()), kept).await.unwrap();
    };
    let count = |table: &'static str| crate::sign_in::join_requests::count(&team.place, table);
    let audit = count("audit_events");
    round().await;
    assert!(count("provisioning_log") == 2 && count("provisioning_log_names") > 0);
    team.place.clock.advance_seconds(24 * 3_600 - 60);
    team.push(Method::POST, "/Users", Some(&user("yan"))).await;
    team.place.clock.advance_seconds(120);
    round().await;
    assert_eq!((count("provisioning_log"), count("provisioning_log_names")), (1, 0));
    assert_eq!(count("audit_events"), audit + 1, "the trail is another matter");
}
