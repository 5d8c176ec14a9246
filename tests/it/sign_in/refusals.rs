//! Whatever comes to nothing leaves a line in the audit trail with the reason.

use headcount::clock::Clock as _;
use headcount::sign_in::refusals::{BY_NETWORK, KEPT, forget};
use headcount::stand_in::hostile::{Hostile, TokenFault};
use headcount::stand_in::person::{Person, Shape};
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Office, TENANT, hidden, in_each_office};
use super::clocked::Clocked;
use super::{ann, person};
use crate::support::{Database, in_process_on_each_database};

in_each_office!(
    of_an_organization: 10,
    of_the_service: 10,
    who_named_no_organization: 1,
    forgotten_by_itself: 10,
);

mod clocks {
    use super::{bounded_and_forgotten, in_process_on_each_database, too_late};
    in_process_on_each_database!(bounded, late);

    async fn bounded(database: super::Database) {
        bounded_and_forgotten(database).await;
    }

    async fn late(database: super::Database) {
        too_late(database).await;
    }
}

impl Office {
    /// The newest events, an organization's or the service's, newest first.
    fn trail(&self, organization: Option<&str>) -> Vec<Value> {
        let mut arguments = vec!["audit", "list", "--json"];
        if let Some(slug) = organization {
            arguments.extend(["--organization", slug]);
        }
        self.server.command(&arguments).as_array().unwrap().clone()
    }

    /// The one line that came since there were `before`.
    fn new_line(&self, organization: Option<&str>, before: &[Value], what: &str) -> Value {
        let now = self.trail(organization);
        assert_eq!(now.len(), before.len() + 1, "{what}: {now:?}");
        now[0].clone()
    }
}

async fn of_an_organization(office: Office) {
    let service = office.trail(None);
    for (fault, reason) in [
        (TokenFault::BrokenSignature, "signature"),
        (TokenFault::AnotherIssuer, "issuer"),
        (TokenFault::EmptySubject, "subject"),
    ] {
        let before = office.trail(Some("acme"));
        office.provider.set_hostile(Some(Hostile::Token(fault)));
        let answer = office.browser().sign_in("ann@acme.example").await;
        assert_eq!(answer.status, 400);
        let line = office.new_line(Some("acme"), &before, reason);
        assert_eq!((&line["action"], &line["detail"]), (&json!("sign_in.failed"), &json!({"reason": reason})));
        assert_eq!((&line["actor"], &line["address"]), (&json!("sign-in"), &json!("127.0.0.1")));
        assert_eq!(line["request_id"], answer.headers["x-request-id"].to_str().unwrap(), "the number on the page");
    }
    office.provider.set_hostile(None);
    // The organization's own rules: who it was is proven.
    office.provider.claim_tenants(Shape::None, &[]);
    let before = office.trail(Some("acme"));
    let (_, answer) = office.sign_in(&person("fay")).await;
    assert_eq!(answer.status, 403);
    let line = office.new_line(Some("acme"), &before, "rule");
    assert_eq!(line["action"], "sign_in.refused");
    let who =
        json!({"reason": "tenant_not_proven", "identity": null, "subject": "U2fay", "address": "fay@acme.example"});
    assert_eq!(line["detail"], who);
    let mut unverified = person("gus");
    unverified.email_verified = None;
    let before = office.trail(Some("acme"));
    assert_eq!(office.sign_in(&unverified).await.1.status, 403);
    assert_eq!(office.new_line(Some("acme"), &before, "rule")["detail"]["address"], Value::Null, "what nothing proves");
    assert_eq!(office.trail(None), service, "none of it is the service's");
}

async fn of_the_service(office: Office) {
    let browser = office.browser();
    let csrf = hidden(&browser.get("/sign-in").await.body, "csrf");
    let organization = office.trail(Some("acme"));
    let sent = browser.enter("ann@acme.example", "/").await;
    let back = browser.at_provider(&sent).await;
    let stranger = office.browser();
    let mut before = office.trail(None);
    let mut line = |action: &str, reason: &str| {
        let line = office.new_line(None, &before, reason);
        assert_eq!((&line["action"], &line["detail"]), (&json!(action), &json!({"reason": reason})));
        assert_eq!(line["target"], json!({"kind": "Service", "id": null}));
        assert!(line["address"].is_string() && line["request_id"].is_string());
        before = office.trail(None);
    };
    stranger.get(&back).await;
    line("sign_in.failed", "state_of_another_browser");
    browser.get("/sign-in/callback?state=x&code=y").await;
    line("sign_in.failed", "state_unknown");
    browser.get("/sign-in/callback?state=x&state=y").await;
    line("sign_in.failed", "request_unreadable");
    browser.post("/sign-in", &[("email", "ann@acme.example")]).await;
    line("sign_in.failed", "form_token");
    browser.post("/sign-in", &[("email", "<ann"), ("csrf", &csrf)]).await;
    line("sign_in.failed", "address_malformed");
    browser.get("/sign-in/nowhere").await;
    line("sign_in.failed", "organization_unknown");
    browser.get("/sign-in/initiate?iss=https://evil.example").await;
    line("sign_in.failed", "issuer_foreign");
    browser.post("/sign-out", &[("csrf", "x")]).await;
    line("sign_in.failed", "form_token");
    browser.post("/sign-in/backchannel-logout", &[("logout_token", "x.y.z")]).await;
    line("logout.refused", "token_malformed");
    browser.post("/sign-in/backchannel-logout", &[]).await;
    line("logout.refused", "logout_token_missing");
    assert_eq!(office.trail(Some("acme")), organization, "none of it is an organization's");
    // What comes to something leaves none.
    browser.get("/sign-in").await;
    let (ann, answer) = office.sign_in(&ann()).await;
    assert_eq!(answer.status, 303);
    ann.get("/").await;
    assert_eq!(office.trail(None), before);
    let csrf = hidden(&ann.get("/").await.body, "csrf");
    ann.post("/sign-out/others", &[("csrf", &csrf)]).await;
    let ended = &office.trail(Some("acme"))[0];
    assert_eq!(ended["action"], "session.ended");
    assert!(ended["actor"].as_str().unwrap().starts_with("person:"), "{ended}");
    let lines = serde_json::to_string(&[office.trail(None), office.trail(Some("acme"))]).unwrap();
    assert!(!lines.contains(&csrf) && !lines.contains("hcs_"), "{lines}");
}

/// Somebody whose domain leads to an organization that has no seat for them is signed in without it.
async fn who_named_no_organization(office: Office) {
    let before = office.trail(Some("acme"));
    office.provider.set_person(Person::new("U2eve", "eve@acme.example", TENANT));
    let browser = office.browser();
    let answer = browser.sign_in("eve@nowhere.example").await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(browser.me().await.1["memberships"], json!([]));
    let line = office.new_line(Some("acme"), &before, "no organization");
    assert_eq!((&line["action"], &line["detail"]["subject"]), (&json!("sign_in.refused"), &json!("U2eve")));
}

/// Nobody fills the disk by being refused.
async fn bounded_and_forgotten(database: Database) {
    let place = Clocked::open(database, &[("limits.sign_in", "0")]);
    let trail = || place.command(&["audit", "list"]).as_array().unwrap().clone();
    let browser = place.browser();
    let wrong = "/sign-in/callback?state=x&code=y";
    // An organization where nobody is refused again.
    let sent = browser.enter("ann@acme.example", "/").await;
    let back = browser.at_provider(&sent).await.replace("code=", "code=x");
    assert_eq!(browser.get(&back).await.status, 400);
    let acme = || {
        let trail = place.command(&["audit", "list", "--organization", "acme"]);
        let action = |event: &Value| event["action"].as_str().unwrap().to_owned();
        trail.as_array().unwrap().iter().map(action).collect::<Vec<String>>()
    };
    let before = acme();
    let others: Vec<String> = before.iter().filter(|action| *action != "sign_in.failed").cloned().collect();
    assert_eq!(before.len(), others.len() + 1, "{before:?}");
    let forget = || forget(&place.house.assembly.store, place.clock.now());
    for _ in 0..BY_NETWORK + 3 {
        browser.get(wrong).await;
    }
    assert_eq!(trail().len(), BY_NETWORK as usize);
    assert_eq!(browser.get(wrong).await.status, 400, "and is refused all the same");
    place.clock.advance_seconds(3_600);
    browser.get(wrong).await;
    assert_eq!(trail()[0]["detail"], json!({"reason": "state_unknown", "not_written": 4}));
    let kept = i64::try_from(KEPT.as_secs()).unwrap();
    place.clock.advance_seconds(kept - 3_600);
    forget().await.unwrap();
    assert_eq!((trail().len(), acme()), (BY_NETWORK as usize + 1, before.clone()), "until then");
    place.clock.advance_seconds(1);
    forget().await.unwrap();
    assert_eq!((trail().len(), acme()), (1, others), "what is older is forgotten, and nothing else");
}

/// Nobody has to ask for it.
async fn forgotten_by_itself(mut office: Office) {
    let browser = office.browser();
    browser.get("/sign-in/callback?state=x&code=y").await;
    assert_eq!(office.trail(None)[0]["detail"]["reason"], "state_unknown");
    Sql::new("UPDATE audit_events SET at = 0").execute(&mut office.server.database()).unwrap();
    office.server.restart(&[]).await;
    assert!((0..500).any(|_| office.trail(None).is_empty()), "the job is at work from the start on");
}

async fn too_late(database: Database) {
    let place = Clocked::open(database, &[]);
    let browser = place.browser();
    let sent = browser.enter("ann@acme.example", "/").await;
    let back = browser.at_provider(&sent).await;
    place.clock.advance_seconds(600);
    assert_eq!(browser.send(Method::GET, &back, |request| request).await.status, 400);
    assert_eq!(place.command(&["audit", "list"])[0]["detail"]["reason"], "state_expired");
}
