//! Signed tokens in the compact form (RFC 7515 §7.1): what is common to ID tokens, access tokens and
//! logout tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::CoreJwsSigningAlgorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::failure::{Failure, Reason, Result, place};
use super::keys::Key;
use crate::clock::Timestamp;

/// Bytes of a token at most.
const MAX_LENGTH: usize = 32 * 1_024;
/// How far the provider's clock and ours may differ, in seconds.
pub(super) const LEEWAY: i64 = 60;

/// The header of a token, before anything of it is believed.
#[derive(Deserialize)]
pub(super) struct Header {
    alg: serde_json::Value,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

impl Header {
    /// Reads the header of a token of acceptable size.
    pub(super) fn of(token: &str) -> Result<Self> {
        if token.len() > MAX_LENGTH {
            return Err(Reason::TokenTooLarge.into());
        }
        let mut parts = token.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(_), Some(_), None) => decode(header),
            _ => Err(Reason::TokenMalformed.into()),
        }
    }

    /// The name of the key and the algorithm, if that is one of these.
    pub(super) fn key(self, taken: &[CoreJwsSigningAlgorithm]) -> Result<(String, CoreJwsSigningAlgorithm)> {
        // Extensions that must be understood are not (RFC 7515 §4.1.11).
        if self.crit.is_some() {
            return Err(Reason::HeaderUnsupported.into());
        }
        let algorithm = serde_json::from_value(self.alg.clone()).ok().filter(|algorithm| taken.contains(algorithm));
        let algorithm = algorithm.ok_or_else(|| Failure::new(Reason::Algorithm, &self.alg))?;
        // Guessing among keys would be needed without it; no provider of several keys leaves it out.
        let id = self.kid.filter(|id| !id.is_empty()).ok_or(Reason::KeyNotNamed)?;
        Ok((id, algorithm))
    }
}

/// The claims of a token that this key signed.
pub(super) fn claims<T: DeserializeOwned>(token: &str, key: &Key) -> Result<T> {
    let (message, signature) = token.rsplit_once('.').ok_or(Reason::TokenMalformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Reason::Signature)?;
    if !key.verifies(message.as_bytes(), &signature) {
        return Err(Reason::Signature.into());
    }
    decode(message.split_once('.').ok_or(Reason::TokenMalformed)?.1)
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::TokenMalformed)?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::new(Reason::TokenMalformed, place(&error)))
}

/// A `NumericDate` (RFC 7519 §2).
#[expect(clippy::cast_possible_truncation, reason = "what does not fit saturates, and lies beyond every limit")]
pub(super) fn timestamp(date: f64) -> Timestamp {
    Timestamp((date * 1_000_000.0) as i64)
}

/// Whether a token that ends then has ended.
pub(super) fn has_expired(expires: Timestamp, now: Timestamp) -> bool {
    expires.plus_seconds(LEEWAY) <= now
}

/// Whether a point lies ahead by more than clocks differ.
pub(super) fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at > now.plus_seconds(LEEWAY)
}

/// `aud`: one text or several (RFC 7519 §4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Whether the token is for this client, and otherwise for these only.
    pub(super) fn is(&self, client: &str, others: &[String]) -> bool {
        let audiences = match self {
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Several(audiences) => audiences,
        };
        let known = |audience: &String| audience == client || others.contains(audience);
        audiences.iter().any(|audience| audience == client) && audiences.iter().all(known)
    }
}
