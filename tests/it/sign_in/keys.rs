//! The provider's keys as sign-ins meet them: rotated, revoked, and unknown ones that cost it nothing.

use headcount::stand_in::hostile::{Endpoint, Hostile, TokenFault};
use serde_json::json;

use super::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(unknown, rotated_and_revoked);

async fn unknown(database: Database) {
    let place = Clocked::open(database, &[]);
    let (provider, clock) = (&place.provider, &place.clock);
    let browser = place.browser();
    let sign_in = async || browser.sign_in("ann@acme.example").await.status;
    assert_eq!(sign_in().await, 303);
    provider.set_hostile(Some(Hostile::Token(TokenFault::UnknownKey)));
    for (advance, requests) in [(0, 2), (0, 2), (9, 2), (1, 3), (9, 3)] {
        clock.advance_seconds(advance);
        assert_eq!(sign_in().await, 400);
        assert_eq!(provider.requests(Endpoint::Keys), requests, "the first at once, then one in ten seconds");
    }
}

async fn rotated_and_revoked(database: Database) {
    let place = Clocked::open(database, &[]);
    let (provider, clock) = (&place.provider, &place.clock);
    let browser = place.browser();
    let sign_in = async || browser.sign_in("ann@acme.example").await.status;
    assert_eq!(sign_in().await, 303);
    // Between the way there and the way back, and just before signing.
    let sent = browser.enter("ann@acme.example", "/").await;
    let back = browser.at_provider(&sent).await;
    provider.rotate().unwrap();
    assert_eq!(browser.get(&back).await.status, 303);
    assert_eq!(provider.requests(Endpoint::Keys), 2);
    let claims = json!({
        "iss": provider.issuer(), "aud": headcount::stand_in::CLIENT_ID, "iat": place.now() / 1_000_000, "jti": "j1", "sub": "U2ann",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}}
    });
    let stolen = provider.sign(&serde_json::Map::new(), &claims, false);
    provider.rotate().unwrap();
    provider.revoke();
    clock.advance_seconds(10);
    assert_eq!(sign_in().await, 303, "the new key makes the keys be fetched");
    let refused = browser.post("/sign-in/backchannel-logout", &[("logout_token", &stolen)]).await;
    assert_eq!(refused.status, 400, "a revoked key signs nothing");
    assert_eq!(browser.me().await.0, 200);
}
