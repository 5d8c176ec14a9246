//! The closed table of everything that can go wrong for a client (floor 0).
//!
//! One row has three faces: SCIM Error (RFC 7644 §3.12), problem+json (RFC 9457), HTML page.
//! `detail` is for the client; `source` is for the log and never leaves the process.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// The rows. The name in kebab case is the stable `code` of the JSON API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    // RFC 7644 table 9
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidVersion,
    Sensitive,
    // RFC 9865 §2.1
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
    // RFC 6749 §5.2
    InvalidRequest,
    InvalidClient,
    UnauthorizedClient,
    UnsupportedGrantType,
    // conditions without a scimType
    BadRequest,
    Unauthorized,
    Forbidden,
    SeatLimitReached,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    LastOwner,
    PaymentDeclined,
    IdempotencyKeyReused,
    RecentSignInRequired,
    PreconditionFailed,
    PayloadTooLarge,
    UriTooLong,
    UnsupportedMediaType,
    TooManyRequests,
    Internal,
    NotImplemented,
    Unavailable,
}

/// What a [`Code`] means on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Stable identifier, `snake_case`.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// `scimType`, only where RFC 7644 table 9 or RFC 9865 has one.
    pub scim_type: Option<&'static str>,
    /// One line for people.
    pub title: &'static str,
}

const fn row(code: &'static str, status: u16, scim_type: Option<&'static str>, title: &'static str) -> Row {
    Row { code, status, scim_type, title }
}

impl Code {
    /// The row of the table.
    #[must_use]
    pub const fn row(self) -> Row {
        match self {
            Self::InvalidFilter => row("invalid_filter", 400, Some("invalidFilter"), "The filter cannot be used"),
            Self::TooMany => row("too_many", 400, Some("tooMany"), "The query would look at too much"),
            Self::Uniqueness => row("uniqueness", 409, Some("uniqueness"), "The value is already in use"),
            Self::Mutability => row("mutability", 400, Some("mutability"), "The attribute cannot be changed this way"),
            Self::InvalidSyntax => row("invalid_syntax", 400, Some("invalidSyntax"), "The request is not well formed"),
            Self::InvalidPath => row("invalid_path", 400, Some("invalidPath"), "The path names no attribute"),
            Self::NoTarget => row("no_target", 400, Some("noTarget"), "The path matches nothing"),
            Self::InvalidValue => row("invalid_value", 400, Some("invalidValue"), "A value cannot be used"),
            Self::InvalidVersion => {
                row("invalid_version", 400, Some("invalidVers"), "This SCIM version is not spoken here")
            }
            Self::Sensitive => row("sensitive", 400, Some("sensitive"), "The request carries a secret in its address"),
            Self::InvalidCursor => row("invalid_cursor", 400, Some("invalidCursor"), "The cursor is not one of ours"),
            Self::ExpiredCursor => row("expired_cursor", 400, Some("expiredCursor"), "The cursor has expired"),
            Self::InvalidCount => row("invalid_count", 400, Some("invalidCount"), "The count cannot be used"),
            Self::InvalidRequest => row("invalid_request", 400, None, "The token request is not well formed"),
            Self::InvalidClient => row("invalid_client", 401, None, "The client could not be authenticated"),
            Self::UnauthorizedClient => row("unauthorized_client", 400, None, "The client gets no tokens"),
            Self::UnsupportedGrantType => row("unsupported_grant_type", 400, None, "This grant is not offered"),
            Self::BadRequest => row("bad_request", 400, None, "The request cannot be understood"),
            Self::Unauthorized => row("unauthorized", 401, None, "Credentials are missing or not valid"),
            Self::Forbidden => row("forbidden", 403, None, "This is not allowed"),
            Self::SeatLimitReached => row("seat_limit_reached", 403, None, "No seats available"),
            Self::NotFound => row("not_found", 404, None, "There is nothing here"),
            Self::MethodNotAllowed => row("method_not_allowed", 405, None, "The method is not allowed here"),
            Self::RequestTimeout => row("request_timeout", 408, None, "The request took too long to arrive"),
            Self::Conflict => row("conflict", 409, None, "The request conflicts with the present state"),
            Self::LastOwner => row("last_owner", 409, None, "An organization needs an owner"),
            Self::PaymentDeclined => row("payment_declined", 402, None, "The payment was declined"),
            Self::IdempotencyKeyReused => {
                row("idempotency_key_reused", 422, None, "The idempotency key belongs to another request")
            }
            Self::RecentSignInRequired => row("recent_sign_in_required", 403, None, "Sign in again first"),
            Self::PreconditionFailed => row("precondition_failed", 412, None, "The resource has changed meanwhile"),
            Self::PayloadTooLarge => row("payload_too_large", 413, None, "The request is too large"),
            Self::UriTooLong => row("uri_too_long", 414, None, "The address is too long"),
            Self::UnsupportedMediaType => row("unsupported_media_type", 415, None, "The media type is not supported"),
            Self::TooManyRequests => row("too_many_requests", 429, None, "Too many requests"),
            Self::Internal => row("internal", 500, None, "Something failed on our side"),
            Self::NotImplemented => row("not_implemented", 501, None, "This is not offered"),
            Self::Unavailable => row("unavailable", 503, None, "The service cannot answer right now"),
        }
    }
}

impl Code {
    /// The status on pages and in the JSON API: for a missing seat, which SCIM answers as a prohibition, it is a state
    /// that somebody can change (product.md §2).
    #[must_use]
    pub const fn status_for_people(self) -> u16 {
        match self {
            Self::SeatLimitReached => 409,
            _ => self.row().status,
        }
    }
}

/// A failure with what the client is told and what the log is told.
pub struct Error {
    /// The row of the table.
    pub code: Code,
    /// What and why and what to do, for the client.
    pub detail: Cow<'static, str>,
    /// The cause, for the log only.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u32>,
}

/// What fails with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error the client caused or can do something about.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), source: None, retry_after: None }
    }

    /// A failure on our side; the client learns only that it happened.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            code: Code::Internal,
            detail: Cow::Borrowed(
                "The service failed to handle this request. Nothing was changed. Quote the request id to the operator.",
            ),
            source: Some(source.into()),
            retry_after: None,
        }
    }

    /// A dependency is away or overloaded; the same request may be sent again.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>, source: Option<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { code: Code::Unavailable, detail: detail.into(), source, retry_after: Some(2) }
    }

    /// Puts what is being looked at in front of the detail: `Operations[2]: …`.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.detail = Cow::Owned(format!("{place}: {}", self.detail));
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.code.row().status
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.code)
            .field("detail", &self.detail)
            .field("source", &self.source)
            .field("retry_after", &self.retry_after)
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
