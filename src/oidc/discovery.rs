//! What the provider says of itself (OpenID Connect Discovery 1.0 §3).

use openidconnect::core::CoreJwsSigningAlgorithm;
use openidconnect::url::Url;
use openidconnect::{AuthType, AuthUrl, EndSessionUrl, IssuerUrl, JsonWebKeySetUrl, TokenUrl, UserInfoUrl};
use serde::Deserialize;

use super::Options;
use super::failure::{Failure, Reason, Result};
use super::fetch::{Fetch, is_safe};

/// The algorithms by which a provider's signature is taken, when it announces them.
const ALGORITHMS: [(&str, CoreJwsSigningAlgorithm); 2] =
    [("RS256", CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256), ("ES256", CoreJwsSigningAlgorithm::EcdsaP256Sha256)];

/// The part of the document that is used, as it is on the wire.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is known of the provider.
pub(super) struct Metadata {
    pub issuer: IssuerUrl,
    pub authorization_endpoint: AuthUrl,
    pub token_endpoint: TokenUrl,
    pub jwks_uri: JsonWebKeySetUrl,
    pub userinfo_endpoint: Option<UserInfoUrl>,
    pub end_session_endpoint: Option<EndSessionUrl>,
    /// The ones of ours that it announces.
    pub algorithms: Vec<CoreJwsSigningAlgorithm>,
    /// How the client proves itself at the token endpoint.
    pub client_authentication: AuthType,
    /// Whether every authorization response names the issuer (RFC 9207 §3).
    pub names_issuer_in_responses: bool,
}

/// Where the document is: configured, or at the place that belongs to the issuer.
pub(super) fn location(options: &Options) -> std::result::Result<Url, String> {
    let conventional = || format!("{}/.well-known/openid-configuration", options.issuer.trim_end_matches('/'));
    let text = options.discovery_url.clone().unwrap_or_else(conventional);
    let url = Url::parse(&text).map_err(|error| format!("{text} is no URL: {error}"))?;
    if is_safe(&url) { Ok(url) } else { Err(format!("{text} is neither https nor on this machine")) }
}

/// Reads the document and refuses one that sign-ins could not rely on.
pub(super) async fn read(fetch: &Fetch, location: &Url, issuer: &str) -> Result<Metadata> {
    let wrong = |detail: String| Failure::new(Reason::DiscoveryWrong, format_args!("{location}: {detail}"));
    let document: Document = fetch.document(location, Reason::DiscoveryWrong).await?;
    // Byte for byte: a document of another issuer must not lend it our trust (§4.3).
    if document.issuer != issuer {
        return Err(wrong(format!("its issuer is \"{}\", and \"{issuer}\" is configured", document.issuer)));
    }
    // RFC 8414 §2: a provider that does not say what it supports may support PKCE all the same.
    if document.code_challenge_methods_supported.is_some_and(|methods| !methods.iter().any(|name| name == "S256")) {
        return Err(wrong("it does not support PKCE by S256".into()));
    }
    let endpoint = |name: &str, text: String| {
        let safe = Url::parse(&text).is_ok_and(|url| is_safe(&url));
        if safe { Ok(text) } else { Err(wrong(format!("its {name} \"{text}\" is neither https nor on this machine"))) }
    };
    let unreadable = |error| wrong(format!("{error}"));
    Ok(Metadata {
        algorithms: algorithms(document.id_token_signing_alg_values_supported)
            .ok_or_else(|| wrong("it signs by neither RS256 nor ES256".into()))?,
        client_authentication: client_authentication(document.token_endpoint_auth_methods_supported),
        names_issuer_in_responses: document.authorization_response_iss_parameter_supported,
        issuer: IssuerUrl::new(document.issuer).map_err(unreadable)?,
        authorization_endpoint: AuthUrl::new(endpoint("authorization_endpoint", document.authorization_endpoint)?)
            .map_err(unreadable)?,
        token_endpoint: TokenUrl::new(endpoint("token_endpoint", document.token_endpoint)?).map_err(unreadable)?,
        jwks_uri: JsonWebKeySetUrl::new(endpoint("jwks_uri", document.jwks_uri)?).map_err(unreadable)?,
        userinfo_endpoint: document
            .userinfo_endpoint
            .map(|text| UserInfoUrl::new(endpoint("userinfo_endpoint", text)?).map_err(unreadable))
            .transpose()?,
        end_session_endpoint: document
            .end_session_endpoint
            .map(|text| EndSessionUrl::new(endpoint("end_session_endpoint", text)?).map_err(unreadable))
            .transpose()?,
    })
}

fn algorithms(announced: Option<Vec<String>>) -> Option<Vec<CoreJwsSigningAlgorithm>> {
    // Every provider signs by RS256 (OpenID Connect Core §15.1).
    let announced = announced.unwrap_or_else(|| vec!["RS256".into()]);
    let common = ALGORITHMS.into_iter().filter(|(name, _)| announced.iter().any(|other| other == name));
    let common: Vec<_> = common.map(|(_, algorithm)| algorithm).collect();
    (!common.is_empty()).then_some(common)
}

/// The header, unless only the form is announced: `client_secret_basic` is the default (§3).
fn client_authentication(announced: Option<Vec<String>>) -> AuthType {
    let knows = |name: &str| announced.as_ref().is_some_and(|methods| methods.iter().any(|method| method == name));
    if knows("client_secret_post") && !knows("client_secret_basic") {
        AuthType::RequestBody
    } else {
        AuthType::BasicAuth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn algorithms_are_ours_and_announced() {
        let [(_, rs256), (_, es256)] = ALGORITHMS;
        assert_eq!(algorithms(None), Some(vec![rs256.clone()]));
        assert_eq!(algorithms(Some(names(&["ES256", "RS256", "HS256", "none"]))), Some(vec![rs256, es256.clone()]));
        assert_eq!(algorithms(Some(names(&["ES256"]))), Some(vec![es256]));
        assert_eq!(algorithms(Some(names(&["HS256", "none", "rs256", "PS256"]))), None);
        assert_eq!(algorithms(Some(names(&[]))), None);
    }

    #[test]
    fn the_secret_goes_into_the_form_only_where_the_header_is_not_taken() {
        for (announced, basic) in [
            (None, true),
            (Some(names(&["client_secret_post", "client_secret_basic"])), true),
            (Some(names(&["client_secret_post"])), false),
            (Some(names(&["private_key_jwt"])), true),
        ] {
            assert_eq!(matches!(client_authentication(announced.clone()), AuthType::BasicAuth), basic, "{announced:?}");
        }
    }
}
