//! Cursors (RFC 9865): signed, so that a forged or foreign one is told apart; stateless, so that
//! they cost nothing to keep.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::list::{Query, SortKey};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::scim::registry::Kind;

/// Where a page begins: behind the last row told, whether that is still there or not, so that a walk loses
/// nobody when others are deleted meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last row's id.
    pub after: Option<ResourceId>,
    /// In an order by `sortBy`: what that row was sorted by, if it had a value.
    pub key: Option<SortKey>,
    /// The total the first page told.
    pub total: i64,
}

impl Position {
    /// Where a walk begins.
    pub const FIRST: Self = Self { after: None, key: None, total: -1 };
}

/// A number for what the query asks; a cursor works only with the query it came from.
#[must_use]
pub fn fingerprint(kind: Kind, query: &Query) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, query.over_all_types, &query.filter, &query.sort_by, query.descending).hash(&mut hasher);
    hasher.finish()
}

/// Bytes in front of the key that a page's last row was sorted by.
const HEAD: usize = 48;
/// Bytes of the signature.
const TAG: usize = 32;

/// Writes a cursor.
#[must_use]
pub fn write(key: &hmac::Key, position: &Position, fingerprint: u64, count: i64, expires: Timestamp) -> String {
    let mut bytes = Vec::with_capacity(HEAD + TAG + position.key.as_ref().map_or(0, |key| key.len() + 1));
    bytes.extend(position.after.map_or([0; 16], |id| *id.as_bytes()));
    for number in [position.total, count, expires.0] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(fingerprint.to_be_bytes());
    if let Some(key) = &position.key {
        bytes.push(1);
        bytes.extend(key.as_bytes());
    }
    let tag = hmac::sign(key, &bytes);
    bytes.extend(tag.as_ref());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor; an empty one means the first page. A count of 0 asks for nobody and ends no walk.
///
/// # Errors
/// `invalidCursor`, `expiredCursor`, or `invalidCount` when the count is not the one the walk began with.
pub fn read(key: &hmac::Key, text: &str, fingerprint: u64, count: Option<i64>, now: Timestamp) -> Result<Position> {
    if text.is_empty() {
        return Ok(Position::FIRST);
    }
    let invalid = || {
        Error::new(
            Code::InvalidCursor,
            "This cursor is not one this service gave for this query. Begin again with an empty cursor.",
        )
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    let end = bytes.len().checked_sub(TAG).filter(|end| *end >= HEAD).ok_or_else(invalid)?;
    let (payload, tag) = bytes.split_at(end);
    if hmac::verify(key, payload, tag).is_err() {
        return Err(invalid());
    }
    let number = |from: usize| payload[from..from + 8].try_into().map(i64::from_be_bytes).map_err(|_| invalid());
    let id: [u8; 16] = payload[..16].try_into().map_err(|_| invalid())?;
    if payload[40..HEAD] != fingerprint.to_be_bytes() {
        return Err(invalid());
    }
    if number(32)? <= now.0 {
        return Err(Error::new(Code::ExpiredCursor, "This cursor has expired. Begin again with an empty cursor."));
    }
    let begun_with = number(24)?;
    if count.is_some_and(|count| count != begun_with && count > 0) {
        return Err(Error::new(Code::InvalidCount, format!("The walk began with count {begun_with}; keep it.")));
    }
    let sorted_by = payload.get(HEAD + 1..).map(|key| String::from_utf8(key.to_vec()).map_err(|_| invalid()));
    Ok(Position {
        after: (id != [0; 16]).then(|| ResourceId::from_bytes(id)),
        key: sorted_by.transpose()?,
        total: number(16)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

    #[test]
    fn a_cursor_is_good_for_its_query_its_count_and_its_time() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let position =
            Position { after: Some(ResourceId::from_bytes([1; 16])), key: Some("straße".to_owned()), total: 9 };
        let expires = NOW.plus_seconds(60);
        let text = write(&key, &position, 5, 100, expires);
        let read =
            |text: &str, fingerprint, count, now| read(&key, text, fingerprint, count, now).map_err(|error| error.code);
        assert_eq!(read(&text, 5, Some(100), NOW), Ok(position.clone()));
        assert_eq!(read(&text, 5, None, Timestamp(expires.0 - 1)), Ok(position.clone()));
        assert_eq!(read(&text, 5, Some(0), NOW), Ok(position));
        for key_text in [None, Some(String::new())] {
            let position = Position { key: key_text, ..Position::FIRST };
            assert_eq!(read(&write(&key, &position, 5, 100, expires), 5, None, NOW), Ok(position));
        }
        assert_eq!(read(&text, 5, None, expires), Err(Code::ExpiredCursor));
        assert_eq!(read(&text, 6, None, NOW), Err(Code::InvalidCursor));
        assert_eq!(read(&text, 5, Some(99), NOW), Err(Code::InvalidCount));
        assert_eq!(read("", 5, None, NOW), Ok(Position::FIRST));
    }

    #[test]
    fn what_was_not_written_here_is_refused() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let text = write(&key, &Position::FIRST, 5, 100, NOW.plus_seconds(60));
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for position in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[position] ^= 1;
            let refused = read(&key, &URL_SAFE_NO_PAD.encode(forged), 5, None, NOW).unwrap_err();
            assert_eq!(refused.code, Code::InvalidCursor, "byte {position}");
        }
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        for refused in [text.as_str(), &text[..40], "?", "AAAA"] {
            assert_eq!(read(&other, refused, 5, None, NOW).unwrap_err().code, Code::InvalidCursor, "{refused}");
        }
    }
}
