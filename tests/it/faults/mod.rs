//! Faults: the process killed, the database away, the storage full or broken, clients that crawl,
//! panics, clocks that step back. Whatever was acknowledged stays, nothing is half written, and the
//! service comes back by itself.

mod clock;
mod crash;
mod database_away;
mod end;
mod panics;
mod slow_clients;
mod storage;

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use headcount::id::ResourceId;
use headcount::store::connection::Connection;
use headcount::store::sql::{Sql, SqlId};

fn connect(url: &str) -> Connection {
    Connection::open(&url.parse().unwrap()).unwrap()
}

/// Asserts that the database is whole: its own check, and everything that is counted or derived
/// agrees with the rows it was made from.
fn assert_sound(url: &str) {
    let mut connection = connect(url);
    if connection.is_sqlite() {
        for check in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
            let said = Sql::new(check).load::<Text, String>(&mut connection).unwrap();
            assert!(said.is_empty() || said == ["ok"], "{check}: {said:?}");
        }
    } else {
        // Every index against its table.
        connection.batch("CREATE EXTENSION IF NOT EXISTS amcheck").unwrap();
        connection
            .batch(
                "SELECT bt_index_check(i.indexrelid, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'",
            )
            .unwrap();
    }
    for (what, sql) in [
        (
            "users",
            "SELECT users - (SELECT count(*) FROM resources r WHERE r.organization_id = u.organization_id AND kind = 1) FROM organization_usage u",
        ),
        (
            "groups",
            "SELECT groups - (SELECT count(*) FROM resources r WHERE r.organization_id = u.organization_id AND kind = 2) FROM organization_usage u",
        ),
        (
            "seats",
            "SELECT seats_used - (SELECT count(*) FROM members m WHERE m.organization_id = u.organization_id AND status = 'active') FROM organization_usage u",
        ),
        (
            "waiting",
            "SELECT waiting - (SELECT count(*) FROM members m WHERE m.organization_id = u.organization_id AND waiting_since IS NOT NULL) FROM organization_usage u",
        ),
        (
            "owners",
            "SELECT active_owners - (SELECT count(*) FROM members m WHERE m.organization_id = u.organization_id AND status = 'active' AND role = 'owner') FROM organization_usage u",
        ),
        (
            "members without a User",
            "SELECT count(*) FROM members m WHERE NOT EXISTS (SELECT 1 FROM resources r WHERE r.organization_id = m.organization_id AND r.kind = 1 AND r.id = m.id)",
        ),
        (
            "Users without a member",
            "SELECT count(*) FROM resources r WHERE r.kind = 1 AND NOT EXISTS (SELECT 1 FROM members m WHERE r.organization_id = m.organization_id AND r.id = m.id)",
        ),
        (
            "index rows of nothing",
            "SELECT count(*) FROM attribute_values v WHERE NOT EXISTS (SELECT 1 FROM resources r WHERE r.organization_id = v.organization_id AND r.id = v.resource_id)",
        ),
        (
            "memberships of nothing",
            "SELECT count(*) FROM group_members g WHERE NOT EXISTS (SELECT 1 FROM resources r WHERE r.organization_id = g.organization_id AND r.id = g.group_id)",
        ),
        (
            "creations that were not logged",
            "SELECT count(*) FROM members m WHERE m.source = 'scim' AND NOT EXISTS (SELECT 1 FROM provisioning_log l WHERE l.organization_id = m.organization_id AND l.resource_id = m.id)",
        ),
    ] {
        let differences = Sql::new(sql).load::<BigInt, i64>(&mut connection).unwrap();
        assert!(differences.iter().all(|difference| *difference == 0), "{what}: {differences:?}");
    }
}

/// Everything that is derived of documents, as one text.
fn derived(url: &str) -> String {
    type Columns = (SqlId, BigInt, Bool, Nullable<Text>, Nullable<Text>, Nullable<Text>);
    type Row = (ResourceId, i64, bool, Option<String>, Option<String>, Option<String>);
    type ValueColumns = (SqlId, BigInt, BigInt, Text, Nullable<Text>, Bool);
    type ValueRow = (ResourceId, i64, i64, String, Option<String>, bool);
    let mut connection = connect(url);
    let rows =
        Sql::new("SELECT id, version, active, user_name_key, external_id, display_name_key FROM resources ORDER BY id")
            .load::<Columns, Row>(&mut connection)
            .unwrap();
    let values = Sql::new("SELECT resource_id, attribute, ordinal, value_key, type_key, is_primary FROM attribute_values ORDER BY resource_id, attribute, ordinal")
        .load::<ValueColumns, ValueRow>(&mut connection)
        .unwrap();
    format!("{rows:?}{values:?}")
}

/// Sends a signal to a process this test started.
fn signal(child: &std::process::Child, name: &str) {
    let sent = std::process::Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// What a command says when it fails: exit code and standard error. One that does not end is ended.
fn refusal(command: &mut std::process::Command) -> (Option<i32>, String) {
    let mut limited = std::process::Command::new("timeout");
    limited.args(["-k", "1", "60"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let output = limited.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
