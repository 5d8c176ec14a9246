//! Queries: filters, sorting, index paging, `.search`, the root (RFC 7644 §3.4.2, §3.4.3).

use reqwest::Method;
use serde_json::{Value, json};

use super::{ENTERPRISE, GROUP, USER, created, refused};
use crate::support::{Server, on_each_database};

on_each_database!(filters, refusals, sorting, paging, root_and_search);

async fn people(server: &Server) {
    for body in [
        json!({"userName": "ann", "title": "Boss \"A\"", "name": {"familyName": "Zeta", "givenName": "Ann"}, "active": true,
               "emails": [{"value": "ann@work.example", "type": "work"}, {"value": "ann@home.example", "type": "home", "primary": true}],
               "externalId": "Ext-1", "profileUrl": "https://x.example/Ann", ENTERPRISE: {"department": "R&D", "employeeNumber": "10"}}),
        json!({"userName": "Bob", "title": "boss", "name": {"familyName": "alpha"}, "active": false,
               "emails": [{"value": "bob@work.example", "type": "work"}, {"value": "aaa@home.example", "type": "home"}], ENTERPRISE: {"department": "Sales"}}),
        json!({"userName": "cid", "userType": "Intern"}),
    ] {
        created(server, "/Users", &body).await;
    }
    // The owner of the organization is a User too.
    let owner = server.find("/Users", "userName sw \"olga\"").await[0].clone();
    let path = format!("/Users/{}", owner["id"].as_str().unwrap());
    server.patch(&path, json!([{"op": "remove", "path": "name"}, {"op": "remove", "path": "emails"}])).await;
}

async fn names(server: &Server, path: &str) -> Vec<String> {
    let (status, page) = server.get(path).await;
    assert_eq!(status, 200, "{path}: {page}");
    let name =
        |resource: &Value| resource["userName"].as_str().or(resource["displayName"].as_str()).unwrap().to_owned();
    page["Resources"].as_array().unwrap().iter().map(name).filter(|name| !name.starts_with("olga")).collect()
}

/// §3.4.2.2
async fn filters(server: Server) {
    people(&server).await;
    let ann = server.find("/Users", "userName eq \"ann\"").await[0].clone();
    let at = |name: &str| ann["meta"][name].as_str().unwrap().to_owned();
    let cases: Vec<(String, &str)> = [
        // Operators, whose names and whose attributes' names are case-insensitive.
        ("userName eq \"bob\"", "Bob"),
        ("USERNAME EQ \"BOB\"", "Bob"),
        ("userName ne \"bob\"", "ann cid"),
        ("userName co \"N\"", "ann"),
        ("userName sw \"a\"", "ann"),
        ("userName ew \"B\"", "Bob"),
        ("userName gt \"ann\" and userName lt \"d\"", "Bob cid"),
        ("userName ge \"ann\" and userName le \"bob\"", "ann Bob"),
        ("title pr", "ann Bob"),
        ("name pr", "ann Bob"),
        ("emails pr", "ann Bob"),
        ("emails.display pr", ""),
        ("not (title pr)", "cid"),
        // caseExact decides.
        ("externalId eq \"Ext-1\"", "ann"),
        ("externalId eq \"ext-1\"", ""),
        ("profileUrl eq \"https://x.example/ann\"", ""),
        ("title eq \"BOSS\"", "Bob"),
        // Escapes of JSON strings.
        (r#"title eq "boss \"a\"""#, "ann"),
        (r#"userName eq "\u0061nn""#, "ann"),
        // "Any of the values" of a multi-valued attribute; the same value within brackets.
        ("emails.value co \"home\"", "ann Bob"),
        ("emails co \"ann@\"", "ann"),
        ("emails.type eq \"home\" and emails.value sw \"bob\"", "Bob"),
        ("emails[type eq \"home\" and value sw \"bob\"]", ""),
        ("emails[type eq \"home\" and (value sw \"ann\" or value sw \"aaa\")]", "ann Bob"),
        ("emails[primary eq true]", "ann"),
        ("emails[not (type eq \"work\")] and active eq false", "Bob"),
        // not, then and, then or; grouping.
        ("userName eq \"ann\" or userName eq \"bob\" and title eq \"x\"", "ann"),
        ("(userName eq \"ann\" or userName eq \"bob\") and title eq \"boss\"", "Bob"),
        ("not (userName eq \"ann\") and title pr", "Bob"),
        ("not (userName eq \"ann\" or userName eq \"bob\")", "cid"),
        // URN prefixes, extensions.
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"ann\"", "ann"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"sales\"", "Bob"),
        ("URN:IETF:params:scim:schemas:extension:enterprise:2.0:user:employeeNumber pr", "ann"),
        // Booleans; an attribute with a default has it (the value that was returned).
        ("active eq false", "Bob"),
        ("active eq true", "ann cid"),
        ("active ne true", "Bob"),
        // Common attributes.
        (&format!("schemas eq \"{ENTERPRISE}\""), "ann Bob"),
        (&format!("schemas eq \"{USER}\""), "ann Bob cid"),
        ("meta.resourceType eq \"User\"", "ann Bob cid"),
        ("meta.resourceType eq \"Group\"", ""),
        (&format!("id eq \"{}\"", ann["id"].as_str().unwrap()), "ann"),
        ("id eq \"nothing\"", ""),
        (&format!("meta.created ge \"{}\" and meta.created le \"{0}\"", at("created")), "ann"),
        (&format!("meta.version eq {}", json!(ann["meta"]["version"])), "ann Bob cid"),
        ("meta.lastModified gt \"2011-05-13T04:42:34Z\"", "ann Bob cid"),
        ("meta.lastModified lt \"2011-05-13T04:42:34+02:00\"", ""),
        ("userType eq null", "ann Bob"),
        ("groups pr", ""),
    ]
    .into_iter()
    .map(|(filter, expected)| (filter.to_owned(), expected))
    .collect();
    for (filter, expected) in cases {
        let query: String = url(&filter);
        assert_eq!(names(&server, &format!("/Users?filter={query}")).await.join(" "), expected, "{filter}");
    }
}

fn url(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// §3.4.2.2: "Providers MUST decline to filter results if the specified filter operation is not recognized".
async fn refusals(server: Server) {
    for filter in [
        "userName regex \"x\"",
        "userName",
        "userName eq",
        "eq \"x\"",
        "userName eq \"x\" and",
        "(userName eq \"x\"",
        "userName eq \"x\")",
        "userName eq \"x",
        "emails[type eq \"x\"",
        "emails[nothing eq \"x\"]",
        "userName[a eq \"b\"]",
        "nothing eq \"x\"",
        "name.nothing pr",
        "active gt true",
        "active ge true",
        "active lt false",
        "active co true",
        "x509Certificates.value gt \"x\"",
        "meta.created co \"2011\"",
        "meta.created eq \"yesterday\"",
        "active eq \"maybe\"",
        "name eq \"x\"",
        "password eq \"x\"",
        "password pr",
        "not userName eq \"x\"",
        "userName eq \"a\" userName eq \"b\"",
    ] {
        refused(&server, Method::GET, &format!("/Users?filter={}", url(filter)), None, 400, Some("invalidFilter"))
            .await;
        let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
        refused(&server, Method::POST, "/Users/.search", Some(&search), 400, Some("invalidFilter")).await;
    }
    refused(&server, Method::GET, "/?filter=nothing%20pr", None, 400, Some("invalidFilter")).await;
}

/// §3.4.2.3
async fn sorting(server: Server) {
    people(&server).await;
    for (query, expected) in [
        ("sortBy=userName", "ann Bob cid"),
        ("sortBy=USERNAME&sortOrder=ascending", "ann Bob cid"),
        ("sortBy=userName&sortOrder=descending", "cid Bob ann"),
        // Missing values last when ascending, first when descending.
        ("sortBy=name.familyName", "Bob ann cid"),
        ("sortBy=name.familyName&sortOrder=descending&filter=userName%20ne%20%22olga@acme.example%22", "cid ann Bob"),
        // The primary value, else the first: ann@home, bob@work.
        ("sortBy=emails.value", "ann Bob cid"),
        ("sortBy=emails&sortOrder=descending&filter=emails%20pr", "Bob ann"),
        (
            "sortBy=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department&sortOrder=descending&filter=title%20pr",
            "Bob ann",
        ),
        ("sortBy=meta.created&sortOrder=descending", "cid Bob ann"),
        ("sortBy=externalId", "ann Bob cid"),
    ] {
        assert_eq!(names(&server, &format!("/Users?{query}")).await.join(" "), expected, "{query}");
    }
    assert_eq!(names(&server, "/Users?sortBy=userName&startIndex=2&count=1").await, ["Bob"]);
}

/// §3.4.2.4
async fn paging(server: Server) {
    people(&server).await;
    for (query, start_index, found) in [
        ("", 1, 4),
        ("startIndex=0", 1, 4),
        ("startIndex=-5&count=2", 1, 2),
        ("startIndex=4", 4, 1),
        ("startIndex=5", 5, 0),
        ("startIndex=1000", 1000, 0),
        ("count=0", 1, 0),
        ("count=-1", 1, 0),
        ("count=100000", 1, 4),
        ("unknown=1&count=3&filter=", 1, 3),
    ] {
        let (status, page) = server.get(&format!("/Users?{query}")).await;
        assert_eq!(status, 200, "{query}");
        assert_eq!(page["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
        assert_eq!(page["totalResults"], 4, "{query}");
        assert_eq!((&page["startIndex"], &page["itemsPerPage"]), (&json!(start_index), &json!(found)), "{query}");
        assert_eq!(page["Resources"].as_array().unwrap().len(), found, "{query}");
    }
    let (status, none) = server.get("/Users?filter=userName%20eq%20%22nobody%22").await;
    assert_eq!((status.as_u16(), &none["totalResults"]), (200, &json!(0)), "a query without matches is a success");
    for query in ["count=x", "startIndex=x"] {
        refused(&server, Method::GET, &format!("/Users?{query}"), None, 400, Some("invalidValue")).await;
    }
}

/// §3.4.2.1, §3.4.3
async fn root_and_search(server: Server) {
    people(&server).await;
    for name in ["ann", "Dev", "ops"] {
        created(&server, "/Groups", &json!({"schemas": [GROUP], "displayName": name})).await;
    }
    for (query, expected) in [
        ("", "ann Bob cid ann Dev ops"),
        ("filter=meta.resourceType eq \"Group\"", "ann Dev ops"),
        ("filter=(meta.resourceType eq \"User\") or (meta.resourceType eq \"Group\")", "ann Bob cid ann Dev ops"),
        // "For filtered attributes that are not part of a particular resource type, … as if there is no attribute value."
        ("filter=userName eq \"ann\"", "ann"),
        ("filter=userName eq \"bob\" or displayName eq \"dev\"", "Bob Dev"),
        ("filter=userName pr and displayName pr", ""),
        ("filter=not (userName pr)", "ann Dev ops"),
        ("filter=active eq true", "ann cid"),
        ("filter=emails[type eq \"work\"] or displayName sw \"o\"", "ann Bob ops"),
        ("filter=members.value eq \"x\" or userName eq \"cid\"", "cid"),
        ("filter=userName eq null", "ann Dev ops"),
        ("sortBy=displayName&filter=displayName pr", "ann Dev ops"),
        ("sortBy=meta.created&sortOrder=descending&count=2", "ops Dev"),
        (
            "sortBy=displayName&sortOrder=descending&startIndex=2&count=2&filter=displayName pr and not (userName pr)",
            "Dev ann",
        ),
    ] {
        let encoded = match query.split_once("filter=") {
            Some((before, filter)) => format!("{before}filter={}", url(filter)),
            None => query.to_owned(),
        };
        assert_eq!(names(&server, &format!("/?{encoded}")).await.join(" "), expected, "{query}");
    }
    // Pages run through both types.
    let mut seen = Vec::new();
    for start in [1, 3, 5, 7] {
        let (_, page) = server.get(&format!("/?startIndex={start}&count=2")).await;
        assert_eq!((&page["totalResults"], &page["startIndex"]), (&json!(7), &json!(start)));
        seen.extend(page["Resources"].as_array().unwrap().iter().map(|resource| resource["id"].clone()));
    }
    let (_, all) = server.get("/").await;
    let ids: Vec<Value> = all["Resources"].as_array().unwrap().iter().map(|resource| resource["id"].clone()).collect();
    assert_eq!(seen, ids);
    // POST .search says the same as GET, with the parameters in its body.
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]);
    for (endpoint, search, total, names) in [
        (
            "/.search",
            json!({"filter": "displayName eq \"dev\" or userName eq \"bob\"", "attributes": ["displayName", "userName"]}),
            2,
            "Bob Dev",
        ),
        (
            "/Users/.search",
            json!({"sortBy": "userName", "sortOrder": "descending", "startIndex": 2, "count": 1, "filter": "title pr"}),
            2,
            "ann",
        ),
        ("/Groups/.search", json!({"count": 0}), 3, ""),
        ("/Groups/.search", json!({"excludedAttributes": ["meta"], "startIndex": 3}), 3, "ops"),
    ] {
        let mut body = search.clone();
        body["schemas"] = schemas.clone();
        let (status, page) = server.post(endpoint, &body).await;
        assert_eq!((status.as_u16(), &page["totalResults"]), (200, &json!(total)), "{search}: {page}");
        let found = page["Resources"].as_array().unwrap();
        let name =
            |resource: &Value| resource["userName"].as_str().or(resource["displayName"].as_str()).unwrap().to_owned();
        assert_eq!(found.iter().map(name).collect::<Vec<_>>().join(" "), names, "{search}");
        if search.get("attributes").is_some() || search.get("excludedAttributes").is_some() {
            assert!(found.iter().all(|resource| resource.get("meta").is_none()), "{page}");
        }
    }
    for body in [json!({"schemas": ["urn:x"]}), json!([])] {
        refused(&server, Method::POST, "/.search", Some(&body), 400, Some("invalidSyntax")).await;
    }
    for body in
        [json!({"count": "x"}), json!({"startIndex": []}), json!({"attributes": ["a"], "excludedAttributes": ["b"]})]
    {
        refused(&server, Method::POST, "/Users/.search", Some(&body), 400, Some("invalidValue")).await;
    }
}
