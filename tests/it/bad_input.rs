//! What is wrong is told as a SCIM Error of the right status, and nothing is stored.

use reqwest::Method;
use serde_json::Value;

use crate::support::{Server, on_each_database};

on_each_database!(bodies, addresses_and_methods);

async fn bodies(server: Server) {
    let deep = format!("{{\"userName\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let large = format!("{{\"userName\":\"{}\"}}", "a".repeat(10_000_000));
    let cases: [(&str, &[u8], u16); 10] = [
        ("application/scim+json", b"{", 400),
        ("application/scim+json", b"[]", 400),
        ("application/scim+json", b"{}", 400),
        ("application/scim+json", b"{\"userName\":1}", 400),
        ("application/scim+json", b"{\"userName\":\"a\\u0000b\"}", 400),
        ("application/scim+json", b"{\"userName\":\"\xff\"}", 400),
        ("application/scim+json", b"{\"schemas\":[\"urn:x\"],\"userName\":\"a\"}", 400),
        ("text/plain", b"{\"userName\":\"a\"}", 415),
        ("application/scim+json", deep.as_bytes(), 400),
        ("application/scim+json", large.as_bytes(), 413),
    ];
    for (media_type, body, expected) in cases {
        let response = server
            .request(Method::POST, "/Users")
            .header("content-type", media_type)
            .body(body.to_vec())
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        assert_eq!(status, expected, "{}", String::from_utf8_lossy(&body[..body.len().min(60)]));
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
        assert_eq!(error["status"], expected.to_string());
    }
    assert_eq!(server.get("/Users?count=0").await.1["totalResults"], 1, "nothing was stored");
}

async fn addresses_and_methods(server: Server) {
    for (method, path, expected) in [
        (Method::GET, "/Nothing", 404),
        (Method::GET, "/Users/..%2f..%2fetc", 404),
        (Method::GET, "/Users/%00", 404),
        (Method::DELETE, "/Users", 405),
        (Method::POST, "/ServiceProviderConfig", 405),
        (Method::GET, "/Me", 501),
        (Method::GET, "/Users?count=many", 400),
        (Method::GET, "/Schemas?filter=id%20pr", 403),
        (Method::GET, "/Users/", 200),
        (Method::GET, "/Users?aadOptscim062020&", 200),
    ] {
        let (status, body) = server.send(method.clone(), path, None).await;
        assert_eq!(status, expected, "{method} {path}: {body}");
    }
    let response = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .get(format!("{}/Users", server.base))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.headers().contains_key("www-authenticate"));
    server.command(&["provisioning-token", "revoke", "--organization", "acme", "--token", "test", "--json"]);
    let (status, refused) = server.get("/Users").await;
    assert_eq!(status, 401);
    assert!(refused["detail"].as_str().unwrap().contains("revoked"), "{refused}");
}
