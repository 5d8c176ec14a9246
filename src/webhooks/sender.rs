//! One request to an endpoint: no redirects, no proxy, bounded in time and size, and to no address that was not
//! looked at: the one that a name was found to have is the one that is connected to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;

use super::address::{check_url, is_private};

/// Bytes of an answer that are kept, for whoever looks for what is wrong.
const EXCERPT: usize = 1_024;

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// None: there was no answer.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub response: String,
    /// Why it counts as not delivered; none for a 2xx.
    pub error: Option<String>,
}

/// Sends webhooks.
#[derive(Clone)]
pub struct Sender {
    client: reqwest::Client,
    pub allow_private: bool,
}

impl Sender {
    /// Sends with this time for each request, to private addresses only where they are allowed.
    ///
    /// # Errors
    /// Why no requests can be made.
    pub fn new(timeout: Duration, allow_private: bool) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(timeout)
            .dns_resolver(Arc::new(Checked { allow_private }))
            .user_agent(concat!("headcount/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("webhooks cannot be sent: {error}"))?;
        Ok(Self { client, allow_private })
    }

    /// One request with the headers of Standard Webhooks.
    pub async fn send(&self, url: &str, id: &str, timestamp: i64, signature: &str, body: String) -> Sent {
        let failed = |why: String| Sent { status: None, response: String::new(), error: Some(why) };
        // A literal address asks no resolver; what is allowed may have changed since it was entered.
        let url = match check_url(url, self.allow_private) {
            Ok(url) => url,
            Err(why) => return failed(why),
        };
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(body);
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return failed(cause(&error)),
        };
        let status = answer.status().as_u16();
        let mut excerpt = Vec::new();
        while excerpt.len() < EXCERPT {
            match answer.chunk().await {
                Ok(Some(chunk)) => excerpt.extend_from_slice(&chunk),
                // The status says whether it was taken.
                Ok(None) | Err(_) => break,
            }
        }
        excerpt.truncate(EXCERPT);
        let error = match status {
            200..=299 => None,
            300..=399 => Some(format!("it answered {status}: redirects are not followed")),
            _ => Some(format!("it answered {status}")),
        };
        Sent { status: Some(status), response: readable(&excerpt), error }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

/// Text that can stand in a database and on a page.
fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// The innermost cause says most.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// The system's resolver, without what is private.
struct Checked {
    allow_private: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            // One private address among public ones is a trap as well.
            match found.iter().map(SocketAddr::ip).find(|address: &IpAddr| !allow_private && is_private(*address)) {
                Some(private) => Err(format!("{} leads to the private address {private}", name.as_str()).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}
