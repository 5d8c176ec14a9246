//! Filters, sorting, both ways of paging, projection.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database};

on_each_database!(filters, walks, projections);

async fn names(server: &Server, filter: &str) -> Vec<String> {
    let mut names: Vec<String> =
        server.find("/Users", filter).await.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

async fn filters(server: Server) {
    let ann = server.post("/Users", &json!({"userName": "Ann", "externalId": "A1", "title": "Boss", "emails": [{"value": "ann@work.example", "type": "work"}, {"value": "ann@home.example", "type": "home"}]})).await.1;
    server.post("/Users", &json!({"userName": "Bob", "active": false, "name": {"familyName": "Straße"}})).await;
    let created = ann["meta"]["created"].as_str().unwrap();
    for (filter, expected) in [
        ("userName eq \"ANN\"", vec!["Ann"]),
        ("userName sw \"b\"", vec!["Bob"]),
        ("userName ew \"n\" and title pr", vec!["Ann"]),
        ("externalId eq \"A1\"", vec!["Ann"]),
        ("externalId eq \"a1\"", vec![]),
        ("emails.value eq \"ANN@work.example\"", vec!["Ann"]),
        ("emails[type eq \"home\" and value co \"work\"]", vec![]),
        ("emails[type eq \"home\" and value sw \"ann@h\"]", vec!["Ann"]),
        ("name.familyName eq \"STRASSE\"", vec!["Bob"]),
        ("active eq false", vec!["Bob"]),
        ("not (title eq \"boss\")", vec!["Bob", "olga@acme.example"]),
        ("userName eq \"ann\" or active eq false and userName eq \"x\"", vec!["Ann"]),
        ("(userName eq \"ann\" or active eq false) and userName eq \"x\"", vec![]),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"bob\"", vec!["Bob"]),
        ("title ne null", vec!["Ann"]),
        (&format!("meta.created eq \"{created}\" and userName eq \"ann\""), vec!["Ann"]),
    ] {
        assert_eq!(names(&server, filter).await, expected, "{filter}");
    }
    for filter in [
        "userName",
        "userName eq",
        "nothing eq \"x\"",
        "active gt true",
        "password eq \"x\"",
        "userName eq \"a",
        "((((userName pr)",
    ] {
        let response = server.request(Method::GET, "/Users").query(&[("filter", filter)]).send().await.unwrap();
        assert_eq!(response.status(), 400, "{filter}");
        assert_eq!(response.json::<Value>().await.unwrap()["scimType"], "invalidFilter", "{filter}");
    }
}

async fn walks(server: Server) {
    let mut ids = Vec::new();
    for number in 0..25 {
        ids.push(server.user(&format!("u{number:02}")).await);
    }
    // Whoever is there from beginning to end is seen, though others are deleted meanwhile.
    let mut seen = Vec::new();
    let mut start = 1;
    loop {
        let (_, page) = server.get(&format!("/Users?startIndex={start}&count=5")).await;
        let resources = page["Resources"].as_array().unwrap();
        if resources.is_empty() {
            break;
        }
        assert_eq!(page["itemsPerPage"], resources.len());
        seen.extend(resources.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
        start += resources.len();
        if start == 11 {
            for id in &ids[..3] {
                assert_eq!(server.send(Method::DELETE, &format!("/Users/{id}"), None).await.0, 204);
            }
        }
    }
    assert!(ids.iter().all(|id| seen.contains(id)), "the walk lost somebody");
    let (mut cursor, mut count) = (String::new(), 0);
    loop {
        let (status, page) = server.get(&format!("/Users?cursor={cursor}&count=5")).await;
        assert_eq!(status, 200, "{page}");
        count += page["Resources"].as_array().unwrap().len();
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(count, 23);
    assert_eq!(server.get("/Users?cursor=forged").await.1["scimType"], "invalidCursor");
    assert_eq!(server.get(&format!("/Users?cursor={cursor}&count=6")).await.1["scimType"], "invalidCount");
    let (_, sorted) = server.get("/Users?sortBy=userName&sortOrder=descending&count=1").await;
    assert_eq!(sorted["Resources"][0]["userName"], "u24@acme.example");
    let (_, sorted) = server.get("/Users?sortBy=name.givenName&count=1&startIndex=2").await;
    assert_eq!(sorted["Resources"][0]["name"]["givenName"], "u03");
}

async fn projections(server: Server) {
    let path = format!("/Users/{}", server.user("ann").await);
    let (_, only) = server.get(&format!("{path}?attributes=userName,name.givenName")).await;
    let mut keys: Vec<&String> = only.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["id", "name", "schemas", "userName"]);
    assert_eq!(only["name"], json!({"givenName": "ann"}));
    let (_, without) = server.get(&format!("{path}?excludedAttributes=emails,id")).await;
    assert!(without.get("emails").is_none() && without.get("id").is_some());
    assert_eq!(server.get(&format!("{path}?attributes=userName&excludedAttributes=emails")).await.0, 400);
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName sw \"ann\"", "attributes": ["userName"]});
    for endpoint in ["/Users/.search", "/.search"] {
        let (status, page) = server.post(endpoint, &search).await;
        assert_eq!((status.as_u16(), page["totalResults"].as_i64()), (200, Some(1)), "{page}");
    }
}
