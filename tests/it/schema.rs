//! Both databases have the same tables and columns, and every migration goes up, down and up again.

use std::collections::BTreeSet;

use diesel::sql_types::Text;
use headcount::store::connection::Connection;
use headcount::store::migrate;
use headcount::store::sql::Sql;

use crate::support::{postgres, unique};

fn columns(connection: &mut Connection) -> BTreeSet<(String, String)> {
    let sql = match connection {
        Connection::Sqlite(_) => {
            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table'"
        }
        Connection::Postgres(_) => {
            "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    let rows = Sql::new(sql).load::<(Text, Text), (String, String)>(connection).unwrap();
    rows.into_iter().filter(|(table, _)| !table.starts_with("__") && !table.starts_with("sqlite_")).collect()
}

fn up_down_up(url: &str) -> BTreeSet<(String, String)> {
    let mut connection = Connection::open(&url.parse().unwrap()).unwrap();
    assert!(!migrate::up(&mut connection).unwrap().is_empty());
    assert!(migrate::is_current(&mut connection).unwrap());
    let first = columns(&mut connection);
    migrate::down(&mut connection).unwrap();
    assert!(columns(&mut connection).is_empty(), "a down script leaves tables behind");
    migrate::up(&mut connection).unwrap();
    assert_eq!(columns(&mut connection), first);
    first
}

#[test]
fn both_databases_have_the_same_schema() {
    let path = std::env::temp_dir().join(format!("headcount-schema-{}-{}.db", std::process::id(), unique()));
    let sqlite = up_down_up(&format!("sqlite:{}", path.display()));
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    assert!(sqlite.contains(&("resources".into(), "document".into())));
    if let Some(url) = postgres::database() {
        assert_eq!(up_down_up(&url), sqlite);
    }
}

/// Of two migrations of one version only one would ever run.
#[test]
fn migrations_have_a_version_of_their_own() {
    let of = |database: &str| -> Vec<String> {
        let place = format!("{}/migrations/{database}", env!("CARGO_MANIFEST_DIR"));
        let mut names: Vec<String> =
            std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    };
    let names = of("sqlite");
    assert_eq!(names, of("postgresql"));
    let versions: BTreeSet<&str> = names.iter().map(|name| name.split_once('_').unwrap().0).collect();
    assert_eq!(versions.len(), names.len(), "{names:?}");
}
