//! The rows of the table: what is measured, beside which floor, with which target.

mod invitations;
mod large;
mod member_list;
mod records;
mod sign_in;
mod small;

use std::time::Duration;

use super::floors::Table;
use super::load::Until;
use super::postgres::Postgres;
use super::server::{self, Server};
use super::{Directory, FloorServer, Settings};

/// How long one figure of a pair is taken.
const SLICE: Duration = Duration::from_millis(1_200);
const FOR_A_SLICE: Until = Until::After(SLICE);

/// One database under measurement with its floors.
pub struct Bed<'b> {
    pub settings: &'b Settings,
    pub server: Server,
    pub floor: Floor<'b>,
}

/// Where the floors of a database come from.
pub enum Floor<'b> {
    Sqlite { server: FloorServer, table: std::cell::RefCell<Table> },
    Postgres { postgres: &'b Postgres, url: String },
}

/// Rows in the floors' tables.
const FLOOR_ROWS: u32 = 10_000;

impl Bed<'_> {
    /// Pairs of ours and the floor's, in turn; the ratios.
    pub fn pairs(&self, mut ours: impl FnMut() -> f64, mut floor: impl FnMut() -> f64) -> Vec<f64> {
        (0..self.settings.rounds).map(|_| (ours(), floor())).map(|(ours, floor)| ours / floor).collect()
    }

    /// FR or PR: reads of one row per second.
    pub fn read_floor(&self) -> f64 {
        match &self.floor {
            Floor::Sqlite { server, .. } => {
                let request = |number: usize| {
                    let name = number % FLOOR_ROWS as usize;
                    format!("GET /fr/u{name:07}@acme.example HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()
                };
                super::load::run(&server.address, 8, FOR_A_SLICE, request).rate()
            }
            Floor::Postgres { postgres, url } => postgres.select_rate(url, FLOOR_ROWS, 8, SLICE.as_secs_f64()),
        }
    }

    /// F1 or P1 and P8: durable inserts per second.
    pub fn write_floor(&self, clients: u32) -> f64 {
        match &self.floor {
            Floor::Sqlite { table, .. } => table.borrow_mut().rate(1, SLICE),
            Floor::Postgres { postgres, url } => postgres.insert_rate(url, clients, SLICE.as_secs_f64()),
        }
    }

    /// FB: durable inserts per second, a hundred per transaction.
    pub fn batch_floor(&self) -> f64 {
        match &self.floor {
            Floor::Sqlite { table, .. } => table.borrow_mut().rate(100, SLICE),
            Floor::Postgres { .. } => self.write_floor(1),
        }
    }

    pub const fn is_sqlite(&self) -> bool {
        matches!(self.floor, Floor::Sqlite { .. })
    }

    /// A target that differs by database.
    pub const fn either<'t>(&self, sqlite: &'t str, postgresql: &'t str) -> &'t str {
        if self.is_sqlite() { sqlite } else { postgresql }
    }

    /// A row's name with its database.
    pub fn name(&self, name: &str) -> String {
        format!("{}: {name}", self.either("SQLite", "PostgreSQL"))
    }
}

pub fn sqlite(settings: &Settings, directory: &Directory) {
    let floor_database = directory.file("floor.db");
    let table = std::cell::RefCell::new(Table::create(&floor_database, i64::from(FLOOR_ROWS)));
    let server = FloorServer::start(&floor_database);
    let url = format!("sqlite:{}", directory.file("headcount.db").display());
    let bed = Bed { settings, server: Server::start(&url, 32), floor: Floor::Sqlite { server, table } };
    small::rows(&bed);
    invitations::rows(&bed);
    records::rows(&bed);
    member_list::rows(&bed);
    let provider = sign_in::provider();
    let url = format!("sqlite:{}", directory.file("sign_in.db").display());
    let bed = Bed { server: Server::start_with(&url, 2, &sign_in::settings(&provider)), ..bed };
    sign_in::rows(&bed, &provider);
    let url = format!("sqlite:{}", directory.file("large.db").display());
    large::rows(Bed { server: Server::start(&url, 2), ..bed });
}

pub fn postgresql(settings: &Settings, postgres: &Postgres) {
    let url = postgres.database();
    postgres.floor_table(&url, FLOOR_ROWS);
    let server = Server::start(&postgres.database(), 32);
    let bed = Bed { settings, server, floor: Floor::Postgres { postgres, url } };
    small::rows(&bed);
    invitations::rows(&bed);
    member_list::rows(&bed);
    let provider = sign_in::provider();
    let server = Server::start_with(&postgres.database(), 2, &sign_in::settings(&provider));
    let bed = Bed { server, ..bed };
    sign_in::rows(&bed, &provider);
    large::rows(Bed { server: Server::start(&postgres.database(), 2), ..bed });
}

/// The users every bed begins with.
fn seed(server: &Server, organization: usize, count: usize) -> Vec<String> {
    server.fill(organization, 0, count)
}

/// Requests whose bodies create users nobody has yet.
fn fresh_user(number: usize) -> String {
    server::user(5_000_000 + number)
}
