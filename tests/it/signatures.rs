//! A token that wants Descope's signature is taken with the right one only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use ring::hmac;
use serde_json::Value;

use crate::support::{Server, headcount, on_each_database, user};

on_each_database!(signatures);

fn sign(secret: &str, message: &[u8]) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message))
}

async fn signatures(server: Server) {
    let file = server.directory.join("secret");
    std::fs::write(&file, "s3cret\n").unwrap();
    let output = headcount()
        .args(["provisioning-token", "create", "--organization", "acme", "--name", "descope", "--json"])
        .args(["--database-url", &server.url, "--descope-signing-secret-file", file.to_str().unwrap()])
        .env("HEADCOUNT_KEYS_DIRECTORY", &server.directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let created: Value = serde_json::from_slice(&output.stdout).unwrap();
    let send = async |method: Method, path: &str, body: &str, signature: Option<String>| {
        let mut request =
            reqwest::Client::builder().no_proxy().build().unwrap().request(method, format!("{}{path}", server.base));
        request = request.bearer_auth(created["token"].as_str().unwrap()).body(body.to_owned());
        if let Some(signature) = signature {
            request = request.header("x-descope-webhook-s256", signature);
        }
        request.header("content-type", "application/scim+json").send().await.unwrap().status().as_u16()
    };
    for (number, form) in ["raw", "base64", "compact"].into_iter().enumerate() {
        let compact = user(&format!("u{number}")).to_string();
        let body = compact.replacen('{', "{ ", 1);
        let message = match form {
            "raw" => body.clone().into_bytes(),
            "base64" => STANDARD.encode(&body).into_bytes(),
            _ => compact.into_bytes(),
        };
        assert_eq!(send(Method::POST, "/Users", &body, None).await, 401, "{form}");
        assert_eq!(send(Method::POST, "/Users", &body, Some(sign("other", &message))).await, 401, "{form}");
        let right = sign("s3cret", &message);
        assert_eq!(
            send(Method::POST, "/Users", &body.replace("Test", "Best"), Some(right.clone())).await,
            401,
            "{form}"
        );
        assert_eq!(send(Method::POST, "/Users", &body, Some(right)).await, 201, "{form}");
    }
    assert_eq!(send(Method::GET, "/Users", "", None).await, 401);
    assert_eq!(send(Method::GET, "/Users", "", Some("no base64!".into())).await, 401);
    assert_eq!(send(Method::GET, "/Users", "", Some(sign("s3cret", b""))).await, 200);
    let search = "{\"filter\":\"userName pr\"}";
    assert_eq!(send(Method::POST, "/Users/.search", search, Some(sign("s3cret", search.as_bytes()))).await, 200);
    let bulk = "{\"Operations\":[{\"method\":\"DELETE\",\"path\":\"/Users/1\"}]}";
    assert_eq!(send(Method::POST, "/Bulk", bulk, Some(sign("s3cret", bulk.as_bytes()))).await, 200);
    assert_eq!(send(Method::POST, "/Bulk", bulk, Some(sign("s3cret", b""))).await, 401);
    assert_eq!(server.get("/Users").await.0, 200, "other tokens need no signature");
}
