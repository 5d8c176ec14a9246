//! A script of ours in somebody's browser, and an organization with somebody of each role in it.

use headcount::stand_in::person::Person;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::sign_in::browser::{Browser, TENANT};
use crate::sign_in::clocked::Clocked;
use crate::support::Database;

/// What the API answers.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `Null` for an answer without a body.
    pub body: Value,
}

impl Reply {
    /// Asserts the status; the body.
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Asserts that it is a problem of this kind; what it says.
    pub fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!((self.status.as_u16(), &self.body["code"]), (status, &code.into()), "{}", self.body);
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json");
        self.body["detail"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }
}

impl Browser {
    /// Asks the API as a page of ours does: with the token that `GET /api/v1/me` answers.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        self.call_with(method, path, body, &[]).await
    }

    /// The same with further headers.
    pub async fn call_with(&self, method: Method, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Reply {
        let token = match method {
            Method::GET => None,
            _ => self.api(Method::GET, "/api/v1/me", None).await.2,
        };
        let shape = |mut request: reqwest::RequestBuilder| {
            if let Some(token) = token {
                request = request.header("x-csrf-token", token);
            }
            if let Some(body) = body.filter(|body| !body.is_null()) {
                request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
            }
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
        };
        let answer = self.send(method, path, shape).await;
        let body = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        Reply { status: answer.status, headers: answer.headers, body }
    }

    pub async fn ask(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub async fn change(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub async fn make(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::POST, path, Some(body)).await
    }

    #[allow(dead_code, reason = "what is made next is ended by it")]
    pub async fn end(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None).await
    }

    /// One's member id in the first organization.
    pub async fn member_id(&self) -> String {
        self.me().await.1["memberships"][0]["member_id"].as_str().unwrap().to_owned()
    }
}

impl Clocked {
    /// Pushes something as the provider with this token; the status and the answer.
    pub async fn scim_post(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        self.scim_send(token, Method::POST, path, Some(body)).await
    }

    /// Asks SCIM something as the provider with this token.
    pub async fn scim_send(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let shape = |request: reqwest::RequestBuilder| {
            let request = request.bearer_auth(token);
            match body {
                Some(body) => request.header(CONTENT_TYPE, "application/scim+json").body(body.to_string()),
                None => request,
            }
        };
        let answer = self.browser().send(method, &format!("/scim/v2{path}"), shape).await;
        (answer.status.as_u16(), serde_json::from_str(&answer.body).unwrap_or(Value::Null))
    }
}

/// `acme` with a tenant and a domain, and somebody of each role who is signed in.
pub struct Team {
    pub place: Clocked,
    pub reader: Browser,
    pub writer: Browser,
    pub admin: Browser,
    pub owner: Browser,
}

impl Team {
    pub async fn open(database: Database) -> Self {
        Self::at(Clocked::open(database, &[("limits.sign_in", "0")])).await
    }

    pub async fn at(place: Clocked) -> Self {
        let reader = joined(&place, "read").await;
        let writer = joined(&place, "write").await;
        let admin = joined(&place, "admin").await;
        let owner = joined(&place, "owner").await;
        Self { place, reader, writer, admin, owner }
    }
}

/// Signs somebody in as `<role>@acme.example` and gives them the role.
pub async fn joined(place: &Clocked, role: &str) -> Browser {
    joined_as(place, role, role).await
}

/// Signs somebody in as `<name>@acme.example` and gives them a role.
pub async fn joined_as(place: &Clocked, name: &str, role: &str) -> Browser {
    let person = Person::new(&format!("U2{name}"), &format!("{name}@acme.example"), TENANT);
    let (browser, answer) = place.sign_in(&person).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let member = browser.member_id().await;
    place.command(&["member", "set", "--organization", "acme", "--member", &member, "--role", role]);
    browser
}
