//! A browser that keeps cookies and follows no redirect by itself, and an office to sign in at: a server
//! with a provider that stands in for Descope.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use headcount::clock::SystemClock;
use headcount::stand_in::person::Person;
use headcount::stand_in::{CLIENT_ID, CLIENT_SECRET, Layout, StandIn};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::support::{Database, Server, Setup};

/// The organization's tenant.
pub const TENANT: &str = "T2acme";

/// A server, the provider its people sign in at, and one organization with a tenant and a domain.
pub struct Office {
    pub server: Server,
    pub provider: StandIn,
}

/// An answer to a browser.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub body: String,
}

/// A browser.
pub struct Browser {
    client: reqwest::Client,
    home: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Office {
    pub async fn open(database: Database, seats: u32) -> Self {
        let provider =
            StandIn::start(Arc::new(SystemClock), Layout::Project, Person::new("U2ann", "ann@acme.example", TENANT))
                .unwrap();
        let setup = Setup::seats(seats)
            .with("HEADCOUNT_OIDC_ISSUER", provider.issuer())
            .with("HEADCOUNT_OIDC_CLIENT_ID", CLIENT_ID)
            .with("HEADCOUNT_OIDC_CLIENT_SECRET", CLIENT_SECRET);
        let server = Server::set_up(database, setup).await;
        server.command(&[
            "domain",
            "add",
            "--organization",
            "acme",
            "--domain",
            "acme.example",
            "--verified",
            "--json",
        ]);
        server.command(&["organization", "set", "--organization", "acme", "--descope-tenant-id", TENANT, "--json"]);
        Self { server, provider }
    }

    pub fn browser(&self) -> Browser {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Browser { client, home: format!("http://{}", self.server.listen), cookies: Mutex::default() }
    }

    /// Somebody signs in with the address they are known by at the provider.
    pub async fn sign_in(&self, person: &Person) -> (Browser, Answer) {
        let browser = self.browser();
        self.provider.add_person(person.clone());
        let answer = browser.sign_in(person.email.as_deref().unwrap_or("nobody@nowhere.example")).await;
        (browser, answer)
    }
}

impl Browser {
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, Some(fields)).await
    }

    async fn send(&self, method: Method, address: &str, fields: Option<&[(&str, &str)]>) -> Answer {
        let ours = address.starts_with('/') || address.starts_with(&self.home);
        let url = if address.starts_with('/') { format!("{}{address}", self.home) } else { address.to_owned() };
        let mut request = self.client.request(method, url);
        if ours {
            let cookies = self.cookies.lock().unwrap();
            let text: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, text.join("; "));
        }
        if let Some(fields) = fields {
            request = request.form(fields);
        }
        let response = request.send().await.unwrap();
        if ours {
            self.keep(response.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()));
        }
        let location = response.headers().get(LOCATION).map(|location| location.to_str().unwrap().to_owned());
        Answer { status: response.status(), location, body: response.text().await.unwrap() }
    }

    fn keep<'c>(&self, set: impl Iterator<Item = &'c str>) {
        let mut cookies = self.cookies.lock().unwrap();
        for cookie in set {
            assert!(
                cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"),
                "{cookie}"
            );
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                cookies.remove(name)
            } else {
                cookies.insert(name.into(), value.into())
            };
        }
    }

    /// The cookie of this name, as another browser would have to steal it.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// Puts a cookie in.
    pub fn keep_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.into(), value.into());
    }

    /// Types an address into the form; where that leads.
    pub async fn enter(&self, address: &str, return_to: &str) -> Answer {
        let form = self.get(&format!("/sign-in?return_to={return_to}")).await;
        assert_eq!(form.status, 200);
        let fields = [
            ("email", address),
            ("csrf", &hidden(&form.body, "csrf")),
            ("return_to", &hidden(&form.body, "return_to")),
        ];
        self.post("/sign-in", &fields).await
    }

    /// Goes all the way: the form, the provider, and back.
    pub async fn sign_in(&self, address: &str) -> Answer {
        let sent = self.enter(address, "/").await;
        self.follow(&sent).await
    }

    /// Follows a redirect to the provider and the one that comes back.
    pub async fn follow(&self, sent: &Answer) -> Answer {
        let back = self.at_provider(sent).await;
        self.get(&back).await
    }

    /// Follows a redirect to the provider; the address it sends the browser back to.
    pub async fn at_provider(&self, sent: &Answer) -> String {
        assert_eq!(sent.status, 303, "{}", sent.body);
        let answer = self.get(sent.location.as_ref().unwrap()).await;
        answer.location.unwrap_or_else(|| panic!("the provider says {}: {}", answer.status, answer.body))
    }

    /// Who is signed in, by `/api/v1/me`.
    pub async fn me(&self) -> (StatusCode, Value) {
        let answer = self.get("/api/v1/me").await;
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }
}

/// The value of a form's hidden input.
pub fn hidden(page: &str, name: &str) -> String {
    let input =
        page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {page}"));
    input.split('"').next().unwrap().to_owned()
}
