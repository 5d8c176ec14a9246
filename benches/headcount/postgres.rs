//! A throw-away PostgreSQL with its defaults (durable), and pgbench against it for the floors.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A running server; it ends with this value.
pub struct Postgres {
    binaries: PathBuf,
    directory: PathBuf,
    port: u16,
    databases: std::cell::Cell<u32>,
}

impl Postgres {
    /// Starts one in `directory`, or `None` where PostgreSQL is not installed.
    pub fn start(directory: &Path) -> Option<Self> {
        let mut versions: Vec<PathBuf> =
            std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        let binaries = versions.pop().filter(|binaries| binaries.join("initdb").exists())?;
        std::fs::create_dir_all(directory).unwrap();
        if is_root() {
            assert!(Command::new("chown").arg("postgres").arg(directory).status().unwrap().success());
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { binaries, directory: directory.to_owned(), port, databases: std::cell::Cell::new(0) };
        server.run("initdb", &["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"]);
        let options = format!("-p {port} -c listen_addresses=127.0.0.1 -k {}", directory.display());
        let log = directory.join("log");
        server.run("pg_ctl", &["-w", "-l", log.to_str().unwrap(), "-o", &options, "start"]);
        Some(server)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.binaries.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let data = self.directory.join("data");
        let status = command
            .args(arguments)
            .env("PGDATA", &data)
            .current_dir(&self.directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{arguments:?}");
    }

    /// The URL of a new database.
    pub fn database(&self) -> String {
        let number = self.databases.replace(self.databases.get() + 1);
        let url = format!("postgres://postgres@127.0.0.1:{}", self.port);
        self.sql(&format!("{url}/postgres"), &format!("CREATE DATABASE bench{number}"));
        format!("{url}/bench{number}")
    }

    /// Runs SQL by psql.
    pub fn sql(&self, url: &str, sql: &str) {
        let status = Command::new(self.binaries.join("psql"))
            .args(["-q", "-v", "ON_ERROR_STOP=1", url, "-c", sql])
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{sql}");
    }

    /// The floor's table, with the same bytes and indexes as SQLite's.
    pub fn floor_table(&self, url: &str, rows: u32) {
        let document = super::floors::document().replace('\'', "''");
        self.sql(url, "CREATE TABLE floor (id uuid PRIMARY KEY, name text NOT NULL, external text NOT NULL, email text NOT NULL, document text NOT NULL); CREATE INDEX ON floor (name); CREATE INDEX ON floor (external); CREATE INDEX ON floor (email)");
        self.sql(url, &format!("INSERT INTO floor SELECT ('0193a1b2-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'u' || i, 'e' || i, 'u' || i, '{document}' FROM generate_series(1, {rows}) i; ANALYZE floor"));
    }

    /// Transactions per second of a pgbench script with prepared statements.
    pub fn pgbench(&self, url: &str, script: &str, clients: u32, seconds: f64) -> f64 {
        let file = self.directory.join("script.sql");
        std::fs::write(&file, script).unwrap();
        let output = Command::new(self.binaries.join("pgbench"))
            .args(["-n", "-M", "prepared", "-c", &clients.to_string(), "-T", &format!("{}", seconds.ceil()), "-f"])
            .arg(&file)
            .arg(url)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// P1 and P8: the same row inserted, a transaction each.
    pub fn insert_rate(&self, url: &str, clients: u32, seconds: f64) -> f64 {
        let document = super::floors::document().replace('\'', "''").replace(':', "");
        let script = format!(
            "\\set n random(1, 1000000000)\nINSERT INTO floor VALUES (gen_random_uuid(), 'u' || :n, 'e' || :n, 'u' || :n, '{document}');\n"
        );
        self.pgbench(url, &script, clients, seconds)
    }

    /// PR: a row read by its id.
    pub fn select_rate(&self, url: &str, rows: u32, clients: u32, seconds: f64) -> f64 {
        let script = format!(
            "\\set n random(1, {rows})\nSELECT document FROM floor WHERE id = ('0193a1b2-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid;\n"
        );
        self.pgbench(url, &script, clients, seconds)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-m", "immediate", "stop"]);
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n")
}
