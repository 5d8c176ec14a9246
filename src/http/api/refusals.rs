//! Errors of the JSON API as its description tells them: problem+json (RFC 9457), and which statuses which routes
//! may answer with. The tests' client refuses a status that is not described.

use serde::Serialize;
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem<'a> {
    pub(super) title: &'static str,
    pub(super) status: u16,
    /// What, why, and what to do.
    pub(super) detail: &'a str,
    /// Stable, for programs.
    pub(super) code: &'static str,
    pub(super) request_id: &'a str,
}

/// What makes sending a POST again safe.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what `Call::key` reads")]
pub(super) struct Repeatable {
    /// The same request with the same key is done once, and answered the same for a day.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: Option<String>,
}

/// What is answered in nobody's organization: to whoever is signed in.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
pub(super) enum Unknown {
    /// Nobody is signed in, and there is no API key that is good
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem<'static>),
    /// It takes somebody who is signed in, and this is an API key
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem<'static>),
    /// Too many requests
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem<'static>),
    /// The service cannot answer right now
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem<'static>),
}

/// What every request to an organization may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
pub(super) enum Refused {
    /// Nobody is signed in, and there is no API key that is good
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem<'static>),
    /// Not allowed
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem<'static>),
    /// There is nothing here for whoever asks
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem<'static>),
    /// Too many requests
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem<'static>),
    /// The service cannot answer right now
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem<'static>),
}

/// What a request with values in it may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
pub(super) enum Invalid {
    /// Something of the request cannot be used
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem<'static>),
}

/// What a request with a body may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
pub(super) enum Unread {
    /// Something of the request cannot be used
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem<'static>),
    /// The body took too long to arrive
    #[response(status = 408, content_type = "application/problem+json")]
    Late(Problem<'static>),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem<'static>),
    /// The body is of another media type
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Problem<'static>),
}

/// What a request that changes something may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
pub(super) enum Unfit {
    /// The present state does not let it be done
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem<'static>),
}

/// What a request with `If-Match` may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
pub(super) enum Outdated {
    /// It has changed since it was read
    #[response(status = 412, content_type = "application/problem+json")]
    PreconditionFailed(Problem<'static>),
}

/// What a request with `Idempotency-Key` may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
pub(super) enum Repeated {
    /// Something of the request cannot be used
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem<'static>),
    /// The present state does not let it be done
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem<'static>),
    /// The key was given to another request
    #[response(status = 422, content_type = "application/problem+json")]
    KeyReused(Problem<'static>),
}
