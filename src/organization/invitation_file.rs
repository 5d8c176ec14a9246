//! Files of people to invite (product.md §4): `email,role`, one to a line, read as spreadsheets and people
//! write them; and the result, written so that a spreadsheet computes nothing in it.
//!
//! A line is a row whatever is in it: a quotation mark that nobody closed spoils its own row only.

use super::invitation::Wanted;
use crate::spreadsheet::{MARK, write_row};

/// Bytes of a file at most.
pub const LARGEST: usize = 256 * 1024;
/// Rows of a file at most.
pub const MOST_ROWS: usize = 1_000;

/// What separates cells: as the standard has it (RFC 4180), as Excel writes it where the comma is in numbers,
/// and as it is copied from a table.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// How a first row that names its columns calls the address and the role.
const ADDRESS_COLUMNS: [&str; 8] =
    ["email", "e-mail", "mail", "emailaddress", "e-mailaddress", "mailaddress", "address", "username"];
const ROLE_COLUMNS: [&str; 3] = ["role", "roles", "permission"];

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    TooLarge,
    NotText,
    TooManyRows(usize),
    Empty,
}

impl Refused {
    /// What whoever sends it reads.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::TooLarge => "The file is larger than 256 KiB. Split it.".into(),
            Self::NotText => "This is not a text file. Save it as CSV (UTF-8), one email,role to a line.".into(),
            Self::TooManyRows(rows) => format!("The file has {rows} rows; at most {MOST_ROWS} are taken. Split it."),
            Self::Empty => "The file has no rows. Write one email,role to a line.".into(),
        }
    }
}

/// Reads a file.
///
/// # Errors
/// [`Refused`]; a row that is wrong is none of it.
pub fn parse(bytes: &[u8]) -> Result<Vec<Wanted>, Refused> {
    if bytes.len() > LARGEST {
        return Err(Refused::TooLarge);
    }
    let text = text(bytes).ok_or(Refused::NotText)?;
    let (mut rows, mut columns) = (Vec::new(), None);
    for (at, line) in lines(&text).enumerate() {
        let cells = cells(line);
        if cells.iter().all(String::is_empty) || line.trim().to_ascii_lowercase().starts_with("sep=") {
            continue;
        }
        let Some((address, role)) = columns else {
            // The first row that says something.
            let named = header(&cells);
            columns = Some(named.unwrap_or((0, Some(1))));
            if named.is_none() {
                rows.push(row(at + 1, &cells, (0, Some(1))));
            }
            continue;
        };
        rows.push(row(at + 1, &cells, (address, role)));
    }
    match rows.len() {
        0 => Err(Refused::Empty),
        1..=MOST_ROWS => Ok(rows),
        more => Err(Refused::TooManyRows(more)),
    }
}

/// What the bytes say: UTF-8, with or without its mark, or UTF-16 with it, as Excel writes "Unicode text". Bytes
/// of an older encoding spoil the cell they are in and nothing else.
fn text(bytes: &[u8]) -> Option<String> {
    let wide = |read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    let is_text = text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'));
    is_text.then_some(text)
}

/// The lines, ended by LF, CR LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// The cells of a line, without the spaces around them (RFC 4180 §2).
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            '"' if quoted || cell.trim().is_empty() => {
                quoted = !quoted;
                if quoted {
                    cell.clear();
                }
            }
            c if !quoted && SEPARATORS.contains(&c) => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

/// Where the address and the role are by a row that names its columns.
fn header(cells: &[String]) -> Option<(usize, Option<usize>)> {
    let find = |names: &[&str]| {
        cells.iter().position(|cell| {
            let plain: String = cell.to_lowercase().chars().filter(|c| !c.is_whitespace() && *c != '_').collect();
            names.contains(&plain.as_str())
        })
    };
    // A row with an address in it names no columns, whatever its role is called.
    let names_columns = cells.iter().all(|cell| !cell.contains('@'));
    find(&ADDRESS_COLUMNS).filter(|_| names_columns).map(|address| (address, find(&ROLE_COLUMNS)))
}

fn row(line: usize, cells: &[String], (address, role): (usize, Option<usize>)) -> Wanted {
    let role = role.and_then(|role| cells.get(role)).filter(|role| !role.is_empty());
    Wanted { line, email: cells.get(address).cloned().unwrap_or_default(), role: role.cloned() }
}

/// Writes rows as a file that spreadsheets open and compute nothing in.
#[must_use]
pub fn print<'r>(rows: impl IntoIterator<Item = &'r [String]>) -> String {
    let mut file = MARK.to_owned();
    rows.into_iter().for_each(|row| write_row(&mut file, row.iter().map(String::as_str)));
    file
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(file: &[u8]) -> Vec<(usize, String, Option<String>)> {
        parse(file).unwrap().into_iter().map(|row| (row.line, row.email, row.role)).collect()
    }

    fn rows(expected: &[(usize, &str, &str)]) -> Vec<(usize, String, Option<String>)> {
        let row = |(line, email, role): &(usize, &str, &str)| {
            (*line, (*email).to_owned(), (!role.is_empty()).then(|| (*role).to_owned()))
        };
        expected.iter().map(row).collect()
    }

    #[test]
    fn files_are_read_as_spreadsheets_and_people_write_them() {
        let two = rows(&[(1, "ann@x.example", "write"), (2, "bob@x.example", "Read")]);
        for file in [
            "ann@x.example,write\nbob@x.example,Read\n",
            "\u{feff}ann@x.example,write\r\nbob@x.example,Read",
            "ann@x.example;write\r\nbob@x.example;Read\r\n",
            "ann@x.example\twrite\rbob@x.example\tRead\r",
            "\"ann@x.example\",\"write\"\n \"bob@x.example\" , \"Read\" \n",
            "ann@x.example,write,,\nbob@x.example;Read;extra, \"more\"\n\n , ,\n",
        ] {
            assert_eq!(read(file.as_bytes()), two, "{file:?}");
        }
        let below = rows(&[(2, "ann@x.example", "write"), (4, "bob@x.example", "")]);
        for file in [
            "Email,Role\nann@x.example,write\n\nbob@x.example\n",
            "\u{feff}\"E-Mail Address\";\"role\"\r\nann@x.example;write\r\n\r\nbob@x.example;\r\n",
            "Role,Name,email\nwrite,Ann,ann@x.example\n,,\n,Bob,bob@x.example\n",
        ] {
            assert_eq!(read(file.as_bytes()), below, "{file:?}");
        }
        assert_eq!(read(b"sep=;\nann@x.example;write"), rows(&[(2, "ann@x.example", "write")]));
        assert_eq!(read(b"email\nann@x.example,admin"), rows(&[(2, "ann@x.example", "")]), "no column for roles");
        let wide: Vec<u8> = "\u{feff}ann@x.example\twrite\r\nbob@x.example\tRead\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(read(&wide), two);
    }

    #[test]
    fn a_spoiled_row_spoils_no_other() {
        let file = b"\"ann@x.example,write\nbob@x.example,read\n\xe9ve@x.example,read\n=1+1,read\n";
        let read = read(file);
        assert_eq!(read[1], (2, "bob@x.example".into(), Some("read".into())));
        assert_eq!(read[0], (1, "ann@x.example,write".into(), None));
        assert_eq!((read.len(), read[2].1.as_str(), read[3].1.as_str()), (4, "\u{fffd}ve@x.example", "=1+1"));
    }

    #[test]
    fn what_is_too_much_or_no_text_is_refused() {
        let many = |rows: usize| "ann@x.example\n".repeat(rows).into_bytes();
        assert_eq!(parse(&many(1_000)).map(|rows| rows.len()), Ok(1_000));
        assert_eq!(parse(&[b"email,role\n".as_slice(), &many(1_000)].concat()).map(|rows| rows.len()), Ok(1_000));
        assert_eq!(parse(&many(1_001)), Err(Refused::TooManyRows(1_001)));
        assert_eq!(parse(&vec![b'a'; 300 * 1024]), Err(Refused::TooLarge));
        for binary in [&b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"[..], b"PK\x03\x04\x14", b"ann@x.example\0,read"] {
            assert_eq!(parse(binary), Err(Refused::NotText));
        }
        for empty in [&b""[..], b"\n\r\n", b"email,role\n", b"\xef\xbb\xbf", b"\xff\xfe"] {
            assert_eq!(parse(empty), Err(Refused::Empty), "{empty:?}");
        }
    }

    #[test]
    fn a_result_computes_nothing() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let table = [
            row(&["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"]),
            row(&["ann@x.example", "a \"b\"", "c,d", "", "e;f"]),
        ];
        assert_eq!(
            print(table.iter().map(Vec::as_slice)),
            "\u{feff}'=1+1,'+49,'-1,'@SUM(A1),\"'\t=1\",\"'\r=1\",\"'  =1\",'＝1\r\nann@x.example,\"a \"\"b\"\"\",\"c,d\",,\"e;f\"\r\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(table in prop::collection::vec(("[a-z0-9\",;. ]{0,12}[a-z]@x\\.example", "[a-z\"; ]{0,8}[a-z]"), 1..20)) {
            let rows: Vec<Vec<String>> = table.iter().map(|(email, role)| vec![email.trim().to_owned(), role.trim().to_owned()]).collect();
            let file = print(rows.iter().map(Vec::as_slice));
            let read: Vec<Vec<String>> =
                parse(file.as_bytes()).unwrap().into_iter().map(|row| vec![row.email, row.role.unwrap_or_default()]).collect();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(rows) = parse(&bytes) {
                prop_assert!(rows.len() <= MOST_ROWS);
                prop_assert!(rows.iter().all(|row| !row.email.contains(['\n', '\r'])));
            }
        }
    }
}
