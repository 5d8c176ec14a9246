//! A bug that panics, in a handler or in a writer's job, is one request's failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::Method;
use headcount::clock::{Clock, SystemClock, Timestamp};
use headcount::error::{Code, Result};
use headcount::id::IdGenerator;
use headcount::secret::SystemRandom;
use headcount::store::connection::Connection;

use crate::support::in_process::{House, application, ask};
use crate::support::{Database, postgres, user};

/// A clock with a bug that can be switched on.
#[derive(Default)]
struct Buggy(AtomicBool);

impl Clock for Buggy {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::SeqCst), "a bug that names ann@acme.example");
        SystemClock.now()
    }
}

async fn in_a_handler(database: Database) {
    let clock = Arc::new(Buggy::default());
    let house = House::new(database, 10, Arc::clone(&clock) as Arc<dyn Clock>);
    let mut state = house.state();
    // The bug is in the use cases: what the handler itself asks for works.
    state.clock = Arc::new(SystemClock);
    state.ids = IdGenerator::new(Arc::new(SystemClock), Arc::new(SystemRandom::default()));
    let application = application(state).await;
    clock.0.store(true, Ordering::SeqCst);
    for (method, path, body) in [(Method::GET, "/Users", None), (Method::POST, "/Users", Some(user("ann")))] {
        let (status, error) = ask(&application, &house.token, method, path, body.as_ref()).await;
        assert_eq!(status, 500, "{error}");
        assert_eq!(error["status"], "500");
        assert!(!error.to_string().contains("a bug"), "{error}");
    }
    clock.0.store(false, Ordering::SeqCst);
    let (status, page) = ask(&application, &house.token, Method::GET, "/Users", None).await;
    assert_eq!((status, page["totalResults"].as_i64()), (200, Some(1)), "nothing was stored");
    assert_eq!(ask(&application, &house.token, Method::POST, "/Users", Some(&user("ann"))).await.0, 201);
}

/// What a writer's job does when it has a bug: half of its work, then a panic.
fn half_a_write(connection: &mut Connection) -> Result<()> {
    connection.batch("UPDATE organizations SET name = 'half done'").unwrap();
    panic!("a bug");
}

async fn in_a_write(database: Database) {
    let house = House::new(database, 10, Arc::new(SystemClock));
    let store = &house.assembly.store;
    let good = || {
        store.transaction(|connection| {
            connection.batch("UPDATE organizations SET plan = 'good'").map_err(headcount::store::database_error)
        })
    };
    let (before, bad, after) = futures_util::future::join3(good(), store.transaction(half_a_write), good()).await;
    assert_eq!(bad.unwrap_err().code, Code::Internal);
    before.unwrap();
    after.unwrap();
    let names = store
        .read(|connection| {
            headcount::store::sql::Sql::new("SELECT name, plan FROM organizations")
                .load::<(diesel::sql_types::Text, diesel::sql_types::Text), (String, String)>(connection)
                .map_err(headcount::store::database_error)
        })
        .await
        .unwrap();
    assert_eq!(names, [("Acme".to_owned(), "good".to_owned())], "nothing of the bad one, all of its neighbours");
}

mod sqlite {
    use super::Database;

    #[actix_web::test]
    async fn in_a_handler() {
        super::in_a_handler(Database::Sqlite).await;
    }

    #[actix_web::test]
    async fn in_a_write() {
        super::in_a_write(Database::Sqlite).await;
    }
}

mod postgresql {
    use super::{Database, postgres};

    #[actix_web::test]
    async fn in_a_handler() {
        if let Some(url) = postgres::database() {
            super::in_a_handler(Database::Postgres(url)).await;
        }
    }

    #[actix_web::test]
    async fn in_a_write() {
        if let Some(url) = postgres::database() {
            super::in_a_write(Database::Postgres(url)).await;
        }
    }
}
