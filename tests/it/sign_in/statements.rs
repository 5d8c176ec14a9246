//! What is asked of the database: of known and unknown domains the same, and before a page one statement.

use actix_web::cookie::Cookie;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{TestRequest, read_body};
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use headcount::stand_in::{CLIENT_ID, CLIENT_SECRET, Layout, StandIn};
use headcount::store::sql::Sql;

use super::ann;
use super::browser::hidden;
use crate::counted_work::Observer;
use crate::counted_work::postgres::{EXPLAIN, Log};
use crate::counted_work::sqlite::Trace;
use crate::support::Database;
use crate::support::in_process::{House, application};
use crate::support::postgres::Cluster;

/// Runs a case on each database under an observer of its statements.
macro_rules! observed {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use super::{Cluster, Database, EXPLAIN, Log, Trace};

            #[actix_web::test]
            async fn sqlite() {
                super::$name(Database::Sqlite, |url| Box::new(Trace::of(url))).await;
            }

            #[actix_web::test]
            async fn postgresql() {
                let Some(cluster) = Cluster::start(EXPLAIN) else { return };
                super::$name(Database::Postgres(cluster.database()), |url| Box::new(Log::of(&cluster, url))).await;
            }
        }
    )+};
}

observed!(known_and_unknown_domains, a_page);

/// The address of a setup link is opened, and its form sent; the cookies that a browser has then.
async fn founded(
    application: &impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error>,
    house: &House,
) -> [Cookie<'static>; 2] {
    let url = house.command(&["setup-link", "--json", "--public-url", "http://localhost"])["url"].clone();
    let path = url.as_str().unwrap().strip_prefix("http://localhost").unwrap().to_owned();
    let opened = application.call(TestRequest::with_uri(&path).to_request()).await.unwrap();
    let browser: Cookie<'static> = opened.response().cookies().next().unwrap().into_owned();
    let page = String::from_utf8(read_body(opened).await.to_vec()).unwrap();
    let form = [("secret", hidden(&page, "secret")), ("csrf", hidden(&page, "csrf")), ("email", "f@f.example".into())];
    let request = TestRequest::post().uri("/setup").cookie(browser.clone()).set_form(form).to_request();
    let founded = application.call(request).await.unwrap();
    assert_eq!(founded.status(), 303);
    let session = founded.response().cookies().next().unwrap().into_owned();
    [browser, session]
}

/// Session, person, places and other sessions: one statement that walks no table.
async fn a_page<'o>(database: Database, observe: impl FnOnce(&str) -> Box<dyn Observer + 'o>) {
    let clock = ManualClock::at(SystemClock.now());
    let mut house = House::new(database, 5, clock.clone());
    let mut observer = observe(&house.url);
    house.reassemble(clock);
    let application = application(house.state()).await;
    let cookies = founded(&application, &house).await;
    let linked = "UPDATE members SET identity_id = (SELECT id FROM identities)";
    assert_eq!(Sql::new(linked).execute(&mut house.database()).unwrap(), 1);
    for (path, shown) in [("/", "<strong>Acme</strong>"), ("/api/v1/me", "\"slug\":\"acme\"")] {
        // The first warms what is prepared once.
        for round in 0..2 {
            observer.take();
            let [browser, session] = cookies.clone();
            let request = TestRequest::with_uri(path).cookie(browser).cookie(session).to_request();
            let answer = application.call(request).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            let page = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
            assert!(page.contains(shown), "{path}: {page}");
            let statements = observer.take();
            let is_one = matches!(statements.as_slice(), [one] if one.scans.is_empty());
            assert!(is_one || round == 0, "{path}: {statements:#?}");
        }
    }
}

/// Known and unknown domains: the same statements, in the same order.
async fn known_and_unknown_domains<'o>(database: Database, observe: impl FnOnce(&str) -> Box<dyn Observer + 'o>) {
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
