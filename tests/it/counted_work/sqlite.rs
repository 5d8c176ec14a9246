//! SQLite: every connection this process opens is traced, and each statement tells when it ends how
//! far it walked tables without an index and how many steps its program took.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::{Mutex, Once, PoisonError};

use libsqlite3_sys as ffi;

use super::{LARGE, Observer, SMALL, Statement, assert_flat, fill, measure, standing_clock};
use crate::support::Database;
use crate::support::in_process::House;

/// The statements of the watched files; other tests of this process use others.
static SEEN: Mutex<Option<HashMap<String, Vec<Statement>>>> = Mutex::new(None);

pub struct Trace(String);

impl Trace {
    /// Watches a file; connections must be opened afterwards.
    pub fn of(url: &str) -> Self {
        static INSTALLED: Once = Once::new();
        let path = url.strip_prefix("sqlite:").unwrap().to_owned();
        SEEN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(path.clone(), Vec::new());
        // SAFETY: SQLite calls the function with a connection that it has just opened.
        INSTALLED.call_once(|| assert_eq!(unsafe { ffi::sqlite3_auto_extension(Some(opened)) }, ffi::SQLITE_OK));
        Self(path)
    }
}

impl Observer for Trace {
    fn take(&mut self) -> Vec<Statement> {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        seen.as_mut().and_then(|seen| seen.get_mut(&self.0)).map(std::mem::take).unwrap()
    }
}

/// A connection was opened.
unsafe extern "C" fn opened(
    connection: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: the connection is open, and the callback needs no context.
    unsafe { ffi::sqlite3_trace_v2(connection, ffi::SQLITE_TRACE_PROFILE, Some(finished), std::ptr::null_mut()) }
}

/// A statement has ended.
unsafe extern "C" fn finished(_: c_uint, _: *mut c_void, statement: *mut c_void, _: *mut c_void) -> c_int {
    let statement: *mut ffi::sqlite3_stmt = statement.cast();
    // SAFETY: SQLITE_TRACE_PROFILE hands over a statement that is alive during the call; both texts
    // live at least as long.
    let (path, text, scanned, work) = unsafe {
        let file = ffi::sqlite3_db_filename(ffi::sqlite3_db_handle(statement), c"main".as_ptr());
        let text = ffi::sqlite3_sql(statement);
        if file.is_null() || text.is_null() {
            return 0;
        }
        (
            CStr::from_ptr(file).to_string_lossy().into_owned(),
            CStr::from_ptr(text).to_string_lossy().into_owned(),
            ffi::sqlite3_stmt_status(statement, ffi::SQLITE_STMTSTATUS_FULLSCAN_STEP, 1),
            ffi::sqlite3_stmt_status(statement, ffi::SQLITE_STMTSTATUS_VM_STEP, 1),
        )
    };
    // Sets a number of the connection and visits nothing; whether the writer does depends on how quick the disk is.
    if text.starts_with("PRAGMA busy_timeout") {
        return 0;
    }
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(statements) = seen.as_mut().and_then(|seen| seen.get_mut(&path)) {
        let scans = if scanned > 0 { vec![format!("{scanned} steps")] } else { Vec::new() };
        statements.push(Statement { text, work: work.into(), scans });
    }
    0
}

#[actix_web::test]
async fn does_not_grow() {
    let mut costs = Vec::new();
    for users in [SMALL, LARGE] {
        let mut house = House::new(Database::Sqlite, 6_000, standing_clock());
        let mut trace = Trace::of(&house.url);
        house.reassemble(standing_clock());
        let organization = fill(house, users).await;
        costs.push(measure(&organization, &mut trace).await);
    }
    assert_flat(&costs[0], &costs[1]);
}

#[actix_web::test]
async fn a_scan_is_noticed() {
    let mut house = House::new(Database::Sqlite, 10, standing_clock());
    let mut trace = Trace::of(&house.url);
    house.reassemble(standing_clock());
    let walk = |connection: &mut headcount::store::connection::Connection| {
        connection
            .batch("SELECT count(*) FROM sqlite_master WHERE sql LIKE '%x%'")
            .map_err(headcount::store::database_error)
    };
    house.assembly.store.read(walk).await.unwrap();
    assert!(trace.take().iter().any(|statement| !statement.scans.is_empty()));
}
