//! Requests to the provider: no redirects, no proxy, bounded in time and size, nothing in the clear
//! but on this machine.

use std::net::IpAddr;
use std::time::Duration;

use openidconnect::http::header::{ACCEPT, AUTHORIZATION};
use openidconnect::http::{HeaderValue, Request, Response};
use openidconnect::url::{Host, Url};
use openidconnect::{AccessToken, HttpRequest, HttpResponse};
use serde::de::DeserializeOwned;

use super::failure::{Failure, Reason, Result, place};

/// Bytes of an answer at most.
const MAX_BODY: usize = 1 << 20;

/// Sends requests to the provider.
pub(super) struct Fetch {
    client: reqwest::Client,
}

impl Fetch {
    pub(super) fn new(timeout: Duration) -> std::result::Result<Self, String> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(timeout)
            .user_agent(concat!("headcount/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("requests to the identity provider cannot be made: {error}"))?;
        Ok(Self { client })
    }

    /// The JSON document at a URL. An answer that refuses is a failure for this reason, and so is a
    /// document that is no `T`.
    pub(super) async fn document<T: DeserializeOwned>(&self, url: &Url, malformed: Reason) -> Result<T> {
        let response = self.get(url, None, malformed).await?;
        read(url, &response, malformed)
    }

    /// The JSON document at a URL as the bearer of a token; `None` when it is refused (4xx).
    pub(super) async fn document_as<T: DeserializeOwned>(
        &self,
        url: &Url,
        bearer: &AccessToken,
        malformed: Reason,
    ) -> Result<Option<T>> {
        let response = self.get(url, Some(bearer), malformed).await?;
        if response.status().is_client_error() { Ok(None) } else { read(url, &response, malformed).map(Some) }
    }

    async fn get(&self, url: &Url, bearer: Option<&AccessToken>, malformed: Reason) -> Result<HttpResponse> {
        let mut request = Request::get(url.as_str()).header(ACCEPT, "application/json");
        if let Some(token) = bearer {
            // A token that cannot stand in a header is none.
            let value = HeaderValue::try_from(format!("Bearer {}", token.secret())).map_err(|_| malformed)?;
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Vec::new()).map_err(|error| Failure::new(malformed, error))?;
        self.send(request).await.map_err(|failure| match failure.reason {
            Reason::ResponseTooLarge => Failure { reason: malformed, ..failure },
            _ => failure,
        })
    }

    /// Sends a request; whatever status below 500 comes back is an answer.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let url = request.uri().to_string();
        let request = request.try_into().map_err(|error| failed(&url, &error))?;
        let mut answer = self.client.execute(request).await.map_err(|error| failed(&url, &error))?;
        if answer.status().is_server_error() {
            return Err(Failure::new(Reason::ProviderFailed, format_args!("status {} from {url}", answer.status())));
        }
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&url, &error))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Failure::new(
                    Reason::ResponseTooLarge,
                    format_args!("more than {MAX_BODY} bytes from {url}"),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        response.body(body).map_err(|error| Failure::new(Reason::ProviderFailed, error))
    }
}

fn read<T: DeserializeOwned>(url: &Url, response: &HttpResponse, malformed: Reason) -> Result<T> {
    if response.status() != 200 {
        return Err(Failure::new(malformed, format_args!("status {} from {url}", response.status())));
    }
    serde_json::from_slice(response.body()).map_err(|error| {
        let reason = if error.is_eof() { Reason::ResponseTruncated } else { malformed };
        Failure::new(reason, format_args!("{url}: {}", place(&error)))
    })
}

/// Whether a request or a browser may be sent there: over TLS, or not beyond this machine.
pub(super) fn is_safe(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && local)
}

fn failed(url: &str, error: &reqwest::Error) -> Failure {
    let reason = if error.is_timeout() {
        Reason::ProviderTooSlow
    } else if error.is_body() || error.is_decode() {
        Reason::ResponseTruncated
    } else {
        Reason::ProviderUnreachable
    };
    // The innermost cause says most.
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Failure::new(reason, format_args!("{url}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_in_the_clear_beyond_this_machine() {
        for (url, safe) in [
            ("https://issuer.example/x", true),
            ("http://127.0.0.1:8080/x", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://issuer.example/", false),
            ("http://localhost.example/", false),
            ("http://127.0.0.1.example/", false),
            ("http://10.0.0.1/", false),
            ("ftp://127.0.0.1/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_safe(&Url::parse(url).unwrap()), safe, "{url}");
        }
    }
}
