//! Somebody who signs in: an ordinary browser that keeps cookies and follows one redirect at a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};
use serde_json::{Value, json};

use super::provider::Call;

pub(super) struct Browser {
    client: Client,
    public_url: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) fn new(public_url: &str) -> Result<Self, String> {
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| format!("a browser cannot start: {error}"))?;
        Ok(Self { client, public_url: public_url.to_owned(), cookies: BTreeMap::new() })
    }

    /// One click on a link of the identity provider's (OpenID Connect Core 1.0 §4): from here to the
    /// provider, and back with its answer, which is the call that is told of.
    pub(super) async fn sign_in(&mut self, issuer: &str, address: &str) -> Result<Call, String> {
        let parameters = [("iss", issuer), ("login_hint", address)];
        let start = Url::parse_with_params(&format!("{}/sign-in/initiate", self.public_url), parameters);
        let mut at = start.map_err(|error| format!("no address to sign in at: {error}"))?;
        for _ in 0..2 {
            let response = self.load(&at).await?;
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = location.ok_or_else(|| format!("{} leads nowhere: {}", at.path(), response.status()))?;
            at = at.join(next).map_err(|error| format!("{next}: {error}"))?;
        }
        self.call(&at).await
    }

    /// Looks at a page of ours.
    pub(super) async fn get(&mut self, path: &str) -> Result<Call, String> {
        let url = Url::parse(&format!("{}{path}", self.public_url)).map_err(|error| format!("{path}: {error}"))?;
        self.call(&url).await
    }

    async fn call(&mut self, url: &Url) -> Result<Call, String> {
        let started = Instant::now();
        let response = self.load(url).await?;
        let status = response.status();
        let text = response.text().await.map_err(|error| format!("{}: {error}", url.path()))?;
        let took = started.elapsed();
        let answer = serde_json::from_str(&text).unwrap_or_else(|_| told(&text));
        Ok(Call { method: Method::GET, path: url.path().to_owned(), status, took, answer })
    }

    async fn load(&mut self, url: &Url) -> Result<Response, String> {
        let ours = url.as_str().starts_with(&self.public_url);
        let mut request = self.client.get(url.clone());
        if ours {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, cookies.join("; "));
        }
        let response = request.send().await.map_err(|error| format!("{}: {error}", url.path()))?;
        if ours {
            let set = response.headers().get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
            let pairs = set.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
            self.cookies.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        Ok(response)
    }
}

/// What a page tells a person, in the shape of an error: the sentence below its title.
fn told(page: &str) -> Value {
    let sentence = page.split("</h1>").nth(1).and_then(|rest| rest.split("<p>").nth(1)?.split("</p>").next());
    sentence.map_or(Value::Null, |sentence| json!({"detail": sentence}))
}
