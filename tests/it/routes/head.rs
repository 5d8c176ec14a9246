//! HEAD at each address that is read by GET.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use reqwest::Method;

use super::every_row;
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(head_is_get_without_its_body);

/// What is asked by HEAD is answered as by GET, without the body (RFC 9110 §9.1, §9.3.2).
async fn head_is_get_without_its_body(database: Database) {
    let place = Clocked::open(database, &[("limits.sign_in", "0")]);
    let (owner, answer) = place.sign_in(&crate::sign_in::person("owner")).await;
    assert_eq!(answer.status, 303);
    let token = place.house.token.clone();
    let resources =
        ["/ServiceProviderConfig", "/Users", "/Groups", "/Me", "/Nothing"].map(|path| format!("/scim/v2{path}"));
    let rows = every_row().into_iter().filter(|row| row.method == "get").map(|row| row.path);
    for path in rows.chain(resources) {
        let shape = |request: reqwest::RequestBuilder| {
            if path.starts_with("/scim") { request.bearer_auth(&token) } else { request }
        };
        // A browser that is known already: who is new is given a cookie once.
        let stranger = place.browser();
        stranger.get("/sign-in").await;
        for browser in [&stranger, &owner] {
            let get = browser.send(Method::GET, &path, shape).await;
            let head = browser.send(Method::HEAD, &path, shape).await;
            assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
            let told = |answer: &crate::sign_in::browser::Answer| -> BTreeSet<(String, String)> {
                let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), format!("{value:?}")));
                // Another one each time.
                let once = ["date", "x-request-id", "location"];
                headers
                    .map(
                        |(name, value)| {
                            if once.contains(&name.as_str()) { (name, String::new()) } else { (name, value) }
                        },
                    )
                    .collect()
            };
            assert_eq!(told(&head), told(&get), "{path}");
        }
    }
    assert_eq!(owner.send(Method::HEAD, "/sign-out", |request| request).await.status, 405, "it is no GET");
    assert_eq!(owner.me().await.0, 200);
    // Nothing follows the headers.
    let address = place.browser().home().trim_start_matches("http://").to_owned();
    let wire = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        stream.write_all(b"HEAD /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let wire = wire.await.unwrap();
    assert!(wire.starts_with("HTTP/1.1 200") && wire.ends_with("\r\n\r\n"), "{wire}");
}
