//! What happens before the first request: settings, keys, listeners, and what is refused with a sentence.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use reqwest::Method;
use serde_json::Value;

use crate::support::{Server, headcount, on_each_database, unique};

on_each_database!(cursors_survive_a_restart);

async fn cursors_survive_a_restart(mut server: Server) {
    server.user("ann").await;
    let (status, first) = server.get("/Users?cursor&count=1").await;
    assert_eq!(status, 200, "{first}");
    let next = format!("/Users?count=1&cursor={}", first["nextCursor"].as_str().unwrap());
    server.crash().await;
    let (status, second) = server.send(Method::GET, &next, None).await;
    assert_eq!((status.as_u16(), &second["Resources"][0]["userName"]), (200, &"ann@acme.example".into()), "{second}");
}

/// A directory to start in, as an operator would.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("headcount-start-{}-{}", std::process::id(), unique()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn headcount(&self, arguments: &[&str]) -> Command {
        let mut command = headcount();
        command.args(arguments).current_dir(&self.0).env("HEADCOUNT_LISTEN", "127.0.0.1:0");
        command
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that has said where it serves; it is killed at the end.
struct Started {
    child: Child,
    url: String,
    /// What it said before.
    said: String,
    /// Kept open, so that the server can go on saying things.
    stderr: Option<BufReader<ChildStderr>>,
}

impl Started {
    fn wait(mut command: Command) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut started = Self { child, url: String::new(), said: String::new(), stderr: None };
        let mut stderr = BufReader::new(started.child.stderr.take().unwrap());
        let mut line = String::new();
        while stderr.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = line.strip_prefix("Headcount serves ") {
                rest.split_whitespace().next().unwrap().clone_into(&mut started.url);
                started.stderr = Some(stderr);
                return started;
            }
            started.said.push_str(&line);
            line.clear();
        }
        panic!("the server ended: {}", started.said);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The exit code and what was said.
fn refused(output: &Output) -> (Option<i32>, String) {
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr.clone()).unwrap())
}

async fn status(url: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn nothing_has_to_be_configured() {
    let place = Place::new();
    // `headcount` alone is `headcount serve`. Whether the default address of metrics is taken or not, it starts.
    let server = Started::wait(place.headcount(&[]));
    assert_eq!(status(&format!("{}/readyz", server.url)).await, 200);
    let data = place.0.join("data");
    assert_eq!((mode(&data), mode(&data.join("headcount.key"))), (0o700, 0o600));
    assert!(data.join("headcount.db").exists());
}

#[tokio::test]
async fn the_default_address_of_metrics_may_be_taken() {
    // Ours, or another process's: it is taken either way.
    let _taken = std::net::TcpListener::bind("127.0.0.1:9464");
    let place = Place::new();
    let server = Started::wait(place.headcount(&["serve"]));
    assert!(server.said.contains("the default address is taken"), "{}", server.said);
    assert_eq!(status(&format!("{}/healthz", server.url)).await, 200);
}

#[tokio::test]
async fn an_address_for_metrics_that_is_set_must_be_free() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let serve = || {
        let mut command = place.headcount(&["serve"]);
        command.env("HEADCOUNT_METRICS_LISTEN", &address);
        command
    };
    let (code, said) = refused(&serve().output().unwrap());
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("cannot listen on {address} for metrics")), "{said}");
    drop(taken);
    let server = Started::wait(serve());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let metrics = client.get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("headcount_scim_request_duration_seconds_count 0"), "{metrics}");
    assert_eq!(status(&format!("{}/metrics", server.url)).await, 404, "metrics have a listener of their own");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.0.join("data")).unwrap();
    let key = place.file("data/headcount.key", &format!("{}\n", "0f".repeat(32)));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    for command in [&["serve"][..], &["config", "check"]] {
        let (code, said) = refused(&place.headcount(command).output().unwrap());
        assert_eq!(code, Some(1), "{command:?}");
        assert!(said.contains("data/headcount.key can be read or written by others (mode 644)"), "{said}");
    }
    // An operator's command hands out nothing signed and needs no key.
    assert!(place.headcount(&["organization", "list"]).output().unwrap().status.success());
}

#[test]
fn settings_come_from_flags_the_environment_files_and_a_toml_file() {
    let place = Place::new();
    let url = place.file("url", "postgres://ann:geheim@db.example/headcount\n");
    let toml = place.file("own.toml", "[log]\nlevel = \"debug\"\n[scim]\nmax_page_size = 7\n");
    let printed = |arguments: &[&str]| {
        let mut command = place.headcount(arguments);
        command.env("HEADCOUNT_DATABASE_URL_FILE", &url).env("HEADCOUNT_SCIM_MAX_PAGE_SIZE", "8");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let toml = toml.to_str().unwrap();
    let json: Value =
        serde_json::from_str(&printed(&["--listen", "127.0.0.1:7", "config", "print", "--json", "--config", toml]))
            .unwrap();
    assert_eq!(json["listen"], "127.0.0.1:7", "a flag before the command");
    assert_eq!(json["scim"]["max_page_size"], 8, "the environment goes before the file");
    assert_eq!(json["log"]["level"], "debug", "the file before the defaults");
    assert_eq!(json["database"]["url"], "postgres://ann:***@db.example/headcount", "the content of a _FILE, covered");
    assert!(printed(&["config", "print"]).contains("\nurl = \"postgres://ann:***@db.example/headcount\"\n"));
    assert_eq!(printed(&["config", "check", "--json"]), "{\"usable\":true}\n");
}

#[test]
fn settings_that_cannot_be_used_are_refused_with_a_sentence() {
    let place = Place::new();
    let toml = place.file("own.toml", "[scim]\nmax_pagesize = 7\n");
    for (arguments, variable, wanted) in [
        (vec!["config", "check"], ("HEADCOUNT_DATABASE_URI", "x"), "did you mean HEADCOUNT_DATABASE_URL?"),
        (vec!["config", "check", "--config", toml.to_str().unwrap()], ("A", "b"), "did you mean scim.max_page_size?"),
        (vec!["config", "check"], ("HEADCOUNT_DATABASE_URL", "mysql://h/d"), "starts with sqlite: or postgres://"),
        (vec!["config", "check"], ("HEADCOUNT_DATABASE_URL_FILE", "/nowhere"), "/nowhere cannot be read"),
        (vec!["serve", "--listen", "0.0.0.0:0"], ("A", "b"), "tokens would travel in clear"),
        (
            vec!["serve", "--listen", "0.0.0.0:0", "--public-url", "http://h"],
            ("A", "b"),
            "tokens would travel in clear",
        ),
        (vec!["serve", "--listen", "here"], ("A", "b"), "is not an address such as 127.0.0.1:8080"),
    ] {
        let (code, said) = refused(&place.headcount(&arguments).env(variable.0, variable.1).output().unwrap());
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("headcount: ") && said.contains(wanted), "{arguments:?}: {said}");
    }
    let (code, said) = refused(&place.headcount(&["healthcheck", "--listen", "127.0.0.1:9"]).output().unwrap());
    assert_eq!(code, Some(1));
    assert!(said.contains("127.0.0.1:9 does not answer"), "{said}");
    assert_eq!(std::fs::read_dir(&place.0).unwrap().count(), 1, "a refused start leaves nothing behind");
}
