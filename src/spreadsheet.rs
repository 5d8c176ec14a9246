//! Files that people open in a spreadsheet (floor 0): rows of RFC 4180 in which nothing is computed.

/// What a file begins with, so that spreadsheets read it as UTF-8.
pub const MARK: &str = "\u{feff}";

/// Appends a row (RFC 4180 §2). A cell that a spreadsheet would compute has an apostrophe before it (OWASP, CSV
/// Injection).
pub fn write_row<'c>(file: &mut String, cells: impl IntoIterator<Item = &'c str>) {
    for (position, cell) in cells.into_iter().enumerate() {
        if position > 0 {
            file.push(',');
        }
        write_cell(file, cell);
    }
    file.push_str("\r\n");
}

fn write_cell(file: &mut String, cell: &str) {
    // A spreadsheet looks past spaces too, and takes a full-width sign for a sign.
    let first = cell.chars().find(|c| *c != ' ');
    let computes = matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'));
    let mark = if computes { "'" } else { "" };
    let needs_quotes = cell.contains(['"', ',', ';', '\t', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ');
    if !needs_quotes {
        file.push_str(mark);
        file.push_str(cell);
        return;
    }
    file.push('"');
    file.push_str(mark);
    file.push_str(&cell.replace('"', "\"\""));
    file.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> String {
        let mut file = String::new();
        write_row(&mut file, cells.iter().copied());
        file
    }

    #[test]
    fn cells_are_told_apart() {
        assert_eq!(row(&["a", "", "b c", "d,e", "f\"g", "h\r\ni"]), "a,,b c,\"d,e\",\"f\"\"g\",\"h\r\ni\"\r\n");
    }

    #[test]
    fn nothing_is_computed() {
        for formula in ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "  =1", "＝1", "=HYPERLINK(\"http://x\",\"y\")"]
        {
            let written = row(&[formula]);
            assert!(written.trim_start_matches('"').starts_with('\''), "{formula:?}: {written:?}");
        }
        assert_eq!(row(&["ann@acme.example", "1-2"]), "ann@acme.example,1-2\r\n");
    }
}
