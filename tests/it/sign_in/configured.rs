//! What the operator configures of signing in, by the names it has in the settings.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Service as _;
use actix_web::test::{TestRequest, read_body};
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use headcount::stand_in::person::Person;
use headcount::stand_in::{CLIENT_ID, Layout, StandIn};
use serde_json::json;

use super::ann;
use super::browser::hidden;
use super::clocked::Clocked;
use crate::support::in_process::{House, application};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(lists, where_discovery_is, cookies);

async fn lists(database: Database) {
    let settings =
        [("oidc.scopes", "openid,email, profile  descope.claims,"), ("oidc.extra_audiences", "P2one, P2two")];
    let place = Clocked::open(database, &settings);
    for (audiences, status) in [(json!([CLIENT_ID, "P2two"]), 303), (json!([CLIENT_ID, "P2one", "P2three"]), 400)] {
        let more = json!({"aud": audiences}).as_object().unwrap().clone();
        place.provider.set_person(Person { more, ..ann() });
        assert_eq!(place.browser().sign_in("ann@acme.example").await.status, status, "{audiences}");
    }
    assert_eq!(place.provider.asked()["scope"], "openid email profile descope.claims");
}

async fn where_discovery_is(database: Database) {
    let elsewhere = StandIn::start(ManualClock::at(SystemClock.now()), Layout::Project, ann()).unwrap();
    let document = format!("{}/.well-known/openid-configuration", elsewhere.issuer());
    let place = Clocked::open(database, &[("oidc.discovery_url", &document)]);
    let asked = place.browser().enter("ann@acme.example", "/").await;
    asked.plain(503, "the document there is of another issuer");
    assert_eq!(elsewhere.requests(headcount::stand_in::hostile::Endpoint::Discovery), 1, "it is the one that was read");
}

/// Behind https no other host and no plain connection can set or read them (RFC 6265bis §4.1.3.2); on loopback they
/// are plain, so that plain clients keep them.
async fn cookies(database: Database) {
    let house = House::new(database, 5, ManualClock::at(SystemClock.now()));
    for (home, prefix) in [("https://hc.example", "__Host-headcount_"), ("http://127.0.0.1:8080", "headcount_")] {
        let application = application(house.state_at(home)).await;
        let link = house.command(&["setup-link", "--json", "--public-url", home])["url"].as_str().unwrap().to_owned();
        let opened = TestRequest::with_uri(link.strip_prefix(home).unwrap()).to_request();
        let opened = application.call(opened).await.unwrap();
        let browser: Cookie<'static> = opened.response().cookies().next().unwrap().into_owned();
        let page = String::from_utf8(read_body(opened).await.to_vec()).unwrap();
        let form = [
            ("secret", hidden(&page, "secret")),
            ("csrf", hidden(&page, "csrf")),
            ("email", "fay@found.example".to_owned()),
        ];
        let founded = TestRequest::post().uri("/setup").cookie(browser.clone()).set_form(form).to_request();
        let founded = application.call(founded).await.unwrap();
        assert_eq!(founded.status(), 303);
        let session: Cookie<'static> = founded.response().cookies().next().unwrap().into_owned();
        for (cookie, name) in [(&browser, "browser"), (&session, "session")] {
            assert_eq!(cookie.name(), format!("{prefix}{name}"));
            assert_eq!(cookie.secure().unwrap_or(false), home.starts_with("https"), "{cookie}");
            assert_eq!((cookie.http_only(), cookie.same_site()), (Some(true), Some(SameSite::Lax)), "{cookie}");
            assert_eq!((cookie.path(), cookie.domain(), cookie.max_age()), (Some("/"), None, None), "{cookie}");
        }
        let me = |cookie: Cookie<'static>| TestRequest::with_uri("/api/v1/me").cookie(cookie).to_request();
        let value = session.value().to_owned();
        assert_eq!(application.call(me(session)).await.unwrap().status(), 200);
        let renamed = if prefix == "headcount_" { "__Host-headcount_session" } else { "headcount_session" };
        assert_eq!(application.call(me(Cookie::new(renamed, value))).await.unwrap().status(), 401, "{home}");
    }
}
