//! Back-channel logout tokens, and the way to the provider's own logout.

use headcount::oidc::failure::Reason;
use headcount::stand_in::CLIENT_ID;
use headcount::stand_in::hostile::Endpoint;
use serde_json::{Map, Value, json};

use super::Scene;

const NOW: i64 = 1_790_000_000;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A right logout token with these claims set or, where null, left out.
fn token(scene: &Scene, header: Value, changes: Value, foreign: bool) -> String {
    let mut claims = json!({
        "iss": scene.stand_in.issuer(), "aud": [CLIENT_ID], "iat": NOW, "exp": NOW + 120, "jti": "j1",
        "sub": "U2ada", "sid": "S1", "events": {EVENT: {}}
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    // A null that stays is written as the text "null".
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    scene.stand_in.sign(header.as_object().unwrap(), &claims, foreign)
}

async fn refusal(scene: &Scene, token: &str) -> Option<Reason> {
    scene.provider.logged_out(token).await.err().map(|failure| failure.reason)
}

#[tokio::test]
async fn a_logout_token_says_whose_sessions_end() {
    let scene = Scene::new();
    let ended = scene.provider.logged_out(&token(&scene, json!({}), json!({}), false)).await.unwrap();
    assert_eq!((ended.issuer, ended.subject.as_deref()), (scene.stand_in.issuer(), Some("U2ada")));
    assert_eq!(ended.sid.as_deref(), Some("S1"));
    assert_eq!(ended.refused_from.0, (NOW + 3_660) * 1_000_000);
    let other = scene.provider.logged_out(&token(&scene, json!({}), json!({"jti": "j2"}), false)).await.unwrap();
    assert_ne!(other.id, ended.id);
    let exact = json!({"exp": NOW - 59});
    for changes in [json!({"sid": null}), json!({"sub": null}), json!({"exp": null}), json!({"aud": CLIENT_ID}), exact]
    {
        assert_eq!(refusal(&scene, &token(&scene, json!({}), changes.clone(), false)).await, None, "{changes}");
    }
    let typed = token(&scene, json!({"typ": "logout+jwt"}), json!({}), false);
    assert_eq!(refusal(&scene, &typed).await, None);
}

#[tokio::test]
async fn anything_else_ends_nothing() {
    let scene = Scene::new();
    for (changes, reason) in [
        (json!({"iss": "https://issuer.example"}), Reason::Issuer),
        (json!({"aud": "somebody"}), Reason::Audience),
        (json!({"aud": [CLIENT_ID, "somebody"]}), Reason::Audience),
        (json!({"aud": []}), Reason::Audience),
        (json!({"aud": null}), Reason::TokenMalformed),
        (json!({"iat": null}), Reason::TokenMalformed),
        (json!({"iat": NOW + 61}), Reason::IssuedInTheFuture),
        (json!({"iat": NOW - 3_660}), Reason::IssuedTooEarly),
        (json!({"exp": NOW - 60}), Reason::Expired),
        (json!({"events": null}), Reason::LogoutEvent),
        (json!({"events": {}}), Reason::LogoutEvent),
        (json!({"events": {EVENT: true}}), Reason::LogoutEvent),
        (json!({"events": [EVENT]}), Reason::LogoutEvent),
        (json!({"events": {"http://schemas.openid.net/event/other": {}}}), Reason::LogoutEvent),
        (json!({"nonce": "n"}), Reason::LogoutNonce),
        (json!({"nonce": ""}), Reason::LogoutNonce),
        (json!({"nonce": false}), Reason::LogoutNonce),
        (json!({"jti": null}), Reason::LogoutTokenId),
        (json!({"jti": ""}), Reason::LogoutTokenId),
        (json!({"jti": "j".repeat(513)}), Reason::LogoutTokenId),
        (json!({"sub": null, "sid": null}), Reason::LogoutSubject),
        (json!({"sub": "", "sid": null}), Reason::LogoutSubject),
    ] {
        assert_eq!(refusal(&scene, &token(&scene, json!({}), changes.clone(), false)).await, Some(reason), "{changes}");
    }
    for (header, reason) in [
        (json!({"alg": "none"}), Reason::Algorithm),
        (json!({"alg": "HS256"}), Reason::Algorithm),
        (json!({"alg": "ES256"}), Reason::Algorithm),
        (json!({"alg": "PS256"}), Reason::Algorithm),
        (json!({"kid": null}), Reason::KeyNotNamed),
        (json!({"kid": "unknown"}), Reason::KeyUnknown),
        (json!({"crit": ["exp"]}), Reason::HeaderUnsupported),
    ] {
        assert_eq!(refusal(&scene, &token(&scene, header.clone(), json!({}), false)).await, Some(reason), "{header}");
    }
    assert_eq!(refusal(&scene, &token(&scene, json!({}), json!({}), true)).await, Some(Reason::Signature));
    for text in ["", "a.b", "a.b.c.d", "...", "not a token", "e30.e30.e30"] {
        assert_eq!(refusal(&scene, text).await, Some(Reason::TokenMalformed), "{text}");
    }
    let huge = "x".repeat(33_000);
    assert_eq!(refusal(&scene, &huge).await, Some(Reason::TokenTooLarge));
}

#[tokio::test]
async fn an_hour_and_not_more() {
    let scene = Scene::new();
    let token = token(&scene, json!({}), json!({"exp": null}), false);
    scene.clock.advance_seconds(3_659);
    assert_eq!(refusal(&scene, &token).await, None);
    scene.clock.advance_seconds(1);
    assert_eq!(refusal(&scene, &token).await, Some(Reason::IssuedTooEarly));
}

#[tokio::test]
async fn an_id_token_ends_no_session_and_a_logout_token_signs_nobody_in() {
    let scene = Scene::new();
    let person = scene.sign_in().await.unwrap();
    assert_eq!(refusal(&scene, &person.id_token).await, Some(Reason::LogoutEvent));
    // As the payload of an ID token, it has no nonce of ours.
    let more: Map<_, _> = json!({"events": {EVENT: {}}, "jti": "j1", "nonce": null}).as_object().unwrap().clone();
    scene.stand_in.set_person(headcount::stand_in::person::Person { more, ..super::ada() });
    assert_eq!(scene.refusal().await, Some(Reason::Nonce));
}

#[tokio::test]
async fn the_browser_is_sent_to_end_the_providers_session() {
    let scene = Scene::new();
    let person = scene.sign_in().await.unwrap();
    let back = "http://127.0.0.1:9/";
    let url = scene.provider.end_session(Some(&person.id_token), back, Some("s1")).await.unwrap().unwrap();
    let answer = scene.browser.get(url.as_str()).send().await.unwrap();
    assert_eq!(answer.headers()["location"], "http://127.0.0.1:9/?state=s1");
    let asked = scene.stand_in.asked();
    assert_eq!((asked["id_token_hint"].as_str(), asked["client_id"].as_str()), (person.id_token.as_str(), CLIENT_ID));
    assert_eq!(asked["post_logout_redirect_uri"], back);
    assert_eq!(scene.stand_in.requests(Endpoint::Logout), 1);
    let url = scene.provider.end_session(None, back, None).await.unwrap().unwrap();
    assert!(!url.query_pairs().any(|(name, _)| name == "id_token_hint" || name == "state"));
}

#[tokio::test]
async fn an_algorithm_that_is_not_announced_ends_nothing() {
    let mut scene = Scene::new();
    // The third key is on P-256.
    scene.stand_in.rotate().unwrap();
    scene.stand_in.rotate().unwrap();
    let token = token(&scene, json!({}), json!({}), false);
    for (announced, refused) in [(&["RS256"][..], Some(Reason::Algorithm)), (&["RS256", "ES256"], None)] {
        scene.stand_in.set_algorithms(announced);
        scene.forget();
        assert_eq!(refusal(&scene, &token).await, refused, "{announced:?}");
    }
}
