//! Signing in at a provider that others wrote: npm's oidc-provider, with its own defaults.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use openidconnect::url::Url;
use serde_json::json;

use super::browser::{Answer, Browser, hidden};
use crate::support::{Database, Server, Setup, left_out, postgres};

/// Runs a case on every database there is.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(super::Database::Sqlite).await; })+
        }
        mod postgresql {
            $(#[tokio::test] async fn $name() {
                if let Some(url) = super::postgres::database() { super::$name(super::Database::Postgres(url)).await; }
            })+
        }
    };
}

on_each_database!(with_its_own_defaults, with_addresses);

/// The foreign provider, and a server whose people sign in there.
struct Abroad {
    provider: Child,
    server: Server,
    issuer: String,
    /// It would end if nobody listened any longer.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Abroad {
    /// `None` where Node.js or the provider is not installed.
    async fn open(database: Database, people: &str) -> Option<Self> {
        let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/target/node");
        if !std::path::Path::new(&format!("{installed}/node_modules/oidc-provider")).exists() {
            left_out("npm's oidc-provider is not installed, the run against it did not take place");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suites/oidc_provider/provider.mjs");
        let mut command = Command::new("node");
        command.args([script, installed, people]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut provider = command.spawn().unwrap();
        let mut said = BufReader::new(provider.stdout.take().unwrap()).lines();
        let issuer = said.next().unwrap().unwrap();
        let setup = Setup::seats(10)
            .with("HEADCOUNT_OIDC_ISSUER", &issuer)
            .with("HEADCOUNT_OIDC_CLIENT_ID", "headcount")
            .with("HEADCOUNT_OIDC_CLIENT_SECRET", "a secret: with +%20 in it");
        let server = Server::set_up(database, setup).await;
        writeln!(provider.stdin.as_mut().unwrap(), "http://{}", server.listen).unwrap();
        assert_eq!(said.next().unwrap().unwrap(), "ready");
        Some(Self { provider, server, issuer, _said: said })
    }

    fn browser(&self) -> Browser {
        Browser::new(format!("http://{}", self.server.listen))
    }

    /// Clicks through what the provider shows until it sends the browser back to us; how we answer that.
    async fn through(&self, browser: &Browser, sent: &Answer, who: &str) -> Answer {
        assert_eq!(sent.status, 303, "{}", sent.body);
        let mut at = Url::parse(sent.location.as_ref().unwrap()).unwrap();
        for _ in 0..12 {
            if !at.as_str().starts_with(&self.issuer) {
                return browser.get(at.as_str()).await;
            }
            let shown = browser.get(at.as_str()).await;
            let next = match shown.location {
                Some(location) => location,
                None => self.submit(browser, &at, &shown.body, who).await,
            };
            at = at.join(&next).unwrap();
        }
        panic!("the provider leads nowhere: {at}");
    }

    /// Sends the form of a page of the provider: who one is, a consent, or that one wants to be signed out.
    async fn submit(&self, browser: &Browser, at: &Url, page: &str, who: &str) -> String {
        let action = page.split("action=\"").nth(1).unwrap_or_else(|| panic!("no form: {page}"));
        let action = at.join(action.split('"').next().unwrap()).unwrap();
        let mut fields: Vec<(&str, String)> = ["prompt", "xsrf"]
            .into_iter()
            .filter(|name| page.contains(&format!("name=\"{name}\" value=\"")))
            .map(|name| (name, hidden(page, name)))
            .collect();
        fields.extend([("login", who.to_owned()), ("password", "any".to_owned()), ("logout", "yes".to_owned())]);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = browser.post(action.as_str(), &fields).await;
        answer.location.unwrap_or_else(|| panic!("the provider says {}: {}", answer.status, answer.body))
    }

    async fn sign_in(&self, who: &str) -> Browser {
        let browser = self.browser();
        let sent = browser.enter(&format!("{who}@acme.example"), "/members").await;
        let answer = self.through(&browser, &sent, who).await;
        assert_eq!((answer.status.as_u16(), answer.location.as_deref()), (303, Some("/members")), "{}", answer.body);
        browser
    }
}

impl Drop for Abroad {
    fn drop(&mut self) {
        let _ = self.provider.kill();
        let _ = self.provider.wait();
    }
}

/// It proves a subject and nothing else, and asks before it signs anybody out.
async fn with_its_own_defaults(database: Database) {
    let Some(abroad) = Abroad::open(database, "").await else { return };
    let browser = abroad.sign_in("ann").await;
    let (status, me) = browser.me().await;
    assert_eq!((status.as_u16(), &me["email"], &me["memberships"]), (200, &json!(null), &json!([])), "{me}");
    // RP-initiated logout: here, then there, and back.
    let csrf = hidden(&browser.get("/").await.body, "csrf");
    let out = browser.post("/sign-out", &[("csrf", &csrf)]).await;
    assert!(out.location.as_ref().unwrap().starts_with(&abroad.issuer), "{out:?}");
    let back = abroad.through(&browser, &out, "ann").await;
    assert_eq!(back.status, 200);
    assert!(back.body.contains("Work e-mail address"), "{}", back.body);
    assert_eq!(browser.me().await.0, 401);
    // Signed out there as well: it asks again who one is.
    let sent = browser.enter("ann@acme.example", "/").await;
    let asked = browser.get(sent.location.as_ref().unwrap()).await;
    assert!(asked.location.unwrap().contains("/interaction/"));
}

/// Where it knows addresses, they come by userinfo, and their domain leads to the organization.
async fn with_addresses(database: Database) {
    let Some(abroad) = Abroad::open(database, "with-addresses").await else { return };
    let add = ["domain", "add", "--organization", "acme", "--domain", "acme.example", "--verified", "--json"];
    abroad.server.command(&add);
    let (ann, bea) = (abroad.sign_in("ann").await, abroad.sign_in("bea").await);
    for (browser, address) in [(&ann, "ann@acme.example"), (&bea, "bea@acme.example")] {
        let (_, me) = browser.me().await;
        assert_eq!((&me["email"], &me["memberships"][0]["source"]), (&json!(address), &json!("domain")), "{me}");
    }
    // Back-channel logout: she signs out at the provider, which tells us.
    let end = format!("{}/session/end", abroad.issuer);
    let page = ann.get(&end).await;
    let done = abroad.submit(&ann, &Url::parse(&end).unwrap(), &page.body, "ann").await;
    assert!(done.starts_with(&abroad.issuer), "{done}");
    assert_eq!(ann.me().await.0, 401);
    assert_eq!(bea.me().await.0, 200);
}
