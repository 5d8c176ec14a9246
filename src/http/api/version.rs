//! Versions of what is set: `ETag` out, `If-Match` in (RFC 9110 §8.8.3, §13.1.1).

use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::error::{Code, Error, Result};

/// Answers settings with their version as the `ETag`.
pub(super) fn answer<T: Serialize>(settings: &T, version: Option<i64>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(version) = version {
        response.insert_header((ETAG, format!("\"{version}\"")));
    }
    response.json(settings)
}

/// The version the client has seen; `None` when it takes any.
pub(super) fn expected(http: &HttpRequest) -> Result<Option<i64>> {
    let Some(header) = http.headers().get(IF_MATCH) else { return Ok(None) };
    let text = header.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    version.map(Some).ok_or_else(|| {
        Error::new(
            Code::PreconditionFailed,
            "If-Match is not the ETag of these settings. Read them again and send the ETag of the answer.",
        )
    })
}
