//! Billing: seats are bought from the built-in provider or from Stripe, and nothing is lost or paid twice.

pub mod fake;
mod local;
mod localstripe;
mod moments;
mod orders;
mod pages;
mod races;
mod reconcile;
mod recovering;
mod refunds;
mod returning;
mod stripe;
mod webhooks;

use std::sync::{Arc, Mutex, PoisonError};

use diesel::sql_types::BigInt;
use headcount::administration::By;
use headcount::administration::billing::change::{self, Change};
use headcount::administration::billing::checkout::{self, Wanted};
use headcount::administration::billing::{self, operations};
use headcount::clock::{Clock, ManualClock, SystemClock, Timestamp};
use headcount::error::Error;
use headcount::organization::plan::Plan;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use self::fake::Stripe;
use crate::support::Database;
use crate::support::in_process::House;

pub const HOME: &str = "https://hc.example";

/// A Headcount that is paid by Stripe, and its account.
pub struct Shop {
    pub clock: Arc<ManualClock>,
    pub stripe: Stripe,
    pub house: House,
}

impl Shop {
    /// `acme` with this many seats and no subscription.
    pub fn open(database: Database, seats: u32) -> Self {
        let clock = ManualClock::at(SystemClock.now());
        let stripe = Stripe::start(&clock);
        let house = House::with(database, seats, clock.clone(), stripe.settings());
        Self { clock, stripe, house }
    }

    /// The same with a subscription of these seats.
    pub async fn subscribed(database: Database, seats: u32) -> Self {
        let shop = Self::open(database, seats);
        shop.begin(Some(i64::from(seats))).await.unwrap();
        let session = shop.stripe.open_session();
        let paid = shop.stripe.pay(&session);
        shop.hear("checkout.session.completed", &session).await;
        assert_eq!(shop.show().await["state"], "active", "{paid}");
        shop.clock.advance_seconds(10);
        shop
    }

    pub async fn begin(&self, seats: Option<i64>) -> Result<Value, Error> {
        let (store, administration) = (&self.house.assembly.store, &self.house.assembly.administration);
        let wanted = Wanted { seats, plan: Some(Plan::Monthly) };
        checkout::begin(store, administration, &By::OPERATOR, "acme", wanted, HOME).await.map(|begun| json!(begun))
    }

    pub async fn set(&self, seats: i64) -> Result<Value, Error> {
        self.order(Change { seats: Some(seats), plan: None }).await
    }

    pub async fn order(&self, wanted: Change) -> Result<Value, Error> {
        let (store, administration) = (&self.house.assembly.store, &self.house.assembly.administration);
        change::set(store, administration, &By::OPERATOR, "acme", wanted).await.map(|set| json!(set))
    }

    /// The billing as its page shows it.
    pub async fn show(&self) -> Value {
        shown(&self.house).await
    }

    /// Asks what is due, as the job does.
    pub async fn drive(&self) {
        let (store, administration) = (&self.house.assembly.store, &self.house.assembly.administration);
        operations::drive(store, administration, None).await.unwrap();
    }

    /// The same when every pause is over.
    pub async fn drive_later(&self) {
        self.clock.advance_seconds(15 * 60);
        self.drive().await;
    }

    /// An event arrives and is worked off.
    pub async fn hear(&self, kind: &str, object: &str) {
        let (body, header) = self.stripe.event(kind, object);
        self.take(&body, &header).await;
        self.drive().await;
    }

    /// An event is taken by the use case behind the route.
    pub async fn take(&self, body: &str, header: &str) {
        use headcount::administration::billing::events;
        use headcount::billing::stripe::webhook;
        let secrets = [fake::WEBHOOK_SECRET.to_owned()];
        webhook::verify(Some(header), body.as_bytes(), &secrets, self.clock.now()).unwrap();
        let event = webhook::event(body.as_bytes()).unwrap();
        let administration = self.house.assembly.administration.clone();
        let store = &self.house.assembly.store;
        store.write(move |connection| events::receive(connection, &administration, &event)).await.unwrap();
    }

    /// How many times something is in the audit trail.
    pub fn told(&self, action: &str) -> usize {
        self.trail().iter().filter(|told| *told == action).count()
    }

    /// What the database has, as a number.
    pub fn count(&self, sql: &'static str) -> i64 {
        Sql::new(sql).first::<BigInt, i64>(&mut self.house.database()).unwrap().unwrap()
    }

    /// What operators see of the audit trail: the actions, newest first.
    pub fn trail(&self) -> Vec<String> {
        trail(&self.house)
    }
}

pub async fn shown(house: &House) -> Value {
    let administration = house.assembly.administration.clone();
    let look = move |connection: &mut _| billing::show(connection, &administration, &By::OPERATOR, "acme");
    json!(house.assembly.store.read(look).await.unwrap())
}

pub fn trail(house: &House) -> Vec<String> {
    let events = house.command(&["audit", "list", "--organization", "acme", "--json"]);
    events.as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
}

/// A database of the same kind that nobody has used.
pub fn another(database: &Database) -> Database {
    match database {
        Database::Sqlite => Database::Sqlite,
        Database::Postgres(_) => Database::Postgres(crate::support::postgres::database().unwrap()),
    }
}

/// A clock at whose next reading something happens.
pub struct Interrupting {
    clock: Arc<dyn Clock>,
    happens: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Interrupting {
    pub fn new(clock: Arc<dyn Clock>, happens: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Arc::new(Self { clock, happens: Mutex::new(Some(Box::new(happens))) })
    }

    /// Whether it has happened.
    pub fn has_happened(&self) -> bool {
        self.happens.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl Clock for Interrupting {
    fn now(&self) -> Timestamp {
        let happens = self.happens.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(happens) = happens {
            happens();
        }
        self.clock.now()
    }
}
