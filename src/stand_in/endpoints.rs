//! The stand-in's endpoints, at Descope's paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use openidconnect::url::{Url, form_urlencoded};
use ring::digest;
use serde_json::{Map, Value, json};

use super::hostile::{DiscoveryFault, Endpoint, Fault, Hostile};
use super::issuing::Grant;
use super::shared::Shared;
use super::{CLIENT_ID, CLIENT_SECRET, choice};

type State = web::Data<Arc<Shared>>;
type Form = web::Form<BTreeMap<String, String>>;
type Query = web::Query<BTreeMap<String, String>>;

/// Puts the endpoints where an issuer of this layout has them.
pub(super) fn routes(shared: Arc<Shared>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let (issuer, endpoints) = (shared.issuer_path(), shared.endpoints_path());
        config
            .app_data(web::Data::new(shared))
            .route(&format!("{issuer}/.well-known/openid-configuration"), web::get().to(discovery))
            .route(&format!("{issuer}/.well-known/jwks.json"), web::get().to(keys))
            .route(&format!("{endpoints}/authorize"), web::get().to(authorize))
            .route(&format!("{endpoints}/token"), web::post().to(token))
            .route(&format!("{endpoints}/userinfo"), web::get().to(userinfo))
            .route(&format!("{endpoints}/logout"), web::get().to(logout))
            .route("/elsewhere", web::route().to(elsewhere));
    }
}

async fn discovery(state: State) -> HttpResponse {
    let issuer = state.issuer();
    let at = |path: &str| format!("{}{}/{path}", state.base, state.endpoints_path());
    let mut document = json!({
        "issuer": issuer,
        "jwks_uri": state.place(Endpoint::Keys, format!("{issuer}/.well-known/jwks.json")),
        "authorization_endpoint": at("authorize"),
        "token_endpoint": state.place(Endpoint::Token, at("token")),
        "userinfo_endpoint": state.place(Endpoint::Userinfo, at("userinfo")),
        "end_session_endpoint": at("logout"),
        "revocation_endpoint": at("revoke"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": state.lock().algorithms,
        "scopes_supported": ["openid", "profile", "email", "phone"],
        "token_endpoint_auth_methods_supported": state.lock().client_authentication,
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "backchannel_logout_supported": true,
        "authorization_response_iss_parameter_supported": state.lock().names_issuer
    });
    if let Some(Hostile::Discovery(fault)) = state.hostile() {
        let (name, value) = match fault {
            DiscoveryFault::AnotherIssuer => ("issuer", json!("https://issuer.example")),
            DiscoveryFault::IssuerWithSlash => ("issuer", json!(format!("{issuer}/"))),
            DiscoveryFault::PlainPkceOnly => ("code_challenge_methods_supported", json!(["plain"])),
            DiscoveryFault::UnknownAlgorithmsOnly => {
                ("id_token_signing_alg_values_supported", json!(["HS256", "none"]))
            }
            DiscoveryFault::EndpointInTheClear(name) => (name, json!("http://issuer.example/x")),
        };
        document[name] = value;
    }
    answer(&state, Endpoint::Discovery, document).await
}

async fn keys(state: State) -> HttpResponse {
    let keys: Vec<_> = state.lock().keys.iter().map(super::keys::Signer::public).collect();
    answer(&state, Endpoint::Keys, json!({"keys": keys})).await
}

/// Consents at once, as the person whose address was hinted, or else as the first there is.
async fn authorize(state: State, query: Query) -> HttpResponse {
    state.count(Endpoint::Authorize);
    state.lock().asked.clone_from(&query);
    let given = |name: &str| query.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let Some(mut back) = given("redirect_uri").and_then(|uri| Url::parse(uri).ok()) else {
        return refuse("invalid_request", "redirect_uri is missing");
    };
    let asked_rightly = given("response_type") == Some("code")
        && given("client_id") == Some(CLIENT_ID)
        && given("scope").is_some_and(|scopes| scopes.split(' ').any(|scope| scope == "openid"))
        && given("state").is_some()
        && given("code_challenge_method") == Some("S256");
    let Some(person) = state.person(given("loginHint")) else { return choice::page(&state, &query) };
    let tenant = given("tenant").map(str::to_owned);
    let member = tenant.as_ref().is_none_or(|tenant| person.tenants.contains(tenant));
    {
        let mut answer = back.query_pairs_mut();
        if !asked_rightly {
            answer.append_pair("error", "invalid_request");
        } else if !member {
            answer.append_pair("error", "access_denied").append_pair("error_description", "no user of this tenant");
        } else {
            let text = |name: &str| given(name).unwrap_or_default().to_owned();
            let grant = Grant {
                person,
                tenant,
                nonce: text("nonce"),
                challenge: text("code_challenge"),
                redirect_uri: text("redirect_uri"),
            };
            answer.append_pair("code", &state.remember(grant));
        }
        answer.append_pair("state", given("state").unwrap_or_default());
        if state.hostile() == Some(Hostile::ResponseIssuer) {
            answer.append_pair("iss", "https://issuer.example");
        } else if state.lock().names_issuer {
            answer.append_pair("iss", &state.issuer());
        }
    }
    HttpResponse::Found().insert_header((LOCATION, back.as_str())).finish()
}

async fn token(state: State, request: HttpRequest, form: Form) -> HttpResponse {
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let by_header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let client = match by_header.and_then(|value| value.strip_prefix("Basic ")) {
        Some(basic) => basic_credentials(basic),
        None => Some((given("client_id").to_owned(), given("client_secret").to_owned())),
    };
    let way = if by_header.is_some() { "client_secret_basic" } else { "client_secret_post" };
    let known = state.lock().client_authentication.contains(&way);
    if !known || client != Some((CLIENT_ID.into(), CLIENT_SECRET.into())) {
        return refuse("invalid_client", "client authentication failed");
    }
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, given("code_verifier").as_bytes()));
    let right = |grant: &Grant| grant.challenge == challenge && grant.redirect_uri == given("redirect_uri");
    match state.redeem(given("code")).filter(right) {
        Some(grant) if given("grant_type") == "authorization_code" => {
            let tokens = state.issue(grant);
            answer(&state, Endpoint::Token, tokens).await
        }
        _ => refuse("invalid_grant", "the code is not valid"),
    }
}

/// RFC 6749 §2.3.1: both parts are form-encoded first.
fn basic_credentials(basic: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned());
    Some((plain(id)?, plain(secret)?))
}

async fn userinfo(state: State, request: HttpRequest) -> HttpResponse {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(mut claims) = state.userinfo(header.strip_prefix("Bearer ").unwrap_or_default()) else {
        state.count(Endpoint::Userinfo);
        return HttpResponse::Unauthorized().json(json!({"errorCode": "E061005", "errorDescription": "Invalid token"}));
    };
    if state.hostile() == Some(Hostile::UserinfoSubject) {
        claims.insert("sub".into(), "U2somebody".into());
    }
    answer(&state, Endpoint::Userinfo, Value::Object(claims)).await
}

async fn logout(state: State, query: Query) -> HttpResponse {
    state.count(Endpoint::Logout);
    state.lock().asked.clone_from(&query);
    let Some(mut back) = query.get("post_logout_redirect_uri").and_then(|uri| Url::parse(uri).ok()) else {
        return HttpResponse::Ok().body("You are signed out.");
    };
    if let Some(text) = query.get("state") {
        back.query_pairs_mut().append_pair("state", text);
    }
    HttpResponse::Found().insert_header((LOCATION, back.as_str())).finish()
}

/// Where a redirect leads: to what would have been answered.
async fn elsewhere(state: State) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(state.lock().elsewhere.clone())
}

fn refuse(error: &str, description: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"error": error, "error_description": description}))
}

/// Answers a document, unless this endpoint is to fail.
async fn answer(state: &Shared, endpoint: Endpoint, document: Value) -> HttpResponse {
    state.count(endpoint);
    let fault = match state.hostile() {
        Some(Hostile::Answer(hostile, fault)) if hostile == endpoint => fault,
        _ => return HttpResponse::Ok().json(document),
    };
    let text = document.to_string();
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let json = |status: StatusCode| {
        let mut response = HttpResponse::build(status);
        response.content_type("application/json");
        response
    };
    match fault {
        Fault::Slow => std::future::pending().await,
        // A connection that is broken off is its address's affair, see `Shared::place`.
        Fault::Resets | Fault::ServerError => HttpResponse::InternalServerError().body("out of order"),
        Fault::Refuses => refuse("invalid_grant", "<script>no</script>"),
        Fault::RefusesAsDescope => json(StatusCode::BAD_REQUEST).body(
            json!({"errorCode": "E061005", "errorDescription": "Invalid token", "errorMessage": "<b>no</b>"})
                .to_string(),
        ),
        Fault::Truncates => {
            // What has come so far is sent while the stream is not ready.
            let broken = stream::once(async { Ok(half) }).chain(stream::once(async {
                tokio::task::yield_now().await;
                Err(std::io::Error::other("broken off"))
            }));
            json(StatusCode::OK).streaming(Box::pin(broken))
        }
        Fault::Stalls => json(StatusCode::OK)
            .streaming(Box::pin(stream::once(async { Ok::<_, std::io::Error>(half) }).chain(stream::pending()))),
        Fault::Endless => {
            // Beyond any bound that anybody can have, and yet the end of a test's memory is not at stake.
            json(StatusCode::OK)
                .streaming(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 4_096]))))
        }
        Fault::TruncatesJson => json(StatusCode::OK).body(half),
        Fault::Redirects => {
            state.lock().elsewhere = text;
            HttpResponse::TemporaryRedirect().insert_header((LOCATION, format!("{}/elsewhere", state.base))).finish()
        }
        Fault::Html => HttpResponse::Ok().content_type("text/html").body("<!doctype html><title>Sign in</title>"),
        Fault::Garbage => json(StatusCode::OK).body("{]"),
        Fault::EmptyObject => HttpResponse::Ok().json(Map::new()),
        Fault::EmptyBody => json(StatusCode::OK).finish(),
        Fault::Huge => json(StatusCode::OK).body(format!("{}{text}", " ".repeat(2 << 20))),
    }
}
