//! Requests to Stripe: no redirects, no proxy, bounded in time and size, nothing in the clear but on this machine.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::failure::{Failure, Kind, Result};

/// Bytes of an answer at most.
const MAX_BODY: usize = 1 << 20;
/// The shapes that are read; others of newer versions are understood as well.
const VERSION: &str = "2024-06-20";

/// Sends requests.
pub(super) struct Fetch {
    client: reqwest::Client,
    base: String,
    key: String,
}

/// The pairs of a form, in the order in which they are sent: a repeated call must be the same byte for byte.
pub(super) type Form<'a> = Vec<(&'a str, String)>;

impl Fetch {
    pub(super) fn new(base: &str, key: String, timeout: Duration) -> std::result::Result<Self, String> {
        let base = base.trim_end_matches('/').to_owned();
        let url =
            Url::parse(&base).map_err(|error| format!("billing.stripe.api_base = \"{base}\" is no URL: {error}"))?;
        if !is_safe(&url) {
            return Err(format!("billing.stripe.api_base = \"{base}\" is neither https nor on this machine"));
        }
        if HeaderValue::from_str(&format!("Bearer {key}")).is_err() {
            return Err("billing.stripe.secret_key has characters that no key has".to_owned());
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(timeout)
            .user_agent(concat!("headcount/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("requests to the payment provider cannot be made: {error}"))?;
        Ok(Self { client, base, key })
    }

    pub(super) async fn get(&self, path: &str, query: &Form<'_>) -> Result<Value> {
        self.send(Method::GET, path, query, None).await
    }

    pub(super) async fn post(&self, path: &str, form: &Form<'_>, idempotency_key: &str) -> Result<Value> {
        self.send(Method::POST, path, form, Some(idempotency_key)).await
    }

    pub(super) async fn delete(&self, path: &str, idempotency_key: &str) -> Result<Value> {
        self.send(Method::DELETE, path, &Vec::new(), Some(idempotency_key)).await
    }

    async fn send(&self, method: Method, path: &str, pairs: &Form<'_>, key: Option<&str>) -> Result<Value> {
        let what = format!("{method} {path}");
        let request = self.client.request(method.clone(), format!("{}{path}", self.base));
        let mut request = request.bearer_auth(&self.key).header("stripe-version", VERSION);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request = if method == Method::POST { request.form(pairs) } else { request.query(pairs) };
        let mut answer = request.send().await.map_err(|error| failed(&what, &error))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&what, &error))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Failure::new(Kind::Away, format_args!("{what}: more than {MAX_BODY} bytes came back")));
            }
            body.extend_from_slice(&chunk);
        }
        read(&what, answer.status(), &body)
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch").field("base", &self.base).finish_non_exhaustive()
    }
}

fn read(what: &str, status: StatusCode, body: &[u8]) -> Result<Value> {
    let json = serde_json::from_slice::<Value>(body);
    if status.is_success() {
        return json.map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            Failure::new(Kind::Away, format_args!("{what}: the answer is cut off or no JSON ({place})"))
        });
    }
    let error = json.unwrap_or_default();
    let text = |field: &str| error["error"][field].as_str().unwrap_or_default().to_owned();
    let kind = match status.as_u16() {
        402 => Kind::Declined,
        404 => Kind::Missing,
        // A key that is wrong is put right by the operator, and then the same again works. 409: the same is
        // being done at this moment.
        401 | 403 | 408 | 409 | 425 | 429 | 500.. => Kind::Away,
        _ if text("code") == "resource_missing" => Kind::Missing,
        _ => Kind::Refused,
    };
    // `message` of a refused key repeats a part of it.
    let message = if status.as_u16() == 401 { "the secret key is not taken".to_owned() } else { text("message") };
    Err(Failure::new(kind, format_args!("{what}: status {} {} {message}", status.as_u16(), text("code"))))
}

/// Whether the secret key may be sent there: over TLS, or not beyond this machine.
fn is_safe(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && local)
}

fn failed(what: &str, error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::new(Kind::Away, format_args!("{what}: it took too long"));
    }
    // The innermost cause says most.
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Failure::new(Kind::Away, format_args!("{what}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_nowhere_in_the_clear() {
        let new = |base: &str| Fetch::new(base, "sk_test_secret".into(), Duration::from_secs(1));
        for safe in ["https://api.stripe.com", "http://127.0.0.1:8420/", "http://[::1]:1", "http://localhost:1"] {
            assert!(new(safe).is_ok(), "{safe}");
        }
        for unsafe_base in
            ["http://api.stripe.com", "http://localhost.example", "ftp://127.0.0.1", "api.stripe.com", ""]
        {
            assert!(new(unsafe_base).unwrap_err().contains("billing.stripe.api_base"), "{unsafe_base}");
        }
        assert!(!format!("{:?}", new("https://api.stripe.com").unwrap()).contains("sk_test"));
        assert!(Fetch::new("https://a.example", "sk\n".into(), Duration::from_secs(1)).is_err());
    }

    #[test]
    fn a_failure_says_what_and_whether_to_try_again() {
        let of = |status: u16, body: &str| read("GET /v1/x", StatusCode::from_u16(status).unwrap(), body.as_bytes());
        for (status, body, kind) in [
            (200, "{\"id\": \"cus", Kind::Away),
            (401, "{\"error\": {\"message\": \"Invalid API Key provided: sk_test_1234\"}}", Kind::Away),
            (402, "{\"error\": {\"code\": \"card_declined\"}}", Kind::Declined),
            (404, "", Kind::Missing),
            (400, "{\"error\": {\"code\": \"resource_missing\"}}", Kind::Missing),
            (400, "{\"error\": {\"message\": \"no\\u0000 such\"}}", Kind::Refused),
            (429, "", Kind::Away),
            (409, "", Kind::Away),
            (503, "<html>", Kind::Away),
        ] {
            let failure = of(status, body).unwrap_err();
            assert_eq!(failure.kind, kind, "{status} {body}");
            assert!(failure.why.starts_with("GET /v1/x: ") && !failure.why.contains("sk_test"), "{}", failure.why);
            assert!(failure.why.chars().all(|c| !c.is_control()));
        }
        assert_eq!(of(200, "{\"id\": 1}").unwrap()["id"], 1);
    }
}
