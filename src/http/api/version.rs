//! Versions of what is set: `ETag` out, `If-Match` in (RFC 9110 §8.8.3, §13.1.1).

use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Code, Error, Result};

/// Answers settings with their version as the `ETag`; the version leaves the body.
pub(super) fn answer(mut settings: Value) -> HttpResponse {
    let version = settings.as_object_mut().and_then(|members| members.shift_remove("version"));
    let mut response = HttpResponse::Ok();
    if let Some(version) = version {
        response.insert_header((ETAG, format!("\"{version}\"")));
    }
    response.json(settings)
}

/// The same with what describes the settings beside their version.
pub(super) fn tagged(version: i64, settings: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((ETAG, format!("\"{version}\""))).json(settings)
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
