//! What a sign-in asks for and what a good one gives.

use headcount::oidc::authorization::Request;
use headcount::oidc::failure::Reason;
use headcount::oidc::tenant::Tenant;
use headcount::stand_in::Layout;
use headcount::stand_in::hostile::Endpoint;
use headcount::stand_in::person::{Person, Place, Shape};
use serde_json::{Map, json};

use super::{REDIRECT_URI, Scene, TENANT, ada};

fn more(claims: serde_json::Value) -> Person {
    Person { more: claims.as_object().unwrap().clone(), ..ada() }
}

#[tokio::test]
async fn a_person_signs_in_at_either_kind_of_issuer() {
    for layout in [Layout::Project, Layout::Application] {
        let scene = Scene::of(layout, |_| ());
        scene.stand_in.set_person(more(json!({"sid": "S1", "session_expiry": 1_790_003_600})));
        let person = scene.sign_in().await.unwrap();
        assert_eq!((person.issuer, person.subject.as_str()), (scene.stand_in.issuer(), "U2ada"));
        assert_eq!((person.address.as_deref(), person.address_verified), (Some("ada@acme.example"), true));
        assert_eq!((person.name.as_deref(), person.sid.as_deref()), (Some("Ada Lovelace"), Some("S1")));
        assert_eq!(person.session_expiry.unwrap().0, 1_790_003_600_000_000);
        assert!(person.tenant.proves(TENANT));
        assert_eq!(person.id_token.split('.').count(), 3);
        assert_eq!(scene.stand_in.requests(Endpoint::Userinfo), 0, "the ID token says all");
    }
}

#[tokio::test]
async fn the_request_has_everything_that_protects_it_and_descopes_own_parameters() {
    let scene = Scene::new();
    let (first, pending) = scene.begin().await.unwrap();
    scene.consent(first.clone()).await;
    let asked = scene.stand_in.asked();
    for (name, value) in [
        ("response_type", "code"),
        ("scope", "openid profile email descope.claims"),
        ("redirect_uri", REDIRECT_URI),
        ("state", &pending.state),
        ("nonce", &pending.nonce),
        ("code_challenge_method", "S256"),
        ("tenant", TENANT),
        ("login_hint", "ada@acme.example"),
        ("loginHint", "ada@acme.example"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_ne!(asked["code_challenge"], pending.verifier);
    let (_, other) = scene.begin().await.unwrap();
    for (ours, theirs) in
        [(&pending.state, &other.state), (&pending.nonce, &other.nonce), (&pending.verifier, &other.verifier)]
    {
        assert!(ours != theirs && ours.len() == 43, "256 bits of its own each");
    }
    let bare = Request { redirect_uri: REDIRECT_URI, tenant: None, address: None };
    let (url, _) = scene.provider.begin(&bare).await.unwrap();
    let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert!(!names.iter().any(|name| matches!(name.as_str(), "tenant" | "login_hint" | "loginHint")), "{names:?}");
}

#[tokio::test]
async fn the_client_proves_itself_as_the_provider_announces() {
    let mut scene = Scene::new();
    for ways in [&["client_secret_basic"][..], &["client_secret_post"], &["client_secret_post", "client_secret_basic"]]
    {
        scene.stand_in.set_client_authentication(ways);
        scene.forget();
        assert!(scene.sign_in().await.is_ok(), "{ways:?}");
    }
}

#[tokio::test]
async fn a_verifier_or_code_of_another_sign_in_is_refused() {
    let scene = Scene::new();
    let (url, mut pending) = scene.begin().await.unwrap();
    let back = scene.consent(url).await;
    let (_, other) = scene.begin().await.unwrap();
    pending.verifier = other.verifier;
    assert_eq!(scene.complete(&pending, &back).await.err().unwrap().reason, Reason::CodeRefused);
    let (url, pending) = scene.begin().await.unwrap();
    let back = scene.consent(url).await;
    assert!(scene.complete(&pending, &back).await.is_ok());
    assert_eq!(scene.complete(&pending, &back).await.err().unwrap().reason, Reason::CodeRefused, "single use");
}

#[tokio::test]
async fn clocks_may_differ_by_a_minute_and_no_more() {
    let scene = Scene::new();
    let now = 1_790_000_000;
    for (claims, refused) in [
        (json!({"exp": now - 59}), None),
        (json!({"exp": now - 60}), Some(Reason::Expired)),
        (json!({"nbf": now + 60}), None),
        (json!({"nbf": now + 61}), Some(Reason::NotYetValid)),
        (json!({"iat": now + 60}), None),
        (json!({"iat": now + 61}), Some(Reason::IssuedInTheFuture)),
        (json!({"iat": now - 60}), None),
        (json!({"iat": now - 61}), Some(Reason::IssuedTooEarly)),
    ] {
        scene.stand_in.set_person(more(claims.clone()));
        assert_eq!(scene.refusal().await, refused, "{claims}");
    }
}

#[tokio::test]
async fn further_audiences_only_as_configured() {
    let extra = |options: &mut headcount::oidc::Options| options.extra_audiences = vec!["P2project".into()];
    let scene = Scene::of(Layout::Project, extra);
    let client = headcount::stand_in::CLIENT_ID;
    for (claims, refused) in [
        (json!({"aud": client}), None),
        (json!({"aud": [client, "P2project"]}), None),
        (json!({"aud": ["P2project", client], "azp": client}), None),
        (json!({"aud": ["P2project", client], "azp": "P2project"}), Some(Reason::AuthorizedParty)),
        (json!({"aud": ["P2project"]}), Some(Reason::Audience)),
        (json!({"aud": [client, "P2project", "somebody"]}), Some(Reason::Audience)),
    ] {
        scene.stand_in.set_person(more(claims.clone()));
        assert_eq!(scene.refusal().await, refused, "{claims}");
    }
}

#[tokio::test]
async fn an_address_is_proven_by_json_true_only_and_with_its_own_proof() {
    let scene = Scene::new();
    for (verified, proven) in [(Some(json!(true)), true), (Some(json!(false)), false), (None, false)] {
        scene.stand_in.set_person(Person { email_verified: verified, ..ada() });
        assert_eq!(scene.sign_in().await.unwrap().address_verified, proven);
    }
    // Userinfo's proof is not of the ID token's address, nor the other way round.
    let claims = |claims: serde_json::Value| -> Map<_, _> { claims.as_object().unwrap().clone() };
    scene.stand_in.set_person(more(json!({"email": null})));
    for (userinfo, address, proven) in [
        (json!({"email": "ada@acme.example", "email_verified": true}), Some("ada@acme.example"), true),
        (json!({"email": "eve@acme.example", "email_verified": "true"}), Some("eve@acme.example"), false),
        (json!({"email": null, "email_verified": true}), None, false),
        (json!({"email": "", "email_verified": true}), None, false),
    ] {
        scene.stand_in.set_userinfo_claims(claims(userinfo.clone()));
        let person = scene.sign_in().await.unwrap();
        assert_eq!((person.address.as_deref(), person.address_verified), (address, proven), "{userinfo}");
    }
    scene.stand_in.set_userinfo_claims(claims(json!({"email": "ada@acme.example\r\n"})));
    assert_eq!(scene.refusal().await, Some(Reason::AddressMalformed));
    scene.stand_in.set_person(Person { email_verified: None, ..ada() });
    scene.stand_in.set_userinfo_claims(claims(json!({"email_verified": true})));
    assert!(!scene.sign_in().await.unwrap().address_verified);
    // Userinfo is asked for the tenant, and for nothing else.
    scene.stand_in.claim_tenants(Shape::TenantOnly, &[Place::Userinfo]);
    scene.stand_in.set_userinfo_claims(claims(json!({"email": "eve@acme.example", "email_verified": true})));
    let person = scene.sign_in().await.unwrap();
    assert_eq!((person.address.as_deref(), person.address_verified), (Some("ada@acme.example"), false));
    assert!(person.tenant.proves(TENANT));
}

#[tokio::test]
async fn a_response_names_this_issuer_or_none() {
    let scene = Scene::new();
    let (url, pending) = scene.begin().await.unwrap();
    let mut back = scene.consent(url).await;
    back.insert("iss".into(), scene.stand_in.issuer());
    assert!(scene.complete(&pending, &back).await.is_ok());
}

#[tokio::test]
async fn where_responses_name_the_issuer_one_that_does_not_is_refused() {
    let scene = Scene::new();
    scene.stand_in.set_names_issuer(true);
    let (url, pending) = scene.begin().await.unwrap();
    let mut back = scene.consent(url).await;
    let named = back.remove("iss").unwrap();
    assert_eq!(scene.complete(&pending, &back).await.err().unwrap().reason, Reason::ResponseIssuer);
    back.insert("iss".into(), named);
    assert!(scene.complete(&pending, &back).await.is_ok());
}

#[tokio::test]
async fn an_algorithm_that_is_not_announced_is_not_taken() {
    let mut scene = Scene::new();
    // The third key is on P-256.
    scene.stand_in.rotate().unwrap();
    scene.stand_in.rotate().unwrap();
    for (announced, refused) in [(&["RS256"][..], Some(Reason::Algorithm)), (&["RS256", "ES256"], None)] {
        scene.stand_in.set_algorithms(announced);
        scene.forget();
        assert_eq!(scene.refusal().await, refused, "{announced:?}");
    }
}

#[tokio::test]
async fn a_person_of_no_tenant_signs_in_without_one() {
    let scene = Scene::new();
    scene.stand_in.set_person(Person { tenants: Vec::new(), ..ada() });
    let request = Request { redirect_uri: REDIRECT_URI, tenant: None, address: None };
    let (url, pending) = scene.provider.begin(&request).await.unwrap();
    let back = scene.consent(url).await;
    let person = scene.complete(&pending, &back).await.unwrap();
    assert_eq!(person.tenant, Tenant::Unclear);
    assert_eq!(scene.stand_in.requests(Endpoint::Userinfo), 0, "nobody asked for a tenant");
    assert_eq!(scene.refusal().await, Some(Reason::ProviderRefused), "the tenant does not know the person");
}
