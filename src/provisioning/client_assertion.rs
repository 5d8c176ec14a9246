//! Client assertions: a JWT that a client signs to prove itself (RFC 7523 §3, `private_key_jwt`).

use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;

use super::client_credentials::refused;
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::jwt;
use crate::secret::SecretHash;

/// Bytes of an assertion at most.
const MAX_LENGTH: usize = 16 * 1_024;
/// How far ahead an assertion may expire, in seconds: so long its id has to be remembered.
const MAX_LIFETIME_SECONDS: i64 = 300;
/// How far the clocks of both sides may differ, in seconds.
const LEEWAY_SECONDS: i64 = 60;

/// Who an assertion may be for: this service as an issuer, or its token endpoint.
#[derive(Clone, Debug)]
pub struct Audience {
    pub issuer: String,
    pub token_endpoint: String,
}

/// An assertion that holds.
#[derive(Clone, Copy, Debug)]
pub struct Verified {
    /// Of its `jti`.
    pub id: SecretHash,
    /// From then on it is refused anyway.
    pub refused_from: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    jti: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

/// Verifies an assertion of a client with these keys.
///
/// # Errors
/// `invalid_client`, saying what is wrong only of an assertion whose signature is right.
pub fn verify(assertion: &str, keys: &str, client: &str, audience: &Audience, now: Timestamp) -> Result<Verified> {
    if assertion.len() > MAX_LENGTH {
        return Err(refused());
    }
    let header = jsonwebtoken::decode_header(assertion).map_err(|_| refused())?;
    if !jwt::ALGORITHMS.contains(&header.alg) {
        return Err(Error::new(Code::InvalidClient, "Sign the client assertion by RS256, PS256, ES256 or EdDSA."));
    }
    let keys = serde_json::from_str(keys).map_err(Error::internal)?;
    let key = jwt::key_of(&keys, header.kid.as_deref()).ok_or_else(|| {
        Error::new(Code::InvalidClient, "The kid of the client assertion names no key of this client.")
    })?;
    // A key that says what it is for is used for nothing else (RFC 7517 §4.4).
    if key.common.key_algorithm.is_some_and(|algorithm| algorithm != header.alg.into()) {
        return Err(refused());
    }
    let mut validation = Validation::new(header.alg);
    // Times are checked below, by the clock of the house.
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["iss", "sub", "aud"]);
    validation.set_issuer(&[client]);
    validation.set_audience(&[&audience.issuer, &audience.token_endpoint]);
    let key = DecodingKey::from_jwk(key).map_err(Error::internal)?;
    let claims = jsonwebtoken::decode::<Claims>(assertion, &key, &validation).map_err(|source| {
        use jsonwebtoken::errors::ErrorKind::{InvalidAudience, InvalidIssuer, Json, MissingRequiredClaim};
        let why = match source.kind() {
            InvalidAudience => format!("The aud of the client assertion must be {}.", audience.token_endpoint),
            InvalidIssuer => "The iss of the client assertion must be the client_id.".to_owned(),
            MissingRequiredClaim(_) | Json(_) => {
                "A client assertion has iss, sub, aud, exp and jti (RFC 7523 section 3).".to_owned()
            }
            _ => return refused(),
        };
        Error::new(Code::InvalidClient, why)
    })?;
    check(&claims.claims, client, now)
}

fn check(claims: &Claims, client: &str, now: Timestamp) -> Result<Verified> {
    let wrong = |why: &'static str| Err(Error::new(Code::InvalidClient, why));
    if claims.sub != client {
        return wrong("The sub of the client assertion must be the client_id.");
    }
    if claims.jti.is_empty() || claims.jti.len() > 256 {
        return wrong("The jti of the client assertion must have 1 to 256 bytes.");
    }
    let leeway = LEEWAY_SECONDS * 1_000_000;
    let expires = seconds(claims.exp);
    if expires <= now.0 - leeway {
        return wrong("The client assertion has expired.");
    }
    if expires > now.0 + MAX_LIFETIME_SECONDS * 1_000_000 + leeway {
        return wrong("The client assertion must expire within 300 seconds.");
    }
    if [claims.nbf, claims.iat].into_iter().flatten().any(|from| seconds(from) > now.0 + leeway) {
        return wrong("The client assertion is from the future.");
    }
    let refused_from = Timestamp(expires + leeway);
    Ok(Verified { id: SecretHash::of(claims.jti.as_bytes()), refused_from })
}

/// A `NumericDate` (RFC 7519 §2) in microseconds.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit saturates, and is refused as too far away")]
fn seconds(date: f64) -> i64 {
    (date * 1_000_000.0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::tests::{RS256, RSA};

    #[test]
    fn a_key_is_used_by_its_own_algorithm_only() {
        jwt::install();
        let audience = Audience { issuer: "issuer".into(), token_endpoint: "endpoint".into() };
        let refusal = |algorithm: &str| {
            let key = RSA.replacen('{', &format!("{{\"alg\":\"{algorithm}\","), 1);
            verify(RS256, &format!("{{\"keys\":[{key}]}}"), "test", &audience, Timestamp(0)).unwrap_err().detail
        };
        assert_eq!(refusal("PS256"), refused().detail);
        assert_ne!(refusal("RS256"), refused().detail, "its signature is right, only claims are missing");
    }
}
