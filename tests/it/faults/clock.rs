//! The clock steps back, as it does when a machine's time is corrected.

use actix_web::http::Method;
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use serde_json::{Value, json};

use crate::support::in_process::{House, application, ask};
use crate::support::{Database, postgres, user};

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

mod sqlite {
    #[actix_web::test]
    async fn steps_back() {
        super::steps_back(super::Database::Sqlite).await;
    }
}

mod postgresql {
    #[actix_web::test]
    async fn steps_back() {
        if let Some(url) = super::postgres::database() {
            super::steps_back(super::Database::Postgres(url)).await;
        }
    }
}
