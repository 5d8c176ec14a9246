//! Floors: the least that the same work costs without Headcount (the issue of each target names them).
//!
//! F0 = a bare handler; FR = a handler with one indexed SQLite read inline; F1 and FB = the same
//! bytes inserted with three indexes, one or a hundred rows per transaction.

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

diesel::table! {
    floor (id) {
        id -> BigInt,
        name -> Text,
        external -> Text,
        email -> Text,
        document -> Text,
    }
}

thread_local! {
    static READER: RefCell<Option<SqliteConnection>> = const { RefCell::new(None) };
}

/// Serves `/f0` and `/fr/{name}` until the process is ended.
pub fn serve(listen: &str, database: &str) {
    let database = database.to_owned();
    actix_web::rt::System::new()
        .block_on(async move {
            HttpServer::new(move || {
                App::new()
                    .app_data(web::Data::new(database.clone()))
                    .route("/f0", web::get().to(f0))
                    .route("/fr/{name}", web::get().to(fr))
            })
            .workers(std::thread::available_parallelism().map_or(2, usize::from))
            .bind(listen)
            .unwrap()
            .run()
            .await
        })
        .unwrap();
}

async fn f0() -> HttpResponse {
    HttpResponse::Ok().content_type("application/scim+json").body(document())
}

async fn fr(name: web::Path<String>, database: web::Data<String>) -> HttpResponse {
    let found = READER.with_borrow_mut(|reader| {
        let connection = reader.get_or_insert_with(|| open(Path::new(database.as_str())));
        floor::table.select(floor::document).filter(floor::name.eq(name.as_str())).load::<String>(connection).unwrap()
    });
    match found.into_iter().next() {
        Some(document) => HttpResponse::Ok().content_type("application/scim+json").body(document),
        None => HttpResponse::NotFound().finish(),
    }
}

fn open(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection
        .batch_execute("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        .unwrap();
    connection
}

/// The bytes of a User as Headcount answers it.
pub fn document() -> &'static str {
    r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"u0000000@acme.example","externalId":"e0000000","name":{"givenName":"Ann","familyName":"Archer"},"displayName":"Ann Archer","emails":[{"value":"u0000000@acme.example","type":"work","primary":true}],"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"0000000","department":"Sales"},"id":"0193a1b2-0000-7000-8000-000000000001","meta":{"resourceType":"User","created":"2026-01-01T00:00:00.000Z","lastModified":"2026-01-01T00:00:00.000Z","location":"http://127.0.0.1:8080/scim/v2/Users/0193a1b2-0000-7000-8000-000000000001","version":"W/\"1\""}}"#
}

/// A table of the same bytes with three indexes, filled with `rows` rows.
pub struct Table {
    connection: SqliteConnection,
    next: i64,
}

impl Table {
    pub fn create(path: &Path, rows: i64) -> Self {
        let mut connection = open(path);
        connection
            .batch_execute(
                "CREATE TABLE floor (id INTEGER PRIMARY KEY, name TEXT NOT NULL, external TEXT NOT NULL, email TEXT NOT NULL, document TEXT NOT NULL); \
                 CREATE UNIQUE INDEX floor_name ON floor (name); CREATE INDEX floor_external ON floor (external); CREATE INDEX floor_email ON floor (email);",
            )
            .unwrap();
        let mut table = Self { connection, next: 0 };
        table.transaction(rows);
        table
    }

    fn insert(connection: &mut SqliteConnection, number: i64) -> QueryResult<usize> {
        diesel::insert_into(floor::table)
            .values((
                floor::id.eq(number),
                floor::name.eq(format!("u{number:07}@acme.example")),
                floor::external.eq(format!("e{number:07}")),
                floor::email.eq(format!("u{number:07}@acme.example")),
                floor::document.eq(document()),
            ))
            .execute(connection)
    }

    /// Inserts rows in one transaction.
    fn transaction(&mut self, rows: i64) {
        let first = self.next;
        self.connection
            .transaction(|connection| (first..first + rows).try_for_each(|row| Self::insert(connection, row).map(drop)))
            .unwrap();
        self.next += rows;
    }

    /// F1 (`rows` = 1) and FB (100): rows per second at this many per transaction.
    pub fn rate(&mut self, rows: i64, duration: Duration) -> f64 {
        let (began, before) = (Instant::now(), self.next);
        while began.elapsed() < duration {
            self.transaction(rows);
        }
        (self.next - before) as f64 / began.elapsed().as_secs_f64()
    }
}
