//! The ID token (OpenID Connect Core 1.0 §3.1.3.7). `openidconnect` verifies signature, issuer, audience,
//! end and nonce; what it lets through by default is checked here.

use chrono::{DateTime, Utc};
use openidconnect::core::{CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, ClaimsVerificationError, ClientId, IdTokenVerifier, JsonWebKeySet,
    Nonce, SignatureVerificationError,
};
use serde::{Deserialize, Serialize};

use super::Options;
use super::authorization::Pending;
use super::discovery::Metadata;
use super::failure::{Failure, Reason, Result};
use super::keys::Key;
use super::signed::{LEEWAY, is_ahead, timestamp};
use super::tenant::TenantClaims;
use crate::clock::Timestamp;

/// Characters of a subject at most (§2).
const MAX_SUBJECT: usize = 255;

/// The claims beside the standard ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MoreClaims {
    nbf: Option<f64>,
    /// The provider's session, which its back-channel logout names.
    pub sid: Option<String>,
    /// How long the provider lets a session of ours live (IPSIE).
    pub session_expiry: Option<f64>,
    #[serde(flatten)]
    pub tenant: TenantClaims,
}

impl AdditionalClaims for MoreClaims {}

pub(super) type IdToken =
    openidconnect::IdToken<MoreClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
pub(super) type Claims = openidconnect::IdTokenClaims<MoreClaims, CoreGenderClaim>;

/// Verifies an ID token by the key that its header names.
pub(super) fn verify<'t>(
    token: &'t IdToken,
    key: &Key,
    access_token: &AccessToken,
    pending: &Pending,
    (options, metadata, now): (&Options, &Metadata, Timestamp),
) -> Result<&'t Claims> {
    let nonce = Nonce::new(pending.nonce.clone());
    let verifier = verifier(key, options, metadata, now);
    let claims = token.claims(&verifier, &nonce).map_err(|error| failure(&error))?;
    // Several audiences may each present the token; it was asked for by one (§3.1.3.7, 5).
    if claims.authorized_party().is_some_and(|party| party.as_str() != options.client_id) {
        return Err(Failure::new(Reason::AuthorizedParty, "azp is another client"));
    }
    check_times(claims, pending.started_at, now)?;
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.chars().count() > MAX_SUBJECT || subject.chars().any(char::is_control) {
        return Err(Reason::Subject.into());
    }
    // §3.1.3.8: ties the access token, by which userinfo is read, to this sign-in.
    if let Some(hash) = claims.access_token_hash() {
        let expected = AccessTokenHash::from_token(access_token, &key.algorithm, key);
        if expected.ok().as_ref() != Some(hash) {
            return Err(Reason::AccessTokenHash.into());
        }
    }
    Ok(claims)
}

fn verifier<'a>(key: &Key, options: &'a Options, metadata: &Metadata, now: Timestamp) -> IdTokenVerifier<'a, Key> {
    let keys = JsonWebKeySet::new(vec![key.clone()]);
    // A public client's verifier: no signature is ever by the client's own secret.
    IdTokenVerifier::new_public_client(ClientId::new(options.client_id.clone()), metadata.issuer.clone(), keys)
        .set_allowed_algs(metadata.algorithms.iter().cloned())
        .set_other_audience_verifier_fn(|audience| {
            options.extra_audiences.iter().any(|extra| extra == audience.as_str())
        })
        .set_time_fn(move || date(now.plus_seconds(-LEEWAY)))
}

fn check_times(claims: &Claims, started_at: Timestamp, now: Timestamp) -> Result<()> {
    if claims.additional_claims().nbf.is_some_and(|from| is_ahead(timestamp(from), now)) {
        return Err(Reason::NotYetValid.into());
    }
    let issued_at = Timestamp(claims.issue_time().timestamp_micros());
    if is_ahead(issued_at, now) {
        return Err(Reason::IssuedInTheFuture.into());
    }
    // A token older than the sign-in was made for another one.
    if issued_at < started_at.plus_seconds(-LEEWAY) {
        return Err(Reason::IssuedTooEarly.into());
    }
    Ok(())
}

fn date(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn failure(error: &ClaimsVerificationError) -> Failure {
    use ClaimsVerificationError::{Expired, InvalidAudience, InvalidIssuer, InvalidNonce, SignatureVerification};
    let reason = match error {
        Expired(_) => Reason::Expired,
        InvalidAudience(_) => Reason::Audience,
        InvalidIssuer(_) => Reason::Issuer,
        // Says no more: the error's own text is fixed, but a nonce is a secret.
        InvalidNonce(_) => return Reason::Nonce.into(),
        SignatureVerification(SignatureVerificationError::DisallowedAlg(_)) => Reason::Algorithm,
        SignatureVerification(_) => Reason::Signature,
        _ => Reason::HeaderUnsupported,
    };
    Failure::new(reason, error)
}
