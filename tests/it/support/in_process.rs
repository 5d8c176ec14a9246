//! Headcount inside the test's own process: for what a separate process cannot show or be given,
//! such as a clock of the test's own or the statements it sends to the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use headcount::assembly::Assembly;
use headcount::assembly::keys::Keys;
use headcount::clock::Clock;
use headcount::config::Config;
use headcount::http::{State, routes};
use headcount::secret::SystemRandom;
use headcount::store::connection::Connection;
use serde_json::Value;

use super::{Database, create_organization, directory};

/// The parts of a Headcount with one organization, `acme`, and a token.
pub struct House {
    pub assembly: Assembly,
    pub url: String,
    pub token: String,
    config: Config,
    settings: Vec<(&'static str, String)>,
    directory: std::path::PathBuf,
}

impl House {
    pub fn new(database: Database, seats: u32, clock: Arc<dyn Clock>) -> Self {
        Self::with(database, seats, clock, Vec::new())
    }

    /// The same with settings beside the database's.
    pub fn with(
        database: Database,
        seats: u32,
        clock: Arc<dyn Clock>,
        mut settings: Vec<(&'static str, String)>,
    ) -> Self {
        let directory = directory();
        let url = database.url(&directory);
        let token = create_organization(&url, seats);
        settings.push(("database.url", url.clone()));
        let (config, assembly) = Self::assemble(&settings, clock);
        Self { assembly, url, token, config, settings, directory }
    }

    /// Puts the parts together again, as a new process would: new connections, nothing remembered.
    pub fn reassemble(&mut self, clock: Arc<dyn Clock>) {
        (self.config, self.assembly) = Self::assemble(&self.settings, clock);
    }

    /// Puts the parts together again with further settings.
    pub fn configure(&mut self, settings: &[(&'static str, String)], clock: Arc<dyn Clock>) {
        let settings = [self.settings.as_slice(), settings].concat();
        (self.config, self.assembly) = Self::assemble(&settings, clock);
    }

    /// The parts once more, as a second process beside this one has them.
    pub fn twin(&self, clock: Arc<dyn Clock>) -> Assembly {
        Self::assemble(&self.settings, clock).1
    }

    fn assemble(settings: &[(&'static str, String)], clock: Arc<dyn Clock>) -> (Config, Assembly) {
        let flags: BTreeMap<&str, String> = settings.iter().cloned().collect();
        let config = Config::load(&flags, std::iter::empty()).unwrap();
        let assembly = Assembly::on_clock(&config, &Keys::ephemeral(&SystemRandom::default()), clock).unwrap();
        (config, assembly)
    }

    /// A connection of the test's own to its database.
    pub fn database(&self) -> Connection {
        Connection::open(&self.url.parse().unwrap()).unwrap()
    }

    /// Runs an operator's command; its one JSON document.
    pub fn command(&self, arguments: &[&str]) -> Value {
        super::command(&self.url, arguments)
    }

    /// What the handlers share; it serves.
    pub fn state(&self) -> State {
        let public_url = Some(self.config.text("public_url")).filter(|url| !url.is_empty());
        self.state_at(public_url.unwrap_or("http://localhost"))
    }

    /// The same at another address.
    pub fn state_at(&self, public_url: &str) -> State {
        let state = self.assembly.state(&self.config, public_url);
        state.life.serve();
        state
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The application as `serve` runs it.
pub async fn application(
    state: State,
) -> impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error> {
    init_service(App::new().configure(routes(web::Data::new(state)))).await
}

/// Sends one request to the application.
pub async fn ask(
    application: &impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error>,
    token: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> (u16, Value) {
    let mut request = TestRequest::with_uri(&format!("/scim/v2{path}"))
        .method(method)
        .insert_header(("authorization", format!("Bearer {token}")));
    if let Some(body) = body {
        request = request.insert_header(("content-type", "application/scim+json")).set_payload(body.to_string());
    }
    let response = application.call(request.to_request()).await.unwrap();
    let status = response.status().as_u16();
    let text = actix_web::test::read_body(response).await;
    (status, if text.is_empty() { Value::Null } else { serde_json::from_slice(&text).unwrap() })
}
