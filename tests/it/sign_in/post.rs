//! A Headcount where people sign in by mailed links: its mail, and what they do with it.

use diesel::sql_types::BigInt;
use headcount::store::sql::Sql;

use super::browser::{Answer, Browser, hidden};
use crate::support::smtp::Smtp;
use crate::support::{Database, Server, Setup};

/// A server without an issuer that sends its mail to a server of the test's own; acme has a proven domain.
pub struct Post {
    pub server: Server,
    pub smtp: Smtp,
}

macro_rules! at_each_post {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(crate::sign_in::post::Post::open(crate::support::Database::Sqlite).await).await; })+
        }
        mod postgresql {
            $(#[tokio::test] async fn $name() {
                if let Some(url) = crate::support::postgres::database() {
                    super::$name(crate::sign_in::post::Post::open(crate::support::Database::Postgres(url)).await).await;
                }
            })+
        }
    };
}
pub(super) use at_each_post;

impl Post {
    pub async fn open(database: Database) -> Self {
        let smtp = Smtp::start();
        let setup = Setup::seats(10)
            .with("HEADCOUNT_MAIL_SMTP_URL", smtp.url())
            .with("HEADCOUNT_MAIL_FROM", "Headcount <hc@acme.example>");
        let server = Server::set_up(database, setup).await;
        let domain = ["domain", "add", "--organization", "acme", "--domain", "acme.example", "--verified", "--json"];
        server.command(&domain);
        Self { server, smtp }
    }

    pub fn browser(&self) -> Browser {
        Browser::new(format!("http://{}", self.server.listen))
    }

    /// Asks for a link; the path in the mail that comes.
    pub async fn link(&self, browser: &Browser, address: &str) -> String {
        let answer = browser.enter(address, "/").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let mail = self.smtp.wait();
        assert_eq!(mail.to, [address.to_ascii_lowercase()]);
        path_in(&mail.data)
    }

    /// Asks for a link and follows it.
    pub async fn sign_in(&self, address: &str) -> (Browser, Answer) {
        let browser = self.browser();
        let path = self.link(&browser, address).await;
        let answer = press(&browser, &path).await;
        (browser, answer)
    }

    pub fn count(&self, table: &'static str) -> i64 {
        let mut sql = Sql::new("SELECT COUNT(*) FROM ");
        sql.push(table);
        sql.first::<BigInt, i64>(&mut self.server.database()).unwrap().unwrap()
    }
}

/// The path of the link in a mail, which is quoted-printable (RFC 2045 §6.7).
pub fn path_in(mail: &str) -> String {
    let mail = mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
    let at = mail.find("/sign-in/link?secret=").unwrap_or_else(|| panic!("no link in {mail}"));
    mail[at..].split(|c: char| c.is_whitespace() || c == '"').next().unwrap().to_owned()
}

/// Opens a link and presses the button.
pub async fn press(browser: &Browser, path: &str) -> Answer {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let fields = [("secret", hidden(&page.body, "secret")), ("csrf", hidden(&page.body, "csrf"))];
    browser.post("/sign-in/link", &fields.each_ref().map(|(name, value)| (*name, value.as_str()))).await
}
