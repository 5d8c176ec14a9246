//! A throw-away `PostgreSQL` for this test process, from the installed binaries; also as root.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};

struct Cluster {
    port: u16,
    /// Stops the server when its standard input closes, however this process ends.
    _watch: Child,
}

/// The URL of a fresh database, or `None`, said loudly, where `PostgreSQL` is not installed.
pub fn database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    let cluster = CLUSTER.get_or_init(start).as_ref()?;
    let name = format!("t{}", super::unique());
    let mut admin =
        PgConnection::establish(&format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port)).unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    Some(format!("postgres://postgres@127.0.0.1:{}/{name}", cluster.port))
}

fn binaries() -> Option<PathBuf> {
    if let Ok(directory) = std::env::var("PG_BIN") {
        return Some(directory.into());
    }
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().find(|directory| directory.join("initdb").exists())
}

fn start() -> Option<Cluster> {
    let Some(binaries) = binaries() else {
        assert!(
            std::env::var("HEADCOUNT_TEST_POSTGRES").is_err(),
            "HEADCOUNT_TEST_POSTGRES is set but initdb is not installed"
        );
        let _ = writeln!(
            std::io::stderr(),
            "LEFT OUT: PostgreSQL is not installed; its half of the tests did not run (make test installs it)"
        );
        return None;
    };
    let directory = std::env::temp_dir().join(format!("headcount-pg-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
    if root {
        assert!(Command::new("chown").arg("postgres").arg(&directory).status().unwrap().success());
    }
    let data = directory.join("data");
    let run = |program: &str, arguments: &[&str]| {
        let output =
            as_postgres(root, &binaries.join(program)).args(arguments).current_dir(&directory).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let data_text = data.to_str().unwrap();
    run("initdb", &["-D", data_text, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = format!(
        "-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 -k {}",
        directory.display()
    );
    let mut server = as_postgres(root, &binaries.join("pg_ctl"));
    let log = directory.join("log");
    server
        .args(["-w", "-D", data_text, "-l", log.to_str().unwrap(), "-o", &options, "start"])
        .current_dir(&directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    assert!(server.status().unwrap().success(), "{}", std::fs::read_to_string(&log).unwrap_or_default());
    let stop = format!(
        "read _; {} {}/pg_ctl -D {data_text} -m immediate stop >/dev/null 2>&1; rm -rf {}",
        if root { "runuser -u postgres --" } else { "" },
        binaries.display(),
        directory.display()
    );
    let watch = Command::new("sh")
        .args(["-c", &stop])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Some(Cluster { port, _watch: watch })
}

fn as_postgres(root: bool, program: &Path) -> Command {
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}
