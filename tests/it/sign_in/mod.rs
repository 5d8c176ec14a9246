//! Signing in as people do it: a browser, the real server, a provider that stands in for Descope.

pub mod browser;
mod cleanup;
pub mod clocked;
mod configured;
mod deactivations;
mod decisions;
mod faults;
mod hostile_answers;
mod hostile_requests;
mod indoors;
mod interoperability;
pub mod join_requests;
mod keys;
mod leaving;
mod links;
mod meanwhile;
mod outbox_page;
pub mod post;
mod races;
pub mod recovery;
mod refusals;
mod rules;
mod sessions;
mod setup;
mod statements;

use headcount::stand_in::person::{Person, Place, Shape};
use serde_json::json;

use self::browser::{Browser, Office, TENANT, hidden, in_each_office};
use crate::support::user;

in_each_office!(
    joining_by_domain: 10,
    a_provisioned_member_is_linked: 10,
    deactivation_ends_sessions: 10,
    removed_people_stay_out: 10,
    a_second_subject_is_refused: 10,
    an_admin_unlinks_the_first: 10,
    without_the_tenant_nobody_joins: 10,
    one_free_seat: 2,
    an_answer_counts_once: 10,
    forms_belong_to_their_browser: 10,
    signing_out: 10,
);

fn ann() -> Person {
    Person::new("U2ann", "ann@acme.example", TENANT)
}

pub fn person(name: &str) -> Person {
    Person::new(&format!("U2{name}"), &format!("{name}@acme.example"), TENANT)
}

async fn joining_by_domain(office: Office) {
    let (browser, answer) = office.sign_in(&ann()).await;
    assert_eq!((answer.status.as_u16(), answer.location.as_deref()), (303, Some("/")), "{}", answer.body);
    let (status, me) = browser.me().await;
    assert_eq!(status, 200);
    assert_eq!((&me["email"], &me["name"]), (&json!("ann@acme.example"), &json!("Ada Lovelace")));
    let place = &me["memberships"][0];
    assert_eq!((&place["organization"]["slug"], &place["role"]), (&json!("acme"), &json!("read")));
    assert_eq!((&place["status"], &place["source"]), (&json!("active"), &json!("domain")));
    // Every member is a SCIM User with the same id.
    let (status, found) = office.server.get(&format!("/Users/{}", place["member_id"].as_str().unwrap())).await;
    assert_eq!((status.as_u16(), &found["userName"]), (200, &json!("ann@acme.example")));
    let home = browser.get("/").await;
    assert!(home.body.contains("ann@acme.example") && home.body.contains("Acme"), "{}", home.body);
    // Once more is the same member.
    let (again, _) = office.sign_in(&ann()).await;
    assert_eq!(again.me().await.1["memberships"], me["memberships"]);
}

async fn a_provisioned_member_is_linked(office: Office) {
    let id = office.server.user("ann").await;
    let (browser, _) = office.sign_in(&ann()).await;
    let (_, me) = browser.me().await;
    assert_eq!(me["memberships"][0]["member_id"], json!(id));
    assert_eq!(me["memberships"][0]["source"], "scim");
}

async fn deactivation_ends_sessions(office: Office) {
    let id = office.server.user("ann").await;
    for (method, body) in [
        ("PATCH", json!({"Operations": [{"op": "replace", "path": "active", "value": false}]})),
        ("PUT", {
            let mut put = user("ann");
            put["active"] = false.into();
            put
        }),
        (
            "Bulk",
            json!({"Operations": [{"method": "PATCH", "path": format!("/Users/{id}"), "data": {"Operations": [{"op": "replace", "path": "active", "value": "False"}]}}]}),
        ),
    ] {
        let back = json!([{"op": "replace", "path": "active", "value": true}]);
        office.server.patch(&format!("/Users/{id}"), back).await;
        let (browser, answer) = office.sign_in(&ann()).await;
        assert_eq!(answer.status, 303, "{method}: {}", answer.body);
        let (method, path) = match method {
            "Bulk" => ("POST", "/Bulk".to_owned()),
            method => (method, format!("/Users/{id}")),
        };
        let (status, said) = office.server.send(method.parse().unwrap(), &path, Some(&body)).await;
        assert_eq!(status, 200, "{said}");
        assert_eq!(browser.me().await.0, 401, "{method} {path}");
        let (_, refused) = office.sign_in(&ann()).await;
        assert_eq!(refused.status, 403);
        assert!(refused.body.contains("switched this account off"), "{}", refused.body);
    }
}

async fn removed_people_stay_out(office: Office) {
    let id = office.server.user("ann").await;
    let (browser, _) = office.sign_in(&ann()).await;
    assert_eq!(office.server.send("DELETE".parse().unwrap(), &format!("/Users/{id}"), None).await.0, 204);
    assert_eq!(browser.me().await.0, 401);
    let (_, refused) = office.sign_in(&ann()).await;
    assert_eq!(refused.status, 403, "no way in by the domain");
    assert!(refused.body.contains("removed"), "{}", refused.body);
    // Another subject with the same address neither.
    let (_, refused) = office.sign_in(&Person::new("U2other", "ann@acme.example", TENANT)).await;
    assert_eq!(refused.status, 403);
    let new = office.server.user("ann").await;
    assert_ne!(new, id);
    let (browser, _) = office.sign_in(&ann()).await;
    assert_eq!(browser.me().await.1["memberships"][0]["member_id"], json!(new), "provisioning brought them back");
}

async fn a_second_subject_is_refused(office: Office) {
    office.server.user("ann").await;
    let (first, _) = office.sign_in(&ann()).await;
    let browser = office.browser();
    office.provider.set_person(Person::new("U2impostor", "ann@acme.example", TENANT));
    let refused = browser.sign_in("ann@acme.example").await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("unlink"), "{}", refused.body);
    assert_eq!(browser.me().await.0, 401, "and has no session");
    assert_eq!(first.me().await.0, 200);
}

/// What the page tells the second to ask an admin for.
async fn an_admin_unlinks_the_first(office: Office) {
    let member = office.server.user("ann").await;
    let (first, _) = office.sign_in(&ann()).await;
    let unlink =
        || office.server.command(&["member", "unlink", "--organization", "acme", "--member", &member, "--json"]);
    let unlinked = unlink();
    assert_eq!(
        (&unlinked["id"], &unlinked["identity"], &unlinked["status"]),
        (&json!(member), &json!(null), &json!("active"))
    );
    assert_eq!(first.me().await.0, 401, "what the old account opened has ended");
    assert_eq!(unlink()["identity"], json!(null), "once is enough");
    let trail = office.server.command(&["audit", "list", "--organization", "acme", "--json"]);
    let told: Vec<_> = trail.as_array().unwrap().iter().filter(|event| event["action"] == "member.unlinked").collect();
    assert!(told.len() == 1 && told[0]["detail"]["identity"].is_string(), "{trail}");
    // Who proves nothing of the address is not linked by it.
    let unverified = Person { email_verified: Some(false.into()), ..Person::new("U2eve", "ann@acme.example", TENANT) };
    let browser = office.browser();
    office.provider.set_person(unverified);
    assert_eq!(browser.sign_in("ann@acme.example").await.status, 403);
    office.provider.set_person(Person::new("U2new", "ann@acme.example", TENANT));
    let second = office.browser();
    assert_eq!(second.sign_in("ann@acme.example").await.status, 303);
    assert_eq!(second.me().await.1["memberships"][0]["member_id"], json!(member));
    office.provider.set_person(ann());
    assert_eq!(office.browser().sign_in("ann@acme.example").await.status, 403, "now the first is the other one");
}

async fn without_the_tenant_nobody_joins(office: Office) {
    let elsewhere = Person::new("U2eve", "eve@acme.example", "T2other");
    let (browser, refused) = office.sign_in(&elsewhere).await;
    assert_eq!(refused.status, 400, "the provider lets no stranger in: {}", refused.body);
    assert_eq!(browser.me().await.0, 401);
    office.provider.claim_tenants(Shape::None, &[]);
    let (browser, refused) = office.sign_in(&person("fay")).await;
    assert_eq!(refused.status, 403, "nothing proves the tenant: {}", refused.body);
    assert_eq!(browser.me().await.0, 401);
    office.provider.claim_tenants(Shape::Default, &[Place::IdToken]);
    let mut unverified = person("bob");
    unverified.email_verified = Some("true".into());
    let (browser, refused) = office.sign_in(&unverified).await;
    assert!(refused.status.is_client_error(), "{}", refused.status);
    assert_eq!(browser.me().await.0, 401);
    assert_eq!(office.server.get("/Users").await.1["totalResults"], 1, "only the owner");
}

async fn one_free_seat(office: Office) {
    for number in 0..50 {
        office.provider.add_person(person(&format!("p{number}")));
    }
    let arrivals = (0..50).map(|number| {
        let browser = office.browser();
        async move {
            let answer = browser.sign_in(&format!("p{number}@acme.example")).await;
            (browser, answer)
        }
    });
    let arrived: Vec<(Browser, _)> = futures_util::future::join_all(arrivals).await;
    let statuses: Vec<u16> = arrived.iter().map(|(_, answer)| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 49, "{statuses:?}");
    for (_, answer) in arrived.iter().filter(|(_, answer)| answer.status == 403) {
        assert!(answer.body.contains("All seats"), "{}", answer.body);
    }
    let shown = office.server.command(&["organization", "show", "--organization", "acme", "--json"]);
    assert_eq!((&shown["seats_used"], &shown["users"]), (&json!(2), &json!(2)));
}

async fn an_answer_counts_once(office: Office) {
    let browser = office.browser();
    let sent = browser.enter("ann@acme.example", "/members?tab=all").await;
    let back = browser.at_provider(&sent).await;
    let stranger = office.browser();
    stranger.get("/sign-in").await;
    assert_eq!(stranger.get(&back).await.status, 400, "another browser's answer");
    let answer = browser.get(&back).await;
    assert_eq!((answer.status.as_u16(), answer.location.as_deref()), (303, Some("/members?tab=all")));
    let again = browser.get(&back).await;
    assert_eq!(again.status, 400);
    for answer in ["/sign-in/callback", "/sign-in/callback?state=x&code=y", "/sign-in/callback?state=%ff&error=<b>"] {
        let refused = browser.get(answer).await;
        assert_eq!(refused.status, 400, "{answer}");
        assert!(!refused.body.contains("<b>"), "nothing is reflected");
    }
}

async fn forms_belong_to_their_browser(office: Office) {
    let (one, other) = (office.browser(), office.browser());
    let form = one.get("/sign-in?return_to=https://evil.example").await;
    assert_eq!(hidden(&form.body, "return_to"), "/");
    let token = hidden(&form.body, "csrf");
    other.get("/sign-in").await;
    for (browser, token) in [(&other, token.as_str()), (&one, ""), (&one, "x")] {
        let refused = browser.post("/sign-in", &[("email", "ann@acme.example"), ("csrf", token)]).await;
        assert_eq!(refused.status, 403);
    }
    assert_eq!(one.post("/sign-in", &[("email", "ann@acme.example")]).await.status, 403);
    let wrong = one.post("/sign-in", &[("email", "<ann"), ("csrf", &token)]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("not an e-mail address") && !wrong.body.contains("<ann"));
    // Known and unknown domains look alike but for the tenant.
    let mut seen = Vec::new();
    for address in ["ann@acme.example", "ann@nowhere.example"] {
        let sent = one.post("/sign-in", &[("email", address), ("csrf", &token)]).await;
        let location = sent.location.unwrap();
        let names: Vec<&str> = location
            .split(['?', '&'])
            .skip(1)
            .map(|pair| pair.split('=').next().unwrap())
            .filter(|name| *name != "tenant")
            .collect();
        seen.push((sent.status, sent.body, names.join(" ")));
    }
    assert_eq!(seen[0], seen[1]);
}

async fn signing_out(office: Office) {
    let (browser, _) = office.sign_in(&ann()).await;
    let session = browser.cookie("headcount_session").unwrap();
    assert_eq!(browser.post("/sign-out", &[]).await.status, 403, "not by another site's form");
    assert_eq!(browser.me().await.0, 200);
    let home = browser.get("/").await;
    let out = browser.post("/sign-out", &[("csrf", &hidden(&home.body, "csrf"))]).await;
    assert_eq!(out.status, 303);
    let at_provider = out.location.unwrap();
    assert!(at_provider.contains("/logout") && at_provider.contains("id_token_hint="), "{at_provider}");
    assert_eq!(browser.cookie("headcount_session"), None);
    // Nor does the old cookie work.
    let thief = office.browser();
    thief.keep_cookie("headcount_session", &session);
    assert_eq!(thief.me().await.0, 401);
}
