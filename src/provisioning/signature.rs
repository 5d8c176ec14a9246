//! The signature of Descope's outbound connector (`x-descope-webhook-s256`): HMAC-SHA256 of the
//! payload with a secret both sides have. A token that was made with such a secret is taken only with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ring::hmac;

use super::{Call, Service};
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, TokenId};
use crate::store::provisioning_tokens::Credential;

/// A signature that came with a request, and what it is of.
#[derive(Clone, Debug)]
pub struct Signed {
    pub signature: String,
    pub body: Bytes,
}

/// Where a signing secret is sealed for.
#[must_use]
pub fn place(organization: OrganizationId, token: TokenId) -> Vec<u8> {
    [organization.as_bytes().as_slice(), token.as_bytes()].concat()
}

/// Refuses a call whose token wants a signature and whose signature is not right.
pub(super) fn check(service: &Service, credential: &Credential, call: &Call) -> Result<()> {
    let Some(sealed) = &credential.signing_secret else { return Ok(()) };
    let secret = service
        .sealing
        .open(sealed, &place(credential.organization, credential.token))
        .ok_or_else(|| Error::internal("the signing secret was sealed by another key than this service has"))?;
    if call.signed.as_ref().is_some_and(|signed| holds(&secret, signed)) {
        return Ok(());
    }
    Err(Error::new(
        Code::Unauthorized,
        "This token is taken only with x-descope-webhook-s256, the signature of the payload. Check the connector's HMAC secret.",
    ))
}

/// Descope's pages say "the base64 encoded payload" in one place and "a JSON string, not the raw
/// body" in another. Each is a function of the body, so a signature of any of them vouches for it.
fn holds(secret: &[u8], signed: &Signed) -> bool {
    let Ok(tag) = STANDARD.decode(signed.signature.trim()) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let is_of = |message: &[u8]| hmac::verify(&key, message, &tag).is_ok();
    let json = || serde_json::from_slice::<serde_json::Value>(&signed.body).map(|value| value.to_string());
    is_of(&signed.body)
        || is_of(STANDARD.encode(&signed.body).as_bytes())
        || json().is_ok_and(|json| is_of(json.as_bytes()))
}
