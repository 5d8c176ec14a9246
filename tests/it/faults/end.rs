//! SIGTERM: running requests finish, `/readyz` says 503 meanwhile, the exit code is 0.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use reqwest::StatusCode;

use super::{assert_sound, signal};
use crate::support::{Server, on_each_database, user};

on_each_database!(drains, ends_at_once_when_idle);

async fn drains(mut server: Server) {
    let body = user("ann").to_string();
    let (first, rest) = body.split_at(20);
    let mut running = TcpStream::connect(&server.listen).unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/scim+json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        server.token,
        body.len()
    );
    running.write_all(head.as_bytes()).unwrap();
    // The server reads the body now: the request is running.
    let mut continues = [0; 25];
    running.read_exact(&mut continues).unwrap();
    assert!(continues.starts_with(b"HTTP/1.1 100"));
    running.write_all(first.as_bytes()).unwrap();
    signal(&server.child, "TERM");
    server.wait_until(StatusCode::SERVICE_UNAVAILABLE).await;
    let bob = server.request(reqwest::Method::POST, "/Users").header("content-type", "application/scim+json");
    let bob = bob.body(user("bob").to_string()).send().await.unwrap();
    assert_eq!(bob.status(), 201, "still answered");
    assert_eq!(bob.headers()["connection"], "close", "and sent elsewhere for the next one");
    running.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    running.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("201 Created"), "{answer}");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert_sound(&server.url);
    server.start_again().await;
    assert_eq!(server.get("/Users?count=0").await.1["totalResults"], 3);
}

async fn ends_at_once_when_idle(mut server: Server) {
    server.user("ann").await;
    signal(&server.child, "TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert_eq!(server.readiness().await, None);
}
