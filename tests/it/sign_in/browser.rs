//! A browser that keeps cookies and follows no redirect by itself, and an office to sign in at: a server
//! with a provider that stands in for Descope.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use diesel::sql_types::Text;
use headcount::clock::SystemClock;
use headcount::stand_in::person::Person;
use headcount::stand_in::{CLIENT_ID, CLIENT_SECRET, Layout, StandIn};
use headcount::store::sql::Sql;
use reqwest::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, RETRY_AFTER, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::api::described;
use crate::support::{Database, Server, Setup};

/// Runs a case on every database there is, in an office of so many seats.
macro_rules! in_each_office {
    ($($name:ident: $seats:literal),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let database = crate::support::Database::Sqlite;
                super::$name(crate::sign_in::browser::Office::open(database, $seats).await).await;
            })+
        }
        mod postgresql {
            $(#[tokio::test] async fn $name() {
                if let Some(url) = crate::support::postgres::database() {
                    let database = crate::support::Database::Postgres(url);
                    super::$name(crate::sign_in::browser::Office::open(database, $seats).await).await;
                }
            })+
        }
    };
}
pub(crate) use in_each_office;

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
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// `Retry-After`, in seconds.
    pub fn retry_after(&self) -> Option<u64> {
        self.headers.get(RETRY_AFTER).map(|seconds| seconds.to_str().unwrap().parse().unwrap())
    }
}

impl Answer {
    /// Asserts that this is a plain page of that status which opens nothing: what it says, but for the
    /// number by which it is found in the log.
    pub fn plain(&self, status: u16, what: &str) -> String {
        assert_eq!(self.status, status, "{what}: {}", self.body);
        assert_eq!(self.headers[CONTENT_TYPE], "text/html; charset=utf-8", "{what}");
        assert!(self.headers.contains_key(CONTENT_SECURITY_POLICY), "{what}");
        assert_eq!(self.location, None, "{what}");
        let mut cookies = self.headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
        assert!(cookies.all(|cookie| !cookie.contains("session")), "{what}");
        let number = self.headers["x-request-id"].to_str().unwrap();
        // Where there is a form to fill in again, nobody has to ask for help.
        let is_told = self.body.contains(number) || self.body.contains("<form");
        assert!(!number.is_empty() && is_told, "{what}: no request id in {}", self.body);
        self.body.replace(number, "…")
    }
}

/// A browser.
pub struct Browser {
    client: reqwest::Client,
    home: String,
    cookies: Mutex<BTreeMap<String, String>>,
    /// Of the provider.
    elsewhere: Mutex<BTreeMap<String, String>>,
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

    /// Asserts that nobody came of it: no session, no member beside the owner, no seat.
    pub async fn assert_untouched(&self, browser: &Browser, what: &str) {
        assert_eq!(browser.cookie("headcount_session"), None, "{what}");
        assert_eq!(browser.me().await.0, 401, "{what}");
        let shown = self.server.command(&["organization", "show", "--organization", "acme", "--json"]);
        assert_eq!((&shown["users"], &shown["seats_used"]), (&1.into(), &1.into()), "{what}: {shown}");
    }

    /// Asserts that the audit trail has one line about this answer, with the reason.
    pub fn assert_told(&self, answer: &Answer, what: &str) {
        let number = answer.headers["x-request-id"].to_str().unwrap();
        let line = Sql::new("SELECT detail FROM audit_events WHERE request_id = ").bind_here(number);
        let told = line.load::<Text, String>(&mut self.server.database()).unwrap();
        assert!(matches!(told.as_slice(), [line] if line.contains("\"reason\"")), "{what}: {told:?}");
    }

    pub fn browser(&self) -> Browser {
        Browser::new(format!("http://{}", self.server.listen))
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
    /// A browser without cookies.
    pub fn new(home: String) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { client, home, cookies: Mutex::default(), elsewhere: Mutex::default() }
    }

    /// A request of a script of ours: an answer's JSON, and the token it gives.
    pub async fn api(&self, method: Method, path: &str, token: Option<&str>) -> (StatusCode, Value, Option<String>) {
        let text: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request =
            self.client.request(method.clone(), format!("{}{path}", self.home)).header(COOKIE, text.join("; "));
        if let Some(token) = token {
            request = request.header("x-csrf-token", token);
        }
        let response = request.send().await.unwrap();
        self.keep(response.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()));
        let given = response.headers().get("x-csrf-token").map(|token| token.to_str().unwrap().to_owned());
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.unwrap();
        described::check(&method, path, status, &headers, &body);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null), given)
    }

    /// Pushes a user as an organization's provisioning does; the status.
    pub async fn provision(&self, token: &str, user: &Value) -> StatusCode {
        let request = self.client.post(format!("{}/scim/v2/Users", self.home)).bearer_auth(token);
        let request = request.header(CONTENT_TYPE, "application/scim+json").body(user.to_string());
        request.send().await.unwrap().status()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, |request| request).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, |request| request.form(fields)).await
    }

    /// Sends a request as no form and no link would.
    pub async fn send(
        &self,
        method: Method,
        address: &str,
        shape: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Answer {
        let ours = address.starts_with('/') || address.starts_with(&self.home);
        let url = if address.starts_with('/') { format!("{}{address}", self.home) } else { address.to_owned() };
        let jar = if ours { &self.cookies } else { &self.elsewhere };
        let text: Vec<String> = jar.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.request(method.clone(), url).header(COOKIE, text.join("; "));
        let response = shape(request).send().await.unwrap();
        let set = response.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
        if ours {
            self.keep(set);
        } else {
            let pairs = set.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
            jar.lock().unwrap().extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        let headers = response.headers().clone();
        let location = headers.get(LOCATION).map(|location| location.to_str().unwrap().to_owned());
        let answer = Answer { status: response.status(), location, headers, body: response.text().await.unwrap() };
        described::check(&method, address, answer.status, &answer.headers, &answer.body);
        answer
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

    /// Where it goes.
    pub fn home(&self) -> &str {
        &self.home
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
