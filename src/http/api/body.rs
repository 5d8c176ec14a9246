//! What a request to the API carries: JSON, with no member that means nothing.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};

use super::call::Call;
use crate::error::{Code, Error, Result};
use crate::secret::SecretHash;

/// A body is at most this large; a CSV file of invitations has to fit (product.md §4).
const LARGEST: usize = 512 * 1_024;

/// The JSON a request carries. The type denies unknown fields (`#[serde(deny_unknown_fields)]`), so that
/// nobody takes a typing error for a change.
pub(super) async fn json<T: DeserializeOwned>(call: &Call<'_>, payload: web::Payload) -> Result<T> {
    let bytes = bytes(call, payload, &["application/json", "application/merge-patch+json"]).await?;
    // A list would be taken for the members in their order.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| b"[\"-0123456789tfn".contains(first)) {
        return Err(Error::new(Code::InvalidValue, "The body is not a JSON object."));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        let code = if error.is_data() { Code::InvalidValue } else { Code::InvalidSyntax };
        Error::new(code, format!("The body cannot be used: {error}."))
    })
}

/// The bytes a request carries, of one of these media types.
pub(super) async fn bytes(call: &Call<'_>, payload: web::Payload, types: &[&str]) -> Result<web::Bytes> {
    let sent = call.http.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    if !types.iter().any(|wanted| wanted.eq_ignore_ascii_case(sent)) {
        return Err(Error::new(
            Code::UnsupportedMediaType,
            format!("The body's Content-Type has to be {}.", types.join(" or ")),
        ));
    }
    let all = payload.to_bytes_limited(LARGEST);
    let bytes = tokio::time::timeout(call.state.body_timeout, all).await.map_err(|_| {
        Error::new(
            Code::RequestTimeout,
            format!("The body did not arrive within {} s.", call.state.body_timeout.as_secs()),
        )
    })?;
    let too_large = |_| Error::new(Code::PayloadTooLarge, format!("The body has more than {LARGEST} bytes."));
    let bytes = bytes.map_err(too_large)?.map_err(|error| Error {
        source: Some(error.to_string().into()),
        ..Error::new(Code::BadRequest, "The body did not arrive whole.")
    })?;
    call.body.set(SecretHash::of(&bytes));
    Ok(bytes)
}

/// A member of a merge patch (RFC 7396) that `null` takes away; an absent one is `None` around this.
#[derive(Debug)]
pub(super) struct Nullable<T>(pub(super) Option<T>);

/// Reads a [`Nullable`], with `#[serde(default, deserialize_with = "present")]`.
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Nullable<T>>, D::Error> {
    Option::deserialize(deserializer).map(|value| Some(Nullable(value)))
}
