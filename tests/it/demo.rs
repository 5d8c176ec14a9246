//! `headcount demo`: the story is told to its end, and what is printed can be tried by hand.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use openidconnect::url::Url;
use serde_json::Value;

use crate::sign_in::browser::Browser;
use crate::support::{headcount, unique};

/// A place for the demonstration's data, to see that nothing stays there.
fn place() -> PathBuf {
    let path = std::env::temp_dir().join(format!("headcount-demo-test-{}-{}", std::process::id(), unique()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn demo(place: &PathBuf) -> Command {
    let mut command = headcount();
    command.args(["demo", "--pace", "0"]).env("TMPDIR", place).current_dir(place);
    command
}

#[test]
fn the_story_is_told_and_nothing_stays() {
    let place = place();
    // A configured database must not be touched.
    let output = demo(&place).arg("--once").env("HEADCOUNT_DATABASE_URL", "sqlite:real.db").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.lines().all(|line| line.starts_with("DEMO ")), "{told}");
    for wanted in [
        "✓ Ann Anders joins as Engineer.",
        "  POST /Users · 201 Created · ",
        "Her groups: Engineering.",
        "■ Finn Fischer is refused",
        "“No seats available: 6 of 6 used.",
        "Her id is the same as before.",
        "✓ Dev signs in at the company's own tenant with one click",
        "  GET /sign-in/callback · 303 See Other · ",
        "  GET /api/v1/me · 200 OK · ",
        "  GET /api/v1/me · 401 Unauthorized · ",
        "“Your company has switched this account off.",
        "“You were removed from this organization.",
        "role: read, source: domain.",
        "  DELETE /Users/",
        "is the last active owner",
        "Deactivated: Dev Das.",
    ] {
        assert!(told.contains(wanted), "{wanted} is missing in\n{told}");
    }
    assert!(!told.contains('✗'), "{told}");
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0, "the database is thrown away");
    std::fs::remove_dir(&place).unwrap();
}

/// Everybody is on one page, and one click is enough.
async fn choose_who_you_are(link: &str) {
    let browser = Browser::new(link.strip_suffix("/sign-in/demo").unwrap().to_owned());
    let sent = browser.get(link).await;
    let at_provider = Url::parse(sent.location.as_ref().unwrap()).unwrap();
    let choice = browser.get(at_provider.as_str()).await;
    assert!(choice.body.contains("<title>DEMO"), "{}", choice.body);
    let cleo = choice.body.split("<a href=\"").find(|link| link.contains(">Cleo Costa</a>")).unwrap();
    let click = at_provider.join(&cleo.split('"').next().unwrap().replace("&#38;", "&")).unwrap();
    let back = browser.get(click.as_str()).await.location.unwrap();
    assert_eq!(browser.get(&back).await.status, 303);
    assert!(browser.get("/").await.body.contains("Demo Company (DEMO)"));
}

#[tokio::test]
async fn it_serves_on_with_the_printed_link_and_token() {
    let place = place();
    let mut child = demo(&place).stdout(Stdio::piped()).spawn().unwrap();
    let (mut address, mut token, mut people, mut now_you) = (String::new(), String::new(), String::new(), false);
    for line in BufReader::new(child.stdout.as_mut().unwrap()).lines() {
        let line = line.unwrap();
        now_you |= line.contains("Now you.");
        if let Some(printed) = line.strip_prefix("DEMO link   ") {
            printed.clone_into(&mut address);
        }
        if let Some(printed) = line.strip_prefix("DEMO token  ") {
            printed.clone_into(&mut token);
        }
        if let Some(printed) = line.strip_prefix("DEMO people ") {
            printed.split(' ').next().unwrap().clone_into(&mut people);
        }
        if now_you && line.starts_with("DEMO try ") {
            break;
        }
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.get(&address).send().await.unwrap().status(), 200);
    let users = address.replace("/ServiceProviderConfig", "/Users");
    let page: Value = client.get(users).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!(page["totalResults"], 7);
    choose_who_you_are(&people).await;
    #[expect(clippy::cast_possible_wrap, reason = "process ids are small")]
    // SAFETY: a signal to a child of this process that has not been waited for.
    let sent = unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    assert_eq!(sent, 0);
    assert!(child.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0, "the database is thrown away");
    std::fs::remove_dir(&place).unwrap();
}
