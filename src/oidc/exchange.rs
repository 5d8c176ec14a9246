//! From code to tokens (RFC 6749 §4.1.3), with the errors of the standard and Descope's own.

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, EmptyExtraTokenFields, EndpointNotSet, EndpointSet, HttpResponse,
    IdTokenFields, JsonWebKeySet, PkceCodeVerifier, RedirectUrl, RequestTokenError, StandardErrorResponse,
    StandardTokenResponse,
};
use serde_json::Value;

use super::Options;
use super::authorization::Pending;
use super::discovery::Metadata;
use super::failure::{Failure, Reason, Result, place};
use super::fetch::Fetch;
use super::id_token::MoreClaims;
use super::keys::Key;

/// What the token endpoint answers.
pub(super) type Tokens = StandardTokenResponse<
    IdTokenFields<
        MoreClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// A client of the authorization and the token endpoint. Made for each use: the provider may change.
type Client = openidconnect::Client<
    MoreClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    Key,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

pub(super) fn client(options: &Options, metadata: &Metadata, redirect_uri: &str) -> Result<Client> {
    let redirect_uri = RedirectUrl::new(redirect_uri.to_owned())
        .map_err(|error| Failure::new(Reason::DiscoveryWrong, format_args!("our own redirect_uri: {error}")))?;
    // Tokens are verified elsewhere, so no keys.
    let keys = JsonWebKeySet::new(Vec::new());
    let mut client =
        openidconnect::Client::new(ClientId::new(options.client_id.clone()), metadata.issuer.clone(), keys)
            .set_auth_type(metadata.client_authentication.clone());
    if let Some(secret) = &options.client_secret {
        client = client.set_client_secret(ClientSecret::new(secret.clone()));
    }
    Ok(client
        .set_auth_uri(metadata.authorization_endpoint.clone())
        .set_token_uri(metadata.token_endpoint.clone())
        .set_redirect_uri(redirect_uri))
}

/// Exchanges the code of a sign-in for its tokens.
pub(super) async fn exchange(
    fetch: &Fetch,
    options: &Options,
    metadata: &Metadata,
    code: &str,
    pending: &Pending,
) -> Result<Tokens> {
    let client = client(options, metadata, &pending.redirect_uri)?;
    let send = |request| async {
        let response = fetch.send(request).await?;
        // The crate would tell the shapes of errors apart by what fails to parse.
        if response.status() == 200 { Ok(response) } else { Err(refusal(&response)) }
    };
    client
        .exchange_code(AuthorizationCode::new(code.to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()))
        .request_async(&send)
        .await
        .map_err(|error| match error {
            RequestTokenError::Request(failure) => failure,
            RequestTokenError::Parse(error, body) => {
                Failure::new(unreadable(error.inner(), &body), place(error.inner()))
            }
            // An empty body, or one of another media type.
            _ => Reason::TokenResponseMalformed.into(),
        })
}

/// What is wrong with a body that is no token response.
fn unreadable(error: &serde_json::Error, body: &[u8]) -> Reason {
    if error.is_eof() {
        return Reason::ResponseTruncated;
    }
    let has_token = serde_json::from_slice::<Value>(body).is_ok_and(|body| body["id_token"].is_string());
    if has_token { Reason::TokenMalformed } else { Reason::TokenResponseMalformed }
}

/// Reads an error of RFC 6749 §5.2, or of Descope's own shape.
fn refusal(response: &HttpResponse) -> Failure {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let text = |names: [&str; 2]| names.iter().find_map(|name| body[*name].as_str()).unwrap_or_default();
    let (error, description) = (text(["error", "errorCode"]), text(["error_description", "errorDescription"]));
    Failure::new(Reason::CodeRefused, format_args!("status {}: {error}: {description}", response.status()))
}
