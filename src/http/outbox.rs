//! `/outbox`: the mails that nothing sends, for whoever sits at the machine (product.md §4, §6).

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{FORWARDED, HOST, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};

use super::pages::{self, Outbox, Posted};
use super::{State, operations};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::mail::Letter;
use crate::mail::outbox as mail;
use crate::store::outbox::{self, Mail};

/// Mails on the page.
const SHOWN: i64 = 50;

/// What proxies add; whoever they speak for sits elsewhere.
const BY_PROXIES: [HeaderName; 2] = [FORWARDED, HeaderName::from_static("x-forwarded-for")];

impl State {
    /// Whether this request may see the outbox: no mail server, a service that only this machine reaches,
    /// and a browser on this machine. Links that sign people in are on the page, so each condition is looked
    /// at for itself: a proxy on this machine is a peer on loopback too, and a name that somebody makes
    /// resolve to 127.0.0.1 brings a stranger's page here.
    pub(super) fn shows_outbox(&self, http: &HttpRequest) -> bool {
        let peer_is_here = http.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        let for_others = BY_PROXIES.iter().any(|name| http.headers().contains_key(name));
        let host = http.headers().get(HOST).and_then(|host| host.to_str().ok());
        self.is_local && peer_is_here && !for_others && host.is_some_and(is_loopback)
    }
}

/// Whether an authority (RFC 3986 §3.2) is this machine by a name nobody else decides about.
#[must_use]
pub fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `GET /outbox`.
pub async fn page(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    if !state.shows_outbox(&http) {
        return operations::nothing_here().await;
    }
    match written(&state).await {
        Ok(page) => pages::page(StatusCode::OK, &page),
        Err(error) => pages::problem(&error, &super::request_id(http.headers(), &state.ids)),
    }
}

async fn written(state: &State) -> Result<Outbox> {
    let mails = state.store.read(|connection| outbox::list(connection, SHOWN)).await?;
    let now = state.clock.now().0;
    let posted = |mail: Mail| {
        let letter = mail::open(&state.door.service.sealing, &mail);
        Posted {
            recipient: mail.recipient,
            written_at: Timestamp(mail.created_at).to_string(),
            expired: mail.expires_at <= now,
            letter: letter.unwrap_or_else(unreadable),
        }
    };
    Ok(Outbox { mails: mails.into_iter().map(posted).collect() })
}

fn unreadable() -> Letter {
    Letter {
        subject: "This mail cannot be shown any more".into(),
        paragraphs: Vec::new(),
        button: None,
        small: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn this_machine_is_known_by_names_nobody_else_decides_about() {
        for here in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "[::1]"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in ["", "hc.example", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", "[::]:80"] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
