//! The token endpoint (RFC 6749 §3.2) and the metadata that leads to it (RFC 8414).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::State;
use super::limits::client_address;
use crate::error::{Code, Error, Result};
use crate::jwt;
use crate::provisioning::client_credentials::{self, LIFETIME_SECONDS, Proof, Request, TOKEN_PREFIX};
use crate::provisioning::client_refusals;
use crate::secret::{SecretHash, SecretToken};

/// Bytes of a token request at most.
const MAX_BODY: usize = 32 * 1_024;
/// The one scope there is; another one asked for is not given, as RFC 6749 §3.3 allows.
const SCOPE: &str = "scim";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// `POST /oauth/token`.
pub async fn token(http: HttpRequest, payload: web::Payload, state: web::Data<State>) -> HttpResponse {
    match grant(&http, payload, &state).await {
        Ok(token) => uncached(StatusCode::OK).json(json!({
            "access_token": token.reveal(), "token_type": "Bearer", "expires_in": LIFETIME_SECONDS, "scope": SCOPE
        })),
        Err(error) => refuse(&error, basic(&http).is_some()),
    }
}

/// Another method than POST.
pub async fn wrong_method() -> HttpResponse {
    let body = json!({"error": "invalid_request", "error_description": "Token requests are POST."});
    uncached(StatusCode::METHOD_NOT_ALLOWED).insert_header((ALLOW, "POST")).json(body)
}

/// `GET /.well-known/oauth-authorization-server`.
pub async fn metadata(state: web::Data<State>) -> HttpResponse {
    let algorithms: Vec<String> = jwt::ALGORITHMS.iter().map(|algorithm| format!("{algorithm:?}")).collect();
    HttpResponse::Ok().json(json!({
        "issuer": state.audience.issuer,
        "token_endpoint": state.audience.token_endpoint,
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": [SCOPE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms
    }))
}

async fn grant(http: &HttpRequest, payload: web::Payload, state: &web::Data<State>) -> Result<SecretToken> {
    let form = Form::read(http, payload, state).await?;
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => {
            return Err(Error::new(Code::UnsupportedGrantType, "The only grant_type here is client_credentials."));
        }
        None => return Err(invalid("grant_type is missing.")),
    }
    let (client, proof) = credentials(http, &form)?;
    let request = Request {
        client: client.parse()?,
        proof,
        request_id: super::request_id(http.headers(), &state.ids),
        client_address: client_address(http, state).map(|address| address.to_string()),
        audience: Arc::clone(&state.audience),
    };
    let token = Arc::new(SecretToken::generate(TOKEN_PREFIX, state.random.as_ref()));
    let (shared, asked, issued) = (state.clone(), request.clone(), Arc::clone(&token));
    let issue = state
        .store
        .write(move |connection| client_credentials::issue(connection, &shared.provisioning, &asked, &issued));
    if let Err(error) = issue.await {
        if error.status() < 500
            && let Err(error) = client_refusals::note(&state.store, &state.provisioning, &request, &error).await
        {
            tracing::warn!(error = ?error, "a refused token request was not noted");
        }
        return Err(error);
    }
    Arc::into_inner(token).ok_or_else(|| Error::internal("the token is still being written"))
}

/// Who the client says it is, and how it proves it: by exactly one of the three ways (RFC 6749 §2.3).
fn credentials(http: &HttpRequest, form: &Form) -> Result<(String, Proof)> {
    let secret = |text: &str| Proof::Secret(SecretHash::of(text.as_bytes()));
    let given = (basic(http), form.get("client_secret"), form.get("client_assertion"));
    match (given, form.get("client_id")) {
        ((Some(basic), None, None), named) => {
            let (client, shown) = decode_basic(basic).ok_or_else(|| {
                Error::new(
                    Code::InvalidClient,
                    "The Authorization header is not Basic as RFC 6749 section 2.3.1 has it.",
                )
            })?;
            if named.is_some_and(|named| named != client) {
                return Err(invalid("client_id is not the one of the Authorization header."));
            }
            Ok((client, secret(&shown)))
        }
        ((None, Some(shown), None), Some(client)) => Ok((client.to_owned(), secret(shown))),
        ((None, None, Some(assertion)), named) => {
            if form.get("client_assertion_type") != Some(JWT_BEARER) {
                return Err(invalid(format!("client_assertion_type must be {JWT_BEARER}.")));
            }
            let client = match named {
                Some(client) => client.to_owned(),
                None => subject(assertion).ok_or_else(|| {
                    Error::new(Code::InvalidClient, "The client assertion is no signed JWT with a sub.")
                })?,
            };
            Ok((client, Proof::Assertion(assertion.to_owned())))
        }
        ((None, None, None), _) => Err(Error::new(
            Code::InvalidClient,
            "The client must prove itself: by client_secret_basic, client_secret_post or private_key_jwt.",
        )),
        ((None, Some(_), None), None) => Err(invalid("client_id is missing.")),
        _ => Err(invalid("The client must prove itself in one way only.")),
    }
}

/// Who an assertion says it is of, to find the keys that may have signed it.
fn subject(assertion: &str) -> Option<String> {
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(assertion).ok()?.claims;
    Some(claims["sub"].as_str()?.to_owned())
}

fn basic(http: &HttpRequest) -> Option<&str> {
    let (scheme, credentials) = http.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| credentials.trim())
}

/// Both parts are form-encoded before they are put together (RFC 6749 §2.3.1).
fn decode_basic(credentials: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (client, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(&format!("part={part}")).ok()?.into_inner();
        pairs.into_iter().next().map(|(_, value)| value)
    };
    Some((decode(client)?, decode(secret)?))
}

/// The parameters of a token request.
struct Form(Vec<(String, String)>);

impl Form {
    async fn read(http: &HttpRequest, payload: web::Payload, state: &State) -> Result<Self> {
        let media_type = http.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(invalid("The body must be application/x-www-form-urlencoded."));
        }
        let bytes = tokio::time::timeout(state.body_timeout, payload.to_bytes_limited(MAX_BODY))
            .await
            .map_err(|_| invalid("The body did not arrive in time."))?
            .map_err(|_| invalid(format!("The body is larger than {MAX_BODY} bytes.")))?
            .map_err(|_| invalid("The body could not be read to its end."))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| invalid("The body is not UTF-8."))?;
        let form = web::Query::<Vec<(String, String)>>::from_query(text)
            .map_err(|_| invalid("The body cannot be read as a form."))?
            .into_inner();
        for (position, (name, _)) in form.iter().enumerate() {
            // RFC 6749 §3.2: no parameter twice.
            if form[..position].iter().any(|(earlier, _)| earlier == name) {
                return Err(invalid("A parameter was sent twice."));
            }
        }
        Ok(Self(form))
    }

    /// A parameter; one without a value counts as left out (RFC 6749 §3.2).
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

fn invalid(why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Code::InvalidRequest, why)
}

/// The error of RFC 6749 §5.2; for what is no client's fault, the codes of §4.1.2.1.
fn refuse(error: &Error, tried_basic: bool) -> HttpResponse {
    let row = error.code.row();
    let code = match row.status {
        500 => "server_error",
        501.. => "temporarily_unavailable",
        _ => row.code,
    };
    if row.status >= 500 {
        tracing::error!(code = row.code, error = ?error.source, "{}", error.detail);
    }
    let mut response = uncached(StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if error.code == Code::InvalidClient && tried_basic {
        response.insert_header((WWW_AUTHENTICATE, "Basic realm=\"oauth\""));
    }
    if let Some(seconds) = error.retry_after {
        response.insert_header((RETRY_AFTER, seconds));
    }
    // The characters that a description may have (RFC 6749 §5.2).
    let describes = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    let description: String = error.detail.chars().map(|c| if describes(c) { c } else { '\'' }).collect();
    response.json(json!({"error": code, "error_description": description}))
}

/// Tokens and what is said of them stay out of caches (RFC 6749 §5.1).
fn uncached(status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    let no_store: (HeaderName, &str) = (CACHE_CONTROL, "no-store");
    response.insert_header(no_store).insert_header((PRAGMA, "no-cache"));
    response
}
