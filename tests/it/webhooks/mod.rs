//! Webhooks: told of what happens, signed, delivered to a real endpoint over TCP that takes them, refuses them,
//! hangs up, says nothing or is away.

mod endpoints;
mod events;
mod failures;
mod receiver;

use headcount::jobs::webhooks;
use serde_json::{Value, json};

use self::receiver::{Received, Receiver};
use crate::api::client::Team;
use crate::sign_in::clocked::Clocked;
use crate::support::Database;

const HOOKS: &str = "/api/v1/organizations/acme/webhooks";

/// `acme`, and an endpoint that is told of everything.
struct Place {
    team: Team,
    receiver: Receiver,
    /// The endpoint's.
    path: String,
    secret: String,
}

impl Place {
    async fn open(database: Database) -> Self {
        Self::asking(database, &[]).await
    }

    /// The endpoint asks for these events.
    async fn asking(database: Database, events: &[&str]) -> Self {
        let settings = [("webhooks.allow_private", "true"), ("webhooks.timeout", "1s"), ("limits.sign_in", "0")];
        let team = Team::at(Clocked::open(database, &settings)).await;
        let receiver = Receiver::start();
        let wanted = json!({"url": receiver.url(), "description": "Ours", "events": events});
        let made = team.admin.make(HOOKS, &wanted).await;
        let path = made.header("location").to_owned();
        let secret = made.is(201)["secret"].as_str().unwrap().to_owned();
        Self { team, receiver, path, secret }
    }

    /// What the job does; how many deliveries were taken.
    async fn deliver(&self) -> usize {
        let assembly = &self.team.place.house.assembly;
        webhooks::deliver(&assembly.store, &assembly.administration).await.unwrap()
    }

    /// What arrives, in the order in which it happened.
    async fn told(&self) -> Vec<Received> {
        self.deliver().await;
        let mut told = self.receiver.take();
        told.sort_by_key(|received| received.id().to_owned());
        told
    }

    async fn kinds(&self) -> Vec<String> {
        self.told().await.iter().map(Received::kind).collect()
    }

    /// The log, newest first.
    async fn log(&self) -> Vec<Value> {
        let log = self.team.admin.ask(&format!("{}/deliveries?limit=100", self.path)).await.is(200);
        log["items"].as_array().unwrap().clone()
    }

    /// Something happens: the organization has another name.
    async fn rename(&self, name: &str) {
        self.team.owner.change("/api/v1/organizations/acme", &json!({ "name": name })).await.is(200);
    }

    fn later(&self, seconds: i64) {
        self.team.place.clock.advance_seconds(seconds);
    }
}
