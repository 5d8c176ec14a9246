//! The stand-in identity provider: an ordinary SCIM client on an ordinary connection.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

pub(super) struct Provider {
    client: Client,
    base: String,
    token: String,
}

/// One call and what came of it.
pub(super) struct Call {
    pub method: Method,
    pub path: String,
    pub status: StatusCode,
    pub took: Duration,
    /// `null` where the answer has no body.
    pub answer: Value,
}

impl Provider {
    pub(super) fn new(public_url: &str, token: &str) -> Result<Self, String> {
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| format!("the stand-in identity provider cannot start: {error}"))?;
        Ok(Self { client, base: format!("{public_url}/scim/v2"), token: token.to_owned() })
    }

    /// Sends one request and waits for its answer.
    pub(super) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Call, String> {
        let failed = |error: reqwest::Error| format!("{method} {path}: {error}");
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/scim+json").body(body.to_string());
        }
        let started = Instant::now();
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let text = response.text().await.map_err(failed)?;
        let took = started.elapsed();
        let answer = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).map_err(|error| format!("{method} {path}: the answer is not JSON: {error}"))?
        };
        Ok(Call { method, path: path.to_owned(), status, took, answer })
    }
}
