//! Logout in both directions: the provider ends sessions of ours (OpenID Connect Back-Channel Logout 1.0),
//! and we send a browser to end the provider's (RP-Initiated Logout 1.0).

use openidconnect::url::Url;
use openidconnect::{ClientId, CsrfToken, LogoutRequest, PostLogoutRedirectUrl};
use serde::Deserialize;
use serde_json::Value;

use super::Provider;
use super::failure::{Failure, Reason, Result};
use super::signed::{Audience, Header, LEEWAY, claims, has_expired, is_ahead, timestamp};
use crate::clock::Timestamp;
use crate::secret::SecretHash;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long a logout token is taken after it was issued, in seconds: so long its id has to be remembered.
const MAX_AGE: i64 = 3_600;
/// Bytes of a `jti` at most.
const MAX_ID: usize = 512;

/// Whose sessions the provider has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedOut {
    pub issuer: String,
    /// Everything of this person, when no `sid` says which session.
    pub subject: Option<String>,
    pub sid: Option<String>,
    /// Of the token's `jti`, by which it is taken once.
    pub id: SecretHash,
    /// From then on the token is refused anyway.
    pub refused_from: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    iat: f64,
    exp: Option<f64>,
    jti: Option<String>,
    events: Option<Value>,
    sub: Option<String>,
    sid: Option<String>,
    // Present, whatever it is: `null` too.
    #[serde(default, deserialize_with = "present")]
    nonce: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Provider {
    /// Verifies a logout token (§2.6).
    ///
    /// # Errors
    /// Why it ends no session.
    pub async fn logged_out(&self, token: &str) -> Result<LoggedOut> {
        self.in_time(async {
            let metadata = self.metadata().await?;
            let key = self.key(&metadata, Header::of(token)?).await?;
            let claims: Claims = claims(token, &key)?;
            if claims.iss != metadata.issuer.as_str() {
                return Err(Reason::Issuer.into());
            }
            if !claims.aud.is(&self.options.client_id, &self.options.extra_audiences) {
                return Err(Reason::Audience.into());
            }
            check(claims, self.clock.now())
        })
        .await
    }

    /// Where to send a browser so that the provider ends its own session too; `None` when it has no such place.
    ///
    /// # Errors
    /// The provider cannot be used now.
    pub async fn end_session(
        &self,
        id_token: Option<&str>,
        return_to: &str,
        state: Option<&str>,
    ) -> Result<Option<Url>> {
        let metadata = self.in_time(self.metadata()).await?;
        let Some(endpoint) = metadata.end_session_endpoint.clone() else { return Ok(None) };
        let return_to = PostLogoutRedirectUrl::new(return_to.to_owned())
            .map_err(|error| Failure::new(Reason::DiscoveryWrong, format_args!("our own return address: {error}")))?;
        let mut request = LogoutRequest::from(endpoint)
            .set_client_id(ClientId::new(self.options.client_id.clone()))
            .set_post_logout_redirect_uri(return_to);
        if let Some(state) = state {
            request = request.set_state(CsrfToken::new(state.to_owned()));
        }
        let mut url = request.http_get_url();
        if let Some(token) = id_token {
            url.query_pairs_mut().append_pair("id_token_hint", token);
        }
        Ok(Some(url))
    }
}

fn check(claims: Claims, now: Timestamp) -> Result<LoggedOut> {
    let issued_at = timestamp(claims.iat);
    if is_ahead(issued_at, now) {
        return Err(Reason::IssuedInTheFuture.into());
    }
    let refused_from = issued_at.plus_seconds(MAX_AGE + LEEWAY);
    if refused_from <= now {
        return Err(Reason::IssuedTooEarly.into());
    }
    if claims.exp.is_some_and(|expires| has_expired(timestamp(expires), now)) {
        return Err(Reason::Expired.into());
    }
    // What tells a logout token from an ID token.
    if !claims.events.is_some_and(|events| events[EVENT].is_object()) {
        return Err(Reason::LogoutEvent.into());
    }
    if claims.nonce {
        return Err(Reason::LogoutNonce.into());
    }
    let id = claims.jti.filter(|id| !id.is_empty() && id.len() <= MAX_ID).ok_or(Reason::LogoutTokenId)?;
    let named = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (subject, sid) = (named(claims.sub), named(claims.sid));
    if subject.is_none() && sid.is_none() {
        return Err(Reason::LogoutSubject.into());
    }
    Ok(LoggedOut { issuer: claims.iss, subject, sid, id: SecretHash::of(id.as_bytes()), refused_from })
}
