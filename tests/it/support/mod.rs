//! A running Headcount for one test, and a client that speaks to it.

pub mod postgres;

use std::process::{Child, Command, Output, Stdio};
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

/// Which database a server runs on.
#[derive(Clone, Debug)]
pub enum Database {
    Sqlite,
    Postgres(String),
}

/// A server process with one organization, `acme`, of 100 seats whose owner is Olga Owner.
pub struct Server {
    child: Child,
    pub directory: std::path::PathBuf,
    pub url: String,
    pub listen: String,
    pub base: String,
    pub token: String,
    client: reqwest::Client,
}

impl Server {
    pub async fn start(database: Database) -> Self {
        Self::start_with(database, 100).await
    }

    pub async fn start_with(database: Database, seats: u32) -> Self {
        let directory = std::env::temp_dir().join(format!("headcount-test-{}-{:x}", std::process::id(), unique()));
        std::fs::create_dir_all(&directory).unwrap();
        let url = match database {
            Database::Sqlite => format!("sqlite:{}/headcount.db", directory.display()),
            Database::Postgres(url) => url,
        };
        let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = spawn(&url, &listen, &directory, &[]);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
        let base = format!("http://{listen}/scim/v2");
        let mut server = Self { child, directory, url, listen, base, token: String::new(), client };
        server.wait_until_ready().await;
        let seats = seats.to_string();
        server.command(&[
            "organization",
            "create",
            "--name",
            "Acme",
            "--slug",
            "acme",
            "--owner-email",
            "olga@acme.example",
            "--owner-given-name",
            "Olga",
            "--owner-family-name",
            "Owner",
            "--seats",
            &seats,
            "--json",
        ]);
        let created =
            server.command(&["provisioning-token", "create", "--organization", "acme", "--name", "test", "--json"]);
        created["token"].as_str().unwrap().clone_into(&mut server.token);
        server
    }

    /// Kills the process without warning and starts it again on the same data.
    pub async fn crash(&mut self) {
        self.restart(&[]).await;
    }

    /// The same with settings of the environment.
    pub async fn restart(&mut self, settings: &[(&str, &str)]) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.url, &self.listen, &self.directory, settings);
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&mut self) {
        let url = format!("http://{}/readyz", self.listen);
        for _ in 0..600 {
            if let Ok(response) = self.client.get(&url).send().await
                && response.status().is_success()
            {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the server ended before it was ready");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the server did not become ready");
    }

    /// Runs an operator's command beside the server; its one JSON document.
    pub fn command(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Runs an operator's command beside the server.
    pub fn run(&self, arguments: &[&str]) -> Output {
        headcount().args(arguments).args(["--database-url", &self.url]).output().unwrap()
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADCOUNT_")) {
        command.env_remove(name);
    }
    command
}

fn spawn(url: &str, listen: &str, keys: &std::path::Path, settings: &[(&str, &str)]) -> Child {
    headcount()
        .args(["serve", "--database-url", url, "--listen", listen])
        .env("HEADCOUNT_LOG_LEVEL", "warn")
        .env("HEADCOUNT_METRICS_LISTEN", "")
        .env("HEADCOUNT_KEYS_DIRECTORY", keys)
        .envs(settings.iter().copied())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// A number no other call of this process gets.
pub fn unique() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
