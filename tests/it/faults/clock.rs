//! The clock steps back, as it does when a machine's time is corrected; and time goes by.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use actix_web::http::Method;
use diesel::sql_types::BigInt;
use headcount::clock::{Clock, ManualClock, SystemClock, Timestamp};
use headcount::store::connection::Connection;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use crate::support::in_process::{House, application, ask};
use crate::support::{Database, user};

async fn steps_back(database: Database) {
    let clock = ManualClock::at(SystemClock.now().plus_seconds(600));
    let house = House::new(database, 20, clock.clone());
    let application = application(house.state()).await;
    let send = async |method: Method, path: &str, body: Option<Value>| {
        ask(&application, &house.token, method, path, body.as_ref()).await
    };
    let mut order = Vec::new();
    for number in 0..6 {
        let (status, made) = send(Method::POST, "/Users", Some(user(&format!("u{number}")))).await;
        assert_eq!(status, 201, "{made}");
        order.push(made["userName"].clone());
        clock.advance_seconds(if number % 2 == 0 { -3_600 } else { 60 });
    }
    let (_, page) = send(Method::GET, "/Users", None).await;
    let listed: Vec<Value> =
        page["Resources"].as_array().unwrap().iter().skip(1).map(|user| user["userName"].clone()).collect();
    assert_eq!(listed, order, "the order of creation, whatever the clock says");
    let first = &page["Resources"][1];
    let path = format!("/Users/{}", first["id"].as_str().unwrap());
    clock.advance_seconds(-86_400);
    let rename = json!({"Operations": [{"op": "replace", "path": "title", "value": "Boss"}]});
    let (status, changed) = send(Method::PATCH, &path, Some(rename)).await;
    assert_eq!(status, 200, "{changed}");
    assert_ne!(changed["meta"]["version"], first["meta"]["version"], "a new version all the same");
    assert_eq!(send(Method::DELETE, &path, None).await.0, 204);
    // A walk that began before the step goes on behind it.
    let (_, part) = send(Method::GET, "/Users?cursor=&count=2", None).await;
    clock.advance_seconds(-3_600);
    let cursor = part["nextCursor"].as_str().unwrap();
    assert_eq!(send(Method::GET, &format!("/Users?count=2&cursor={cursor}"), None).await.0, 200);
}

/// Each time it is asked it is a second earlier.
struct Falling(AtomicI64);

impl Clock for Falling {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_sub(1_000_000, Ordering::SeqCst))
    }
}

/// Nothing takes less than no time, whatever the clock says.
async fn falls(database: Database) {
    let house = House::new(database, 20, Arc::new(Falling(AtomicI64::new(SystemClock.now().plus_seconds(86_400).0))));
    let application = application(house.state()).await;
    for (name, expected) in [("ann", 201), ("ann", 409)] {
        let (status, answer) = ask(&application, &house.token, Method::POST, "/Users", Some(&user(name))).await;
        assert_eq!(status, expected, "{answer}");
    }
    let mut connection = Connection::open(&house.url.parse().unwrap()).unwrap();
    let latencies = Sql::new("SELECT latency_us FROM provisioning_log").load::<BigInt, i64>(&mut connection).unwrap();
    assert_eq!(latencies, [0, 0]);
}

/// A cursor works for an hour (RFC 9865 §2.1), and never with another service's key.
async fn cursors_expire(database: Database) {
    let clock = ManualClock::at(SystemClock.now().plus_seconds(600));
    let mut house = House::new(database, 20, clock.clone());
    let service = application(house.state()).await;
    for number in 0..3 {
        let (status, _) = ask(&service, &house.token, Method::POST, "/Users", Some(&user(&format!("u{number}")))).await;
        assert_eq!(status, 201);
    }
    let mut walks = Vec::new();
    for path in ["/Users?count=2", "/?count=2", "/Users?count=2&sortBy=userName", "/Users?count=2&filter=userName%20pr"]
    {
        let (_, page) = ask(&service, &house.token, Method::GET, &format!("{path}&cursor="), None).await;
        walks.push(format!("{path}&cursor={}", page["nextCursor"].as_str().unwrap()));
    }
    let expect = async |seconds: i64, expected: Option<&str>| {
        clock.advance_seconds(seconds);
        for walk in &walks {
            let (status, page) = ask(&service, &house.token, Method::GET, walk, None).await;
            let scim_type = page.get("scimType").and_then(Value::as_str);
            assert_eq!((status, scim_type), (if expected.is_some() { 400 } else { 200 }, expected), "{walk}: {page}");
        }
    };
    expect(3_599, None).await;
    expect(1, Some("expiredCursor")).await;
    expect(-10, None).await;
    // Every byte is signed.
    let (path, cursor) = walks[0].split_once("cursor=").unwrap();
    for place in 0..cursor.len() {
        let other = if &cursor[place..=place] == "A" { "B" } else { "A" };
        let forged = format!("{path}cursor={}{other}{}", &cursor[..place], &cursor[place + 1..]);
        let (status, page) = ask(&service, &house.token, Method::GET, &forged, None).await;
        assert_eq!((status, page["scimType"].as_str()), (400, Some("invalidCursor")), "byte {place}: {page}");
    }
    house.reassemble(clock.clone());
    let service = application(house.state()).await;
    for walk in &walks {
        let (status, page) = ask(&service, &house.token, Method::GET, walk, None).await;
        assert_eq!((status, page["scimType"].as_str()), (400, Some("invalidCursor")), "another key: {page}");
    }
}

mod sqlite {
    use crate::support::Database::Sqlite;

    #[actix_web::test]
    async fn steps_back() {
        super::steps_back(Sqlite).await;
    }

    #[actix_web::test]
    async fn falls() {
        super::falls(Sqlite).await;
    }

    #[actix_web::test]
    async fn cursors_expire() {
        super::cursors_expire(Sqlite).await;
    }
}

mod postgresql {
    use crate::support::Database::Postgres;
    use crate::support::postgres::database;

    #[actix_web::test]
    async fn steps_back() {
        if let Some(url) = database() {
            super::steps_back(Postgres(url)).await;
        }
    }

    #[actix_web::test]
    async fn falls() {
        if let Some(url) = database() {
            super::falls(Postgres(url)).await;
        }
    }

    #[actix_web::test]
    async fn cursors_expire() {
        if let Some(url) = database() {
            super::cursors_expire(Postgres(url)).await;
        }
    }
}
