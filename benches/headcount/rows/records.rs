//! What the provisioning log and the audit trail add to a POST of a User.
//!
//! No switch of the product turns them off, so the floor's writer does it: it inserts the rows of one POST, as
//! the server under measurement has just written them, into a copy of its database, once with and once without
//! the two, as many POSTs in a transaction as come together there. The difference is what the two rows cost, and
//! it is taken from the time of a real POST.

use std::cell::Cell;
use std::time::Instant;

use diesel::result::QueryResult;
use diesel::sql_types::Text;
use headcount::id::ResourceId;
use headcount::store::connection::{Connection, DatabaseUrl};
use headcount::store::sql::Sql;

use super::super::print;
use super::super::server;
use super::{Bed, FOR_A_SLICE, SLICE, fresh_user};

/// The tables of a POST, the two that are in question last.
const TABLES: [&str; 5] = ["resources", "attribute_values", "members", "provisioning_log", "audit_events"];
const WITHOUT: usize = 3;
/// Columns that name the User or the row itself, and columns that have to differ from one User to the next.
const IDS: [&str; 3] = ["id", "resource_id", "target_id"];
const KEYS: [&str; 4] = ["user_name_key", "external_id", "value_key", "address_key"];

pub fn rows(bed: &Bed<'_>) {
    for (connections, together) in [(1, 1), (32, 16)] {
        let name = bed.name(&format!("POST User, {connections} connections: time with log and trail over without"));
        if !bed.is_sqlite() || !bed.settings.wants(&name) {
            continue;
        }
        // Users that no other row makes.
        let made = Cell::new(12_000_000 + connections * 1_000_000);
        let added = Cell::new(0.0);
        let once = |_| {
            let first = made.get();
            let request = |n: usize| bed.server.request(0, "POST", "/Users", Some(&fresh_user(first + n)));
            let run = bed.server.load(connections, FOR_A_SLICE, request);
            made.set(first + run.requests + connections);
            let whole = 1.0 / run.rate();
            let mut copy = Copy::of(&bed.server);
            let two = copy.seconds(TABLES.len(), together) - copy.seconds(WITHOUT, together);
            added.set(two * 1e6);
            whole / (whole - two.max(0.0))
        };
        let ratios = (0..bed.settings.rounds).map(once).collect();
        let note = format!("the rows cost the floor's writer {:.1} µs at {together} POSTs a transaction", added.get());
        print(&name, "≤ 1.15", ratios, &note);
    }
}

/// A copy of the server's database, with the rows of its latest POST at hand.
struct Copy {
    connection: Connection,
    inserts: Vec<Insert>,
    next: u64,
}

/// A statement that inserts a kept row for another User, prepared once as the server's are.
struct Insert {
    text: String,
    /// What each `?` is.
    binds: Vec<Bind>,
}

#[derive(Clone, Copy)]
enum Bind {
    Id,
    Number,
}

impl Insert {
    /// Keeps the latest User's rows of a table.
    fn of(connection: &mut Connection, table: &str) -> Self {
        let of_user = match table {
            "attribute_values" | "provisioning_log" => "resource_id",
            "audit_events" => "target_id",
            _ => "id",
        };
        connection
            .batch(&format!(
                "CREATE TEMP TABLE one_{table} AS SELECT * FROM {table} WHERE {of_user} = \
                 (SELECT resource_id FROM provisioning_log WHERE status = 201 ORDER BY rowid DESC LIMIT 1)"
            ))
            .unwrap();
        let names = Sql::new("SELECT name FROM pragma_table_info(?)").bind(table).load::<Text, String>(connection);
        let mut binds = Vec::new();
        let values = names.unwrap().into_iter().map(|name| {
            if IDS.contains(&name.as_str()) {
                binds.push(Bind::Id);
                "?".to_owned()
            } else if KEYS.contains(&name.as_str()) {
                binds.push(Bind::Number);
                format!("{name} || ?")
            } else {
                name
            }
        });
        let values: Vec<String> = values.collect();
        Self { text: format!("INSERT INTO {table} SELECT {} FROM temp.one_{table}", values.join(", ")), binds }
    }

    fn run(&self, connection: &mut Connection, id: ResourceId, number: &str) -> QueryResult<usize> {
        let mut sql = Sql::default();
        sql.push(&self.text);
        let bind = |sql: Sql, bind: &Bind| match bind {
            Bind::Id => sql.bind(id),
            Bind::Number => sql.bind(number),
        };
        self.binds.iter().fold(sql, bind).execute(connection)
    }
}

impl Copy {
    fn of(server: &server::Server) -> Self {
        let source = server.url.trim_start_matches("sqlite:");
        let path = format!("{source}.copy");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{path}{suffix}"));
        }
        let mut original = Connection::open(&DatabaseUrl::Sqlite(source.into())).unwrap();
        Sql::new("VACUUM INTO ?").bind(path.as_str()).execute(&mut original).unwrap();
        let mut connection = Connection::open(&DatabaseUrl::Sqlite(path.into())).unwrap();
        let inserts = TABLES.iter().map(|table| Insert::of(&mut connection, table)).collect();
        Self { connection, inserts, next: 1 }
    }

    /// The time one POST's rows take, of the first so many tables.
    fn seconds(&mut self, tables: usize, together: usize) -> f64 {
        let (began, mut posts) = (Instant::now(), 0);
        while began.elapsed() < SLICE {
            let (first, inserts) = (self.next, &self.inserts[..tables]);
            self.connection
                .transaction(|connection| {
                    for number in first..first + together as u64 {
                        // Behind every id there is, as new ones are.
                        let mut id = [u8::MAX; 16];
                        id[8..].copy_from_slice(&number.to_be_bytes());
                        for insert in inserts {
                            insert.run(connection, ResourceId::from_bytes(id), &number.to_string())?;
                        }
                    }
                    QueryResult::Ok(())
                })
                .unwrap();
            self.next += together as u64;
            posts += together;
        }
        began.elapsed().as_secs_f64() / posts as f64
    }
}
