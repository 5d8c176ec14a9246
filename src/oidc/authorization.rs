//! The authorization request (OpenID Connect Core 1.0 §3.1.2): where the browser is sent, what has to be
//! remembered of it, and what it may come back with.

use openidconnect::core::{CoreAuthenticationFlow, CoreResponseType};
use openidconnect::url::Url;
use openidconnect::{AuthenticationFlow, CsrfToken, LoginHint, Nonce, PkceCodeChallenge, PkceCodeVerifier, Scope};

use super::discovery::Metadata;
use super::exchange::client;
use super::failure::{Failure, Reason, Result};
use super::{Options, Provider};
use crate::clock::Timestamp;
use crate::secret::{Random, SecretToken};

/// What a sign-in asks the provider for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Where the provider sends the browser back to.
    pub redirect_uri: &'a str,
    /// The Descope tenant that has to let the person in.
    pub tenant: Option<&'a str>,
    /// The address the person typed.
    pub address: Option<&'a str>,
}

/// What is remembered of a sign-in between request and response; bound to the browser by the caller.
#[derive(Clone)]
pub struct Pending {
    /// By which the response finds its request.
    pub state: String,
    /// By which the ID token belongs to this request.
    pub nonce: String,
    /// By which the code is of no use to others (RFC 7636).
    pub verifier: String,
    pub redirect_uri: String,
    pub tenant: Option<String>,
    pub started_at: Timestamp,
}

/// The parameters of an authorization response, beside the `state` by which the caller found its request.
#[derive(Clone, Copy, Default)]
pub struct Response<'a> {
    pub code: Option<&'a str>,
    /// RFC 9207.
    pub iss: Option<&'a str>,
    pub error: Option<&'a str>,
    pub error_description: Option<&'a str>,
}

impl Pending {
    pub(super) fn new(request: &Request<'_>, random: &dyn Random, now: Timestamp) -> Self {
        let secret = || SecretToken::generate("", random).reveal().to_owned();
        Self {
            state: secret(),
            nonce: secret(),
            verifier: secret(),
            redirect_uri: request.redirect_uri.to_owned(),
            tenant: request.tenant.map(str::to_owned),
            started_at: now,
        }
    }
}

/// The URL the browser is sent to.
pub(super) fn url(options: &Options, metadata: &Metadata, request: &Request<'_>, pending: &Pending) -> Result<Url> {
    let client = client(options, metadata, &pending.redirect_uri)?;
    let verifier = PkceCodeVerifier::new(pending.verifier.clone());
    let flow: CoreAuthenticationFlow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
    let state = pending.state.clone();
    let nonce = pending.nonce.clone();
    let mut authorization = client
        .authorize_url(flow, || CsrfToken::new(state), || Nonce::new(nonce))
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
        // `openid` is there already.
        .add_scopes(options.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new));
    if let Some(tenant) = request.tenant {
        authorization = authorization.add_extra_param("tenant", tenant);
    }
    if let Some(address) = request.address {
        // Descope knows the name in camel case only, others the standard's.
        authorization =
            authorization.set_login_hint(LoginHint::new(address.to_owned())).add_extra_param("loginHint", address);
    }
    Ok(authorization.url().0)
}

/// The code of a response that is this provider's.
pub(super) fn code<'a>(metadata: &Metadata, response: &Response<'a>) -> Result<&'a str> {
    // RFC 9207 §2.4: also of an error, before anything is made of it.
    match response.iss {
        Some(issuer) if issuer != metadata.issuer.as_str() => {
            return Err(Failure::new(Reason::ResponseIssuer, "the response names another issuer"));
        }
        None if metadata.names_issuer_in_responses => {
            return Err(Failure::new(Reason::ResponseIssuer, "the response names no issuer"));
        }
        _ => {}
    }
    match (response.error, response.code) {
        (Some(error), _) => {
            let reason = match error {
                "server_error" | "temporarily_unavailable" => Reason::ProviderFailed,
                _ => Reason::ProviderRefused,
            };
            Err(Failure::new(reason, format_args!("{error}: {}", response.error_description.unwrap_or_default())))
        }
        (None, Some(code)) if !code.is_empty() => Ok(code),
        (None, _) => Err(Reason::CodeMissing.into()),
    }
}

impl Provider {
    /// Starts a sign-in: the URL to send the browser to, and what to remember.
    ///
    /// # Errors
    /// The provider cannot be used now.
    pub async fn begin(&self, request: &Request<'_>) -> Result<(Url, Pending)> {
        let metadata = self.in_time(self.metadata()).await?;
        let pending = Pending::new(request, &*self.random, self.clock.now());
        Ok((url(&self.options, &metadata, request, &pending)?, pending))
    }
}
