//! Filters, sorting, both ways of paging, projection.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database};

on_each_database!(
    filters,
    an_index_that_finds_many,
    elements_without_a_value,
    what_no_index_answers,
    the_largest_page,
    walks,
    orders,
    orders_of_many,
    projections
);

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

async fn an_index_that_finds_many(server: Server) {
    let create = |number: usize| {
        let data = json!({"userName": format!("u{number:02}"), "displayName": format!("{:02}", 99 - number)});
        json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data})
    };
    let operations: Vec<Value> = (0..40).map(create).collect();
    assert_eq!(server.post("/Bulk", &json!({"Operations": operations})).await.0, 200);
    let filter = "filter=userName%20sw%20%22u%22";
    for (query, first, length, last) in [
        ("&count=10", "u00", 10, "u09"),
        ("&count=100", "u00", 40, "u39"),
        ("&startIndex=31&count=100", "u30", 10, "u39"),
        ("&sortBy=displayName&count=5", "u39", 5, "u35"),
        ("&count=0", "", 0, ""),
        ("%20and%20userName%20lt%20%22u05%22&sortBy=displayName", "u04", 5, "u00"),
    ] {
        let (_, page) = server.get(&format!("/Users?{filter}{query}")).await;
        let total = if query.starts_with('&') { 40 } else { 5 };
        assert_eq!(
            (page["totalResults"].as_u64(), page["itemsPerPage"].as_u64()),
            (Some(total), Some(length)),
            "{query}"
        );
        let found: Vec<&str> =
            page["Resources"].as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap()).collect();
        assert_eq!((*found.first().unwrap_or(&""), *found.last().unwrap_or(&"")), (first, last), "{query}");
    }
}

async fn elements_without_a_value(server: Server) {
    let emails = json!([{"type": "work", "display": "Ann at work"}, {"value": "ann@home.example", "type": "home"}]);
    let (status, ann) = server.post("/Users", &json!({"userName": "ann", "emails": emails})).await;
    assert_eq!(status, 201, "{ann}");
    for (filter, found) in [
        ("emails[type eq \"work\" and display sw \"ann\"]", true),
        ("emails[type eq \"work\"] and userName eq \"ann\"", true),
        ("emails[type eq \"work\" and value eq \"ann@home.example\"]", false),
        ("emails[type eq \"home\" and value eq \"ann@home.example\"]", true),
    ] {
        assert_eq!(names(&server, filter).await.iter().any(|name| name == "ann"), found, "{filter}");
    }
}

async fn the_largest_page(mut server: Server) {
    for number in 0..3 {
        server.user(&format!("u{number}")).await;
    }
    server.restart(&[("HEADCOUNT_SCIM_MAX_PAGE_SIZE", "2")]).await;
    for (query, length) in [("", 2), ("?count=3", 2), ("?count=1", 1), ("?count=-1", 0), ("?cursor=", 2)] {
        let (_, page) = server.get(&format!("/Users{query}")).await;
        assert_eq!((page["itemsPerPage"].as_u64(), page["totalResults"].as_u64()), (Some(length), Some(4)), "{query}");
    }
    let (status, refused) = server.get("/Users?cursor=&count=3").await;
    assert_eq!((status.as_u16(), refused["scimType"].as_str()), (400, Some("invalidCount")));
    assert_eq!(server.get("/ServiceProviderConfig").await.1["pagination"]["maxPageSize"], 2);
}

async fn what_no_index_answers(mut server: Server) {
    for (name, title) in [("ann", "Boss"), ("bob", "Boss"), ("cid", "Aide")] {
        let (status, user) = server.post("/Users", &json!({"userName": name, "title": title})).await;
        assert_eq!(status, 201, "{user}");
    }
    server.restart(&[("HEADCOUNT_SCIM_UNINDEXED_LIMIT", "4")]).await;
    assert_eq!(names(&server, "title eq \"boss\"").await, ["ann", "bob"], "all four may be looked at");
    server.post("/Users", &json!({"userName": "dan", "title": "Boss"})).await;
    for query in [
        "Users?filter=title%20eq%20%22boss%22",
        "Users?filter=userName%20ew%20%22n%22",
        "Users?sortBy=title",
        "?sortBy=userName&startIndex=4&count=2",
    ] {
        let (status, refused) = server.get(&format!("/{query}")).await;
        assert_eq!((status.as_u16(), refused["scimType"].as_str()), (400, Some("tooMany")), "{query}");
    }
    let (_, refused) = server.get("/Users?filter=title%20eq%20%22boss%22").await;
    assert!(refused["detail"].as_str().unwrap().contains("\"title eq \"boss\"\""), "what stands in the way: {refused}");
    assert_eq!(names(&server, "title eq \"boss\" and userName sw \"a\"").await, ["ann"], "an index narrows it first");
    assert_eq!(names(&server, "userName eq \"dan\"").await, ["dan"]);
    assert_eq!(server.get("/Users?sortBy=userName").await.1["totalResults"], 5);
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

/// Pages begin and end anywhere, also where those without a value begin (RFC 7644 §3.4.2.3).
async fn orders(server: Server) {
    for (name, external_id, display_name) in [
        ("f", Some("2"), None),
        ("e", None, Some("Eve")),
        ("d", Some("1"), Some("dan")),
        ("c", None, Some("Cid")),
        ("b", Some("2"), None),
        ("a", None, Some("dan")),
    ] {
        let user = json!({"userName": name, "externalId": external_id, "displayName": display_name});
        assert_eq!(server.post("/Users", &user).await.0, 201);
    }
    let ask = async |query: &str| {
        let (status, page) = server.get(&format!("/Users?{query}")).await;
        assert_eq!(status, 200, "{query}: {page}");
        assert!(page["totalResults"].as_i64() >= Some(6), "{query}: {page}");
        let users = page["Resources"].as_array().unwrap();
        users.iter().map(|user| user["userName"].as_str().unwrap()[..1].to_owned()).collect::<String>()
    };
    // The owner was there first, without externalId and displayName.
    for (sort_by, ascending) in [
        ("userName", "abcdefo"),
        ("externalId", "dfboeca"),
        ("displayName", "cdaeofb"),
        ("id", "ofedcba"),
        ("meta.created", "ofedcba"),
        ("meta.lastModified", "ofedcba"),
    ] {
        let descending: String = ascending.chars().rev().collect();
        for (order, expected) in [("ascending", ascending), ("descending", &descending)] {
            for filter in ["", "&filter=userName%20pr"] {
                let query = format!("sortBy={sort_by}&sortOrder={order}{filter}");
                assert_eq!(ask(&query).await, expected, "{query}");
                for (start, count) in (0..=7).flat_map(|start| (1..=4).map(move |count| (start, count))) {
                    let page = ask(&format!("{query}&startIndex={}&count={count}", start + 1)).await;
                    assert_eq!(page, expected[start..(start + count).min(7).max(start)], "{query} {start} {count}");
                }
            }
        }
    }
    let sorted =
        ask("sortBy=displayName&sortOrder=descending&filter=userName%20sw%20%22%22%20and%20active%20eq%20true").await;
    assert_eq!(sorted, "bfoeadc");
}

/// What no index orders is sorted only while it is little, and the client learns why.
async fn orders_of_many(mut server: Server) {
    for name in ["ann", "bob", "cid", "dan"] {
        server.user(name).await;
    }
    server.restart(&[("HEADCOUNT_SCIM_UNINDEXED_LIMIT", "4")]).await;
    for query in ["sortBy=title", "sortBy=name.formatted&filter=active%20eq%20true", "sortBy=title&cursor="] {
        let (status, refused) = server.get(&format!("/Users?{query}")).await;
        assert_eq!((status.as_u16(), refused["scimType"].as_str()), (400, Some("tooMany")), "{query}: {refused}");
        let detail = refused["detail"].as_str().unwrap();
        let attribute = query.split(['=', '&']).nth(1).unwrap();
        assert!(detail.contains(&format!("\"{attribute}\"")) && detail.contains("Sort by userName"), "{detail}");
    }
    for query in ["sortBy=title&filter=userName%20sw%20%22a%22", "sortBy=userName", "sortBy=meta.lastModified"] {
        assert_eq!(server.get(&format!("/Users?{query}")).await.0, 200, "{query}");
    }
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
