//! The storage of SQLite: full, read-only, broken, not there.

use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::sql_types::BigInt;
use headcount::store::sql::Sql;
use serde_json::json;

use super::{assert_sound, refusal};
use crate::support::postgres::is_root;
use crate::support::{Database, Server, Setup, directory, on_each_database, program, user};

/// Runs a program that needs nothing said about its output; whether it succeeded.
fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// What makes the storage full and gives it room again.
enum Full {
    /// A small file system of its own, where mounting is allowed: the real thing.
    Mounted(PathBuf),
    /// The process may not write files beyond a size: works for everybody.
    Limited,
}

impl Full {
    fn mount(directory: &Path) -> Self {
        let path = directory.to_str().unwrap();
        if is_root() && succeeds("mount", &["-t", "tmpfs", "-o", "size=4m", "headcount-test", path]) {
            Self::Mounted(directory.into())
        } else {
            Self::Limited
        }
    }

    /// From now on there is room for little more than there is.
    fn fill(&self, server: &Server) {
        if matches!(self, Self::Limited) {
            let pid = server.child.id().to_string();
            assert!(succeeds("prlimit", &["--pid", &pid, "--fsize=400000:unlimited"]));
        }
    }

    fn make_room(&self, server: &Server) {
        match self {
            Self::Mounted(path) => {
                assert!(succeeds("mount", &["-o", "remount,size=64m", path.to_str().unwrap()]));
            }
            Self::Limited => {
                let pid = server.child.id().to_string();
                assert!(succeeds("prlimit", &["--pid", &pid, "--fsize=unlimited:unlimited"]));
            }
        }
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        if let Self::Mounted(path) = self {
            succeeds("umount", &["-l", path.to_str().unwrap()]);
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    let directory = directory();
    let full = Full::mount(&directory);
    // A write beyond the limit shall fail like one to a full disk, not end the process: `trap` ignores
    // the signal, and what is ignored stays ignored in the program that takes the shell's place.
    let wrapper = std::env::temp_dir().join(format!("headcount-test-{}-ignoring", std::process::id()));
    std::fs::write(&wrapper, format!("#!/bin/sh\ntrap '' XFSZ\nexec {} \"$@\"\n", program().display())).unwrap();
    assert!(succeeds("chmod", &["+x", wrapper.to_str().unwrap()]));
    let setup = Setup { program: wrapper.clone(), ..Setup::seats(5_000) };
    let mut server = Server::launch(Database::Sqlite, setup, directory);
    server.wait_until_ready().await;
    server.create_organization();
    let ann = format!("/Users/{}", server.user("ann").await);
    full.fill(&server);
    let mut large = user("x");
    large["title"] = "t".repeat(20_000).into();
    let (mut stored, mut refused) = (2, None);
    for number in 0..2_000 {
        large["userName"] = format!("u{number}").into();
        large["emails"] = json!([{"value": format!("u{number}@acme.example")}]);
        let (status, answer) = server.post("/Users", &large).await;
        if status != 201 {
            refused = Some((status, answer));
            break;
        }
        stored += 1;
    }
    let (status, answer) = refused.expect("the disk is full at last");
    assert_eq!(status, 503, "{answer}");
    assert_eq!(answer["status"], "503");
    let detail = answer["detail"].as_str().unwrap();
    assert!(detail.contains("storage") && detail.contains("make room"), "{answer}");
    assert_eq!(server.get(&ann).await.0, 200, "reading goes on");
    let (status, answer) =
        server.patch(&ann, json!([{"op": "replace", "path": "title", "value": "t".repeat(60_000)}])).await;
    assert_eq!(status, 503, "{answer}");
    assert_eq!(server.get("/Users?count=0").await.1["totalResults"], stored, "nothing half written");
    full.make_room(&server);
    let (status, answer) = server.post("/Users", &large).await;
    assert_eq!(status, 201, "without a restart: {answer}");
    assert_sound(&server.url);
    server.crash().await;
    assert_eq!(server.get("/Users?count=0").await.1["totalResults"], stored + 1);
    assert_sound(&server.url);
    let _ = std::fs::remove_file(wrapper);
}

/// `serve` as somebody whom permissions bind, also when root runs the tests.
fn serve_unprivileged(url: &str, directory: &Path) -> Command {
    if !is_root() {
        return Setup::default().serve(url, "127.0.0.1:0", directory);
    }
    let copy = directory.join("headcount");
    std::fs::copy(program(), &copy).unwrap();
    let served = Setup { program: copy, ..Setup::default() }.serve(url, "127.0.0.1:0", directory);
    let mut command = Command::new("setpriv");
    command.env("HEADCOUNT_KEYS_MASTER", "0f".repeat(32)).env("HEADCOUNT_METRICS_LISTEN", "");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(served.get_program())
        .args(served.get_args());
    command
}

#[tokio::test]
async fn where_nothing_can_be_written_is_said_at_the_start() {
    let outer = directory();
    let locked = outer.join("locked");
    std::fs::create_dir(&locked).unwrap();
    assert!(succeeds("chmod", &["555", locked.to_str().unwrap()]));
    for path in [locked.join("headcount.db"), locked.join("below/headcount.db")] {
        let (code, said) = refusal(&mut serve_unprivileged(&format!("sqlite:{}", path.display()), &outer));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(locked.to_str().unwrap()), "names the place: {said}");
    }
    // A database that is there but may not be changed.
    let mut server = Server::set_up(Database::Sqlite, Setup::default()).await;
    server.kill();
    let file = server.directory.join("headcount.db");
    std::fs::copy(&file, outer.join("headcount.db")).unwrap();
    for path in [outer.join("headcount.db"), outer.clone()] {
        assert!(succeeds("chmod", &["a-w", path.to_str().unwrap()]));
    }
    let url = format!("sqlite:{}/headcount.db", outer.display());
    let (code, said) = refusal(&mut serve_unprivileged(&url, &server.directory));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(outer.to_str().unwrap()), "names the place: {said}");
    // A directory where the file should be.
    let (code, said) =
        refusal(&mut Setup::default().serve(&format!("sqlite:{}", outer.display()), "127.0.0.1:0", &server.directory));
    assert_eq!(code, Some(1), "{said}");
    assert!(succeeds("chmod", &["-R", "u+w", outer.to_str().unwrap()]));
    std::fs::remove_dir_all(outer).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let directory = directory();
    let path = directory.join("headcount.db");
    std::fs::write(&path, "This is somebody's letter. ".repeat(400)).unwrap();
    let url = format!("sqlite:{}", path.display());
    let (code, said) = refusal(&mut Setup::default().serve(&url, "127.0.0.1:0", &directory));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("not a database") && said.contains(path.to_str().unwrap()), "{said}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("This is somebody's letter."));
    std::fs::remove_dir_all(directory).unwrap();
}

on_each_database!(a_broken_database_is_an_error_not_an_end);

/// A page of the file is overwritten (SQLite); a table is gone (PostgreSQL).
async fn a_broken_database_is_an_error_not_an_end(mut server: Server) {
    use std::io::{Seek as _, Write as _};
    for number in 0..50 {
        server.user(&format!("u{number}")).await;
    }
    if let Some(path) = server.url.strip_prefix("sqlite:").map(str::to_owned) {
        server.kill();
        let mut connection = super::connect(&server.url);
        connection.batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let number = |sql| Sql::new(sql).load::<BigInt, i64>(&mut connection).unwrap()[0];
        let [size, page] = [
            "SELECT page_size FROM pragma_page_size",
            "SELECT rootpage FROM sqlite_master WHERE name = 'attribute_values'",
        ]
        .map(number);
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(std::io::SeekFrom::Start(u64::try_from(size * (page - 1)).unwrap())).unwrap();
        file.write_all(&vec![0xa5; usize::try_from(size).unwrap()]).unwrap();
        server.start_again().await;
    } else {
        super::connect(&server.url).batch("DROP TABLE attribute_values").unwrap();
    }
    let mut failed = 0;
    for number in 0..50 {
        let (status, answer) = server.post("/Users", &user(&format!("v{number}"))).await;
        if status.as_u16() >= 500 {
            assert_eq!(answer["status"], status.as_u16().to_string());
            assert!(!answer.to_string().contains("attribute_values"), "{answer}");
            failed += 1;
        }
    }
    assert!(failed > 0, "what is broken is not taken for whole");
    assert!(server.child.try_wait().unwrap().is_none(), "the process lives");
}
