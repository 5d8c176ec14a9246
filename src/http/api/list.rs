//! Lists of the API: `{"items": […], "next": null | "cursor"}`, read by `limit` and `after`.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::call::Call;
use crate::error::{Code, Error, Result};

/// How many items a page has unless it is asked for otherwise, and at most.
const DEFAULT: u32 = 50;
const MOST: u32 = 100;

/// What a list is asked for.
#[derive(Debug)]
pub(super) struct Query {
    /// How many items.
    pub(super) limit: u32,
    after: Option<String>,
    /// Names and values of the list's own parameters.
    own: Vec<(String, String)>,
}

impl Query {
    /// Reads the query of a request; `own` are the parameters of this list beside `limit` and `after`.
    pub(super) fn read(call: &Call<'_>, own: &[&str]) -> Result<Self> {
        Self::parse(call.http.query_string(), own)
    }

    /// The same for what is answered whole: it has no pages to ask for.
    pub(super) fn read_whole(call: &Call<'_>, own: &[&str]) -> Result<Self> {
        let query = Self::read(call, own)?;
        if query.after.is_some() || query.limit != DEFAULT {
            return Err(Error::new(Code::InvalidValue, "This is answered whole: it has no limit and no after."));
        }
        Ok(query)
    }

    fn parse(text: &str, own: &[&str]) -> Result<Self> {
        let mut query = Self { limit: DEFAULT, after: None, own: Vec::new() };
        let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(text)
            .map_err(|_| Error::new(Code::InvalidValue, "The query of the address cannot be read."))?;
        for (name, value) in pairs.into_inner() {
            match name.as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    query.limit = limit.ok_or_else(|| {
                        Error::new(Code::InvalidValue, format!("limit is a number from 1 to {MOST}."))
                    })?;
                }
                "after" => query.after = Some(value),
                known if own.contains(&known) => query.own.push((name, value)),
                unknown => {
                    return Err(Error::new(
                        Code::InvalidValue,
                        format!("This list has no parameter \"{unknown}\"; it has limit, after{}.", others(own)),
                    ));
                }
            }
        }
        Ok(query)
    }

    /// The value of one of the list's own parameters; an empty one is none.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let found = self.own.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// [`Query::after`] of a list in the order of an id, or of what has one in it.
    pub(super) fn after_id<K: FromStr>(&self) -> Result<Option<K>> {
        let id = self.after::<String>()?;
        id.map(|id| id.parse().map_err(|_| invalid_cursor())).transpose()
    }

    /// The same of a list in the order of two ids.
    pub(super) fn after_pair<A: FromStr, B: FromStr>(&self) -> Result<Option<(A, B)>> {
        let Some((first, second)) = self.after::<(String, String)>()? else { return Ok(None) };
        let pair = first.parse().ok().zip(second.parse().ok());
        pair.map(Some).ok_or_else(invalid_cursor)
    }

    /// Where the page begins: what [`List::page`] was given of the last item of the page before.
    pub(super) fn after<K: DeserializeOwned>(&self) -> Result<Option<K>> {
        let read = |text: &String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        self.after.as_ref().map(|text| read(text).ok_or_else(invalid_cursor)).transpose()
    }

    /// How many items to look for: one more than are shown tells whether there is another page.
    pub(super) const fn one_more(&self) -> i64 {
        self.limit as i64 + 1
    }
}

fn invalid_cursor() -> Error {
    Error::new(Code::InvalidCursor, "after is not the cursor of a page of this list.")
}

fn others(own: &[&str]) -> String {
    own.iter().fold(String::new(), |text, name| text + ", " + name)
}

/// A list whole, or a page of one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    items: Vec<T>,
    /// Where the following page begins, to be sent as `after`; `null` where there is none.
    #[schema(required)]
    next: Option<String>,
}

impl<T> List<T> {
    /// A list that is short by its nature.
    pub(super) const fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// A page behind which the list goes on where `next` is, which [`Query::after`] reads. It is opaque to clients,
    /// and no secret: what it names is looked for in the caller's own organization only.
    pub(super) fn before<K: Serialize>(items: Vec<T>, next: Option<&K>) -> Result<Self> {
        let next = next.map(serde_json::to_vec).transpose().map_err(Error::internal)?;
        Ok(Self { items, next: next.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)) })
    }

    /// The page that was asked for, of what was found: [`Query::one_more`]. `key` is what [`Query::after`] reads of
    /// the last item.
    pub(super) fn page<K: Serialize>(query: &Query, mut found: Vec<T>, key: impl Fn(&T) -> K) -> Result<Self> {
        let limit = query.limit as usize;
        let goes_on = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| goes_on).map(key);
        Self::before(found, next.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_takes_what_it_knows() {
        let query = Query::parse("limit=100&sort=email", &["sort"]).unwrap();
        assert_eq!((query.limit, query.own.len()), (100, 1));
        assert_eq!(Query::parse("", &[]).unwrap().limit, DEFAULT);
        for wrong in ["limit=0", "limit=101", "limit=x", "sort=email", "page=2"] {
            assert_eq!(Query::parse(wrong, &[]).unwrap_err().code, Code::InvalidValue, "{wrong}");
        }
    }
}
