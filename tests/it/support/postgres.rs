//! A throw-away PostgreSQL for this test process, from the installed binaries; also as root.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};

use super::Reserved;

/// A server of its own; it ends, and its files go, when this value or this process does.
pub struct Cluster {
    port: u16,
    _place: Reserved,
    directory: PathBuf,
    binaries: PathBuf,
    root: bool,
    options: String,
    /// Stops the server when its standard input closes, however this process ends.
    _watch: Child,
}

/// The URL of a fresh database, or `None`, said loudly, where PostgreSQL is not installed.
pub fn database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start("")).as_ref().map(Cluster::database)
}

impl Cluster {
    /// Starts a server with further options, or says loudly that PostgreSQL is not installed.
    pub fn start(options: &str) -> Option<Self> {
        let binaries = binaries()?;
        let directory = std::env::temp_dir().join(format!("headcount-pg-{}-{}", std::process::id(), super::unique()));
        std::fs::create_dir_all(&directory).unwrap();
        let root = is_root();
        if root {
            assert!(Command::new("chown").arg("postgres").arg(&directory).status().unwrap().success());
        }
        let place = Reserved::new();
        let port = place.port();
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 -k {} {options}",
            directory.display()
        );
        let watch = watch(root, &binaries, &directory);
        let cluster = Self { port, _place: place, directory, binaries, root, options, _watch: watch };
        cluster.run(
            "initdb",
            &["-D", &cluster.data(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"],
        );
        cluster.start_again();
        Some(cluster)
    }

    /// The URL of a fresh database.
    pub fn database(&self) -> String {
        let name = format!("t{}", super::unique());
        let mut admin =
            PgConnection::establish(&format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)).unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Takes the server away as a crash does: connections break, nothing is said to them.
    pub fn stop(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }

    /// Brings the server back.
    pub fn start_again(&self) {
        let mut server = as_postgres(self.root, &self.binaries.join("pg_ctl"));
        server
            .args(["-w", "-D", &self.data(), "-l", self.log_path().to_str().unwrap(), "-o", &self.options, "start"])
            .current_dir(&self.directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        assert!(server.status().unwrap().success(), "{}", self.log());
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn data(&self) -> String {
        self.directory.join("data").to_str().unwrap().to_owned()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = as_postgres(self.root, &self.binaries.join(program));
        let output = command.args(arguments).current_dir(&self.directory).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n")
}

fn binaries() -> Option<PathBuf> {
    if let Ok(directory) = std::env::var("PG_BIN") {
        return Some(directory.into());
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    let found = versions.into_iter().rev().find(|directory| directory.join("initdb").exists());
    if found.is_none() {
        assert!(
            std::env::var("HEADCOUNT_TEST_POSTGRES").is_err(),
            "HEADCOUNT_TEST_POSTGRES is set but initdb is not installed"
        );
        super::left_out("PostgreSQL is not installed, its half of the tests did not run");
    }
    found
}

fn watch(root: bool, binaries: &Path, directory: &Path) -> Child {
    let stop = format!(
        "read _; {} {}/pg_ctl -D {}/data -m immediate stop >/dev/null 2>&1; rm -rf {}",
        if root { "runuser -u postgres --" } else { "" },
        binaries.display(),
        directory.display(),
        directory.display()
    );
    Command::new("sh")
        .args(["-c", &stop])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn as_postgres(root: bool, program: &Path) -> Command {
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}
