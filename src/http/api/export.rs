//! Lists as files, written while they are read: a page at a time, whatever their length.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use super::call::{Call, Reader};
use super::list::Query;
use crate::administration::By;
use crate::error::{Code, Error, Result};
use crate::id::EventId;
use crate::spreadsheet::{MARK, write_row};
use crate::store::connection::Connection;

/// Lines that are read at once.
pub(super) const PAGE: u32 = 500;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    /// One JSON object to a line.
    Ndjson,
}

impl Format {
    pub(super) fn read(query: &Query) -> Result<Self> {
        match query.value("format").unwrap_or("csv") {
            "csv" => Ok(Self::Csv),
            "ndjson" => Ok(Self::Ndjson),
            other => Err(Error::new(Code::InvalidValue, format!("format is csv or ndjson, not \"{other}\"."))),
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// What is written.
#[derive(Clone, Copy)]
pub(super) struct File {
    pub(super) name: &'static str,
    pub(super) format: Format,
    pub(super) columns: &'static [&'static str],
    /// The cells of an item, in the order of the columns.
    pub(super) cells: fn(&Value) -> Vec<String>,
}

/// A page's items and behind what the next one begins.
type Page = (Vec<Value>, Option<EventId>);

/// Answers with a file. Each page is read by whoever asks as they are then: who loses the role meanwhile gets
/// no more of it. What is wrong with the request is answered before the file begins.
pub(super) async fn answer(
    call: &Call<'_>,
    organization: &str,
    file: File,
    page: impl Fn(&mut Connection, &By, Option<EventId>) -> Result<Page> + Send + Sync + 'static,
) -> Result<HttpResponse> {
    let (reader, page) = (call.reader(organization)?, Arc::new(page));
    let first = next(&reader, &page, None).await?;
    let start = match file.format {
        Format::Csv => {
            let mut head = MARK.to_owned();
            write_row(&mut head, file.columns.iter().copied());
            head
        }
        Format::Ndjson => String::new(),
    };
    let rest = stream::unfold(Some((start, Some(first), None)), move |state| {
        let (reader, page) = (reader.clone(), Arc::clone(&page));
        async move {
            let (mut text, read, after) = state?;
            let read = match read {
                Some(read) => Ok(read),
                None => next(&reader, &page, after).await,
            };
            match read {
                Ok((items, after)) => {
                    for item in &items {
                        file.write(&mut text, item);
                    }
                    let more = after.is_some().then(|| (String::new(), None, after));
                    Some((Ok(Bytes::from(text)), more))
                }
                Err(error) => {
                    tracing::warn!(?error, "an export could not be written to its end");
                    Some((Err(actix_web::error::ErrorServiceUnavailable("")), None))
                }
            }
        }
    });
    let disposition = format!("attachment; filename=\"{}.{}\"", file.name, file.format.extension());
    let mut response = HttpResponse::Ok();
    response.content_type(file.format.media_type()).insert_header((CONTENT_DISPOSITION, disposition));
    Ok(response.streaming(rest))
}

async fn next<F>(reader: &Reader, page: &Arc<F>, after: Option<EventId>) -> Result<Page>
where
    F: Fn(&mut Connection, &By, Option<EventId>) -> Result<Page> + Send + Sync + 'static,
{
    let page = Arc::clone(page);
    reader.read(move |connection, _, by| page(connection, by, after)).await
}

impl File {
    fn write(&self, text: &mut String, item: &Value) {
        match self.format {
            Format::Csv => write_row(text, (self.cells)(item).iter().map(String::as_str)),
            Format::Ndjson => {
                text.push_str(&item.to_string());
                text.push('\n');
            }
        }
    }
}
