//! Invitations (product.md §4): made by people of an organization, mailed over TCP, opened in a browser, accepted by
//! whoever has proven the address.

mod accepting;
mod blocks;
mod commands;
mod crowded;
mod ending;
mod importing;
mod letters;
mod listing;
mod races;
mod seats;
mod standing_by;

use headcount::administration::{By, organization};
use headcount::jobs::outbox::deliver;
use headcount::stand_in::person::Person;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::client::{Reply, joined};
use crate::sign_in::browser::{Answer, Browser, hidden};
use crate::sign_in::clocked::Clocked;
use crate::support::Database;
use crate::support::smtp::{Received, Smtp};

/// Where the organization's invitations are.
pub const INVITATIONS: &str = "/api/v1/organizations/acme/invitations";

/// `acme` of 10 seats, with an admin who invites, and a mail server that takes what is written.
pub struct Desk {
    pub place: Clocked,
    pub admin: Browser,
    pub smtp: Smtp,
}

impl Desk {
    pub async fn open(database: Database) -> Self {
        Self::with(database, &[]).await
    }

    pub async fn with(database: Database, settings: &[(&'static str, &str)]) -> Self {
        let smtp = Smtp::start();
        let url = smtp.url();
        let mail =
            [("mail.smtp_url", url.as_str()), ("mail.from", "Headcount <hc@acme.example>"), ("limits.sign_in", "0")];
        let place = Clocked::open(database, &[mail.as_slice(), settings].concat());
        let admin = joined(&place, "admin").await;
        Self { place, admin, smtp }
    }

    /// The admin invites somebody.
    pub async fn try_to_invite(&self, email: &str, role: &str) -> Reply {
        self.admin.make(INVITATIONS, &json!({"email": email, "role": role})).await
    }

    pub async fn invite(&self, email: &str, role: &str) -> Value {
        self.try_to_invite(email, role).await.is(201)
    }

    /// Delivers the mail that is due; the one that has come.
    pub async fn mail(&self) -> Received {
        assert!(deliver(&self.place.house.assembly.postman).await.unwrap() > 0, "no mail was due");
        self.smtp.wait()
    }

    /// Invites somebody; the path in the mail that comes.
    pub async fn link(&self, email: &str, role: &str) -> String {
        self.invite(email, role).await;
        path_in(&self.mail().await.data)
    }

    /// Somebody signs in who may be of no organization.
    pub async fn guest(&self, email: &str) -> Browser {
        let person = Person::new(&format!("U2{email}"), email, "T2none");
        let (browser, answer) = self.place.sign_in(&person).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser
    }

    /// What `organization show` says of the seats: used, pending, waiting.
    pub async fn seats(&self) -> (i64, i64, i64) {
        let shown = self.show().await;
        let count = |name: &str| shown[name].as_i64().unwrap();
        (count("seats_used"), count("seats_pending"), count("waiting"))
    }

    /// On the clock of the test; commands have the machine's.
    pub async fn show(&self) -> Value {
        let administration = self.place.house.assembly.administration.clone();
        let show = move |connection: &mut _| organization::show(connection, &administration, &By::OPERATOR, "acme");
        json!(self.place.house.assembly.store.read(show).await.unwrap())
    }

    pub fn set(&self, settings: &[&str]) {
        self.place.command(&[&["organization", "set", "--organization", "acme"], settings].concat());
    }

    /// What the organization's provisioning asks for.
    pub async fn scim(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let shape = |request: reqwest::RequestBuilder| {
            let request = request.bearer_auth(&self.place.house.token);
            match body {
                Some(body) => request.header("content-type", "application/scim+json").body(body.to_string()),
                None => request,
            }
        };
        let method: Method = method.parse().unwrap();
        let answer = self.place.browser().send(method, &format!("/scim/v2{path}"), shape).await;
        (answer.status.as_u16(), serde_json::from_str(&answer.body).unwrap_or(Value::Null))
    }

    /// The state of an invitation.
    pub async fn state(&self, id: &str) -> String {
        let shown = self.admin.ask(&format!("{INVITATIONS}/{id}")).await.is(200);
        shown["state"].as_str().unwrap().to_owned()
    }

    /// Expires what is over.
    pub async fn settle(&self) -> usize {
        let assembly = &self.place.house.assembly;
        headcount::jobs::invitations::settle(&assembly.store, &assembly.administration).await.unwrap()
    }
}

/// A body for SCIM of somebody with any address.
pub fn scim_user(email: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": email,
        "emails": [{"value": email, "type": "work", "primary": true}]})
}

/// The id of what was made.
pub fn id(made: &Value) -> &str {
    made["id"].as_str().unwrap_or_else(|| panic!("no id in {made}"))
}

/// The path of an invitation in a mail, which is quoted-printable (RFC 2045 §6.7).
pub fn path_in(mail: &str) -> String {
    let mail = plain(mail);
    let at = mail.find("/invitations/hci_").unwrap_or_else(|| panic!("no link in {mail}"));
    mail[at..].split(|c: char| c.is_whitespace() || c == '"').next().unwrap().to_owned()
}

pub fn plain(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")
}

/// Opens an invitation and presses its button, if there is one.
pub async fn accept(browser: &Browser, path: &str) -> Answer {
    let page = browser.get(path).await;
    if !page.body.contains(&format!("action=\"{path}\"")) {
        return page;
    }
    browser.post(path, &[("csrf", &hidden(&page.body, "csrf"))]).await
}

/// Presses the button of an invitation whether its page shows one or not.
pub async fn press(browser: &Browser, path: &str) -> Answer {
    let form = browser.get("/sign-in").await;
    browser.post(path, &[("csrf", &hidden(&form.body, "csrf"))]).await
}
