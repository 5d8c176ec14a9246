//! Sessions: how long they last, and how they are listed and ended.

use diesel::sql_types::{BigInt, Nullable};
use headcount::clock::Timestamp;
use headcount::sign_in::session::KEPT;
use headcount::stand_in::person::Person;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Browser, Office, hidden};
use super::clocked::Clocked;
use super::{ann, person, recovery};
use crate::support::{Database, in_process_on_each_database, postgres};

in_process_on_each_database!(
    idle_and_absolute,
    an_organization_shortens,
    the_provider_ends_it_sooner,
    nobody_has_too_many
);

mod offices {
    use super::{Database, Office, postgres};

    macro_rules! offices {
        ($($name:ident),+) => {$(
            #[tokio::test] async fn $name() {
                super::$name(Office::open(Database::Sqlite, 10).await).await;
                if let Some(url) = postgres::database() {
                    super::$name(Office::open(Database::Postgres(url), 10).await).await;
                }
            }
        )+};
    }
    offices!(
        what_a_code_opened_ends_too,
        another_tenant_proves_nothing_of_the_old_one,
        one_lists_and_ends_ones_own,
        without_a_script,
        an_operator_ends_them
    );
}

async fn idle_and_absolute(database: Database) {
    let place = Clocked::open(database, &[("sessions.idle", "1h"), ("sessions.absolute", "3h")]);
    let (used, _) = place.sign_in(&ann()).await;
    let (left, _) = place.sign_in(&person("bea")).await;
    for minutes in [50, 50, 50] {
        place.clock.advance_seconds(minutes * 60);
        assert_eq!(used.me().await.0, 200);
        // The use is written down behind the answer.
        while last_used(&place, "U2ann") < place.now() {
            actix_web::rt::task::yield_now().await;
        }
    }
    assert_eq!(left.me().await.0, 401, "nobody used it for an hour");
    place.clock.advance_seconds(29 * 60);
    assert_eq!(used.me().await.0, 200);
    place.clock.advance_seconds(60);
    assert_eq!(used.me().await.0, 401, "three hours are over, however much it was used");
    assert_eq!(used.get("/").await.location.as_deref(), Some("/sign-in"));
}

fn last_used(place: &Clocked, subject: &str) -> i64 {
    let mut connection = place.house.database();
    let seen =
        Sql::new("SELECT max(seen_at) FROM sessions WHERE identity_id = (SELECT id FROM identities WHERE subject = ?)")
            .bind(subject)
            .first::<Nullable<BigInt>, Option<i64>>(&mut connection);
    seen.unwrap().flatten().unwrap()
}

async fn an_organization_shortens(database: Database) {
    let place = Clocked::open(database, &[]);
    let (browser, _) = place.sign_in(&ann()).await;
    let (other, _) = place.sign_in(&person("bea")).await;
    place.command(&[
        "organization",
        "create",
        "--name",
        "Bolt",
        "--slug",
        "bolt",
        "--owner-email",
        "ann@acme.example",
        "--seats",
        "1",
    ]);
    // Ann is the owner of another organization as well.
    let bolt = "UPDATE members SET identity_id = (SELECT id FROM identities WHERE subject = 'U2ann') WHERE role = 'owner' \
                AND organization_id = (SELECT id FROM organizations WHERE slug = 'bolt')";
    assert_eq!(Sql::new(bolt).execute(&mut place.house.database()).unwrap(), 1);
    let set = |slug: &str, length: &str| {
        let set = place.command(&["organization", "set", "--organization", slug, "--session-length", length]);
        set["session_length"].clone()
    };
    assert_eq!((set("acme", "2h"), set("bolt", "90m")), (json!("2h"), json!("90m")));
    let shown = place.command(&["organization", "show", "--organization", "bolt"]);
    assert_eq!(shown["session_length"], "90m");
    let (_, listed, _) = browser.api(Method::GET, "/api/v1/me/sessions", None).await;
    let session = &listed["items"][0];
    let at = |name: &str| Timestamp::parse(session[name].as_str().unwrap()).unwrap().0;
    assert_eq!(at("ends_at") - at("started_at"), 90 * 60 * 1_000_000);
    place.clock.advance_seconds(89 * 60);
    assert_eq!(browser.me().await.0, 200);
    place.clock.advance_seconds(60);
    assert_eq!(
        (browser.me().await.0, other.me().await.0),
        (401.try_into().unwrap(), 200.try_into().unwrap()),
        "the shortest of one's organizations"
    );
    place.clock.advance_seconds(30 * 60);
    assert_eq!(other.me().await.0, 401);
    assert_eq!(set("acme", ""), Value::Null);
    assert_eq!(set("bolt", "900h"), "900h");
    let (browser, _) = place.sign_in(&ann()).await;
    place.clock.advance_seconds(8 * 3_600);
    assert_eq!(browser.me().await.0, 401, "longer than the service lets it is not longer");
}

async fn the_provider_ends_it_sooner(database: Database) {
    let place = Clocked::open(database, &[]);
    let mut brief = person("bea");
    brief.more.insert("session_expiry".into(), (place.now() / 1_000_000 + 600).into());
    let (browser, answer) = place.sign_in(&brief).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    place.clock.advance_seconds(590);
    assert_eq!(browser.me().await.0, 200);
    place.clock.advance_seconds(11);
    assert_eq!(browser.me().await.0, 401);
}

async fn nobody_has_too_many(database: Database) {
    let place = Clocked::open(database, &[]);
    let mut browsers = Vec::new();
    for _ in 0..=KEPT {
        browsers.push(place.sign_in(&ann()).await.0);
        place.clock.advance_seconds(1);
    }
    assert_eq!(browsers[0].me().await.0, 401, "the oldest");
    assert_eq!(browsers[1].me().await.0, 200);
    let (_, listed, _) = browsers[1].api(Method::GET, "/api/v1/me/sessions", None).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), usize::try_from(KEPT).ok());
}

async fn ids(browser: &Browser) -> Vec<(String, bool)> {
    let (status, listed, _) = browser.api(Method::GET, "/api/v1/me/sessions", None).await;
    assert_eq!(status, 200);
    let line = |session: &Value| (session["id"].as_str().unwrap().to_owned(), session["current"].as_bool().unwrap());
    listed["items"].as_array().unwrap().iter().map(line).collect()
}

async fn one_lists_and_ends_ones_own(office: Office) {
    let (first, _) = office.sign_in(&ann()).await;
    let (second, _) = office.sign_in(&ann()).await;
    let (stranger, _) = office.sign_in(&person("bea")).await;
    let (status, listed, token) = first.api(Method::GET, "/api/v1/me/sessions", None).await;
    let token = token.expect("a token for what changes something");
    assert_eq!(status, 200);
    let sessions = listed["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "one's own and nobody else's");
    for session in sessions {
        let members: Vec<&str> = session.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["id", "started_at", "last_used_at", "ends_at", "address", "user_agent", "current"]);
        assert_eq!(session["address"], "127.0.0.1");
    }
    assert_eq!(
        ids(&first).await.iter().map(|(_, current)| *current).collect::<Vec<_>>(),
        [false, true],
        "newest first"
    );
    let other = ids(&first).await[0].0.clone();
    let path = format!("/api/v1/me/sessions/{other}");
    let strange = stranger.api(Method::GET, "/api/v1/me", None).await.2.unwrap();
    assert_ne!(token, strange);
    for wrong in [None, Some("x"), Some(strange.as_str())] {
        let (status, refused, _) = first.api(Method::DELETE, &path, wrong).await;
        assert_eq!((status.as_u16(), &refused["code"]), (403, &json!("forbidden")));
    }
    for nothing in [&path, "/api/v1/me/sessions/x"] {
        let (status, refused, _) = stranger.api(Method::DELETE, nothing, Some(&strange)).await;
        assert_eq!((status.as_u16(), &refused["code"]), (404, &json!("not_found")), "another person's, and none");
    }
    assert_eq!(second.me().await.0, 200, "still there");
    assert_eq!(first.api(Method::DELETE, &path, Some(&token)).await.0, 204);
    assert_eq!((second.me().await.0, first.me().await.0), (401.try_into().unwrap(), 200.try_into().unwrap()));
    assert_eq!(first.api(Method::DELETE, &path, Some(&token)).await.0, 404, "once");
    let own = format!("/api/v1/me/sessions/{}", ids(&first).await[0].0);
    assert_eq!(first.api(Method::DELETE, &own, Some(&token)).await.0, 204);
    for (method, path) in [(Method::GET, "/api/v1/me/sessions"), (Method::DELETE, own.as_str())] {
        let (status, refused, _) = first.api(method, path, Some(&token)).await;
        assert_eq!((status.as_u16(), &refused["code"]), (401, &json!("unauthorized")));
    }
}

async fn without_a_script(office: Office) {
    let (here, _) = office.sign_in(&ann()).await;
    let (there, _) = office.sign_in(&ann()).await;
    let (elsewhere, _) = office.sign_in(&ann()).await;
    let page = here.get("/").await.body;
    let (csrf, newest) = (hidden(&page, "csrf"), hidden(&page, "session"));
    assert_eq!(page.matches("This browser").count(), 1);
    assert_eq!(page.matches("name=\"session\"").count(), 2, "a button for each of the others");
    for (path, fields) in [
        ("/sign-out/session", vec![("session", newest.as_str())]),
        ("/sign-out/session", vec![("session", &newest), ("csrf", "x")]),
        ("/sign-out/others", vec![]),
        ("/sign-out/others", vec![("csrf", "x")]),
    ] {
        assert_eq!(here.post(path, &fields).await.status, 403, "{path}");
    }
    assert_eq!(elsewhere.me().await.0, 200);
    assert_eq!(here.post("/sign-out/session", &[("csrf", &csrf), ("session", "<b>")]).await.status, 404);
    let done = here.post("/sign-out/session", &[("csrf", &csrf), ("session", &newest)]).await;
    assert_eq!((done.status.as_u16(), done.location.as_deref()), (303, Some("/")));
    let states = async || [here.me().await.0, there.me().await.0, elsewhere.me().await.0].map(|status| status.as_u16());
    assert_eq!(states().await, [200, 200, 401]);
    let (bea, _) = office.sign_in(&person("bea")).await;
    assert_eq!(here.post("/sign-out/others", &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(states().await, [200, 401, 401]);
    assert_eq!(bea.me().await.0, 200, "nobody else's");
    assert!(!here.get("/").await.body.contains("everywhere else"));
}

async fn an_operator_ends_them(office: Office) {
    let (ann, bea) = (office.server.user("ann").await, office.server.user("bea").await);
    let (here, _) = office.sign_in(&super::ann()).await;
    let (there, _) = office.sign_in(&super::ann()).await;
    let (other, _) = office.sign_in(&person("bea")).await;
    let session = |command: &str, more: &[&str]| {
        office.server.command(&[&["session", command, "--organization", "acme", "--json"], more].concat())
    };
    let members = |listed: &Value| -> Vec<String> {
        listed.as_array().unwrap().iter().map(|line| line["member_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(members(&session("list", &[])), [&ann, &ann, &bea].map(Clone::clone));
    assert_eq!(members(&session("list", &["--member", &bea])), std::slice::from_ref(&bea));
    office.server.command(&[
        "organization",
        "create",
        "--name",
        "B",
        "--slug",
        "bolt",
        "--owner-email",
        "b@bolt.example",
        "--seats",
        "1",
    ]);
    assert_eq!(
        office.server.command(&["session", "revoke", "--organization", "bolt", "--json"]),
        json!({"revoked": 0})
    );
    let absent = office.server.run(&["session", "revoke", "--organization", "bolt", "--member", &ann]);
    assert!(!absent.status.success(), "another organization's member");
    assert_eq!(here.me().await.0, 200);
    assert_eq!(session("revoke", &["--member", &ann]), json!({"revoked": 2}));
    let states = async || [here.me().await.0, there.me().await.0, other.me().await.0].map(|status| status.as_u16());
    assert_eq!(states().await, [401, 401, 200], "the service knows at its next request");
    let events = office.server.command(&["audit", "list", "--organization", "acme", "--limit", "1", "--json"]);
    assert_eq!((&events[0]["action"], &events[0]["actor"]), (&json!("sessions.revoked"), &json!("operator")));
    assert_eq!((&events[0]["target"]["id"], &events[0]["detail"]["sessions"]), (&json!(ann), &json!(2)));
    assert_eq!(session("revoke", &[]), json!({"revoked": 1}));
    assert_eq!(states().await, [401, 401, 401]);
    assert_eq!(session("list", &[]), json!([]));
}

async fn another_tenant_proves_nothing_of_the_old_one(office: Office) {
    let set = |what: &str, value: &str| {
        office.server.command(&["organization", "set", "--organization", "acme", what, value, "--json"]);
    };
    set("--sso", "required");
    let (browser, _) = office.sign_in(&super::ann()).await;
    let (bea, _) = office.sign_in(&person("bea")).await;
    let places = async |browser: &Browser| browser.me().await.1["memberships"].as_array().unwrap().len();
    assert_eq!((places(&browser).await, places(&bea).await), (1, 1));
    // Nothing of a session is changed by it: also one that is opened at that very moment counts for nothing.
    set("--descope-tenant-id", "T2other");
    assert_eq!((places(&browser).await, places(&bea).await), (0, 0), "the only way in is another now");
    let (cat, _) = office.sign_in(&Person::new("U2cat", "cat@acme.example", "T2other")).await;
    assert_eq!(places(&cat).await, 1);
    set("--sso", "optional");
    assert_eq!(places(&browser).await, 1, "where other ways are open, the session is one of them");
}

async fn what_a_code_opened_ends_too(office: Office) {
    let server = &office.server;
    let (olga, ann) = (recovery::olga(server), server.user("ann").await);
    // Neither has ever signed in otherwise.
    let set = |member: &str, what: &str, value: &str| {
        server.command(&["member", "set", "--organization", "acme", "--member", member, what, value, "--json"]);
    };
    set(&ann, "--role", "owner");
    let made = server.command(&["recovery-codes", "create", "--organization", "acme", "--member", &ann, "--json"]);
    let come = async |address: &str, code: &str| {
        let browser = office.browser();
        let entered = recovery::recover(&browser, address, code).await;
        assert_eq!((entered.status.as_u16(), browser.me().await.0.as_u16()), (303, 200), "{}", entered.body);
        browser
    };
    let other = come("ann@acme.example", made["codes"][0].as_str().unwrap()).await;
    let codes = recovery::codes(server);
    let is_out = async |browser: &Browser, what: &str| {
        assert_eq!((browser.me().await.0.as_u16(), other.me().await.0.as_u16()), (401, 200), "{what}");
    };
    let session = |command: &str, more: &[&str]| {
        server.command(&[&["session", command, "--organization", "acme", "--json"], more].concat())
    };
    let browser = come(recovery::OLGA, &codes[0]).await;
    let listed = session("list", &["--member", &olga]);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["scope"]), (1, &json!("sso_settings")), "{listed}");
    assert_eq!(session("revoke", &["--member", &olga]), json!({"revoked": 1}));
    is_out(&browser, "revoked").await;
    for (what, one, other) in [("--status", "suspended", "active"), ("--role", "admin", "owner")] {
        let browser = come(recovery::OLGA, &codes[if what == "--status" { 1 } else { 2 }]).await;
        set(&olga, what, one);
        set(&olga, what, other);
        is_out(&browser, one).await;
    }
    let browser = come(recovery::OLGA, &codes[3]).await;
    recovery::codes(server);
    is_out(&browser, "new codes were made because somebody has the old").await;
    assert_eq!(session("revoke", &[]), json!({"revoked": 1}));
    assert_eq!(other.me().await.0, 401, "everybody");
}
