//! What is wrong is told as a SCIM Error of the right status, and nothing is stored.

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Server, on_each_database};

on_each_database!(bodies, addresses_and_methods, addresses_as_bytes, bodies_as_bytes, no_requests);

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

/// What comes back for bytes that no client library would send: the status and the body.
async fn raw(server: &Server, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(&server.listen).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
    (head[9..12].parse().unwrap(), body.to_owned())
}

fn assert_scim_error(what: &str, status: u16, body: &str, expected: u16) {
    assert_eq!(status, expected, "{what}: {body}");
    let error: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{what}: no JSON: {body}"));
    assert_eq!(error["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error", "{what}: {error}");
    assert_eq!(error["status"], expected.to_string(), "{what}: {error}");
    assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{what}: {error}");
}

async fn assert_nothing_stored(server: &Server) {
    assert_eq!(server.get("/Users?count=0").await.1["totalResults"], 1, "a User was stored");
    assert_eq!(server.get("/Groups?count=0").await.1["totalResults"], 0, "a Group was stored");
}

/// Addresses and queries as bytes: no client library encodes these.
async fn addresses_as_bytes(server: Server) {
    let ask = async |method: &str, target: &str| {
        let request = format!(
            "{method} /scim/v2{target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            server.token
        );
        raw(&server, request.as_bytes()).await
    };
    let deep = format!("/Users?filter={}userName%20pr{}", "(".repeat(5_000), ")".repeat(5_000));
    let nots = format!("/Users?filter={}userName%20pr{}", "not%20(".repeat(1_000), ")".repeat(1_000));
    let many = format!("/Users?filter=userName%20pr{}", "%20or%20userName%20pr".repeat(500));
    let long = format!("/Users?filter={}", "a".repeat(40_000));
    for (method, target, expected) in [
        ("GET", "/Users/%ff%fe", 404),
        ("GET", "/Users/%00", 404),
        ("GET", "/Users/%2e%2e/%2e%2e/etc", 404),
        ("GET", "/%55sers%2f1", 404),
        ("GET", "/Users?filter=userName%20eq%20%22a%00b", 400),
        ("GET", "/Users?filter=userName%20eq%20%22a", 400),
        ("GET", "/Users?filter=userName%20eq%20%22%5Cud800%22", 400),
        ("GET", "/Users?filter=userName", 400),
        ("GET", "/Users?filter=nothing%20eq%201", 400),
        ("GET", "/Users?filter=%28", 400),
        ("GET", &deep, 400),
        ("GET", &nots, 400),
        ("GET", &many, 400),
        ("GET", &long, 414),
        ("GET", "/Users?count=99999999999999999999", 400),
        ("GET", "/Users?startIndex=1e3", 400),
        ("GET", "/Users?cursor=%00", 400),
        ("OPTIONS", "/Users", 405),
        ("TRACE", "/Users", 405),
        ("FROB", "/Users", 405),
        ("PUT", "/Users", 405),
        ("PATCH", "/Groups", 405),
    ] {
        let (status, body) = ask(method, target).await;
        assert_scim_error(&format!("{method} {}", &target[..target.len().min(60)]), status, &body, expected);
    }
    assert_nothing_stored(&server).await;
}

/// What is no HTTP request, or one whose head is larger than any, is refused before there is an
/// address to be answered as SCIM: by its status alone.
async fn no_requests(server: Server) {
    let head = format!("GET /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n", server.token);
    for (request, expected) in [
        ("\0\0\0\0\r\n\r\n".to_owned(), 400),
        ("GET /scim/v2/Users HTTP/9.9\r\n\r\n".into(), 400),
        (format!("GET /scim/v2/Users?{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(70_000)), 400),
        (format!("{head}X-Long: {}\r\n\r\n", "a".repeat(200_000)), 431),
        (format!("{head}{}\r\n", "X-Many: a\r\n".repeat(200)), 431),
        (format!("{head}Content-Length: 1\r\nContent-Length: 2\r\n\r\na"), 400),
        (format!("{head}Content-Length: -1\r\n\r\n"), 400),
        (format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"), 400),
    ] {
        let (status, body) = raw(&server, request.as_bytes()).await;
        assert_eq!((status, body.as_str()), (expected, ""), "{}", &request[..request.len().min(150)]);
    }
    assert_nothing_stored(&server).await;
}

/// Bodies of every kind of request whose syntax or types are wrong.
async fn bodies_as_bytes(server: Server) {
    let chunked = {
        let chunk = format!("{:x}\r\n{}\r\n", 1_000_000, " ".repeat(1_000_000));
        format!("{}0\r\n\r\n", chunk.repeat(10))
    };
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/scim+json\r\nConnection: close\r\n",
        server.token
    );
    let (status, body) = raw(&server, format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunked}").as_bytes()).await;
    assert_scim_error("10 MB in chunks", status, &body, 413);
    let (status, body) = raw(&server, format!("{head}Content-Length: 999999999999\r\n\r\n").as_bytes()).await;
    assert_scim_error("a length beyond the limit", status, &body, 413);
    let objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    for (method, path, body, expected) in [
        ("POST", "/Users", objects.as_str(), 400),
        ("POST", "/Users", r#"{"userName":"\ud800"}"#, 400),
        ("POST", "/Users", r#"{"userName":"\ud800\ud800"}"#, 400),
        ("POST", "/Users", r#"{"userName":"a","x":1e999}"#, 400),
        ("POST", "/Users", r#"{"userName":"a","x":-}"#, 400),
        ("POST", "/Users", r#"{"userName":"a"} {"userName":"b"}"#, 400),
        ("POST", "/Users", "{'userName':'a'}", 400),
        ("POST", "/Users", r#"{"userName":"a","name":[]}"#, 400),
        ("POST", "/Users", r#"{"userName":"a","active":"perhaps"}"#, 400),
        ("POST", "/Users", r#"{"userName":["a"]}"#, 400),
        ("POST", "/Users", "null", 400),
        ("POST", "/Users", r#"{"userName":"a","userName":"b"}"#, 400),
        ("POST", "/Users", r#"{"userName":"a","USERNAME":"b"}"#, 400),
        ("POST", "/Groups", r#"{"displayName":"a","members":[],"Members":[]}"#, 400),
        ("POST", "/.search", r#"{"filter":"userName pr","FILTER":"id pr"}"#, 400),
        ("POST", "/Users", "", 400),
        ("POST", "/Groups", r#"{"displayName":{}}"#, 400),
        ("POST", "/Groups", r#"{"displayName":"a\u0000"}"#, 400),
        ("POST", "/.search", r#"{"filter":{}}"#, 400),
        ("POST", "/.search", r#"{"count":"many"}"#, 400),
        ("POST", "/Users/.search", "[]", 400),
        ("POST", "/Bulk", r#"{"Operations":{}}"#, 400),
        ("POST", "/Bulk", "[]", 400),
        ("PATCH", "OWNER", r#"{"Operations":{}}"#, 400),
        ("PATCH", "OWNER", r#"{"Operations":[1]}"#, 400),
        ("PATCH", "OWNER", r#"{"Operations":[{"op":1}]}"#, 400),
        ("PATCH", "OWNER", r#"{"Operations":[{"op":"replace","path":1,"value":1}]}"#, 400),
        ("PATCH", "OWNER", r#"{"Operations":[{"op":"replace","path":"title","value":{"a":1}}]}"#, 400),
        ("PATCH", "OWNER", r#"{"Operations":[{"op":"replace","path":"no.such","value":"a"}]}"#, 400),
        ("PATCH", "OWNER", r#"{"Operations":[{"op":"replace","path":"title","value":"a\u0000"}]}"#, 400),
        ("PATCH", "OWNER", r#"{"Operations":[{"op":"replace","Op":"remove","path":"title","value":"a"}]}"#, 400),
        ("PUT", "OWNER", r#"{"userName":"olga@acme.example","title":"a","Title":"b"}"#, 400),
        ("PUT", "OWNER", "[]", 400),
    ] {
        let owner = server.find("/Users", "userName eq \"olga@acme.example\"").await.remove(0);
        let path = path.replace("OWNER", &format!("/Users/{}", owner["id"].as_str().unwrap()));
        let request = server.request(method.parse().unwrap(), &path).header("content-type", "application/scim+json");
        // A connection of its own: one that was refused early may be closing.
        let response = request.header("connection", "close").body(body.to_owned()).send().await.unwrap();
        let status = response.status().as_u16();
        let what = format!("{method} {path} {}", &body[..body.len().min(80)]);
        assert_scim_error(&what, status, &response.text().await.unwrap(), expected);
        let now = server.find("/Users", "userName eq \"olga@acme.example\"").await.remove(0);
        assert_eq!(now["meta"]["version"], owner["meta"]["version"], "{what}: something was changed");
    }
    assert_nothing_stored(&server).await;
}
