//! Paging by cursor (RFC 9865).

use reqwest::Method;
use serde_json::{Value, json};

use super::{created, refused};
use crate::support::{Server, on_each_database};

on_each_database!(walks, refusals);

/// Walks from the first page on; the sizes of the pages and the ids.
async fn walk(server: &Server, path: &str, count: usize, search: bool) -> (Vec<usize>, Vec<Value>) {
    let (mut cursor, mut sizes, mut ids) = (String::new(), Vec::new(), Vec::new());
    loop {
        let (status, page) = if search {
            server.post(&format!("{path}.search"), &json!({"cursor": cursor, "count": count})).await
        } else {
            server
                .get(&format!("{path}{}cursor={cursor}&count={count}", if path.contains('?') { "&" } else { "?" }))
                .await
        };
        assert_eq!(status, 200, "{path}: {page}");
        assert!(page.get("startIndex").is_none() && page.get("previousCursor").is_none(), "{page}");
        let resources = page["Resources"].as_array().unwrap();
        assert_eq!(page["itemsPerPage"], resources.len());
        sizes.push(resources.len());
        ids.extend(resources.iter().map(|resource| resource["id"].clone()));
        // "nextCursor … is omitted when there is no further page" is the only end a client has.
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return (sizes, ids),
        }
        assert!(
            cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
            "§2: unreserved characters"
        );
        assert!(sizes.len() < 50);
    }
}

/// §2
async fn walks(server: Server) {
    for number in 0..5 {
        created(&server, "/Users", &json!({"userName": format!("u{number}"), "title": format!("t{}", 9 - number)}))
            .await;
    }
    for number in 0..4 {
        created(&server, "/Groups", &json!({"displayName": format!("g{number}")})).await;
    }
    let all = |page: Value| -> Vec<Value> {
        page["Resources"].as_array().unwrap().iter().map(|resource| resource["id"].clone()).collect()
    };
    // Six users with the owner: the last page is full, and still the last.
    for (path, count, sizes) in [
        ("/Users", 3, vec![3, 3]),
        ("/Users", 4, vec![4, 2]),
        ("/Users", 6, vec![6]),
        ("/Users?sortBy=userName", 3, vec![3, 3]),
        ("/Users?sortBy=title&sortOrder=descending", 3, vec![3, 3]),
        ("/Users?filter=userName%20sw%20%22u%22", 2, vec![2, 2, 1]),
        ("/Users?filter=title%20co%20%22t%22", 5, vec![5]),
        ("/Groups", 2, vec![2, 2]),
        // Over both types; a page may end exactly where users do.
        ("/", 4, vec![4, 4, 2]),
        ("/", 6, vec![6, 4]),
        ("/", 5, vec![5, 5]),
        ("/?sortBy=meta.created", 4, vec![4, 4, 2]),
        ("/?filter=displayName%20sw%20%22g%22", 2, vec![2, 2]),
    ] {
        let (found, ids) = walk(&server, path, count, false).await;
        assert_eq!(found, sizes, "{path} {count}");
        assert_eq!(ids, all(server.get(path).await.1), "{path} {count}");
    }
    for path in ["/Users/", "/"] {
        assert_eq!(walk(&server, path, 4, true).await, walk(&server, path, 4, false).await, "§3: POST .search");
    }
    // index is the default; count=0 tells the total only.
    let (_, plain) = server.get("/Users?count=2").await;
    assert_eq!((plain["startIndex"].as_i64(), plain.get("nextCursor")), (Some(1), None));
    let (_, none) = server.get("/Users?cursor=&count=0").await;
    assert_eq!((&none["totalResults"], &none["itemsPerPage"], none.get("nextCursor")), (&json!(6), &json!(0), None));
    // "A negative value SHALL be interpreted as 0", in the middle of a walk as well.
    let (_, begun) = server.get("/Users?cursor=&count=2").await;
    let next = begun["nextCursor"].as_str().unwrap();
    for path in
        ["/Users?cursor=&count=-1".to_owned(), format!("/Users?cursor={next}&count=-7"), "/?cursor=&count=-1".into()]
    {
        let (status, none) = server.get(&path).await;
        assert_eq!((status.as_u16(), &none["itemsPerPage"], none.get("nextCursor")), (200, &json!(0), None), "{path}");
        assert!(none["totalResults"].as_i64() >= Some(6), "{path}: {none}");
    }
    // A cursor that comes with a startIndex decides.
    let (_, both) = server.get("/Users?cursor=&startIndex=3&count=2").await;
    assert_eq!(
        (both.get("startIndex"), both["Resources"][0]["id"].clone()),
        (None, all(server.get("/Users").await.1)[0].clone())
    );
}

/// §2.1
async fn refusals(server: Server) {
    created(&server, "/Users", &json!({"userName": "ann"})).await;
    for number in 0..3 {
        created(&server, "/Groups", &json!({"displayName": format!("g{number}")})).await;
    }
    let cursor = |page: Value| page["nextCursor"].as_str().unwrap().to_owned();
    let users = cursor(server.get("/Users?cursor=&count=1").await.1);
    let root = cursor(server.get("/?cursor=&count=1").await.1);
    for (path, scim_type) in [
        ("/Users?cursor=forged".to_owned(), "invalidCursor"),
        (format!("/Users?cursor=B{}&count=1", &users[1..]), "invalidCursor"),
        (format!("/Groups?cursor={users}&count=1"), "invalidCursor"),
        (format!("/?cursor={users}&count=1"), "invalidCursor"),
        (format!("/Users?cursor={root}&count=1"), "invalidCursor"),
        (format!("/Users?cursor={users}&count=1&filter=userName%20pr"), "invalidCursor"),
        (format!("/Users?cursor={users}&count=1&sortBy=userName"), "invalidCursor"),
        (format!("/Users?cursor={users}&count=2"), "invalidCount"),
        (format!("/?cursor={root}&count=2"), "invalidCount"),
        ("/Users?cursor=&count=x".into(), "invalidCount"),
        ("/Users?cursor=&count=1001".into(), "invalidCount"),
    ] {
        refused(&server, Method::GET, &path, None, 400, Some(scim_type)).await;
    }
    // The page size need not be repeated, and a page can be asked for again.
    for path in [format!("/Users?cursor={users}&count=1"), format!("/?cursor={root}&count=1")] {
        assert_eq!(server.get(&path).await.1["itemsPerPage"], 1);
        assert_eq!(server.get(&path).await.1["Resources"], server.get(&path).await.1["Resources"]);
    }
}
