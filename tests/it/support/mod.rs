//! A running Headcount for one test, and a client that speaks to it.

pub mod dns;
pub mod in_process;
pub mod postgres;
pub mod smtp;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use diesel::sql_types::Text;
use headcount::store::connection::Connection;
use headcount::store::sql::Sql;
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Runs an async case on every database there is.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(crate::support::Server::start(crate::support::Database::Sqlite).await).await; })+
        }
        mod postgresql {
            $(#[tokio::test] async fn $name() {
                if let Some(database) = crate::support::postgres::database() {
                    super::$name(crate::support::Server::start(crate::support::Database::Postgres(database)).await).await;
                }
            })+
        }
    };
}
pub(crate) use on_each_database;

/// Runs an async case inside the test's own process on every database there is.
macro_rules! in_process_on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[actix_web::test] async fn $name() { super::$name(crate::support::Database::Sqlite).await; })+
        }
        mod postgresql {
            $(#[actix_web::test] async fn $name() {
                if let Some(database) = crate::support::postgres::database() {
                    super::$name(crate::support::Database::Postgres(database)).await;
                }
            })+
        }
    };
}
pub(crate) use in_process_on_each_database;

/// Which database a server runs on.
#[derive(Clone, Debug)]
pub enum Database {
    Sqlite,
    Postgres(String),
}

impl Database {
    /// Its URL; SQLite's file is in the directory.
    fn url(self, directory: &Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}/headcount.db", directory.display()),
            Self::Postgres(url) => url,
        }
    }
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seats: u32,
    pub program: PathBuf,
    /// Settings beside the address and the database.
    pub environment: Vec<(&'static str, String)>,
    /// Where its log goes; standard error when `None`.
    pub log: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        let environment = vec![("HEADCOUNT_LOG_LEVEL", "warn".into()), ("HEADCOUNT_METRICS_LISTEN", String::new())];
        Self { seats: 100, program: program(), environment, log: None }
    }
}

impl Setup {
    pub fn seats(seats: u32) -> Self {
        Self { seats, ..Self::default() }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.environment.push((name, value.to_string()));
        self
    }

    /// The command that serves.
    pub fn serve(&self, url: &str, listen: &str, keys: &Path) -> Command {
        let mut command = without_environment(&self.program);
        command.args(["serve", "--database-url", url, "--listen", listen]).stdout(Stdio::null());
        command.env("HEADCOUNT_KEYS_DIRECTORY", keys).envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(path) = &self.log {
            command.stderr(std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap());
        }
        command
    }
}

/// The program under test.
pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_headcount").into()
}

/// A new directory for one test.
pub fn directory() -> PathBuf {
    let directory = std::env::temp_dir().join(format!("headcount-test-{}-{:x}", std::process::id(), unique()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// A loopback address that nobody listens on, and that nobody is given but who has this: the socket that is
/// bound to it keeps the system from handing its port to anybody else, in this process or another, and lets a
/// server that asks for it by name listen there, as often as it is started.
#[derive(Debug)]
pub struct Reserved {
    pub address: String,
    _bound: tokio::net::TcpSocket,
}

impl Reserved {
    pub fn new() -> Self {
        let bound = tokio::net::TcpSocket::new_v4().unwrap();
        // As the server's own socket has it: two may be bound so while one of them listens at most.
        bound.set_reuseaddr(true).unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { address: bound.local_addr().unwrap().to_string(), _bound: bound }
    }

    pub fn port(&self) -> u16 {
        self.address.parse::<std::net::SocketAddr>().unwrap().port()
    }
}

/// A server process with one organization, `acme`, of 100 seats whose owner is Olga Owner.
pub struct Server {
    pub child: Child,
    pub directory: PathBuf,
    pub url: String,
    pub listen: String,
    pub base: String,
    pub token: String,
    client: reqwest::Client,
    setup: Setup,
    _place: Reserved,
}

impl Server {
    pub async fn start(database: Database) -> Self {
        Self::start_with(database, 100).await
    }

    pub async fn start_with(database: Database, seats: u32) -> Self {
        Self::set_up(database, Setup::seats(seats)).await
    }

    /// Starts a server, creates its organization and a token.
    pub async fn set_up(database: Database, setup: Setup) -> Self {
        let mut server = Self::launch(database, setup, directory());
        server.wait_until_ready().await;
        server.create_organization();
        server
    }

    /// Starts a server and waits for nothing.
    pub fn launch(database: Database, setup: Setup, directory: PathBuf) -> Self {
        let url = database.url(&directory);
        let place = Reserved::new();
        let listen = place.address.clone();
        let child = setup.serve(&url, &listen, &directory).spawn().unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
        let base = format!("http://{listen}/scim/v2");
        Self { child, directory, url, listen, base, token: String::new(), client, setup, _place: place }
    }

    /// Creates the organization and its token.
    pub fn create_organization(&mut self) {
        self.token = create_organization(&self.url, self.setup.seats);
    }

    /// Kills the process without warning and starts it again on the same data.
    pub async fn crash(&mut self) {
        self.restart(&[]).await;
    }

    /// The same with further settings of the environment.
    pub async fn restart(&mut self, settings: &[(&str, &str)]) {
        self.kill();
        self.start_again_with(settings).await;
    }

    /// Kills the process without warning.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the process again on the same data.
    pub async fn start_again(&mut self) {
        self.start_again_with(&[]).await;
    }

    async fn start_again_with(&mut self, settings: &[(&str, &str)]) {
        let mut command = self.setup.serve(&self.url, &self.listen, &self.directory);
        self.child = command.envs(settings.iter().copied()).spawn().unwrap();
        self.wait_until_ready().await;
    }

    /// What `/readyz` answers; `None` when nobody listens.
    pub async fn readiness(&self) -> Option<StatusCode> {
        self.client.get(format!("http://{}/readyz", self.listen)).send().await.ok().map(|answer| answer.status())
    }

    pub async fn wait_until_ready(&mut self) {
        self.wait_until(StatusCode::OK).await;
    }

    /// Waits until `/readyz` answers this.
    pub async fn wait_until(&mut self, status: StatusCode) {
        for _ in 0..2_400 {
            if self.readiness().await == Some(status) {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the server ended before /readyz was {status}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("/readyz did not become {status}");
    }

    /// Runs an operator's command beside the server; its one JSON document.
    pub fn command(&self, arguments: &[&str]) -> Value {
        command(&self.url, arguments)
    }

    /// Runs an operator's command beside the server.
    pub fn run(&self, arguments: &[&str]) -> Output {
        run(&self.url, arguments)
    }

    /// A connection of the test's own to the server's database.
    pub fn database(&self) -> Connection {
        Connection::open(&self.url.parse().unwrap()).unwrap()
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, operations: Value) -> (StatusCode, Value) {
        let body =
            serde_json::json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
        self.send(Method::PATCH, path, Some(&body)).await
    }

    /// What another token than the test's own gets.
    pub async fn as_bearer(&self, token: &str, path: &str) -> (StatusCode, Value) {
        let response = self.client.get(format!("{}{path}", self.base)).bearer_auth(token).send().await.unwrap();
        (response.status(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    /// What the JSON API shows an API key of an organization.
    pub async fn organization(&self, key: &str, organization: &str) -> Value {
        let address = format!("http://{}/api/v1/organizations/{organization}", self.listen);
        let response = self.client.get(address).bearer_auth(key).send().await.unwrap();
        assert_eq!(response.status(), 200, "{organization}");
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }

    /// Gives the organization a schema of its own.
    pub fn extension(&self, schema: &Value) {
        let file = self.directory.join("extension.json");
        std::fs::write(&file, schema.to_string()).unwrap();
        self.command(&["schema", "add", "--organization", "acme", "--file", file.to_str().unwrap()]);
    }

    /// What the provisioning log says of a request.
    pub fn explanation(&self, request_id: &str) -> String {
        let mut connection = Connection::open(&self.url.parse().unwrap()).unwrap();
        let rows = Sql::new("SELECT explanation FROM provisioning_log WHERE request_id = ?")
            .bind(request_id)
            .load::<Text, String>(&mut connection)
            .unwrap();
        rows.join("\n")
    }

    /// The resources a filter finds.
    pub async fn find(&self, endpoint: &str, filter: &str) -> Vec<Value> {
        let response = self.request(Method::GET, endpoint).query(&[("filter", filter)]).send().await.unwrap();
        assert_eq!(response.status(), 200, "{filter}");
        let page: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        page["Resources"].as_array().unwrap().clone()
    }

    /// Creates a user; its id.
    pub async fn user(&self, name: &str) -> String {
        let (status, user) = self.post("/Users", &user(name)).await;
        assert_eq!(status, 201, "{user}");
        user["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Creates the organization `acme`, whose owner is Olga Owner; a token for it.
fn create_organization(url: &str, seats: u32) -> String {
    let seats = seats.to_string();
    let organization = ["organization", "create", "--name", "Acme", "--slug", "acme", "--seats", &seats];
    let owner =
        ["--owner-email", "olga@acme.example", "--owner-given-name", "Olga", "--owner-family-name", "Owner", "--json"];
    command(url, &[organization.as_slice(), &owner].concat());
    let created = command(url, &["provisioning-token", "create", "--organization", "acme", "--name", "test", "--json"]);
    created["token"].as_str().unwrap().to_owned()
}

/// Runs an operator's command; its one JSON document.
fn command(url: &str, arguments: &[&str]) -> Value {
    let output = run(url, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// Runs an operator's command.
pub fn run(url: &str, arguments: &[&str]) -> Output {
    headcount().args(arguments).args(["--database-url", url]).output().unwrap()
}

/// A user's body.
pub fn user(name: &str) -> Value {
    serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("{name}@acme.example"),
        "name": {"givenName": name, "familyName": "Test"},
        "emails": [{"value": format!("{name}@acme.example"), "type": "work", "primary": true}]
    })
}

/// The binary, without what the environment of this process would tell it.
pub fn headcount() -> Command {
    without_environment(&program())
}

fn without_environment(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADCOUNT_")) {
        command.env_remove(name);
    }
    command
}

/// Says what did not run: once, and past the test harness, which shows nothing of a test that passes.
pub fn left_out(what: &str) {
    use std::io::Write as _;
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap().insert(what.to_owned()) {
        let _ = writeln!(std::io::stderr(), "\nLEFT OUT: {what}. make test installs what is missing.");
    }
}

/// A number no other call of this process gets.
pub fn unique() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
