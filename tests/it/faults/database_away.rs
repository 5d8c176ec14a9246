//! PostgreSQL away and back, under a running server and at its start; a database from the future.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{assert_sound, connect, refusal};
use crate::support::postgres::Cluster;
use crate::support::{Database, Server, Setup, directory, headcount, on_each_database, user};

/// What is acknowledged stays when the server is stopped the hard way.
const DURABLE: &str = "-c synchronous_commit=on -c full_page_writes=on";

on_each_database!(a_newer_database_is_refused);

/// A request's status and its SCIM Error must say: come back later.
async fn assert_away(server: &Server, method: Method, path: &str, body: Option<&Value>) {
    let mut request = server.request(method, path).header("content-type", "application/scim+json");
    if let Some(body) = body {
        request = request.body(body.to_string());
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(error["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
    assert_eq!(error["status"], "503");
    assert!(error["detail"].as_str().unwrap().contains("Send the request again"), "{error}");
}

#[tokio::test]
async fn away_and_back() {
    let Some(cluster) = Cluster::start(DURABLE) else { return };
    let setup = Setup::default().with("HEADCOUNT_DATABASE_TIMEOUT", 1);
    let mut server = Server::set_up(Database::Postgres(cluster.database()), setup).await;
    let ann = format!("/Users/{}", server.user("ann").await);
    // Many connections are open when the database goes.
    futures_util::future::join_all((0..32).map(|_| server.get(&ann))).await;
    cluster.stop();
    assert_away(&server, Method::GET, &ann, None).await;
    assert_away(&server, Method::GET, "/Users?filter=userName%20sw%20%22a%22", None).await;
    assert_away(&server, Method::POST, "/Users", Some(&user("bob"))).await;
    assert_away(&server, Method::DELETE, &ann, None).await;
    assert_eq!(server.readiness().await, Some(StatusCode::SERVICE_UNAVAILABLE));
    cluster.start_again();
    server.wait_until_ready().await;
    assert_eq!(server.get(&ann).await.0, 200, "no restart was needed");
    assert_eq!(server.post("/Users", &user("bob")).await.0, 201, "what was refused was not done");
    assert_sound(&server.url);
    // Gone and back between two requests: one of them may learn of it, not one for each connection.
    futures_util::future::join_all((0..32).map(|_| server.get(&ann))).await;
    cluster.stop();
    cluster.start_again();
    let mut refused = 0;
    for _ in 0..32 {
        refused += usize::from(server.get(&ann).await.0 == 503);
    }
    assert!(refused <= 1, "{refused} requests paid for one restart");
}

#[tokio::test]
async fn away_at_the_start() {
    let Some(cluster) = Cluster::start(DURABLE) else { return };
    let database = Database::Postgres(cluster.database());
    cluster.stop();
    let setup = Setup::default().with("HEADCOUNT_DATABASE_TIMEOUT", 1);
    let mut server = Server::launch(database, setup, directory());
    server.wait_until(StatusCode::SERVICE_UNAVAILABLE).await;
    "hcp_any".clone_into(&mut server.token);
    assert_away(&server, Method::GET, "/Users", None).await;
    cluster.start_again();
    server.wait_until_ready().await;
    server.create_organization();
    server.user("ann").await;
}

#[tokio::test]
async fn away_at_the_start_and_newer_when_it_comes() {
    let Some(cluster) = Cluster::start(DURABLE) else { return };
    let url = cluster.database();
    let mut first = Server::set_up(Database::Postgres(url.clone()), Setup::default()).await;
    first.kill();
    make_newer(&url);
    cluster.stop();
    let setup = Setup::default().with("HEADCOUNT_DATABASE_TIMEOUT", 1);
    let mut server = Server::launch(Database::Postgres(url), setup, directory());
    server.wait_until(StatusCode::SERVICE_UNAVAILABLE).await;
    cluster.start_again();
    let mut child = std::mem::replace(&mut server.child, std::process::Command::new("true").spawn().unwrap());
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(1), "it must not serve what it does not understand");
}

/// As a later release would leave it.
fn make_newer(url: &str) {
    connect(url).batch("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')").unwrap();
}

async fn a_newer_database_is_refused(mut server: Server) {
    make_newer(&server.url);
    for arguments in [&["migrate"][..], &["organization", "list", "--json"]] {
        let (code, said) = refusal(headcount().args(arguments).args(["--database-url", &server.url]));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("newer than this binary"), "{said}");
    }
    server.kill();
    let (code, said) = refusal(&mut Setup::default().serve(&server.url, "127.0.0.1:0", &server.directory));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("newer than this binary") && said.contains("99990101000000"), "{said}");
}
