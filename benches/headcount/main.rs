//! `make bench`: prints one table of ratios. Each figure is measured in turn with its floor, several
//! times, and the median of the pairs' ratios is shown, because the speed of shared machines drifts.
//!
//! Nothing here is a test: a figure that misses its target is printed, not failed. Arguments pick
//! rows by a part of their name; `--rounds N`, `--users N` (for the rows on large organizations).

#![expect(clippy::cast_precision_loss, reason = "counts of a few million are exact in an f64")]

mod floors;
mod load;
mod postgres;
mod rows;
mod server;

use std::path::PathBuf;
use std::process::{Child, Command};

/// What a run was asked for.
pub struct Settings {
    pub rounds: usize,
    pub users: usize,
    only: Vec<String>,
}

impl Settings {
    fn read() -> Self {
        let mut settings = Self { rounds: 5, users: 1_000_000, only: Vec::new() };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|number| number.parse().ok()).expect("a number");
            match argument.as_str() {
                "--rounds" => settings.rounds = number(),
                "--users" => settings.users = number(),
                _ => settings.only.push(argument),
            }
        }
        settings
    }

    #[must_use]
    /// Whether a row of this name was asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

/// Prints a row: what was measured, its target, and the median of the rounds with their range.
pub fn print(name: &str, target: &str, mut ratios: Vec<f64>, note: &str) {
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("| {name} | {target} | {median:.2} | {:.2}–{:.2} | {note} |", ratios[0], ratios[ratios.len() - 1]);
}

/// A directory on the disk this is run from, not in memory; removed at the end.
pub struct Directory(pub PathBuf);

impl Directory {
    fn new() -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The floors' server, in a process of its own like ours.
pub struct FloorServer {
    child: Child,
    pub address: String,
}

impl FloorServer {
    fn start(database: &std::path::Path) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["floor-server", &address, database.to_str().unwrap()])
            .spawn()
            .unwrap();
        server::wait_for(&address, "/f0");
        Self { child, address }
    }
}

impl Drop for FloorServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, command, listen, database] = arguments.as_slice()
        && command == "floor-server"
    {
        return floors::serve(listen, database);
    }
    let settings = Settings::read();
    let directory = Directory::new();
    println!("| work | target | median | range | note |\n| --- | --- | --- | --- | --- |");
    rows::sqlite(&settings, &directory);
    match postgres::Postgres::start(&directory.file("postgres")) {
        Some(postgres) => rows::postgresql(&settings, &postgres),
        None => println!("PostgreSQL is not installed: its half was left out (make test installs it)."),
    }
}
