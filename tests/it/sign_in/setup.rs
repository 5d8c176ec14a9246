//! The founder's setup link: printed at the first run, opened once (product.md §6).

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use diesel::sql_types::BigInt;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use super::browser::{Answer, Browser, hidden};
use crate::support::{Database, Reserved, Server, Setup, directory, on_each_database, postgres};

on_each_database!(
    a_new_link_takes_the_place_of_the_old_one,
    it_is_nobody_elses_account,
    the_address_is_proven_by_a_mail,
    two_commands_leave_one_link
);

mod first_run {
    #[tokio::test]
    async fn sqlite() {
        super::the_first_run_prints_a_link(super::Database::Sqlite).await;
    }

    #[tokio::test]
    async fn postgresql() {
        if let Some(url) = super::postgres::database() {
            super::the_first_run_prints_a_link(super::Database::Postgres(url)).await;
        }
    }
}

/// What a server says on standard output when it starts; it is ended with the reader's end.
struct Said {
    child: Child,
}

impl Drop for Said {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn the_first_run_prints_a_link(database: Database) {
    let directory = directory();
    // A server that is ready has said what it says: it is launched before, and nobody is here yet.
    let mut server = Server::launch(database, Setup::default(), directory.clone());
    server.wait_until_ready().await;
    let start = |server: &Server| {
        let place = Reserved::new();
        let mut command = Setup::default().serve(&server.url, &place.address, &directory);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next();
        (Said { child }, place, line.map(Result::unwrap))
    };
    let (said, place, line) = start(&server);
    let listen = place.address.clone();
    let line = line.unwrap();
    let url = line.split_whitespace().find(|word| word.contains("/setup?secret=")).unwrap();
    let path = url.strip_prefix(&format!("http://{listen}")).unwrap();
    let browser = Browser::new(format!("http://{listen}"));
    let page = browser.get(path).await;
    assert_eq!(
        (page.status.as_u16(), browser.get(path).await.status.as_u16()),
        (200, 200),
        "opening it uses nothing up"
    );
    assert_eq!(browser.me().await.0, 401);
    let wrong = begin(&browser, &page, "fay").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("not an e-mail address"), "{}", wrong.body);
    assert_eq!(begin(&browser, &page, "Fay@Found.example").await.location.as_deref(), Some("/"));
    let trail = server.command(&["audit", "list", "--json"]);
    let told = |number: usize| (&trail[number]["actor"], &trail[number]["action"], &trail[number]["target"]["kind"]);
    assert_eq!(told(0), (&json!("sign-in"), &json!("sign_in.succeeded"), &json!("Service")));
    assert_eq!(trail[1]["detail"]["reason"], "address_malformed");
    assert_eq!(told(2), (&json!("system"), &json!("setup_link.created"), &json!("Service")));
    assert!(!trail.to_string().contains("secret="), "{trail}");
    let (_, me) = browser.me().await;
    assert_eq!((&me["email"], &me["memberships"]), (&json!("fay@found.example"), &json!([])));
    assert_eq!(Browser::new(format!("http://{listen}")).get(path).await.status, 400, "once");
    assert_eq!(begin(&browser, &page, "eve@found.example").await.status, 400);
    drop(said);
    // Now somebody is here.
    server.kill();
    let mut command = Setup::default().serve(&server.url, &server.listen, &directory);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    server.child = child;
    server.wait_until_ready().await;
    server.kill();
    assert_eq!(BufReader::new(stdout).lines().count(), 0);
}

/// Sends the form of an opened link.
async fn begin(browser: &Browser, page: &Answer, address: &str) -> Answer {
    let (secret, csrf) = (hidden(&page.body, "secret"), hidden(&page.body, "csrf"));
    browser.post("/setup", &[("secret", &secret), ("csrf", &csrf), ("email", address)]).await
}

/// The path of a new link.
fn link(server: &Server) -> String {
    let made = server.command(&["setup-link", "--json", "--public-url", "http://hc.test"]);
    assert!(made["expires_at"].is_string());
    made["url"].as_str().unwrap().strip_prefix("http://hc.test").unwrap().to_owned()
}

async fn a_new_link_takes_the_place_of_the_old_one(server: Server) {
    let (old, new) = (link(&server), link(&server));
    let browser = Browser::new(format!("http://{}", server.listen));
    assert_eq!(browser.get(&old).await.status, 400);
    let page = browser.get(&new).await;
    assert_eq!(page.status, 200);
    let other = Browser::new(format!("http://{}", server.listen));
    other.get("/sign-in").await;
    assert_eq!(begin(&other, &page, "fay@found.example").await.status, 403, "another browser's form");
    Sql::new("UPDATE one_time_links SET expires_at = created_at").execute(&mut server.database()).unwrap();
    assert_eq!(browser.get(&new).await.status, 400);
    assert_eq!(begin(&browser, &page, "fay@found.example").await.status, 400);
    // A mailed link is no setup link, nor the other way round.
    let path = link(&server);
    assert_eq!(browser.get(&path.replace("/setup", "/sign-in/link")).await.status, 400);
}

async fn it_is_nobody_elses_account(server: Server) {
    let domain = ["domain", "add", "--organization", "acme", "--domain", "acme.example", "--verified", "--json"];
    server.command(&domain);
    let bolt =
        ["organization", "create", "--name", "B", "--slug", "bolt", "--owner-email", "b@mail.example", "--seats", "3"];
    server.command(&bolt);
    let browser = Browser::new(format!("http://{}", server.listen));
    let page = browser.get(&link(&server)).await;
    for taken in ["ann@acme.example", "b@mail.example"] {
        let refused = begin(&browser, &page, taken).await;
        assert!(refused.status == 400 && refused.body.contains("can sign in with this address already"), "{taken}");
        assert_eq!(browser.me().await.0, 401);
    }
    assert_eq!(begin(&browser, &page, "fay@found.example").await.status, 303);
    // Whoever has read a mailbox's mail comes in by it, member of anything or not.
    let known = Browser::new(format!("http://{}", server.listen));
    assert_eq!(known.enter("gil@alone.example", "/").await.status, 200);
    let outbox = known.get("/outbox").await;
    assert_eq!(super::post::press(&known, &super::post::path_in(&outbox.body)).await.status, 303);
    let other = Browser::new(format!("http://{}", server.listen));
    let refused = begin(&other, &other.get(&link(&server)).await, "gil@alone.example").await;
    assert_eq!((refused.status.as_u16(), other.me().await.0.as_u16()), (400, 401));
    let trail = server.command(&["audit", "list", "--json"]);
    assert_eq!(trail[0]["detail"]["reason"], "address_taken");
    assert_eq!((&trail[1]["action"], &trail[1]["actor"]), (&json!("setup_link.created"), &json!("operator")));
    let told = (&trail[2]["action"], &trail[2]["detail"]["detail"]);
    assert_eq!(told, (&json!("sign_in.succeeded"), &json!("signed in")), "also what leads to no organization");
    let identity = trail[2]["detail"]["identity"].as_str().unwrap();
    assert!(identity.len() == 36 && trail[2]["target"]["kind"] == "Service", "{trail}");
    // The founder comes back with a new link, to the same account.
    let page = browser.get(&link(&server)).await;
    assert_eq!(begin(&browser, &page, "fay@found.example").await.status, 303);
    let identities = Sql::new("SELECT COUNT(*) FROM identities").first::<BigInt, i64>(&mut server.database());
    assert_eq!(identities.unwrap(), Some(2));
    // Whoever reads the mail is who the address belongs to: the founder's session does not follow.
    server.command(&["domain", "add", "--organization", "acme", "--domain", "found.example", "--verified", "--json"]);
    let reader = Browser::new(format!("http://{}", server.listen));
    assert_eq!(reader.enter("fay@found.example", "/").await.status, 200);
    let outbox = reader.get("/outbox").await;
    assert_eq!(super::post::press(&reader, &super::post::path_in(&outbox.body)).await.status, 303);
    assert_eq!(reader.me().await.1["memberships"][0]["role"], "read");
    assert_eq!(browser.me().await.0, 401);
    let page = browser.get(&link(&server)).await;
    assert_eq!(begin(&browser, &page, "fay@found.example").await.status, 400, "nor does the next one");
}

async fn the_address_is_proven_by_a_mail(server: Server) {
    let browser = Browser::new(format!("http://{}", server.listen));
    let page = browser.get(&link(&server)).await;
    assert_eq!(begin(&browser, &page, "fay@found.example").await.status, 303);
    assert_eq!(browser.me().await.1["email_verified"], false);
    let founding = json!({"name": "Found", "seats": 3, "plan": "enterprise_seat_monthly"});
    let refused = browser.make("/api/v1/organizations", &founding).await.is(400);
    assert!(refused["detail"].as_str().unwrap().contains("Open the link that was mailed to you"), "{refused}");
    let home = browser.get("/").await.body;
    assert!(home.contains("Open the link that we have mailed to it") && home.contains("href=\"/outbox\""), "{home}");
    let outbox = browser.get("/outbox").await.body;
    assert!(outbox.contains("fay@found.example") && outbox.contains("You have begun to set up"), "{outbox}");
    assert_eq!(super::post::press(&browser, &super::post::path_in(&outbox)).await.status, 303);
    assert_eq!(browser.me().await.1["email_verified"], true);
    assert!(!browser.get("/").await.body.contains("mailed to it"));
    browser.make("/api/v1/organizations", &founding).await.is(201);
}

async fn two_commands_leave_one_link(server: Server) {
    let commands = (0..4).map(|_| {
        let url = server.url.clone();
        tokio::task::spawn_blocking(move || {
            let output =
                crate::support::headcount().args(["setup-link", "--json", "--database-url", &url]).output().unwrap();
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        })
    });
    let made: Vec<Value> = futures_util::future::join_all(commands).await.into_iter().map(Result::unwrap).collect();
    let browser = Browser::new(format!("http://{}", server.listen));
    let mut live = 0;
    for link in made {
        let path = link["url"].as_str().unwrap().split(":8080").nth(1).unwrap().to_owned();
        live += u32::from(browser.get(&path).await.status == 200);
    }
    assert_eq!(live, 1);
}
