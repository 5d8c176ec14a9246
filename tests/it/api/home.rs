//! The home page as data, and the downloads that anybody sees.

use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::api_keys::{by_key, key_of};
use super::client::Team;
use crate::sign_in::browser::{Answer, TENANT};
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    checklist,
    revoked_is_not_turned_on,
    for_whom,
    platforms,
    anybody,
    names_are_escaped,
    nothing_configured,
);

const HERE: &str = "/api/v1/organizations/acme/home";
const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15";
const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";

/// The steps that are done, by their names.
fn done(home: &Value) -> Vec<&str> {
    let steps = home["setup"]["steps"].as_array().unwrap();
    assert_eq!((&home["setup"]["total"], steps.len()), (&json!(5), 5));
    let done: Vec<&str> =
        steps.iter().filter(|step| step["done"] == true).map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(home["setup"]["done"], done.len());
    done
}

fn step<'h>(home: &'h Value, name: &str) -> &'h Value {
    home["setup"]["steps"].as_array().unwrap().iter().find(|step| step["step"] == name).unwrap()
}

async fn checklist(database: Database) {
    let place = Clocked::open(database, &[]);
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "o@bolt.example"];
    place.command(&[bolt.as_slice(), &["--seats", "9"]].concat());
    let key = key_of(&place, "bolt", "admin", &[]);
    let look = async || by_key(&place, &key, Method::GET, "/api/v1/organizations/bolt/home", None).await.is(200);
    let home = look().await;
    assert_eq!((done(&home), &home["organization"]["slug"]), (vec!["create"], &json!("bolt")));
    assert!(step(&home, "create")["done_at"].is_string(), "{home}");
    let seats = json!({"total": 9, "used": 1, "pending": 0, "available": 8, "waiting": 0});
    assert_eq!(home["seats"], seats);
    for name in ["invite", "verify_domain", "connect_single_sign_on", "turn_on_provisioning"] {
        let step = step(&home, name);
        assert_eq!((&step["done_at"], &step["why_not"]), (&Value::Null, &Value::Null), "{step}");
        // It leads somewhere.
        let there = by_key(&place, &key, Method::GET, step["api"].as_str().unwrap(), None).await;
        assert_eq!(there.status, 200, "{step}");
    }
    let at_bolt = |command: &[&str]| place.command(&[command, &["--organization", "bolt"]].concat());
    place.house.command(&["domain", "add", "--organization", "bolt", "--domain", "pending.example", "--json"]);
    assert_eq!(done(&look().await), ["create"], "it is to be proven");
    place.house.command(&[
        "domain",
        "add",
        "--organization",
        "bolt",
        "--domain",
        "bolt.example",
        "--verified",
        "--json",
    ]);
    let home = look().await;
    assert_eq!(done(&home), ["create", "verify_domain"]);
    assert!(step(&home, "verify_domain")["done_at"].is_string(), "{home}");
    let body = json!({"email": "ann@guest.example", "role": "read"});
    by_key(&place, &key, Method::POST, "/api/v1/organizations/bolt/invitations", Some(&body)).await.is(201);
    let home = look().await;
    assert_eq!(done(&home), ["create", "invite", "verify_domain"]);
    assert!(step(&home, "invite")["done_at"].is_string(), "{home}");
    assert_eq!((&home["seats"]["pending"], &home["seats"]["available"]), (&json!(1), &json!(7)));
    at_bolt(&["organization", "set", "--descope-tenant-id", "T2bolt"]);
    assert_eq!(done(&look().await).len(), 4);
    at_bolt(&["organization", "set", "--sso", "off"]);
    assert_eq!(done(&look().await).len(), 3);
    at_bolt(&["organization", "set", "--sso", "optional"]);
    at_bolt(&["provisioning-token", "create", "--name", "okta"]);
    assert_eq!(done(&look().await).len(), 4, "a token that nobody has used pushes nothing");
    let used = Sql::new("UPDATE provisioning_tokens SET last_used_at = created_at WHERE name = 'okta'");
    assert_eq!(used.execute(&mut place.house.database()).unwrap(), 1);
    assert_eq!(done(&look().await).len(), 5);
    // For operators too.
    assert_eq!(done(&at_bolt(&["home"])).len(), 5);
}

async fn revoked_is_not_turned_on(database: Database) {
    let team = Team::open(database).await;
    let is_on = async || step(&team.admin.ask(HERE).await.is(200), "turn_on_provisioning")["done"] == true;
    let sql = |text: &'static str| Sql::new(text).execute(&mut team.place.house.database()).unwrap();
    sql("UPDATE provisioning_tokens SET last_used_at = created_at");
    assert!(is_on().await);
    sql("UPDATE provisioning_tokens SET expires_at = 1");
    assert!(!is_on().await, "what has expired is off");
    sql("UPDATE provisioning_tokens SET expires_at = NULL");
    assert!(is_on().await);
    team.place.command(&["provisioning-token", "revoke", "--organization", "acme", "--token", "test"]);
    assert!(!is_on().await);
    team.place.command(&["provisioning-client", "create", "--organization", "acme", "--name", "entra"]);
    assert!(!is_on().await);
    sql("UPDATE provisioning_clients SET last_used_at = created_at");
    assert!(is_on().await);
    team.place.command(&["provisioning-client", "revoke", "--organization", "acme", "--client", "entra"]);
    assert!(!is_on().await);
}

async fn for_whom(database: Database) {
    let team = Team::open(database).await;
    let home = team.reader.ask(HERE).await.is(200);
    assert_eq!(home["notice"], "Sign in with read@acme.example in Desktop & PiecesOS to stay in sync.");
    assert!(step(&home, "invite")["why_not"].as_str().unwrap().contains("takes the role admin"), "{home}");
    assert_eq!(done(&home), ["create", "invite", "verify_domain", "connect_single_sign_on"]);
    let home = team.owner.ask(HERE).await.is(200);
    assert_eq!(home["notice"], "Sign in with owner@acme.example in Desktop & PiecesOS to stay in sync.");
    assert_eq!(step(&home, "invite")["why_not"], Value::Null);
    let labels: Vec<&Value> = home["resources"].as_array().unwrap().iter().map(|link| &link["label"]).collect();
    assert_eq!(labels, ["Documentation", "Pro tips", "Support", "GitHub"]);
    let key = key_of(&team.place, "acme", "read", &[]);
    let home = by_key(&team.place, &key, Method::GET, HERE, None).await.is(200);
    assert_eq!(home["notice"], "Sign in with your work address in Desktop & PiecesOS to stay in sync.");
}

/// What somebody is answered whose browser says this of itself.
async fn seen(place: &Clocked, path: &str, headers: &[(&str, &str)]) -> Answer {
    let shape = |request: reqwest::RequestBuilder| {
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    place.browser().send(Method::GET, path, shape).await
}

async fn platforms(database: Database) {
    let team = Team::open(database).await;
    for (headers, own) in [
        (vec![("user-agent", MAC)], json!("macos")),
        (vec![("user-agent", WINDOWS)], json!("windows")),
        (vec![("user-agent", MAC), ("sec-ch-ua-platform", "\"Linux\"")], json!("linux")),
        (vec![("user-agent", "curl/8")], Value::Null),
    ] {
        let home = team.reader.call_with(Method::GET, HERE, None, &headers).await.is(200);
        let public = seen(&team.place, "/api/v1/downloads", &headers).await;
        let downloads: Value = serde_json::from_str(&public.body).unwrap();
        assert_eq!((&home["downloads"], &downloads["this_platform"]["platform"]), (&downloads, &own));
        let others = downloads["other_platforms"].as_array().unwrap();
        assert_eq!(others.len(), if own.is_null() { 3 } else { 2 });
        assert!(others.iter().all(|other| other["platform"] != own), "{others:?}");
        assert_eq!(downloads["desktop"]["label"], "Open Desktop");
    }
}

async fn anybody(database: Database) {
    let place = Clocked::open(database, &[("home.download_linux", "https://a.example/?x=1&y=2")]);
    let page = seen(&place, "/downloads", &[("user-agent", MAC)]).await;
    assert_eq!(page.status, 200);
    for path in ["/downloads", "/api/v1/downloads"] {
        let answer = seen(&place, path, &[]).await;
        assert_eq!(answer.headers["cache-control"], "public, max-age=300", "{path}");
        assert_eq!(answer.headers["vary"], "User-Agent, Sec-CH-UA-Platform", "{path}");
        assert!(!answer.headers.contains_key("set-cookie"), "{path} is the same for everybody");
    }
    assert!(page.headers.contains_key("content-security-policy"));
    let (own, others) = page.body.split_once("Other platforms").unwrap();
    assert!(own.contains("Download for macOS") && own.contains("href=\"pieces://\""), "{own}");
    assert!(own.contains("Sign in with your work address in Desktop &#38; PiecesOS to stay in sync."), "{own}");
    assert!(others.contains("Download for Windows") && others.contains("https://docs.pieces.app"), "{others}");
    assert!(others.contains("href=\"https://a.example/?x=1&#38;y=2\""), "{others}");
    // A tenant, a session or a key changes nothing of it.
    let shape = |request: reqwest::RequestBuilder| request.bearer_auth(TENANT);
    assert_eq!(place.browser().send(Method::GET, "/api/v1/downloads", shape).await.status, 200);
}

async fn names_are_escaped(database: Database) {
    let place = Clocked::open(database, &[("home.products", "<b>Desk</b>"), ("home.desktop_name", "\"><i>")]);
    let page = seen(&place, "/downloads", &[]).await.body;
    assert!(!page.contains("<b>") && !page.contains("<i>") && page.contains("Desk"), "{page}");
}

async fn nothing_configured(database: Database) {
    let none = [
        "home.download_macos",
        "home.download_windows",
        "home.download_linux",
        "home.desktop_link",
        "home.products",
        "home.documentation",
        "home.pro_tips",
        "home.support",
        "home.github",
    ]
    .map(|key| (key, ""));
    let team = Team::at(Clocked::open(database, &none)).await;
    let home = team.reader.ask(HERE).await.is(200);
    assert_eq!((&home["notice"], &home["resources"]), (&Value::Null, &json!([])));
    assert_eq!(home["downloads"], json!({"desktop": null, "this_platform": null, "other_platforms": []}));
    let page = seen(&team.place, "/downloads", &[("user-agent", MAC)]).await;
    assert!(page.body.contains("There is nothing to download here."), "{}", page.body);
}
