//! Rotation, revocation and outage of the provider's keys.

use futures_util::future::join_all;
use headcount::oidc::failure::Reason;
use headcount::stand_in::hostile::{Endpoint, Fault, Hostile, TokenFault};

use super::Scene;

#[tokio::test]
async fn keys_are_fetched_once_and_kept_for_ten_minutes() {
    let scene = Scene::new();
    for (advance, requests) in [(0, 1), (599, 1), (1, 2), (599, 2)] {
        scene.clock.advance_seconds(advance);
        assert_eq!(scene.refusal().await, None);
        assert_eq!(scene.stand_in.requests(Endpoint::Keys), requests);
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_at_once_and_older_ones_go_on() {
    let scene = Scene::new();
    assert_eq!(scene.refusal().await, None);
    // To a second RSA key, then to one on P-256; the second time after the ten seconds between refetches.
    for requests in [2, 3] {
        let (url, pending) = scene.begin().await.unwrap();
        let back = scene.consent(url).await;
        scene.stand_in.rotate().unwrap();
        assert!(scene.complete(&pending, &back).await.is_ok(), "rotated just before signing");
        assert_eq!(scene.stand_in.requests(Endpoint::Keys), requests);
        scene.clock.advance_seconds(10);
    }
}

#[tokio::test]
async fn many_who_meet_a_new_key_at_once_all_sign_in() {
    let scene = Scene::new();
    assert_eq!(scene.refusal().await, None);
    scene.stand_in.rotate().unwrap();
    let refusals = join_all((0..50).map(|_| scene.refusal())).await;
    assert!(refusals.iter().all(Option::is_none), "{refusals:?}");
    assert_eq!(scene.stand_in.requests(Endpoint::Keys), 2);
}

#[tokio::test]
async fn unknown_keys_cause_one_request_in_ten_seconds() {
    let scene = Scene::new();
    assert_eq!(scene.refusal().await, None);
    scene.stand_in.set_hostile(Some(Hostile::Token(TokenFault::UnknownKey)));
    for (advance, requests) in [(0, 2), (0, 2), (9, 2), (1, 3), (9, 3)] {
        scene.clock.advance_seconds(advance);
        assert_eq!(scene.refusal().await, Some(Reason::KeyUnknown));
        assert_eq!(scene.stand_in.requests(Endpoint::Keys), requests);
    }
}

#[tokio::test]
async fn two_hundred_at_once_with_an_unknown_key_make_two_requests() {
    let scene = Scene::new();
    scene.stand_in.set_hostile(Some(Hostile::Token(TokenFault::UnknownKey)));
    let refusals = join_all((0..200).map(|_| scene.refusal())).await;
    assert!(refusals.iter().all(|refusal| *refusal == Some(Reason::KeyUnknown)), "{refusals:?}");
    assert_eq!(scene.stand_in.requests(Endpoint::Discovery), 1);
    assert_eq!(scene.stand_in.requests(Endpoint::Keys), 2);
}

#[tokio::test]
async fn a_revoked_key_signs_nobody_in_once_keys_are_fetched_again() {
    let scene = Scene::new();
    assert_eq!(scene.refusal().await, None);
    let old = scene.stand_in.sign(&serde_json::Map::new(), &serde_json::json!({}), false);
    scene.stand_in.rotate().unwrap();
    scene.stand_in.revoke();
    assert_eq!(scene.refusal().await, None, "the new key is fetched");
    let reason = scene.provider.logged_out(&old).await.unwrap_err().reason;
    assert_eq!(reason, Reason::KeyUnknown);
}

#[tokio::test]
async fn in_an_outage_known_keys_go_on_for_their_ten_minutes_and_then_nothing_opens() {
    let scene = Scene::new();
    assert_eq!(scene.refusal().await, None);
    scene.stand_in.set_hostile(Some(Hostile::Answer(Endpoint::Keys, Fault::ServerError)));
    scene.clock.advance_seconds(599);
    assert_eq!(scene.refusal().await, None);
    scene.clock.advance_seconds(1);
    let before = scene.stand_in.requests(Endpoint::Keys);
    for _ in 0..20 {
        assert_eq!(scene.refusal().await, Some(Reason::ProviderFailed));
    }
    assert_eq!(scene.stand_in.requests(Endpoint::Keys), before + 1, "not asked again at once");
    scene.stand_in.set_hostile(None);
    scene.clock.advance_seconds(5);
    assert_eq!(scene.refusal().await, None);
}

#[tokio::test]
async fn an_unknown_key_in_an_outage_is_the_outage() {
    let scene = Scene::new();
    assert_eq!(scene.refusal().await, None);
    scene.stand_in.set_hostile(Some(Hostile::Answer(Endpoint::Keys, Fault::ServerError)));
    scene.stand_in.rotate().unwrap();
    for _ in 0..5 {
        assert_eq!(scene.refusal().await, Some(Reason::ProviderFailed));
    }
    assert_eq!(scene.stand_in.requests(Endpoint::Keys), 2);
    scene.stand_in.set_hostile(None);
    scene.clock.advance_seconds(10);
    assert_eq!(scene.refusal().await, None);
}
