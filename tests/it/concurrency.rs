//! Many clients at once: nothing lost, nothing doubled.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database, user};

on_each_database!(one_user_name, one_groups_members, seats_hold, one_winner);

/// Runs `count` requests at once; their statuses.
async fn at_once<F: Future<Output = u16>>(requests: impl Iterator<Item = F>) -> Vec<u16> {
    futures_util::future::join_all(requests).await
}

async fn one_user_name(server: Server) {
    let body = user("ann");
    let statuses = at_once((0..64).map(|_| async { server.post("/Users", &body).await.0.as_u16() })).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
}

async fn one_groups_members(server: Server) {
    let mut ids = Vec::new();
    for number in 0..64 {
        ids.push(server.user(&format!("u{number}")).await);
    }
    let (_, group) = server.post("/Groups", &json!({"displayName": "Staff"})).await;
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let add = |id: &String| json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
    let statuses = at_once(ids.iter().map(|id| {
        let (server, path, operations) = (&server, &path, add(id));
        async move { server.patch(path, operations).await.0.as_u16() }
    }))
    .await;
    assert!(statuses.iter().all(|status| *status == 204), "{statuses:?}");
    assert_eq!(server.get(&path).await.1["members"].as_array().unwrap().len(), 64);
}

async fn seats_hold(server: Server) {
    server.command(&["organization", "set", "--organization", "acme", "--seats", "11", "--json"]);
    let statuses = at_once((0..40).map(|number| {
        let server = &server;
        async move { server.post("/Users", &user(&format!("u{number}"))).await.0.as_u16() }
    }))
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 10, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 403)), "{statuses:?}");
}

async fn one_winner(server: Server) {
    let mut ids = Vec::new();
    for number in 0..16 {
        ids.push(server.user(&format!("u{number}")).await);
    }
    let (_, group) = server.post("/Groups", &json!({"displayName": "Staff"})).await;
    let group = format!("/Groups/{}", group["id"].as_str().unwrap());
    let title = |number: usize| json!({"op": "replace", "path": "title", "value": format!("t{number}")});
    let titles: Vec<Value> = (0..16).map(title).collect();
    let members = ids.iter().map(|id| json!({"op": "add", "path": "members", "value": [{"value": id}]})).collect();
    for (path, operations, success) in [(format!("/Users/{}", ids[0]), titles, 200), (group, members, 204)] {
        let statuses = at_once(operations.iter().map(|operation| {
            let request = server
                .request(Method::PATCH, &path)
                .header("if-match", "W/\"1\"")
                .header("content-type", "application/scim+json")
                .body(json!({"Operations": [operation]}).to_string());
            async move { request.send().await.unwrap().status().as_u16() }
        }))
        .await;
        assert_eq!(statuses.iter().filter(|status| **status == success).count(), 1, "{path} {statuses:?}");
        assert!(statuses.iter().all(|status| [success, 412].contains(status)), "{path} {statuses:?}");
    }
}
