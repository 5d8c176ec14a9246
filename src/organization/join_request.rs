//! Requests to be let in, by people whose domain leaves it to an admin (product.md §5): how long each is one.

use std::time::Duration;

use crate::clock::Timestamp;

/// A request that nobody decides is forgotten after this; asking again makes a new one.
pub const PATIENCE: Duration = Duration::from_hours(30 * 24);
/// Who was declined is kept out for this, unless an admin lets them in; then they may ask again.
pub const DECLINED_FOR: Duration = Duration::from_hours(90 * 24);

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    Declined,
    /// As if there were none.
    Over,
}

impl State {
    /// The state of a request at a time; all times in microseconds.
    #[must_use]
    pub fn at(now: Timestamp, requested_at: i64, declined_at: Option<i64>) -> Self {
        let (since, lasts, state) = match declined_at {
            Some(at) => (at, DECLINED_FOR, Self::Declined),
            None => (requested_at, PATIENCE, Self::Pending),
        };
        if now < Timestamp(since).plus(lasts) { state } else { Self::Over }
    }

    /// The name people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Declined => "declined",
            Self::Over => "over",
        }
    }
}
