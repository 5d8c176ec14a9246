//! Lists written to a file, a page at a time.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use crate::administration::audit::Page;
use crate::id::EventId;
use crate::spreadsheet::{MARK, write_row};

/// Lines that are read at once.
pub(super) const PAGE: u32 = 1_000;

/// Where to write, and how.
#[derive(Debug, Args)]
pub(super) struct File {
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// Where to write; what is there is replaced
    #[arg(long)]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For spreadsheets, which compute nothing in it
    Csv,
    /// One JSON object to a line
    Ndjson,
}

/// Writes every page; how many lines that were.
pub(super) fn write<T: Serialize>(
    file: &File,
    columns: &[&str],
    cells: fn(&T) -> Vec<String>,
    mut page: impl FnMut(Option<EventId>) -> Result<Page<T>, String>,
) -> Result<Value, String> {
    let mut lines = 0;
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", file.file.display());
    // What is wrong with the question leaves a file that is there alone.
    let mut read = page(None)?;
    let mut out = BufWriter::new(std::fs::File::create(&file.file).map_err(failed)?);
    let mut text = String::new();
    if file.format == Format::Csv {
        text.push_str(MARK);
        write_row(&mut text, columns.iter().copied());
    }
    loop {
        for item in &read.items {
            if file.format == Format::Csv {
                write_row(&mut text, cells(item).iter().map(String::as_str));
            } else {
                text.push_str(&serde_json::to_string(item).map_err(|error| error.to_string())?);
                text.push('\n');
            }
        }
        lines += read.items.len();
        out.write_all(text.as_bytes()).map_err(failed)?;
        text.clear();
        match read.next {
            Some(after) => read = page(Some(after))?,
            None => break,
        }
    }
    out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    Ok(json!({"file": file.file.display().to_string(), "lines": lines}))
}
