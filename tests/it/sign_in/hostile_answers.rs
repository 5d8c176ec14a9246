//! What a hostile provider can answer, through the routes: every fault comes to the same plain page and a
//! line in the audit trail, and nobody came of it.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use headcount::stand_in::hostile::{Endpoint, Fault, Hostile, TokenFault};
use headcount::stand_in::person::{Person, Place, Shape};
use serde_json::{Value, json};

use super::ann;
use super::browser::{Office, in_each_office};

in_each_office!(
    hostile_tokens: 10,
    hostile_answers_of_endpoints: 10,
    tenants_that_contradict_themselves: 10,
    two_hundred_unknown_keys_at_once: 10,
    logout_tokens: 10,
);

/// Somebody tries to sign in while the provider does this; the page they see.
async fn refused(office: &Office, hostile: Hostile, status: u16) -> String {
    office.provider.set_hostile(Some(hostile));
    let browser = office.browser();
    let answer = browser.sign_in("ann@acme.example").await;
    let page = answer.plain(status, &format!("{hostile:?}"));
    office.assert_untouched(&browser, &format!("{hostile:?}")).await;
    office.assert_told(&answer, &format!("{hostile:?}"));
    page
}

async fn hostile_tokens(office: Office) {
    let mut pages = BTreeSet::new();
    for fault in TokenFault::ALL.iter().filter(|fault| **fault != TokenFault::KeyElsewhere) {
        pages.insert(refused(&office, Hostile::Token(*fault), 400).await);
    }
    assert_eq!(pages.len(), 1, "one page says the same of all: {pages:?}");
    // Keys are not sought where a token says they are, and this one is signed by the right one.
    office.provider.set_hostile(Some(Hostile::Token(TokenFault::KeyElsewhere)));
    assert_eq!(office.browser().sign_in("ann@acme.example").await.status, 303);
}

async fn hostile_answers_of_endpoints(office: Office) {
    let mut pages = BTreeSet::new();
    for fault in [
        Fault::Refuses,
        Fault::RefusesAsDescope,
        Fault::Redirects,
        Fault::Html,
        Fault::Garbage,
        Fault::EmptyObject,
        Fault::EmptyBody,
        Fault::Huge,
    ] {
        pages.insert(refused(&office, Hostile::Answer(Endpoint::Token, fault), 400).await);
    }
    pages.insert(refused(&office, Hostile::ResponseIssuer, 400).await);
    // Userinfo is asked where neither token says anything of the tenant.
    office.provider.claim_tenants(Shape::Default, &[Place::Userinfo]);
    pages.insert(refused(&office, Hostile::UserinfoSubject, 400).await);
    for fault in [Fault::Redirects, Fault::Html, Fault::EmptyObject, Fault::Huge] {
        pages.insert(refused(&office, Hostile::Answer(Endpoint::Userinfo, fault), 400).await);
    }
    assert_eq!(pages.len(), 1, "one page says the same of all: {pages:?}");
    // Refused, userinfo says nothing, so that nothing proves the tenant.
    let page = refused(&office, Hostile::Answer(Endpoint::Userinfo, Fault::Refuses), 403).await;
    assert!(page.contains("did not come through it"), "{page}");
    office.provider.set_hostile(None);
    assert_eq!(office.browser().sign_in("ann@acme.example").await.status, 303, "and nothing of it stays behind");
}

async fn tenants_that_contradict_themselves(office: Office) {
    let mut pages = BTreeSet::new();
    for claims in [
        json!({"dct": "T2other"}),
        json!({"dct": "T2ACME", "tenants": {"T2ACME": {}}}),
        json!({"dct": "T2acme", "tenants": {"T2other": {}}}),
        json!({"dct": "", "tenants": {"T2acme": {}}}),
        json!({"dct": ["T2acme"]}),
        json!({"dct": null, "tenants": ["T2acme"]}),
        json!({"dct": null, "tenants": "T2acme"}),
        json!({"dct": null, "tenants": {}}),
        json!({"dct": null, "tenants": {"T2acme": {}, "T2other": {}}}),
    ] {
        let more = claims.as_object().unwrap().clone();
        office.provider.set_person(Person { more, ..ann() });
        let browser = office.browser();
        let answer = browser.sign_in("ann@acme.example").await;
        pages.insert(answer.plain(403, &claims.to_string()));
        office.assert_untouched(&browser, &claims.to_string()).await;
        office.assert_told(&answer, &claims.to_string());
    }
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert!(pages.first().unwrap().contains("did not come through it"), "{pages:?}");
}

async fn two_hundred_unknown_keys_at_once(office: Office) {
    office.provider.set_hostile(Some(Hostile::Token(TokenFault::UnknownKey)));
    let arrivals = join_all((0..200).map(|_| async {
        let browser = office.browser();
        let answer = browser.sign_in("ann@acme.example").await;
        (browser, answer)
    }));
    for (browser, answer) in arrivals.await {
        answer.plain(400, "an unknown key");
        assert_eq!(browser.cookie("headcount_session"), None);
    }
    assert_eq!(office.provider.requests(Endpoint::Token), 200);
    let asked = office.provider.requests(Endpoint::Keys);
    assert!(asked <= 2, "{asked} requests for keys");
    office.assert_untouched(&office.browser(), "unknown keys").await;
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

async fn logout_tokens(office: Office) {
    use headcount::clock::{Clock as _, SystemClock};
    let (browser, answer) = office.sign_in(&ann()).await;
    assert_eq!(answer.status, 303);
    let now = SystemClock.now().0 / 1_000_000;
    let token = |header: Value, changes: Value| {
        let mut claims = json!({
            "iss": office.provider.issuer(), "aud": headcount::stand_in::CLIENT_ID, "iat": now, "jti": "j1",
            "sub": "U2ann", "events": {EVENT: {}}
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        office.provider.sign(header.as_object().unwrap(), &claims, false)
    };
    let right = token(json!({}), json!({}));
    let unsigned = right.rsplit_once('.').unwrap().0.to_owned() + ".";
    let wrong = [
        token(json!({"alg": "none"}), json!({})),
        token(json!({"alg": "HS256"}), json!({})),
        token(json!({}), json!({"iss": "https://issuer.example"})),
        token(json!({}), json!({"aud": "somebody"})),
        token(json!({}), json!({"events": null})),
        token(json!({}), json!({"events": {"http://schemas.openid.net/event/other": {}}})),
        token(json!({}), json!({"nonce": "n"})),
        token(json!({}), json!({"jti": null})),
        token(json!({}), json!({"iat": now - 3_700})),
        token(json!({}), json!({"iat": now + 100})),
        token(json!({}), json!({"sub": null})),
        unsigned,
        "<script>".to_owned(),
        "x".repeat(10_000),
        String::new(),
    ];
    let at_provider = office.browser();
    let path = "/sign-in/backchannel-logout";
    let refused = |answer: super::browser::Answer, what: &str| {
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (400, ""), "{what}: nothing is reflected");
        assert!(answer.headers.contains_key("x-request-id"), "{what}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{what}");
    };
    for token in &wrong {
        refused(at_provider.post(path, &[("logout_token", token)]).await, token);
    }
    refused(at_provider.post(path, &[]).await, "nothing");
    refused(at_provider.post(path, &[("logout_token", &right), ("logout_token", &right)]).await, "two");
    let json = at_provider.send("POST".parse().unwrap(), path, |request| request.json(&json!({"logout_token": right})));
    refused(json.await, "JSON");
    refused(at_provider.post(path, &[("logout_token", &"x".repeat(100_000))]).await, "too much");
    assert_eq!(browser.me().await.0, 200, "none of it ends a session");
    let answer = at_provider.post(path, &[("logout_token", &right)]).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
    assert_eq!(browser.me().await.0, 401);
    // The same token once more ends no session that was opened since.
    let again = office.browser();
    assert_eq!(again.sign_in("ann@acme.example").await.status, 303);
    assert_eq!(at_provider.post(path, &[("logout_token", &right)]).await.status, 200);
    assert_eq!(again.me().await.0, 200);
}
