//! How much is taken from one address (design.md §5), on a clock of the test's own.

use std::net::SocketAddr;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::TestRequest;
use headcount::clock::{Clock as _, ManualClock, SystemClock};

use crate::support::in_process::{House, application};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(sign_ins, behind_a_proxy);

const HOME: &str = "192.0.2.7";

/// What a request from an address comes to: the status, `Retry-After` and the body.
async fn ask(
    application: &impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error>,
    from: &str,
    forwarded: Option<&str>,
    (method, path): (Method, &str),
) -> (u16, Option<String>, String) {
    let mut request =
        TestRequest::with_uri(path).method(method).peer_addr(SocketAddr::new(from.parse().unwrap(), 4711));
    if let Some(forwarded) = forwarded {
        request = request.insert_header(("x-forwarded-for", forwarded));
    }
    let response = application.call(request.to_request()).await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, wait) = (response.status().as_u16(), header("retry-after"));
    assert!(header("x-request-id").is_some() || path == "/healthz", "{path}");
    let body = actix_web::test::read_body(response).await;
    (status, wait, String::from_utf8(body.to_vec()).unwrap())
}

async fn sign_ins(database: Database) {
    let clock = ManualClock::at(SystemClock.now());
    let house = House::with(database, 5, clock.clone(), vec![("limits.sign_in", "5".into())]);
    let application = application(house.state()).await;
    let begins = [
        (Method::GET, "/sign-in/acme"),
        (Method::POST, "/sign-in"),
        (Method::GET, "/sign-in/beta"),
        (Method::GET, "/sign-in/initiate"),
        (Method::POST, "/sign-in/initiate"),
    ];
    for begin in &begins {
        assert_ne!(ask(&application, HOME, None, begin.clone()).await.0, 429, "{begin:?}");
    }
    clock.advance_seconds(20);
    for begin in &begins {
        let (status, wait, body) = ask(&application, HOME, None, begin.clone()).await;
        assert_eq!((status, wait.as_deref()), (429, Some("40")), "{begin:?}");
        assert!(body.contains("Too many sign-ins from your network. Wait 40 seconds"), "{body}");
    }
    // Nobody else is kept out, whatever is said of where a request comes from.
    assert_eq!(ask(&application, "192.0.2.8", None, begins[0].clone()).await.0, 200);
    assert_eq!(ask(&application, HOME, Some("192.0.2.9"), begins[0].clone()).await.0, 429);
    // Answers are counted for themselves.
    let answer = (Method::GET, "/sign-in/callback");
    for expected in [404, 404, 404, 404, 404, 429] {
        assert_eq!(ask(&application, HOME, None, answer.clone()).await.0, expected);
    }
    for (begin, answered) in [(200, 429), (200, 404)] {
        clock.advance_seconds(40);
        assert_eq!(ask(&application, HOME, None, begins[0].clone()).await.0, begin);
        assert_eq!(ask(&application, HOME, None, answer.clone()).await.0, answered);
    }
    for path in ["/healthz", "/sign-in"] {
        for _ in 0..6 {
            assert_eq!(ask(&application, HOME, None, (Method::GET, path)).await.0, 200, "nothing else is limited");
        }
    }
}

async fn behind_a_proxy(database: Database) {
    let clock = ManualClock::at(SystemClock.now());
    let settings = vec![("limits.sign_in", "1".into()), ("http.behind_proxy", "true".into())];
    let house = House::with(database, 5, clock, settings);
    let application = application(house.state()).await;
    for (forwarded, expected) in [
        (Some("198.51.100.1"), 200),
        (Some("198.51.100.2, 198.51.100.1"), 429),
        (Some("198.51.100.1, 2001:db8::1"), 200),
        (Some("2001:db8::2"), 429),
        (Some("198.51.100.3:51234"), 200),
        (Some("198.51.100.3"), 429),
        (Some("[2001:db8:1::1]:443"), 200),
        (Some("[2001:db8:1::1]"), 429),
        (Some("2001:db8:1::1"), 429),
        (Some("[2001:db8:2::1]"), 200),
        (Some("somebody"), 200),
        (None, 429),
    ] {
        let (status, ..) = ask(&application, "10.0.0.1", forwarded, (Method::GET, "/sign-in/acme")).await;
        assert_eq!(status, expected, "{forwarded:?}");
    }
}
