//! `/api/v1/organizations/{organization}/audit`: who did what, found, exported and forgotten.

use std::collections::BTreeSet;
use std::time::Duration;

use headcount::jobs::retention::{self, Kept};
use serde_json::{Value, json};

use super::client::Team;
use crate::sign_in::browser::Browser;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(pages, filters, exports, old_events_are_forgotten);

const AUDIT: &str = "/api/v1/organizations/acme/audit";

/// The events of every page, so many at once.
async fn all(browser: &Browser, query: &str, limit: u32) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), String::new());
    loop {
        let page = browser.ask(&format!("{AUDIT}?limit={limit}&{query}{after}")).await.is(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit as usize);
        events.extend(items.clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return events,
        }
    }
}

async fn pages(database: Database) {
    let team = Team::open(database).await;
    let whole = all(&team.admin, "", 100).await;
    assert!(whole.len() > 8, "{whole:#?}");
    let ids: Vec<&str> = whole.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first, each once");
    for limit in [1, 3, 7] {
        assert_eq!(all(&team.admin, "", limit).await, whole, "{limit} at once");
    }
    let set = |event: &&Value| event["action"] == "member.role_changed";
    let event = whole.iter().find(set).unwrap();
    assert_eq!((&event["actor"], &event["source"]), (&json!("operator"), &json!("command")));
    assert_eq!((&event["target"]["kind"], &event["detail"]["after"]), (&json!("User"), &json!("owner")));
    team.owner.change("/api/v1/organizations/acme", &json!({"name": "Acme Inc."})).await.is(200);
    let owner = team.owner.member_id().await;
    let event = &all(&team.owner, &format!("actor={owner}"), 50).await[0];
    assert_eq!((&event["actor"], &event["source"]), (&json!(format!("member:{owner}")), &json!("page")));
    // Another organization's trail is nowhere in it, and the service's own is the operator's.
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "o@bolt.example"];
    team.place.command(&[bolt.as_slice(), &["--seats", "9"]].concat());
    let theirs = team.place.command(&["audit", "list", "--organization", "bolt"]);
    let ours: BTreeSet<String> = all(&team.admin, "", 100).await.iter().map(|event| event["id"].to_string()).collect();
    let events = theirs.as_array().unwrap();
    assert!(!events.is_empty() && events.iter().all(|event| !ours.contains(&event["id"].to_string())));
    team.admin.ask("/api/v1/organizations/bolt/audit").await.problem(404, "not_found");
    team.admin.ask("/api/v1/organizations/bolt/audit/export").await.problem(404, "not_found");
}

/// Whether an event is one of those that were asked for.
type Test<'t> = &'t dyn Fn(&Value) -> bool;

async fn filters(database: Database) {
    let team = Team::open(database).await;
    let reader = team.reader.member_id().await;
    team.place.command(&["member", "set", "--organization", "acme", "--member", &reader, "--status", "suspended"]);
    team.admin.change("/api/v1/organizations/acme", &json!({"contact_name": "50%_of IT"})).await.is(200);
    let whole = all(&team.admin, "", 100).await;
    let admin = team.admin.member_id().await;
    let day = whole[0]["at"].as_str().unwrap()[..10].to_owned();
    let rows: [(&str, Test<'_>); 11] = [
        ("actor=operator", &|event| event["actor"] == "operator"),
        (&format!("actor={admin}"), &|event| event["actor"] == format!("member:{admin}")),
        (&format!("actor=member:{admin}"), &|event| event["actor"] == format!("member:{admin}")),
        ("action=member", &|event| event["action"].as_str().unwrap().starts_with("member.")),
        ("action=member.suspended", &|event| event["action"] == "member.suspended"),
        (&format!("target={reader}"), &|event| event["target"]["id"] == json!(reader)),
        ("target=Organization", &|event| event["target"]["kind"] == "Organization"),
        ("search=50%25_OF", &|event| event["detail"]["contact_name"]["after"] == "50%_of IT"),
        ("search=%25", &|event| event["detail"].to_string().contains('%')),
        (&format!("from={day}"), &|_| true),
        ("action=member&actor=operator&search=suspended", &|event| event["action"] == "member.suspended"),
    ];
    for (query, expected) in rows {
        let expected: Vec<&Value> = whole.iter().filter(|event| expected(event)).collect();
        assert!(!expected.is_empty(), "{query}");
        for limit in [2, 100] {
            let found = all(&team.admin, query, limit).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
        }
    }
    for query in ["actor=nobody", "action=membe", "action=member.", "search=nothing%20of%20this", "to=2020-01-01"] {
        assert_eq!(all(&team.admin, query, 100).await, Vec::<Value>::new(), "{query}");
    }
    // A time splits the trail.
    team.place.clock.advance_seconds(3_600);
    let at = headcount::clock::Timestamp(team.place.now()).to_string();
    team.owner.change("/api/v1/organizations/acme", &json!({"name": "Later"})).await.is(200);
    assert_eq!(all(&team.owner, &format!("to={at}"), 100).await, whole);
    let since = all(&team.owner, &format!("from={at}"), 100).await;
    assert!(since.iter().any(|event| event["action"] == "organization.changed"), "{since:#?}");
    assert!(since.iter().all(|event| !whole.contains(event)));
    for (query, code) in [
        ("from=yesterday", "invalid_value"),
        ("to=2026-13-01", "invalid_value"),
        ("after=x", "invalid_cursor"),
        ("after=Ing", "invalid_cursor"),
        ("limit=0", "invalid_value"),
        ("who=me", "invalid_value"),
    ] {
        team.owner.ask(&format!("{AUDIT}?{query}")).await.problem(400, code);
    }
}

async fn exports(database: Database) {
    let team = Team::open(database).await;
    let formula = "=HYPERLINK(\"http://x\",\"y\")";
    team.admin.change("/api/v1/organizations/acme", &json!({"contact_name": formula})).await.is(200);
    let whole = all(&team.admin, "", 100).await;
    let export = async |query: &str| {
        team.admin.send(reqwest::Method::GET, &format!("{AUDIT}/export?{query}"), |request| request).await
    };
    let csv = export("format=csv").await;
    assert_eq!((csv.status.as_u16(), &csv.headers["content-type"]), (200, &"text/csv; charset=utf-8".parse().unwrap()));
    assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"audit.csv\"");
    assert_eq!(csv.headers["cache-control"], "no-store");
    let lines: Vec<&str> = csv.body.trim_start_matches('\u{feff}').trim_end().split("\r\n").collect();
    assert_eq!(lines[0], "id,at,actor,source,action,target_kind,target_id,address,request_id,detail");
    assert_eq!(lines.len(), whole.len() + 1);
    for (line, event) in lines[1..].iter().zip(&whole) {
        assert!(line.starts_with(event["id"].as_str().unwrap()), "{line}");
    }
    let ndjson = export("format=ndjson").await;
    assert_eq!(ndjson.headers["content-type"], "application/x-ndjson");
    let events: Vec<Value> = ndjson.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events, whole);
    let narrowed = export("format=ndjson&action=member.role_changed").await.body;
    assert_eq!(narrowed.lines().count(), 4, "{narrowed}");
    team.admin.ask(&format!("{AUDIT}/export?format=xlsx")).await.problem(400, "invalid_value");
    team.admin.ask(&format!("{AUDIT}/export?after=x")).await.problem(400, "invalid_value");
    team.admin.ask(&format!("{AUDIT}/export?from=x")).await.problem(400, "invalid_value");
    team.writer.ask(&format!("{AUDIT}/export")).await.problem(403, "forbidden");
    // The operator's command writes the same.
    let file =
        std::env::temp_dir().join(format!("headcount-audit-{}-{}", std::process::id(), crate::support::unique()));
    let path = file.to_str().unwrap();
    let written = team.place.command(&["audit", "export", "--organization", "acme", "--format", "csv", "--file", path]);
    assert_eq!(written["lines"], whole.len());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), csv.body);
    std::fs::remove_file(file).unwrap();
}

async fn old_events_are_forgotten(database: Database) {
    let team = Team::open(database).await;
    let store = team.place.house.assembly.store.clone();
    let round = async |audit: Option<Duration>| {
        let now = headcount::clock::Timestamp(team.place.now());
        retention::round(&store, now, Kept { audit, provisioning_log: None, invitations: None }).await.unwrap();
    };
    let count = |organization: &[&str]| {
        let events = team.place.command(&[["audit", "list"].as_slice(), organization].concat());
        events.as_array().unwrap().len()
    };
    let (acme, service) = (["--organization", "acme"], []);
    team.place.browser().get("/sign-in/callback?state=none").await;
    let before = (count(&acme), count(&service));
    assert!(before.0 > 0 && before.1 > 0);
    let day = Duration::from_hours(24);
    team.place.clock.advance_seconds(24 * 3_600);
    round(None).await;
    round(Some(day * 2)).await;
    assert_eq!((count(&acme), count(&service)), before, "for ever, and for longer");
    team.place.clock.advance_seconds(60);
    round(Some(day)).await;
    assert_eq!((count(&acme), count(&service)), (0, 0), "of every trail, also the service's own");
}
