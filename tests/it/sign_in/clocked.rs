//! A Headcount that listens inside the test's own process, on a clock of the test's own that the provider
//! of its people shares.

use std::sync::Arc;

use actix_web::{App, HttpServer, web};
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use headcount::http::routes;
use headcount::stand_in::person::Person;
use headcount::stand_in::{CLIENT_ID, CLIENT_SECRET, Layout, StandIn};

use super::browser::{Answer, Browser, TENANT};
use crate::support::Database;
use crate::support::in_process::House;

/// The house, its people's provider, and the time of both.
pub struct Clocked {
    pub clock: Arc<ManualClock>,
    pub provider: StandIn,
    pub house: House,
    home: String,
}

/// The parts of a Headcount whose people sign in at this issuer; its organization has a tenant and a domain.
pub fn house(database: Database, issuer: &str, clock: &Arc<ManualClock>, settings: &[(&'static str, &str)]) -> House {
    let mut all = vec![
        ("oidc.issuer", issuer.to_owned()),
        ("oidc.client_id", CLIENT_ID.into()),
        ("oidc.client_secret", CLIENT_SECRET.into()),
    ];
    all.extend(settings.iter().map(|(key, value)| (*key, (*value).to_owned())));
    let house = House::with(database, 10, clock.clone(), all);
    house.command(&["domain", "add", "--organization", "acme", "--domain", "acme.example", "--verified", "--json"]);
    house.command(&["organization", "set", "--organization", "acme", "--descope-tenant-id", TENANT, "--json"]);
    house
}

impl Clocked {
    pub fn open(database: Database, settings: &[(&'static str, &str)]) -> Self {
        let clock = ManualClock::at(SystemClock.now());
        let provider =
            StandIn::start(clock.clone(), Layout::Project, Person::new("U2ann", "ann@acme.example", TENANT)).unwrap();
        let house = house(database, &provider.issuer(), &clock, settings);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let home = format!("http://{}", listener.local_addr().unwrap());
        let state = web::Data::new(house.state_at(&home));
        let server = HttpServer::new(move || App::new().configure(routes(state.clone()))).workers(1).disable_signals();
        actix_web::rt::spawn(server.listen(listener).unwrap().run());
        Self { clock, provider, house, home }
    }

    /// Runs an operator's command; its one JSON document.
    pub fn command(&self, arguments: &[&str]) -> serde_json::Value {
        self.house.command(&[arguments, &["--json"]].concat())
    }

    /// Microseconds.
    pub fn now(&self) -> i64 {
        self.clock.now().0
    }

    pub fn browser(&self) -> Browser {
        Browser::new(self.home.clone())
    }

    /// Somebody signs in with the address they are known by at the provider.
    pub async fn sign_in(&self, person: &Person) -> (Browser, Answer) {
        let browser = self.browser();
        self.provider.add_person(person.clone());
        let answer = browser.sign_in(person.email.as_deref().unwrap()).await;
        (browser, answer)
    }
}
