//! `kill -9` in the middle of a push.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::Value;

use super::{assert_sound, derived, signal};
use crate::support::{Server, on_each_database, user};

on_each_database!(killed_during_a_push);

const USERS: usize = 2_000;
/// Acknowledged when the process is killed.
const ENOUGH: usize = 700;
const CLIENTS: usize = 16;

/// Pushes the users through concurrent clients; ids and userNames of those that were answered 201.
/// The server is killed once `enough` are.
async fn push(server: &Server, enough: usize) -> BTreeMap<String, String> {
    let next = AtomicUsize::new(0);
    let acknowledged = Mutex::new(BTreeMap::new());
    let client = || async {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= USERS {
                return;
            }
            let request = server.request(Method::POST, "/Users").header("content-type", "application/scim+json");
            let Ok(response) = request.body(user(&format!("u{number}")).to_string()).send().await else { return };
            let status = response.status().as_u16();
            let Ok(text) = response.text().await else { return };
            assert!(matches!(status, 201 | 409), "{status} {text}");
            if status == 201 {
                let created: Value = serde_json::from_str(&text).unwrap();
                let text = |name: &str| created[name].as_str().unwrap().to_owned();
                let mut acknowledged = acknowledged.lock().unwrap();
                acknowledged.insert(text("id"), text("userName"));
                if acknowledged.len() == enough {
                    signal(&server.child, "KILL");
                }
            }
        }
    };
    futures_util::future::join_all((0..CLIENTS).map(|_| client())).await;
    acknowledged.into_inner().unwrap()
}

/// Every user there is, by id.
async fn everybody(server: &Server) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let (status, page) = server.get(&format!("/Users?count=1000&attributes=userName&cursor={cursor}")).await;
        assert_eq!(status, 200, "{page}");
        for user in page["Resources"].as_array().unwrap() {
            found.insert(user["id"].as_str().unwrap().to_owned(), user["userName"].as_str().unwrap().to_owned());
        }
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return found,
        }
    }
}

async fn killed_during_a_push(mut server: Server) {
    server.command(&["organization", "set", "--organization", "acme", "--seats", "3000", "--json"]);
    let acknowledged = push(&server, ENOUGH).await;
    assert!((ENOUGH..USERS).contains(&acknowledged.len()), "killed in the middle: {}", acknowledged.len());
    server.child.wait().unwrap();
    assert_sound(&server.url);
    server.start_again().await;
    let found = everybody(&server).await;
    let lost: Vec<_> = acknowledged.iter().filter(|(id, name)| found.get(*id) != Some(*name)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert_eq!(server.get("/Users?count=0").await.1["totalResults"], found.len());
    let before = derived(&server.url);
    server.command(&["reindex"]);
    assert_eq!(derived(&server.url), before, "reindex changes nothing");
    // The identity provider sends everything again, as they do.
    push(&server, usize::MAX).await;
    assert_eq!(everybody(&server).await.len(), USERS + 1);
    assert_sound(&server.url);
}
