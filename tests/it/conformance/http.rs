//! HTTP: methods, media types, authentication, entity tags, versions (RFC 7644 §2, §3.8, §3.12 to §3.14).

use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::{created, refused};
use crate::support::{Server, on_each_database, user};

on_each_database!(entity_tags, media_types, methods_and_paths, request_ids, authentication, states_of_the_organization);

/// RFC 7644 §3.14
async fn entity_tags(server: Server) {
    let (ann, path) = created(&server, "/Users", &user("ann")).await;
    let (_, group_path) =
        created(&server, "/Groups", &json!({"displayName": "Staff", "members": [{"value": ann["id"]}]})).await;
    // Membership is part of a User's representation.
    let before = ann["meta"]["version"].clone();
    let ann = server.get(&path).await.1;
    assert_ne!(ann["meta"]["version"], before, "who has become a member is not as known before");
    for path in [&path, &group_path] {
        // The group is another version once its member is deleted.
        let resource = server.get(path).await.1;
        let tag = resource["meta"]["version"].as_str().unwrap();
        let status = |method: Method, header: &'static str, value: String, body: Option<Value>| {
            let mut request = server.request(method, path).header(header, value);
            if let Some(body) = body {
                request = request.header("content-type", "application/scim+json").body(body.to_string());
            }
            async move { request.send().await.unwrap() }
        };
        let fresh = status(Method::GET, "if-none-match", "W/\"999\"".into(), None).await;
        assert_eq!((fresh.status().as_u16(), fresh.headers()["etag"].to_str().unwrap()), (200, tag));
        for known in [tag.to_owned(), format!("\"x\", {tag}"), "*".into()] {
            let known = status(Method::GET, "if-none-match", known, None).await;
            assert_eq!((known.status().as_u16(), known.headers()["etag"].to_str().unwrap()), (304, tag));
            assert!(known.text().await.unwrap().is_empty());
        }
        let name = if resource["userName"].is_null() { "displayName" } else { "userName" };
        let put = json!({name: resource[name], "externalId": "E"});
        let operations = json!({"Operations": [{"op": "replace", "path": "externalId", "value": "F"}]});
        for (method, body) in
            [(Method::PUT, Some(put.clone())), (Method::PATCH, Some(operations.clone())), (Method::DELETE, None)]
        {
            let refusal = status(method.clone(), "if-match", "W/\"999\"".into(), body).await;
            assert_eq!(refusal.status(), 412, "{method}");
            assert_eq!(refusal.json::<Value>().await.unwrap()["status"], "412");
        }
        let changed = status(Method::PUT, "if-match", tag.into(), Some(put)).await;
        assert_eq!(changed.status(), 200);
        let tag = changed.headers()["etag"].to_str().unwrap().to_owned();
        let body: Value = changed.json().await.unwrap();
        assert_eq!(body["meta"]["version"], tag.as_str());
        let patched = status(Method::PATCH, "if-match", tag.clone(), Some(operations)).await;
        assert!(patched.status().is_success());
        let next = patched.headers()["etag"].to_str().unwrap().to_owned();
        assert_ne!(next, tag);
        assert_eq!(server.get(path).await.1["meta"]["version"], next.as_str());
        assert_eq!(status(Method::DELETE, "if-match", tag, None).await.status(), 412);
        assert_eq!(status(Method::DELETE, "if-match", "*".into(), None).await.status(), 204);
    }
}

/// RFC 7644 §3.1, §3.8
async fn media_types(server: Server) {
    let (_, path) = created(&server, "/Users", &user("ann")).await;
    for accept in
        ["application/scim+json", "application/json", "*/*", "application/scim+json;q=0.9, text/html", "text/html"]
    {
        let response = server.request(Method::GET, &path).header("accept", accept).send().await.unwrap();
        assert_eq!(response.status(), 200, "{accept}");
        assert_eq!(response.headers()["content-type"], "application/scim+json", "{accept}");
    }
    // "or via URI suffix"
    assert_eq!(server.get(&format!("{path}.scim")).await.1, server.get(&path).await.1);
    for media_type in
        ["application/scim+json", "application/json; charset=utf-8", "Application/SCIM+JSON;charset=UTF-8"]
    {
        let body = json!({"Operations": [{"op": "replace", "path": "title", "value": media_type}]}).to_string();
        let response =
            server.request(Method::PATCH, &path).header("content-type", media_type).body(body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{media_type}");
    }
    // "implementations that parse JSON texts MAY ignore the presence of a byte order mark" (RFC 8259 §8.1).
    let body = format!("\u{feff}{}", user("bob"));
    let response = server.request(Method::POST, "/Users").header("content-type", "application/json").body(body);
    assert_eq!(response.send().await.unwrap().status(), 201);
    let response =
        server.request(Method::POST, "/Users").header("content-type", "text/xml").body("{}").send().await.unwrap();
    assert_eq!(response.status(), 415);
    assert_eq!(response.headers()["content-type"], "application/scim+json");
}

/// RFC 7644 §3.2, §3.11, §3.12, §3.13
async fn methods_and_paths(server: Server) {
    let (_, path) = created(&server, "/Users", &user("ann")).await;
    for (method, path, allow) in [
        (Method::DELETE, "/Users", "GET, HEAD, POST"),
        (Method::PATCH, "/Groups", "GET, HEAD, POST"),
        (Method::POST, path.as_str(), "GET, HEAD, PUT, PATCH, DELETE"),
        (Method::GET, "/Bulk", "POST"),
        (Method::GET, "/.search", "POST"),
        (Method::GET, "/Users/.search", "POST"),
        (Method::POST, "/Schemas", "GET, HEAD"),
    ] {
        let response = server.request(method.clone(), path).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &allow.parse().unwrap()),
            "{method} {path}"
        );
        assert_eq!(response.json::<Value>().await.unwrap()["status"], "405");
    }
    for path in ["/Users", path.as_str(), "/Schemas", "/ServiceProviderConfig"] {
        let get = server.request(Method::GET, path).send().await.unwrap();
        let head = server.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!(head.status(), 200, "{path}");
        for name in ["content-type", "etag", "content-length"] {
            assert_eq!(head.headers().get(name), get.headers().get(name), "{path} {name}");
        }
        assert!(head.text().await.unwrap().is_empty(), "{path}");
    }
    assert_eq!(server.request(Method::HEAD, "/Users/unknown").send().await.unwrap().status(), 404);
    for (path, status) in [("/Nothing", 404), ("/Users/unknown", 404), ("/Users/a/b", 404), ("/Me", 501)] {
        refused(&server, Method::GET, path, None, status, None).await;
    }
    // "service providers MUST perform the operation using the desired version or reject the request. When omitted, …
    // SHOULD perform the operation using the most recent SCIM protocol version".
    let bare = server.base.trim_end_matches("/v2").to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, status) in [("/Users", 200), ("/v1/Users", 400), ("/v3/Users", 400)] {
        let response = client.get(format!("{bare}{path}")).bearer_auth(&server.token).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        if status == 400 {
            assert_eq!(response.json::<Value>().await.unwrap()["scimType"], "invalidVers");
        }
    }
}

/// RFC 7644 §2, RFC 6750 §3
async fn authentication(server: Server) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (credential, expected) in [
        (None, "Bearer realm=\"scim\""),
        (Some("Basic YTpi"), "Bearer realm=\"scim\""),
        (Some("Bearer hcp_wrong"), "Bearer realm=\"scim\", error=\"invalid_token\""),
        (Some("Bearer "), "Bearer realm=\"scim\""),
    ] {
        for path in ["/Users", "/Users/unknown", "/Nothing", "/Schemas"] {
            let mut request = client.get(format!("{}{path}", server.base));
            if let Some(credential) = credential {
                request = request.header("authorization", credential);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401, "{credential:?} {path}");
            if !credential.is_some_and(|credential| credential.ends_with(' ')) {
                assert_eq!(response.headers()["www-authenticate"], expected, "{credential:?}");
            }
            let error: Value = response.json().await.unwrap();
            assert_eq!((error["status"].as_str(), error.get("scimType")), (Some("401"), None));
        }
        // Nobody unknown is told what is wrong with a body.
        let mut request = client.post(format!("{}/Users", server.base)).body("{");
        if let Some(credential) = credential {
            request = request.header("authorization", credential);
        }
        assert_eq!(request.send().await.unwrap().status(), 401, "{credential:?}");
    }
}

/// A client's own id of a request comes back if it can stand in a log line, else one of ours.
async fn request_ids(server: Server) {
    let longest = "a".repeat(128);
    for (given, is_echoed) in
        [("f3-17/a", true), (longest.as_str(), true), ("", false), ("a b", false), (&"a".repeat(129), false)]
    {
        for path in ["/Users", "/Nothing"] {
            let response = server.request(Method::GET, path).header("x-request-id", given).send().await.unwrap();
            let id = response.headers()["x-request-id"].to_str().unwrap();
            assert_eq!(id == given, is_echoed, "{given} came back as {id}");
            assert!(!id.is_empty() && id.len() <= 128, "{id}");
        }
    }
}

/// RFC 7644 §3.12, table 8: 403 for who is known and not allowed (product.md §2)
async fn states_of_the_organization(server: Server) {
    for (state, status) in [("pending_checkout", 403), ("past_due", 200), ("deleted", 401), ("active", 200)] {
        let set = Sql::new("UPDATE organizations SET state = ?").bind(state);
        assert_eq!(set.execute(&mut server.database()).unwrap(), 1);
        for path in ["/Users?count=0", "/Schemas", "/Groups?count=0"] {
            assert_eq!(server.get(path).await.0, status, "{state} {path}");
        }
    }
}
