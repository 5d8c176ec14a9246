//! What is said of a token's last use, and how many requests of an organization run at once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use diesel::sql_types::BigInt;
use headcount::clock::{Clock as _, SystemClock};
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database, user};

on_each_database!(last_use, concurrency, what_is_remembered_lets_nobody_in, what_is_presumed_is_proven);

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

/// A process that knows a token from a moment ago does what the database says of it now.
async fn what_is_remembered_lets_nobody_in(server: Server) {
    for name in ["a", "b", "c"] {
        server.user(name).await;
    }
    let path = format!("/Users/{}", server.user("ann").await);
    assert_eq!(server.get(&path).await.0, 200);
    let title = || json!([{"op": "replace", "path": "title", "value": "Boss"}]);
    assert_eq!(server.patch(&path, title()).await.0, 200);
    server.command(&["provisioning-token", "revoke", "--organization", "acme", "--token", "test", "--json"]);
    assert_eq!(server.get(&path).await.0, 401);
    assert_eq!(server.post("/Users", &user("bob")).await.0, 401);
    assert_eq!(server.patch(&path, json!([{"op": "remove", "path": "title"}])).await.0, 401);
    assert_eq!(server.send(Method::DELETE, &path, None).await.0, 401);
    let users = Sql::new("SELECT users FROM organization_usage").first::<BigInt, i64>(&mut server.database());
    assert_eq!(users.unwrap(), Some(5), "the owner and four");
}

/// What a push of new Users lets expect of the next one is checked: who is there already, seats, schemas.
async fn what_is_presumed_is_proven(server: Server) {
    let create = async |body: Value| server.post("/Users", &body).await;
    let owner = server.find("/Users", "userName eq \"olga@acme.example\"").await.remove(0);
    for name in ["a", "b", "c"] {
        assert_eq!(create(user(name)).await.0, 201);
    }
    assert_eq!(create(user("a")).await.0, 409, "the same userName");
    assert_eq!(create(user("d")).await.0, 201);
    assert_eq!(create(user("e")).await.0, 201);
    let (status, adopted) = create(json!({"userName": "olga", "emails": [{"value": "olga@acme.example"}]})).await;
    assert_eq!((status.as_u16(), &adopted["id"]), (201, &owner["id"]), "the same address");
    assert_eq!(create(user("f")).await.0, 201);
    server.command(&["organization", "set", "--organization", "acme", "--seats", "7", "--json"]);
    assert_eq!(create(user("g")).await.0, 403, "no seat is left");
    server.command(&["organization", "set", "--organization", "acme", "--seat-policy", "waitlist", "--json"]);
    let (status, waiting) = create(user("g")).await;
    assert_eq!((status.as_u16(), &waiting["active"]), (201, &json!(false)));
    let ledger = server.command(&["organization", "show", "--organization", "acme", "--json"]);
    let counts = ["seats_used", "waiting", "users"].map(|name| ledger[name].as_i64());
    assert_eq!(counts, [Some(7), Some(1), Some(8)]);
}
