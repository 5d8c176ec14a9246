//! Files of people to invite (product.md §4): any bytes are rows or a refusal; and what is written is read again, and
//! computes nothing in a spreadsheet.
#![no_main]

use headcount::organization::invitation::{Known, Room, judge};
use headcount::organization::invitation_file::{MOST_ROWS, parse, print};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(rows) = parse(bytes) else { return };
    assert!((1..=MOST_ROWS).contains(&rows.len()));
    let verdicts = judge(&rows, |_| Known::default(), Room { seats: 5, mails: 5 }, |_| true);
    assert!(verdicts.iter().filter(|verdict| verdict.name() == "ready").count() <= 5);
    let table: Vec<Vec<String>> =
        rows.iter().map(|row| vec![row.email.clone(), row.role.clone().unwrap_or_default()]).collect();
    let file = print(table.iter().map(Vec::as_slice));
    for cell in file.trim_start_matches('\u{feff}').split(['\n', ',']) {
        let cell = cell.trim_start_matches('"');
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{cell:?}");
    }
    for (row, verdict) in rows.iter().zip(&verdicts) {
        assert!(!verdict.sentence(row).is_empty());
    }
});
