//! Walks while others are deleted: whoever is there from beginning to end is seen, in any order and by any filter.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::support::{Server, on_each_database};

on_each_database!(nobody_is_lost);

/// Queries that an index answers and that the evaluator answers, sorted and not.
const QUERIES: [&str; 14] = [
    "/Users?",
    "/Users?filter=title%20co%20%22t%22&",
    "/Users?filter=title%20co%20%22t%22&sortBy=title&",
    "/Users?sortBy=title&sortOrder=descending&",
    "/Users?sortBy=userName&",
    "/Users?sortBy=userName&sortOrder=descending&filter=userName%20sw%20%22u%22&",
    "/Users?sortBy=externalId&",
    "/Users?sortBy=externalId&sortOrder=descending&",
    "/Users?sortBy=externalId&filter=userName%20sw%20%22u%22&",
    "/Users?sortBy=externalId&sortOrder=descending&filter=userName%20sw%20%22u%22&",
    "/Users?sortBy=meta.lastModified&sortOrder=descending&",
    "/Users?sortBy=id&sortOrder=descending&",
    "/?",
    "/?sortBy=displayName&sortOrder=descending&",
];

async fn nobody_is_lost(server: Server) {
    for query in QUERIES {
        for by_cursor in [false, true] {
            let ids = create(&server).await;
            let seen = walk(&server, query, by_cursor, &ids).await;
            for path in ids {
                // Only who was told before was deleted meanwhile.
                let told = seen.contains(path.rsplit('/').next().unwrap());
                let asked = !query.starts_with("/Users") || path.starts_with("/Users");
                assert_eq!(told, asked, "{query} by cursor {by_cursor}: {path}");
                server.send(Method::DELETE, &path, None).await;
            }
        }
    }
}

/// How many are deleted during a walk.
const DELETED: usize = 10;

/// Makes twelve users, every third without externalId and displayName, and three groups; their paths.
async fn create(server: &Server) -> Vec<String> {
    let mut operations = Vec::new();
    for number in 0..12 {
        let mut data =
            json!({"userName": format!("u{number:02}"), "title": format!("t{}", number % 5), "active": false});
        if number % 3 > 0 {
            data["externalId"] = format!("e{}", number % 4).into();
            data["displayName"] = format!("n{}", number % 4).into();
        }
        operations.push(json!({"method": "POST", "path": "/Users", "bulkId": format!("u{number}"), "data": data}));
    }
    for number in 0..3 {
        let data = json!({"displayName": format!("n{number}")});
        operations.push(json!({"method": "POST", "path": "/Groups", "bulkId": format!("g{number}"), "data": data}));
    }
    let (_, answer) = server.post("/Bulk", &json!({"Operations": operations})).await;
    let made = answer["Operations"].as_array().unwrap().iter();
    made.map(|made| made["location"].as_str().unwrap().strip_prefix(&server.base).unwrap().to_owned()).collect()
}

/// Walks two at a time and deletes those of each page before the next; the ids seen.
async fn walk(server: &Server, query: &str, by_cursor: bool, ids: &[String]) -> BTreeSet<String> {
    let (mut seen, mut cursor, mut start, mut first) = (BTreeSet::new(), String::new(), 1, None);
    let mut deleted = 0;
    loop {
        let place = if by_cursor { format!("cursor={cursor}") } else { format!("startIndex={start}") };
        let (status, page) = server.get(&format!("{query}count=2&{place}")).await;
        assert_eq!(status, 200, "{query}: {page}");
        let resources = page["Resources"].as_array().unwrap();
        let total = page["totalResults"].as_u64().unwrap();
        assert!(resources.is_empty() || total >= *first.get_or_insert(total), "{query}: {page}");
        start += resources.len();
        for resource in resources {
            let id = resource["id"].as_str().unwrap();
            assert!(seen.insert(id.to_owned()), "{query}: {id} twice");
            if let Some(path) = ids.iter().find(|path| path.ends_with(id)).filter(|_| deleted < DELETED) {
                assert_eq!(server.send(Method::DELETE, path, None).await.0, 204);
                deleted += 1;
            }
        }
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None if by_cursor || resources.is_empty() => return seen,
            None => {}
        }
    }
}
