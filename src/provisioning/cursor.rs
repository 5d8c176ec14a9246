//! Cursors (RFC 9865): signed, so that a forged or foreign one is told apart; stateless, so that
//! they cost nothing to keep.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::list::Query;
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::scim::registry::Kind;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Behind this id, in the order of ids.
    pub after: Option<ResourceId>,
    /// Or behind so many, in another order.
    pub offset: i64,
    /// The total the first page told.
    pub total: i64,
}

impl Position {
    /// Where a walk begins.
    pub const FIRST: Self = Self { after: None, offset: 0, total: -1 };
}

/// A number for what the query asks; a cursor works only with the query it came from.
#[must_use]
pub fn fingerprint(kind: Kind, query: &Query) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, query.over_all_types, &query.filter, &query.sort_by, query.descending).hash(&mut hasher);
    hasher.finish()
}

/// Writes a cursor.
#[must_use]
pub fn write(key: &hmac::Key, position: Position, fingerprint: u64, count: i64, expires: Timestamp) -> String {
    let mut bytes = Vec::with_capacity(88);
    bytes.extend(position.after.map_or([0; 16], |id| *id.as_bytes()));
    for number in [position.offset, position.total, count, expires.0] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(fingerprint.to_be_bytes());
    let tag = hmac::sign(key, &bytes);
    bytes.extend(tag.as_ref());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor; an empty one means the first page.
///
/// # Errors
/// `invalidCursor`, `expiredCursor`, or `invalidCount` when the count is not the one the walk began with.
pub fn read(key: &hmac::Key, text: &str, fingerprint: u64, count: Option<i64>, now: Timestamp) -> Result<Position> {
    if count.is_some_and(|count| count < 0) {
        return Err(Error::new(Code::InvalidCount, "count must not be negative."));
    }
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
    let (payload, tag) = bytes.split_at_checked(56).ok_or_else(invalid)?;
    if hmac::verify(key, payload, tag).is_err() {
        return Err(invalid());
    }
    let number = |from: usize| payload[from..from + 8].try_into().map(i64::from_be_bytes).map_err(|_| invalid());
    let id: [u8; 16] = payload[..16].try_into().map_err(|_| invalid())?;
    if payload[48..56] != fingerprint.to_be_bytes() {
        return Err(invalid());
    }
    if number(40)? <= now.0 {
        return Err(Error::new(Code::ExpiredCursor, "This cursor has expired. Begin again with an empty cursor."));
    }
    let begun_with = number(32)?;
    if count.is_some_and(|count| count != begun_with) {
        return Err(Error::new(Code::InvalidCount, format!("The walk began with count {begun_with}; keep it.")));
    }
    Ok(Position { after: (id != [0; 16]).then(|| ResourceId::from_bytes(id)), offset: number(16)?, total: number(24)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

    #[test]
    fn a_cursor_is_good_for_its_query_its_count_and_its_time() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let position = Position { after: Some(ResourceId::from_bytes([1; 16])), offset: 3, total: 9 };
        let expires = NOW.plus_seconds(60);
        let text = write(&key, position, 5, 100, expires);
        let read =
            |text: &str, fingerprint, count, now| read(&key, text, fingerprint, count, now).map_err(|error| error.code);
        assert_eq!(read(&text, 5, Some(100), NOW), Ok(position));
        assert_eq!(read(&text, 5, None, Timestamp(expires.0 - 1)), Ok(position));
        assert_eq!(read(&text, 5, None, expires), Err(Code::ExpiredCursor));
        assert_eq!(read(&text, 6, None, NOW), Err(Code::InvalidCursor));
        assert_eq!(read(&text, 5, Some(99), NOW), Err(Code::InvalidCount));
        assert_eq!(read("", 5, None, NOW), Ok(Position::FIRST));
    }

    #[test]
    fn what_was_not_written_here_is_refused() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let text = write(&key, Position::FIRST, 5, 100, NOW.plus_seconds(60));
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
