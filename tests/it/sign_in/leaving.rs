//! What the provider says is over: by session, by person, and once.

use serde_json::{Value, json};

use super::browser::Browser;
use super::clocked::Clocked;
use super::{Person, ann, person};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(sessions_and_people);

/// A sign-in of Ann's under this session of the provider.
async fn under(place: &Clocked, sid: &str) -> Browser {
    let more = json!({"sid": sid}).as_object().unwrap().clone();
    place.provider.set_person(Person { more, ..ann() });
    let browser = place.browser();
    assert_eq!(browser.sign_in("ann@acme.example").await.status, 303);
    browser
}

/// Sends a logout token of these claims.
async fn over(place: &Clocked, claims: Value) {
    let mut all = json!({
        "iss": place.provider.issuer(), "aud": headcount::stand_in::CLIENT_ID, "iat": place.now() / 1_000_000,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}}
    });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let token = place.provider.sign(&serde_json::Map::new(), &all, false);
    let answer = place.browser().post("/sign-in/backchannel-logout", &[("logout_token", &token)]).await;
    assert_eq!(answer.status, 200);
}

async fn sessions_and_people(database: Database) {
    let place = Clocked::open(database, &[]);
    let (one, two) = (under(&place, "S1").await, under(&place, "S2").await);
    let (bea, _) = place.sign_in(&person("bea")).await;
    let live = async || (one.me().await.0.as_u16(), two.me().await.0.as_u16(), bea.me().await.0.as_u16());
    over(&place, json!({"jti": "j1", "sid": "S9"})).await;
    over(&place, json!({"jti": "j2", "sub": "U2nobody"})).await;
    over(&place, json!({"jti": "j3", "sub": "U2bea", "sid": "S1"})).await;
    assert_eq!(live().await, (200, 200, 200), "a session is one person's");
    over(&place, json!({"jti": "j4", "sid": "S1"})).await;
    assert_eq!(live().await, (401, 200, 200));
    over(&place, json!({"jti": "j5", "sub": "U2ann"})).await;
    assert_eq!(live().await, (401, 401, 200));
}
