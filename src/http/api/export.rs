//! What an organization keeps of the past: a page of it, or a file of all that is wanted, written while it is
//! read, a page at a time, whatever its length.

use std::future::ready;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::call::{Call, Reader};
use super::list::{List, Query};
use crate::administration::By;
use crate::administration::audit::Page;
use crate::error::{Code, Error, Result};
use crate::id::EventId;
use crate::spreadsheet::{MARK, write_row};
use crate::store::connection::Connection;

/// Lines that are read at once.
const PAGE: u32 = 500;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    /// One JSON object to a line.
    Ndjson,
}

impl Format {
    fn read(query: &Query) -> Result<Self> {
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

/// Reads so many lines of an organization's log that are wanted, before the one that is named.
type ReadPage<W, T> = fn(&mut Connection, &By, &str, &W, Option<EventId>, u32) -> Result<Page<T>>;

/// A log of an organization, newest first.
pub(super) struct Log<W: 'static, T: 'static> {
    /// What its file is called.
    pub(super) name: &'static str,
    /// The parameters that tell what of it is wanted.
    pub(super) filters: &'static [&'static str],
    pub(super) wanted: fn(&Query) -> W,
    pub(super) page: ReadPage<W, T>,
    pub(super) columns: &'static [&'static str],
    /// The cells of an item, in the order of the columns.
    pub(super) cells: fn(&T) -> Vec<String>,
}

impl<W: Send + Sync + 'static, T: Serialize + Send + 'static> Log<W, T> {
    /// Answers with a page.
    pub(super) async fn list(&'static self, call: &Call<'_>, organization: &str) -> Result<HttpResponse> {
        let query = Query::read(call, self.filters)?;
        let invalid = |_| Error::new(Code::InvalidCursor, "after is not of this list.");
        let after = query.after::<String>()?.map(|id| id.parse().map_err(invalid)).transpose()?;
        let (wanted, name) = ((self.wanted)(&query), organization.to_owned());
        let read =
            move |connection: &mut _, _: &_, by: &_| (self.page)(connection, by, &name, &wanted, after, query.limit);
        let page = call.scan(organization, read).await?;
        Ok(HttpResponse::Ok().json(List::before(page.items, page.next.as_ref())?))
    }

    /// Answers with a file. Each page is read by whoever asks as they are then: who loses the role meanwhile gets
    /// no more of it. What is wrong with the request is answered before the file begins.
    pub(super) async fn export(&'static self, call: &Call<'_>, organization: &str) -> Result<HttpResponse> {
        let query = Query::read_whole(call, &[["format"].as_slice(), self.filters].concat())?;
        let format = Format::read(&query)?;
        let pages = Pages {
            log: self,
            reader: call.reader(organization)?,
            organization: organization.to_owned(),
            wanted: Arc::new((self.wanted)(&query)),
        };
        let first = pages.next(None).await?;
        let begun = self.head(format) + &self.lines(format, &first.items)?;
        let rest = stream::try_unfold((pages, first.next), move |(pages, after)| async move {
            let Some(after) = after else { return Ok(None) };
            let cut = |error| {
                tracing::warn!(?error, "an export could not be written to its end");
                actix_web::error::ErrorServiceUnavailable("")
            };
            let page = pages.next(Some(after)).await.map_err(cut)?;
            let lines = self.lines(format, &page.items).map_err(cut)?;
            Ok::<_, actix_web::Error>(Some((lines.into(), (pages, page.next))))
        });
        let disposition = format!("attachment; filename=\"{}.{}\"", self.name, format.extension());
        let mut response = HttpResponse::Ok();
        response.content_type(format.media_type()).insert_header((CONTENT_DISPOSITION, disposition));
        Ok(response.streaming(stream::once(ready(Ok(Bytes::from(begun)))).chain(rest)))
    }

    fn head(&self, format: Format) -> String {
        match format {
            Format::Csv => {
                let mut head = MARK.to_owned();
                write_row(&mut head, self.columns.iter().copied());
                head
            }
            Format::Ndjson => String::new(),
        }
    }

    fn lines(&self, format: Format, items: &[T]) -> Result<String> {
        let mut text = String::new();
        for item in items {
            match format {
                Format::Csv => write_row(&mut text, (self.cells)(item).iter().map(String::as_str)),
                Format::Ndjson => {
                    text.push_str(&serde_json::to_string(item).map_err(Error::internal)?);
                    text.push('\n');
                }
            }
        }
        Ok(text)
    }
}

/// The pages of a file.
struct Pages<W: 'static, T: 'static> {
    log: &'static Log<W, T>,
    reader: Reader,
    organization: String,
    wanted: Arc<W>,
}

impl<W: Send + Sync + 'static, T: Send + 'static> Pages<W, T> {
    async fn next(&self, after: Option<EventId>) -> Result<Page<T>> {
        let (log, organization, wanted) = (self.log, self.organization.clone(), Arc::clone(&self.wanted));
        self.reader.read(move |connection, _, by| (log.page)(connection, by, &organization, &wanted, after, PAGE)).await
    }
}
