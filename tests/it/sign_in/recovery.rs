//! Recovery codes, and what keeps organizations from locking themselves out (product.md §6).

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::sql_types::{BigInt, Text};
use headcount::administration::actor::Member;
use headcount::administration::single_sign_on::Shown;
use headcount::administration::{Actor, By, single_sign_on};
use headcount::assembly::Assembly;
use headcount::assembly::keys::Keys;
use headcount::clock::{Clock, SystemClock, Timestamp};
use headcount::config::Config;
use headcount::error::Code;
use headcount::organization::joining::Sso;
use headcount::organization::role::Role;
use headcount::secret::SystemRandom;
use headcount::store::connection::Connection;
use headcount::store::sql::{Sql, SqlId};
use serde_json::{Value, json};

use super::browser::{Answer, Browser, Office, TENANT, hidden};
use super::in_each_office;
use crate::support::Server;
use headcount::stand_in::person::Person;

in_each_office!(
    codes_are_for_active_owners_and_shown_once: 10,
    a_code_opens_the_sso_settings_for_an_hour: 10,
    a_code_works_once: 10,
    nobody_learns_who_has_codes: 10,
    who_is_no_owner_any_more_recovers_nothing: 10,
    sso_is_required_only_when_nobody_is_locked_out: 10,
);

pub const OLGA: &str = "olga@acme.example";

/// Makes Olga's codes.
pub fn codes(server: &Server) -> Vec<String> {
    let made = server.command(&["recovery-codes", "create", "--organization", "acme", "--email", OLGA, "--json"]);
    made["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

fn set_sso(server: &Server, sso: &str) {
    server.command(&["organization", "set", "--organization", "acme", "--sso", sso, "--json"]);
}

fn sso(server: &Server) -> Value {
    server.command(&["organization", "show", "--organization", "acme", "--json"])["sso"].clone()
}

pub fn olga(server: &Server) -> String {
    let listed = server.command(&["member", "list", "--organization", "acme", "--json"]);
    let olga = listed.as_array().unwrap().iter().find(|member| member["email"] == OLGA).unwrap();
    olga["id"].as_str().unwrap().to_owned()
}

pub async fn recover(browser: &Browser, address: &str, code: &str) -> Answer {
    let form = browser.get("/sign-in/recovery").await;
    browser
        .post("/sign-in/recovery", &[("email", address), ("code", code), ("csrf", &hidden(&form.body, "csrf"))])
        .await
}

async fn decide(browser: &Browser, sso: &str) -> Answer {
    let home = browser.get("/").await;
    browser.post("/sign-in/recovery/sso", &[("sso", sso), ("csrf", &hidden(&home.body, "csrf"))]).await
}

fn count(server: &Server, statement: &'static str) -> i64 {
    Sql::new(statement).first::<BigInt, i64>(&mut server.database()).unwrap().unwrap()
}

async fn codes_are_for_active_owners_and_shown_once(office: Office) {
    let server = &office.server;
    let (old, new) = (codes(server), codes(server));
    assert_eq!((old.len(), new.len()), (10, 10));
    let browser = office.browser();
    assert_eq!(recover(&browser, OLGA, &old[0]).await.status, 403, "the old ones are dead");
    let list = || server.command(&["recovery-codes", "list", "--organization", "acme", "--json"]);
    assert_eq!((&list()[0]["left"], &list()[0]["saved_at"]), (&json!(10), &Value::Null));
    let confirm = ["recovery-codes", "confirm", "--organization", "acme", "--member", &olga(server), "--json"];
    let saved = server.command(&confirm)["saved_at"].clone();
    assert!(saved.is_string());
    assert_eq!(server.command(&confirm)["saved_at"], saved, "said once");
    assert_eq!(recover(&browser, OLGA, &new[9]).await.status, 303);
    assert_eq!((&list()[0]["left"], &list()[0]["saved_at"]), (&json!(9), &saved));
    let trail = server.command(&["audit", "list", "--organization", "acme", "--json"]);
    let of = |action: &str| trail.as_array().unwrap().iter().filter(|event| event["action"] == action).count();
    assert_eq!((of("recovery_codes.created"), of("recovery_codes.saved"), of("sign_in.recovered")), (2, 1, 1));
    assert!(new.iter().all(|code| !trail.to_string().contains(code)));
    codes(server);
    assert_eq!(list()[0]["saved_at"], Value::Null, "new ones are to be kept anew");
    let ann = server.user("ann").await;
    for (whom, why) in [
        (["--member", ann.as_str()], "active owners"),
        (["--email", "ann@acme.example"], "active owners"),
        (["--email", "nobody@acme.example"], "no such member"),
        (["--member", "x"], "no such member"),
        (["--email", "olga"], "not an e-mail address"),
    ] {
        for verb in ["create", "confirm"] {
            let output = server.run(&[&["recovery-codes", verb, "--organization", "acme"], whom.as_slice()].concat());
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.code() == Some(1) && said.contains(why), "{whom:?} {said}");
        }
    }
    server.command(&["member", "set", "--organization", "acme", "--member", &ann, "--role", "owner", "--json"]);
    let none = server.run(&["recovery-codes", "confirm", "--organization", "acme", "--member", &ann]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("has no recovery codes"));
}

async fn a_code_opens_the_sso_settings_for_an_hour(office: Office) {
    let server = &office.server;
    set_sso(server, "required");
    let codes = codes(server);
    let browser = office.browser();
    let entered = recover(&browser, "OLGA@acme.example", &codes[0].to_uppercase().replace('-', " ")).await;
    assert_eq!((entered.status.as_u16(), entered.location.as_deref()), (303, Some("/")), "{}", entered.body);
    let (status, me) = browser.me().await;
    assert_eq!(status, 200);
    assert_eq!((&me["email"], &me["memberships"], &me["scope"]), (&json!(OLGA), &json!([]), &json!("sso_settings")));
    assert!(me["organization"]["id"].is_string() && me["expires_at"].is_string(), "{me}");
    let (created, expires): (i64, i64) = Sql::new("SELECT created_at, expires_at FROM sessions")
        .first::<(BigInt, BigInt), _>(&mut server.database())
        .unwrap()
        .unwrap();
    assert_eq!(expires - created, 3_600_000_000);
    assert_eq!(browser.get("/api/v1/me/sessions").await.status, 403, "nothing but the settings");
    let home = browser.get("/").await;
    assert!(home.body.contains("Single sign-on of Acme") && !home.body.contains("Your organizations"), "{}", home.body);
    assert_eq!(browser.post("/sign-in/recovery/sso", &[("sso", "optional")]).await.status, 403, "another site's form");
    assert_eq!(decide(&browser, "sometimes").await.status, 400);
    assert_eq!(sso(server), "required");
    assert_eq!(decide(&browser, "optional").await.status, 303);
    assert_eq!(sso(server), "optional");
    let trail = server.command(&["audit", "list", "--organization", "acme", "--limit", "2", "--json"]);
    assert_eq!(
        (&trail[0]["action"], &trail[1]["action"]),
        (&json!("organization.changed"), &json!("sign_in.recovered"))
    );
    assert_eq!(trail[0]["actor"], format!("recovery:{}", olga(server)));
    assert_eq!(trail[0]["detail"], json!({"sso": "optional", "before": "required"}));
    assert_eq!((&trail[1]["target"]["id"], &trail[1]["address"]), (&json!(olga(server)), &json!("127.0.0.1")));
    assert!(!trail.to_string().contains(&codes[0]));
    let refused = decide(&browser, "required").await;
    assert_eq!(refused.status, 409, "the guards hold here too");
    // Nobody else's session gets there, nor this one after its hour.
    let (ann, _) = office.sign_in(&Person::new("U2ann", "ann@acme.example", TENANT)).await;
    assert_eq!(ann.me().await.0, 200);
    let csrf = hidden(&ann.get("/").await.body, "csrf");
    assert_eq!(ann.post("/sign-in/recovery/sso", &[("sso", "off"), ("csrf", &csrf)]).await.status, 403);
    Sql::new("UPDATE sessions SET expires_at = created_at WHERE recovers_id IS NOT NULL")
        .execute(&mut server.database())
        .unwrap();
    assert_eq!(browser.me().await.0, 401);
    let csrf = hidden(&browser.get("/sign-in").await.body, "csrf");
    assert_eq!(browser.post("/sign-in/recovery/sso", &[("sso", "off"), ("csrf", &csrf)]).await.status, 401);
    assert_eq!(sso(server), "optional");
}

async fn a_code_works_once(office: Office) {
    let code = &codes(&office.server)[3];
    let browsers: Vec<Browser> = (0..8).map(|_| office.browser()).collect();
    let mut forms = Vec::new();
    for browser in &browsers {
        forms.push((browser, hidden(&browser.get("/sign-in/recovery").await.body, "csrf")));
    }
    let entering = forms.iter().map(|(browser, csrf)| async move {
        browser.post("/sign-in/recovery", &[("email", OLGA), ("code", code), ("csrf", csrf)]).await.status.as_u16()
    });
    let mut statuses = futures_util::future::join_all(entering).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 403, 403, 403, 403, 403, 403, 403]);
    assert_eq!(count(&office.server, "SELECT COUNT(*) FROM sessions"), 1);
    let other = office.browser();
    let refused = other.post("/sign-in/recovery", &[("email", OLGA), ("code", code), ("csrf", &forms[0].1)]).await;
    assert_eq!((refused.status.as_u16(), count(&office.server, "SELECT COUNT(*) FROM recovery_codes")), (403, 9));
}

async fn nobody_learns_who_has_codes(office: Office) {
    let codes = codes(&office.server);
    let browser = office.browser();
    for csrf in ["", "x"] {
        let fields = [("email", OLGA), ("code", codes[0].as_str()), ("csrf", csrf)];
        assert_eq!(browser.post("/sign-in/recovery", &fields).await.status, 403, "another site's form");
        assert_eq!(browser.me().await.0, 401);
    }
    let mut bodies = Vec::new();
    for (address, code) in [
        (OLGA, "00000-00000-00000-00000"),
        ("nobody@acme.example", "00000-00000-00000-00000"),
        ("nobody@acme.example", codes[0].as_str()),
        ("", ""),
        ("<b>", "<b>"),
    ] {
        let refused = recover(&browser, address, code).await;
        assert_eq!(refused.status, 403, "{address} {code}");
        bodies.push(refused.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    assert_eq!(count(&office.server, "SELECT COUNT(*) FROM recovery_codes"), 10, "nothing was used up");
    let trail = office.server.command(&["audit", "list", "--json"]);
    let reasons: Vec<&Value> = trail.as_array().unwrap().iter().map(|event| &event["detail"]["reason"]).collect();
    assert_eq!(reasons, [["recovery_code"; 5].as_slice(), &["form_token"; 2]].concat());
    assert!(!trail.to_string().contains("nobody@acme.example"), "what anybody typed is no evidence");
    for (address, tried) in [(OLGA, 1), ("nobody@acme.example", 2)] {
        for _ in tried..10 {
            assert_eq!(recover(&browser, address, "x").await.status, 403, "{address}");
        }
        let last = recover(&browser, address, "x").await;
        assert_eq!(last.status, 429, "{address}");
        assert!(last.retry_after().unwrap() > 3_000, "{address}");
    }
    assert_eq!(recover(&browser, OLGA, &codes[0]).await.status, 303, "nobody keeps the owner out");
    assert_eq!(recover(&browser, OLGA, &codes[0]).await.status, 429, "a spent one is a wrong one");
}

async fn who_is_no_owner_any_more_recovers_nothing(office: Office) {
    let server = &office.server;
    let codes = codes(server);
    let ann = server.user("ann").await;
    let set = |member: &str, what: &str, value: &str| {
        server.command(&["member", "set", "--organization", "acme", "--member", member, what, value, "--json"])
    };
    set(&ann, "--role", "owner");
    let id = olga(server);
    let mut unused = codes[1..].iter();
    for (what, value, back) in [("--role", "admin", "owner"), ("--status", "suspended", "active")] {
        let browser = office.browser();
        assert_eq!(recover(&browser, OLGA, unused.next().unwrap()).await.status, 303);
        assert_eq!(browser.me().await.0, 200);
        set(&id, what, value);
        assert_eq!(browser.me().await.0, 401, "{value}");
        let csrf = hidden(&browser.get("/sign-in").await.body, "csrf");
        let late = browser.post("/sign-in/recovery/sso", &[("sso", "off"), ("csrf", &csrf)]).await;
        assert_eq!((late.status.as_u16(), sso(server)), (401, json!("optional")), "{value}");
        assert_eq!(browser.get("/").await.location.as_deref(), Some("/sign-in"), "{value}");
        assert_eq!(recover(&office.browser(), OLGA, &codes[0]).await.status, 403, "{value}");
        set(&id, what, back);
        assert_eq!(browser.me().await.0, 401, "what has ended has ended");
    }
    let browser = office.browser();
    assert_eq!(recover(&browser, OLGA, unused.next().unwrap()).await.status, 303);
    let state = |state: &'static str| {
        let mut sql = Sql::new("UPDATE organizations SET state = ");
        sql.push_bind(state);
        sql.execute(&mut server.database()).unwrap();
    };
    state("deleted");
    assert_eq!(browser.me().await.0, 401);
    assert_eq!(recover(&office.browser(), OLGA, &codes[0]).await.status, 403);
    state("active");
    assert_eq!(browser.me().await.0, 200);
    server.command(&["member", "set", "--organization", "acme", "--member", &id, "--status", "removed", "--json"]);
    assert_eq!(
        (browser.me().await.0.as_u16(), recover(&office.browser(), OLGA, &codes[0]).await.status.as_u16()),
        (401, 403)
    );
}

/// The house of the server, for what no page asks for yet.
pub fn assembly(server: &Server, clock: Arc<dyn Clock>) -> Assembly {
    let flags = BTreeMap::from([("database.url", server.url.clone())]);
    let config = Config::load(&flags, std::iter::empty()).unwrap();
    Assembly::on_clock(&config, &Keys::ephemeral(&SystemRandom::default()), clock).unwrap()
}

/// A clock that is ahead of the server's.
struct Ahead(i64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_seconds(self.0)
    }
}

pub fn decider(connection: &mut Connection, address: &str) -> Member {
    let (organization, member, identity) =
        Sql::new("SELECT organization_id, id, identity_id FROM members WHERE address_key = ?")
            .bind(address)
            .first::<(SqlId, SqlId, SqlId), _>(connection)
            .unwrap()
            .unwrap();
    let signed_in_at = SystemClock.now();
    // The use case looks at the role itself.
    Member {
        organization,
        id: member,
        role: Role::Owner,
        identity,
        signed_in_at,
        recovers: false,
        before_checkout: false,
    }
}

/// A member who acts.
pub fn as_member(member: &Member) -> By {
    By { actor: Actor::Member(member.clone()), request_id: None, address: None }
}

/// What comes of a decision.
async fn set(house: &Assembly, decider: &Member, sso: Sso) -> Result<Shown, (Code, String)> {
    let by = as_member(decider);
    let use_case = move |connection: &mut _, administration: &_| {
        single_sign_on::set(connection, administration, &by, "acme", sso, None)
    };
    house.operate(use_case).await.map_err(|error| (error.code, error.detail.into_owned()))
}

async fn sso_is_required_only_when_nobody_is_locked_out(office: Office) {
    let server = &office.server;
    let (olga_in, _) = office.sign_in(&Person::new("U2olga", OLGA, TENANT)).await;
    assert_eq!(olga_in.me().await.1["memberships"][0]["role"], "owner");
    office.sign_in(&Person::new("U2ann", "ann@acme.example", TENANT)).await;
    let (ann_in, _) = office.sign_in(&Person::new("U2ann", "ann@acme.example", TENANT)).await;
    assert_eq!(ann_in.me().await.1["memberships"][0]["role"], "read");
    let (house, late) = (assembly(server, Arc::new(SystemClock)), assembly(server, Arc::new(Ahead(24 * 3_600))));
    let (olga, ann) = (decider(&mut server.database(), OLGA), decider(&mut server.database(), "ann@acme.example"));
    assert_eq!(set(&house, &ann, Sso::Off).await.unwrap_err().0, Code::Forbidden, "members decide nothing");
    let (code, why) = set(&house, &olga, Sso::Required).await.unwrap_err();
    assert_eq!(code, Code::Conflict);
    assert!(why.contains("recovery codes") && !why.contains("domain") && !why.contains("24 hours"), "{why}");
    codes(server);
    let (_, why) = set(&house, &olga, Sso::Required).await.unwrap_err();
    assert!(why.contains("kept somewhere safe"), "made is not saved: {why}");
    server.command(&["recovery-codes", "confirm", "--organization", "acme", "--email", OLGA, "--json"]);
    let (_, why) = set(&late, &olga, Sso::Required).await.unwrap_err();
    assert!(why.contains("24 hours") && !why.contains("codes"), "{why}");
    // Another admin's sign-in, one before they were an admin, or one through another tenant shows nothing.
    server.command(&[
        "member",
        "set",
        "--organization",
        "acme",
        "--member",
        &ann.id.to_string(),
        "--role",
        "admin",
        "--json",
    ]);
    let (_, why) = set(&house, &ann, Sso::Required).await.unwrap_err();
    assert!(why.contains("24 hours"), "{why}");
    let tenant = |id: &str| {
        server.command(&["organization", "set", "--organization", "acme", "--descope-tenant-id", id, "--json"])
    };
    tenant("T2other");
    let (_, why) = set(&house, &olga, Sso::Required).await.unwrap_err();
    assert!(why.contains("24 hours"), "{why}");
    tenant(TENANT);
    let domain = |state: &'static str| {
        let mut sql = Sql::new("UPDATE associated_domains SET state = ");
        sql.push_bind(state);
        sql.execute(&mut server.database()).unwrap();
    };
    for state in ["pending", "at_risk", "lapsed"] {
        domain(state);
        let (_, why) = set(&house, &olga, Sso::Required).await.unwrap_err();
        assert!(why.contains("verify a domain"), "{state}: {why}");
    }
    domain("verified");
    assert_eq!(sso(server), "optional", "nothing of it has changed anything");
    assert_eq!(set(&house, &olga, Sso::Required).await.unwrap().sso, "required");
    assert_eq!(sso(server), "required");
    let actors = Sql::new("SELECT actor FROM audit_events WHERE action = 'organization.changed' ORDER BY id DESC")
        .load::<Text, String>(&mut server.database())
        .unwrap();
    assert_eq!(actors[0], format!("member:{}", olga.id));
    // Codes of somebody who is no active owner open nothing, so they count for nothing.
    assert!(set(&house, &olga, Sso::Optional).await.is_ok());
    let set_member = |what: &str, value: &str| {
        let (ann, olga) = (ann.id.to_string(), olga.id.to_string());
        server.command(&["member", "set", "--organization", "acme", "--member", &ann, "--role", "owner", "--json"]);
        server.command(&["member", "set", "--organization", "acme", "--member", &olga, what, value, "--json"]);
    };
    set_member("--role", "admin");
    let (_, why) = set(&house, &olga, Sso::Required).await.unwrap_err();
    assert!(why.contains("recovery codes"), "{why}");
    set_member("--role", "owner");
    set_member("--status", "suspended");
    assert_eq!(set(&house, &olga, Sso::Off).await.unwrap_err().0, Code::Forbidden);
    set_member("--status", "active");
    tenant("");
    assert_eq!(set(&house, &olga, Sso::Optional).await.unwrap_err().0, Code::Conflict, "nothing could open it");
    // The operator's command skips the guards.
    tenant(TENANT);
    set_sso(server, "required");
}
