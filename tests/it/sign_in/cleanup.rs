//! What is over is removed when something of its kind is written, so that no table grows with what nobody
//! can use; and what a sign-in looks up does not tell who is known.

use actix_web::cookie::Cookie;
use actix_web::dev::Service as _;
use actix_web::test::TestRequest;
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use headcount::stand_in::{CLIENT_ID, CLIENT_SECRET, Layout, StandIn};
use serde_json::json;

use super::browser::hidden;
use super::clocked::Clocked;
use super::join_requests::count;
use super::{ann, person};
use crate::counted_work::Observer;
use crate::counted_work::postgres::{EXPLAIN, Log};
use crate::counted_work::sqlite::Trace;
use crate::support::in_process::{House, application};
use crate::support::postgres::Cluster;
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

/// Known and unknown domains: the same statements, in the same order.
mod the_same_queries {
    use super::{Cluster, Database, EXPLAIN, Log, Trace, same_queries};

    #[actix_web::test]
    async fn sqlite() {
        same_queries(Database::Sqlite, |url| Box::new(Trace::of(url))).await;
    }

    #[actix_web::test]
    async fn postgresql() {
        let Some(cluster) = Cluster::start(EXPLAIN) else { return };
        same_queries(Database::Postgres(cluster.database()), |url| Box::new(Log::of(&cluster, url))).await;
    }
}

async fn same_queries<'o>(database: Database, observe: impl FnOnce(&str) -> Box<dyn Observer + 'o>) {
    let clock = ManualClock::at(SystemClock.now());
    let provider = StandIn::start(clock.clone(), Layout::Project, ann()).unwrap();
    let settings = vec![
        ("oidc.issuer", provider.issuer()),
        ("oidc.client_id", CLIENT_ID.into()),
        ("oidc.client_secret", CLIENT_SECRET.into()),
    ];
    let mut house = House::with(database, 5, clock.clone(), settings);
    let mut observer = observe(&house.url);
    house.reassemble(clock);
    let domain = ["domain", "add", "--organization", "acme", "--domain", "acme.example", "--verified", "--json"];
    assert!(crate::support::run(&house.url, &domain).status.success());
    let application = application(house.state()).await;
    let form = application.call(TestRequest::with_uri("/sign-in").to_request()).await.unwrap();
    let cookie: Cookie<'static> = form.response().cookies().next().unwrap().into_owned();
    let page = String::from_utf8(actix_web::test::read_body(form).await.to_vec()).unwrap();
    let csrf = hidden(&page, "csrf");
    let mut seen = Vec::new();
    for address in ["ann@acme.example", "ann@acme.example", "ann@nowhere.example"] {
        observer.take();
        let form = [("email", address), ("csrf", &csrf)];
        let request = TestRequest::post().uri("/sign-in").cookie(cookie.clone()).set_form(form).to_request();
        let answer = application.call(request).await.unwrap();
        assert_eq!(answer.status(), 303);
        seen.push(observer.take().into_iter().map(|statement| statement.text).collect::<Vec<_>>());
    }
    assert!(seen[1].len() > 1, "{:?}", seen[1]);
    assert_eq!(seen[1], seen[2], "the first warms what is prepared once");
}
