//! What is said of a token's last use, and how many requests of an organization run at once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use headcount::clock::{Clock as _, SystemClock};
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::Value;

use crate::support::{Server, on_each_database};

on_each_database!(last_use, concurrency);

/// When the test's token was last used, once that is written; it is written behind the answer.
async fn used(server: &Server, after: Option<&str>) -> String {
    for _ in 0..500 {
        assert_eq!(server.get("/Users?count=1").await.0, 200);
        let tokens = server.command(&["provisioning-token", "list", "--organization", "acme", "--json"]);
        if let Some(at) = tokens[0]["last_used_at"].as_str()
            && after.is_none_or(|after| at > after)
        {
            return at.to_owned();
        }
    }
    panic!("the use of the token was not written");
}

async fn last_use(server: Server) {
    let first = used(&server, None).await;
    let before = SystemClock.now().plus_seconds(-3_600);
    // What was an hour ago is written anew; the server has noted the first use, so it starts again.
    let mut server = server;
    server.restart(&[]).await;
    let sql = Sql::new("UPDATE provisioning_tokens SET last_used_at = ?").bind(before.0);
    sql.execute(&mut server.database()).unwrap();
    let second = used(&server, Some(&before.to_string())).await;
    assert!(second >= first, "{second} is before {first}");
}

async fn concurrency(server: Server) {
    let mut server = server;
    server.restart(&[("HEADCOUNT_SCIM_CONCURRENCY", "1")]).await;
    // Known from here on, so the next requests count for the organization and not for their token.
    assert_eq!(server.get("/Users").await.0, 200);
    let created =
        server.command(&["provisioning-token", "create", "--organization", "acme", "--name", "second", "--json"]);
    let second = created["token"].as_str().unwrap();
    let mut slow = TcpStream::connect(&server.listen).unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/scim+json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
        server.listen, server.token
    );
    slow.write_all(head.as_bytes()).unwrap();
    // Asked for its body, the slow request has the one place there is.
    let mut answer = [0; 16];
    slow.read_exact(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&answer));
    let refused = until(&server, 429).await;
    assert_eq!(refused.headers()["retry-after"], "1");
    let body: Value = refused.json().await.unwrap();
    assert_eq!((&body["status"], body.get("scimType")), (&Value::from("429"), None));
    assert_eq!(server.as_bearer(second, "/Users").await.0, 200, "a token nobody has seen yet has its own place");
    assert_eq!(server.as_bearer(second, "/Users").await.0, 429, "and from then on its organization's");
    drop(slow);
    until(&server, 200).await;
}

async fn until(server: &Server, status: u16) -> reqwest::Response {
    for _ in 0..2_000 {
        let response = server.request(Method::GET, "/Users").send().await.unwrap();
        if response.status() == status {
            return response;
        }
    }
    panic!("never {status}");
}
