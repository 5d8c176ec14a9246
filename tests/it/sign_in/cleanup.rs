//! What is over is removed when something of its kind is written, so that no table grows with what nobody
//! can use.

use headcount::stand_in::CLIENT_ID;
use serde_json::json;

use super::clocked::Clocked;
use super::join_requests::count;
use super::{ann, person};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(sign_ins, sessions, logout_tokens);

async fn sign_ins(database: Database) {
    let place = Clocked::open(database, &[]);
    let browser = place.browser();
    for _ in 0..3 {
        browser.enter("ann@acme.example", "/").await;
    }
    assert_eq!(count(&place, "sign_ins"), 3);
    place.clock.advance_seconds(599);
    browser.enter("ann@acme.example", "/").await;
    assert_eq!(count(&place, "sign_ins"), 4, "until then");
    place.clock.advance_seconds(1);
    browser.enter("ann@acme.example", "/").await;
    assert_eq!(count(&place, "sign_ins"), 2, "ten minutes are over for three");
}

async fn sessions(database: Database) {
    let place = Clocked::open(database, &[("sessions.absolute", "1h")]);
    for name in ["bea", "cid"] {
        assert_eq!(place.sign_in(&person(name)).await.1.status, 303);
    }
    place.clock.advance_seconds(3_599);
    place.sign_in(&ann()).await;
    assert_eq!(count(&place, "sessions"), 3, "until then");
    place.clock.advance_seconds(1);
    place.sign_in(&ann()).await;
    assert_eq!(count(&place, "sessions"), 2, "an hour is over for two");
}

async fn logout_tokens(database: Database) {
    let place = Clocked::open(database, &[]);
    let send = async |id: &str| {
        let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        let claims = json!({
            "iss": place.provider.issuer(), "aud": CLIENT_ID, "iat": place.now() / 1_000_000, "jti": id,
            "sub": "U2nobody", "events": event
        });
        let token = place.provider.sign(json!({}).as_object().unwrap(), &claims, false);
        let answer = place.browser().post("/sign-in/backchannel-logout", &[("logout_token", &token)]).await;
        assert_eq!(answer.status, 200);
    };
    send("j1").await;
    send("j2").await;
    assert_eq!(count(&place, "logout_tokens"), 2);
    // Longer than one is taken at all.
    place.clock.advance_seconds(2 * 3_600);
    send("j3").await;
    assert_eq!(count(&place, "logout_tokens"), 1);
}
