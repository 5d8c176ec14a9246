//! Why a call came to nothing, and whether the same again may come to something.

use std::fmt;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It cannot be reached, is too slow, failed, or has too much to do: the same again may work.
    Away,
    /// The payment was declined.
    Declined,
    /// What was asked about is not there.
    Missing,
    /// It was refused; the same again would be too.
    Refused,
}

/// A failure with what operators read of it. It never holds the secret key: nothing of a request's headers is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: Kind,
    /// What was asked and what came back.
    pub why: String,
}

/// What a call comes to.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(super) fn new(kind: Kind, why: impl fmt::Display) -> Self {
        // A provider's message is cut: it is stored and shown.
        Self { kind, why: why.to_string().chars().filter(|c| !c.is_control()).take(500).collect() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Failure {}
