//! The page that shows mails where no mail server is configured: for whoever sits at the machine, alone.

use actix_web::test::TestRequest;
use headcount::clock::{ManualClock, Timestamp};
use headcount::store::sql::Sql;

use super::browser::Browser;
use super::post::{path_in, press};
use crate::support::in_process::{House, application};
use crate::support::{Database, Server, Setup, in_process_on_each_database};

in_process_on_each_database!(the_outbox_is_for_whoever_sits_at_the_machine);

async fn the_outbox_is_for_whoever_sits_at_the_machine(database: Database) {
    let here = "127.0.0.1:4711".parse().unwrap();
    let clock = ManualClock::at(Timestamp(1_790_000_000_000_000));
    let mut house = House::with(database, 10, clock.clone(), Vec::new());
    let look = |request: TestRequest| request.uri("/outbox").to_request();
    let request = || TestRequest::default().peer_addr(here).insert_header(("host", "127.0.0.1:8080"));
    {
        let application = application(house.state()).await;
        let shown = actix_web::test::call_service(&application, look(request())).await;
        assert_eq!(shown.status(), 200);
        for elsewhere in [
            request().peer_addr("192.0.2.1:4711".parse().unwrap()),
            request().insert_header(("host", "evil.example")),
            request().insert_header(("x-forwarded-for", "192.0.2.1")),
            request().insert_header(("forwarded", "for=192.0.2.1")),
            TestRequest::default().insert_header(("host", "127.0.0.1:8080")),
        ] {
            assert_eq!(actix_web::test::call_service(&application, look(elsewhere)).await.status(), 404);
        }
    }
    for settings in [
        vec![("mail.smtp_url", "smtp://127.0.0.1:1".to_owned()), ("mail.from", "hc@acme.example".to_owned())],
        vec![("public_url", "https://hc.example".to_owned())],
        vec![("http.behind_proxy", "true".to_owned())],
        vec![("listen", "0.0.0.0:8080".to_owned()), ("public_url", "https://localhost".to_owned())],
    ] {
        house.configure(&settings, clock.clone());
        let application = application(house.state()).await;
        assert_eq!(actix_web::test::call_service(&application, look(request())).await.status(), 404, "{settings:?}");
    }
}

/// At the machine itself nothing has to be configured: the mail is on a page.
#[tokio::test]
async fn without_a_mail_server_the_link_is_in_the_outbox() {
    let server = Server::set_up(Database::Sqlite, Setup::seats(10)).await;
    let browser = Browser::new(format!("http://{}", server.listen));
    assert!(browser.get("/outbox").await.body.contains("There is no mail yet"));
    let asked = browser.enter("olga@acme.example", "/").await;
    assert!(asked.body.contains("href=\"/outbox\""), "{}", asked.body);
    let outbox = browser.get("/outbox").await;
    assert!(outbox.body.contains("olga@acme.example"), "{}", outbox.body);
    assert_eq!(press(&browser, &path_in(&outbox.body)).await.status, 303);
    assert_eq!(browser.me().await.1["memberships"][0]["role"], "owner");
    let late = "UPDATE outbox SET expires_at = created_at";
    Sql::new(late).execute(&mut server.database()).unwrap();
    assert!(!browser.get("/outbox").await.body.contains("secret="));
}
