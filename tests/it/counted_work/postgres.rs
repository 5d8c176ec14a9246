//! PostgreSQL: `auto_explain` writes the plan of every statement that is run, with the rows it
//! visited, to the server's log, whoever sent it.

use diesel::sql_types::BigInt;
use headcount::store::sql::Sql;
use serde_json::Value;

use super::{LARGE, Observer, SMALL, Statement, assert_flat, fill, measure, standing_clock};
use crate::support::in_process::House;
use crate::support::postgres::Cluster;
use crate::support::{Database, Server};

pub const EXPLAIN: &str = "-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=-1 \
    -c auto_explain.log_analyze=on -c auto_explain.log_buffers=on -c auto_explain.log_timing=off -c auto_explain.log_format=json";

/// Tables that grow with an organization; the others have a row or two, which are quickest read whole.
const LARGE_TABLES: &[&str] = &[
    "resources",
    "attribute_values",
    "group_members",
    "members",
    "removed_members",
    "invitations",
    "outbox",
    "provisioning_log",
    "audit_events",
];

pub struct Log<'c> {
    cluster: &'c Cluster,
    read: usize,
}

impl<'c> Log<'c> {
    /// Watches a database of a cluster that was started with [`EXPLAIN`]; connections must be opened afterwards.
    pub fn of(cluster: &'c Cluster, url: &str) -> Self {
        let name = url.rsplit('/').next().unwrap();
        let mut connection = headcount::store::connection::Connection::open(&url.parse().unwrap()).unwrap();
        connection.batch(&format!("ALTER DATABASE {name} SET auto_explain.log_min_duration = 0")).unwrap();
        Self { cluster, read: cluster.log().len() }
    }
}

impl Observer for Log<'_> {
    fn take(&mut self) -> Vec<Statement> {
        let log = self.cluster.log();
        let new = &log[self.read..];
        let statements = new.split("plan:\n").skip(1).map(|entry| {
            // Lines that go on begin with a tab.
            let json: String = entry.lines().take_while(|line| line.starts_with('\t')).collect();
            statement(&serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}")))
        });
        // The pool looks after the planner now and then, whoever asks for what.
        let statements = statements.filter(|statement| !statement.text.contains("pg_relation_size")).collect();
        self.read = log.len();
        statements
    }
}

fn statement(entry: &Value) -> Statement {
    let text = entry["Query Text"].as_str().unwrap_or_default().to_owned();
    let mut statement = Statement { text, work: 0, scans: Vec::new() };
    visit(&entry["Plan"], &mut statement);
    // What an index is walked through for nothing shows in the pages alone; the root has those of all nodes.
    let pages = |name: &str| entry["Plan"][name].as_i64().unwrap_or_default();
    statement.work += pages("Shared Hit Blocks") + pages("Shared Read Blocks");
    statement
}

fn visit(node: &Value, statement: &mut Statement) {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let rows = (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops");
    #[expect(clippy::cast_possible_truncation, reason = "row counts of a small database")]
    {
        statement.work += rows as i64;
    }
    let table = node["Relation Name"].as_str().unwrap_or_default();
    if node["Node Type"] == "Seq Scan" && LARGE_TABLES.contains(&table) {
        statement.scans.push(table.to_owned());
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        visit(below, statement);
    }
}

#[actix_web::test]
async fn does_not_grow() {
    let Some(cluster) = Cluster::start(EXPLAIN) else { return };
    let mut costs = Vec::new();
    for users in [SMALL, LARGE] {
        let url = cluster.database();
        let mut organization = fill(House::new(Database::Postgres(url.clone()), 6_000, standing_clock()), users).await;
        let mut connection = headcount::store::connection::Connection::open(&url.parse().unwrap()).unwrap();
        connection.batch("ANALYZE").unwrap();
        let mut log = Log::of(&cluster, &url);
        organization.house.reassemble(standing_clock());
        costs.push(measure(&organization, &mut log).await);
    }
    assert_flat(&costs[0], &costs[1]);
    for request in ["create a User", "get a User"] {
        let cost = costs[1].iter().find(|cost| cost.request == request).unwrap();
        assert_eq!(cost.statements.len(), 1, "one round trip: {cost:#?}");
    }
}

/// Until the server's own housekeeping looks at a new database, a minute later, the planner would take
/// every table for a page and walk organizations; the service tells it sooner.
#[tokio::test]
async fn the_planner_learns_of_a_new_database() {
    // Its housekeeping is off: nobody else can have told.
    let Some(cluster) = Cluster::start("-c autovacuum=off") else { return };
    let server = Server::start(Database::Postgres(cluster.database())).await;
    for number in 0..32 {
        server.user(&format!("u{number}")).await;
    }
    let mut connection = server.database();
    let known = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'resources'::regclass";
    // It is told behind the answers.
    let told = (0..10_000).any(|_| Sql::new(known).load::<BigInt, i64>(&mut connection).unwrap()[0] > 0);
    assert!(told);
}
