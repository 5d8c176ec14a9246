//! What somebody may is taken from them while what they write waits for that very commit: it is not written. On
//! PostgreSQL; SQLite has one who writes.

use std::future::Future;
use std::task::Poll;

use diesel::sql_types::BigInt;
use headcount::store::connection::Connection;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::json;

use super::api_keys::by_key;
use super::client::Team;
use crate::invitations::{Desk, press};
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, postgres};

const ACME: &str = "/api/v1/organizations/acme";

fn database() -> Option<Database> {
    postgres::database().map(Database::Postgres)
}

/// What comes of something that is written while somebody else is about to commit a statement: both are at it until
/// it waits for them.
async fn while_it_waits<T>(place: &Clocked, taken: Sql, written: impl Future<Output = T>) -> T {
    let (mut other, mut watcher) = (place.house.database(), place.house.database());
    other.batch("BEGIN").unwrap();
    assert_eq!(taken.execute(&mut other).unwrap(), 1);
    let mut written = std::pin::pin!(written);
    while !waits(&mut watcher) {
        if let Poll::Ready(outcome) = futures_util::poll!(&mut written) {
            other.batch("ROLLBACK").unwrap();
            return outcome;
        }
        tokio::task::yield_now().await;
    }
    other.batch("COMMIT").unwrap();
    written.await
}

/// Whether somebody waits for a lock.
fn waits(watcher: &mut Connection) -> bool {
    let waiting =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    Sql::new(waiting).first::<BigInt, i64>(watcher).unwrap() != Some(0)
}

async fn name(team: &Team) -> String {
    team.owner.ask(ACME).await.is(200)["name"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_role() {
    let Some(database) = database() else { return };
    let team = Team::open(database).await;
    let renamed = json!({"name": "Taken over"});
    for (taken, status) in [
        ("UPDATE members SET role = 'write' WHERE address_key = 'admin@acme.example'", 403),
        ("UPDATE members SET suspended = true, role = 'admin' WHERE address_key = 'admin@acme.example'", 403),
    ] {
        let write = team.admin.change(ACME, &renamed);
        let reply = while_it_waits(&team.place, Sql::new(taken), write).await;
        assert_eq!(reply.status, status, "{taken}: {}", reply.body);
        assert_eq!(name(&team).await, "Acme");
        Sql::new("UPDATE members SET role = 'admin', suspended = false WHERE address_key = 'admin@acme.example'")
            .execute(&mut team.place.house.database())
            .unwrap();
    }
}

#[actix_web::test]
async fn a_key() {
    let Some(database) = database() else { return };
    let team = Team::open(database).await;
    let wanted = json!({"name": "Deploy", "role": "admin"});
    let key = team.admin.make(&format!("{ACME}/api-keys"), &wanted).await.is(201)["key"].as_str().unwrap().to_owned();
    let renamed = json!({"name": "Taken over"});
    for (taken, status) in [
        // Its creator's role is its own bound.
        ("UPDATE members SET role = 'read' WHERE address_key = 'admin@acme.example'", 403),
        ("UPDATE api_keys SET revoked_at = 1", 401),
    ] {
        let write = by_key(&team.place, &key, Method::PATCH, ACME, Some(&renamed));
        let reply = while_it_waits(&team.place, Sql::new(taken), write).await;
        assert_eq!(reply.status, status, "{taken}: {}", reply.body);
        assert_eq!(name(&team).await, "Acme");
        Sql::new("UPDATE members SET role = 'admin' WHERE address_key = 'admin@acme.example'")
            .execute(&mut team.place.house.database())
            .unwrap();
    }
}

/// Whoever sent an invitation loses the role while it is accepted.
#[actix_web::test]
async fn an_inviters_role() {
    let Some(database) = database() else { return };
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "write").await;
    let gus = desk.guest("gus@guest.example").await;
    let taken = Sql::new("UPDATE members SET role = 'write' WHERE address_key = 'admin@acme.example'");
    let answer = while_it_waits(&desk.place, taken, press(&gus, &path)).await;
    answer.plain(409, "has to be sent again");
    assert_eq!(gus.me().await.1["memberships"], json!([]));
}
