//! An office inside the test's own process: the routes as `serve` has them and a provider behind real
//! sockets, both on a clock of the test's own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{App, web};
use headcount::clock::{ManualClock, Timestamp};
use headcount::http::routes;
use headcount::stand_in::{Layout, StandIn};

use super::clocked;
use crate::support::Database;
use crate::support::in_process::House;

/// The parts of an office, one organization with a tenant and a domain in it.
pub struct Parts {
    pub house: House,
    pub clock: Arc<ManualClock>,
}

/// What a browser got.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub location: Option<String>,
    pub retry_after: Option<String>,
    pub body: String,
}

/// One process that serves the office, and the only browser that comes to it.
pub struct Process<S> {
    service: S,
    outside: reqwest::Client,
    cookies: RefCell<BTreeMap<String, String>>,
}

/// The moment at which tests begin.
pub const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

/// A provider on that clock.
pub fn provider(clock: &Arc<ManualClock>) -> StandIn {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    provider_on(listener, clock)
}

/// The same behind a listener that was there before.
pub fn provider_on(listener: TcpListener, clock: &Arc<ManualClock>) -> StandIn {
    StandIn::start_on(listener, clock.clone(), Layout::Project, super::ann()).unwrap()
}

impl Parts {
    /// An office whose people sign in at this issuer.
    pub fn on(database: Database, issuer: String, clock: Arc<ManualClock>) -> Self {
        let house = clocked::house(database, &issuer, &clock, &[]);
        Self { house, clock }
    }

    /// A process that remembers nothing yet.
    pub async fn process(
        &mut self,
    ) -> Process<impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error> + use<>> {
        self.house.reassemble(self.clock.clone());
        let service = init_service(App::new().configure(routes(web::Data::new(self.house.state())))).await;
        let outside =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Process { service, outside, cookies: RefCell::default() }
    }
}

impl<S> Process<S>
where
    S: Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error>,
{
    pub async fn get(&self, path: &str) -> Seen {
        self.ask(TestRequest::get().uri(path)).await
    }

    async fn ask(&self, mut request: TestRequest) -> Seen {
        for (name, value) in self.cookies.borrow().iter() {
            request = request.cookie(actix_web::cookie::Cookie::new(name.clone(), value.clone()));
        }
        let response = self.service.call(request.to_request()).await.unwrap();
        for cookie in response.response().cookies() {
            self.cookies.borrow_mut().insert(cookie.name().to_owned(), cookie.value().to_owned());
        }
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (location, retry_after) = (header("location"), header("retry-after"));
        let status = response.status().as_u16();
        let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        Seen { status, location, retry_after, body }
    }

    /// Goes to the provider; the way back.
    pub async fn leave(&self) -> Result<String, Seen> {
        let sent = self.get("/sign-in/acme").await;
        if sent.status != 303 {
            return Err(sent);
        }
        let answer = self.outside.get(sent.location.unwrap()).send().await.unwrap();
        let back = answer.headers()["location"].to_str().unwrap();
        Ok(back.strip_prefix("http://localhost").unwrap().to_owned())
    }

    /// A whole sign-in: 303 when it succeeds.
    pub async fn sign_in(&self) -> Seen {
        match self.leave().await {
            Ok(back) => self.get(&back).await,
            Err(seen) => seen,
        }
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    /// The status of `/api/v1/me`.
    pub async fn me(&self) -> u16 {
        self.get("/api/v1/me").await.status
    }
}

impl Seen {
    /// Asserts that this page says to try again, and when.
    pub fn assert_try_again(&self, what: &str) {
        assert_eq!(self.status, 503, "{what}: {}", self.body);
        assert!(self.retry_after.is_some() && self.body.contains("Try again"), "{what}: {}", self.body);
        assert_eq!(self.location, None, "{what}");
    }
}
