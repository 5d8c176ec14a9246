//! OAuth 2.0 client credentials: RFC 6749 §4.4 with a secret, RFC 7523 with keys of the client's own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::sql_types::{BigInt, Nullable, Text};
use headcount::clock::{Clock as _, SystemClock};
use headcount::store::sql::Sql;
use reqwest::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use reqwest::{Method, RequestBuilder, StatusCode};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::support::{Server, on_each_database};

on_each_database!(secrets, refusals, refusals_are_audited, assertions, one_use, expiry, revocation, discovery);

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn create(server: &Server, more: &[&str]) -> Value {
    let command = ["provisioning-client", "create", "--json", "--organization", "acme", "--name", "okta"];
    server.command(&[&command, more].concat())
}

fn endpoint(server: &Server) -> String {
    format!("http://{}/oauth/token", server.listen)
}

fn request(server: &Server, form: &[(&str, &str)]) -> RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(endpoint(server)).form(form)
}

/// Status and body; every answer of the endpoint stays out of caches.
async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let status = response.status();
    let challenged = response.headers().contains_key(WWW_AUTHENTICATE);
    let mut body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    if challenged {
        body["challenged"] = true.into();
    }
    (status, body)
}

/// The access token of an answer that has one.
fn granted((status, body): (StatusCode, Value)) -> String {
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["scope"]),
        (&json!("Bearer"), &json!(3600), &json!("scim"))
    );
    body["access_token"].as_str().unwrap().to_owned()
}

fn with_secret(server: &Server, client: &Value) -> RequestBuilder {
    let text = |name: &str| client[name].as_str().unwrap();
    request(server, &[GRANT]).basic_auth(text("client_id"), Some(text("client_secret")))
}

fn count(server: &Server, sql: &'static str) -> i64 {
    Sql::new(sql).first::<BigInt, i64>(&mut server.database()).unwrap().unwrap()
}

async fn secrets(server: Server) {
    let client = create(&server, &[]);
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let by_basic = granted(answer(with_secret(&server, &client)).await);
    let form = [GRANT, ("client_id", id), ("client_secret", secret), ("scope", "anything"), ("resource", "")];
    let by_post = granted(answer(request(&server, &form)).await);
    assert_ne!(by_basic, by_post);
    for token in [&by_basic, &by_post] {
        let (status, page) = server.as_bearer(token, "/Users").await;
        assert_eq!((status.as_u16(), &page["totalResults"]), (200, &json!(1)));
    }
    let (status, _) = server.as_bearer(secret, "/Users").await;
    assert_eq!(status, 401, "the secret itself is no token");
    let listed = server.command(&["provisioning-client", "list", "--organization", "acme", "--json"]);
    assert_eq!(listed[0]["client_id"], client["client_id"]);
    assert!(listed[0].get("client_secret").is_none() && listed[0]["last_used_at"].is_string(), "{listed}");
    let tokens = server.command(&["provisioning-token", "list", "--organization", "acme", "--json"]);
    assert_eq!(tokens.as_array().unwrap().len(), 1, "access tokens are not listed among provisioning tokens");
    assert_eq!(count(&server, "SELECT count(*) FROM audit_events WHERE action = 'access_token.issued'"), 2);
    assert_eq!(count(&server, "SELECT count(*) FROM audit_events WHERE action = 'provisioning_client.created'"), 1);
    let stored = Sql::new("SELECT detail FROM audit_events").load::<Text, String>(&mut server.database()).unwrap();
    assert!(!stored.iter().any(|detail| detail.contains(secret) || detail.contains(&by_basic)));
}

async fn refusals(server: Server) {
    let client = create(&server, &[]);
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let named = [GRANT, ("client_id", id)];
    let cases = [
        (request(&server, &[GRANT]).basic_auth(id, Some("wrong")), 401, "invalid_client"),
        (request(&server, &[GRANT]).basic_auth("hcc_unknown", Some(secret)), 401, "invalid_client"),
        (request(&server, &[GRANT]).header("authorization", "Basic %%%"), 401, "invalid_client"),
        (request(&server, &named), 401, "invalid_client"),
        (request(&server, &[GRANT, ("client_secret", secret)]), 400, "invalid_request"),
        (request(&server, &[GRANT, ("client_secret", secret)]).basic_auth(id, Some(secret)), 400, "invalid_request"),
        (request(&server, &[GRANT, ("client_id", "other")]).basic_auth(id, Some(secret)), 400, "invalid_request"),
        (request(&server, &[GRANT, GRANT]).basic_auth(id, Some(secret)), 400, "invalid_request"),
        (request(&server, &[]).basic_auth(id, Some(secret)), 400, "invalid_request"),
        (request(&server, &[("grant_type", "password")]).basic_auth(id, Some(secret)), 400, "unsupported_grant_type"),
        (request(&server, &[GRANT, ("client_assertion", "a.b.c")]), 400, "invalid_request"),
        (request(&server, &[GRANT]).header("content-type", "application/json").body("{}"), 400, "invalid_request"),
        (request(&server, &[GRANT, ("x", &"x".repeat(40_000))]), 400, "invalid_request"),
    ];
    for (position, (request, status, error)) in cases.into_iter().enumerate() {
        let (answered, body) = answer(request).await;
        assert_eq!((answered.as_u16(), body["error"].as_str()), (status, Some(error)), "case {position}: {body}");
        let description = body["error_description"].as_str().unwrap();
        assert!(description.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\'), "{description}");
        // RFC 6749 §5.2: who tried by Authorization is told of the scheme.
        assert_eq!(body.get("challenged").is_some(), position < 3, "case {position}");
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(endpoint(&server)).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"POST".parse().unwrap()));
}

/// Who was refused and why, once for many, and nothing that is secret.
async fn refusals_are_audited(server: Server) {
    let client = create(&server, &[]);
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let signer = Signer::new(7);
    let signing = create_with_keys(&server, &signer.keys());
    let wrong = || request(&server, &[GRANT]).basic_auth(id, Some("hcs_wrong"));
    for _ in 0..20 {
        assert_eq!(answer(wrong()).await.0, 401);
    }
    let mut late = claims(&server, &signing, "late");
    late["exp"] = (now() - 3_600).into();
    let assertion = signer.sign(&json!({"alg": "EdDSA"}), &late);
    assert_eq!(answer(asserting(&server, &assertion)).await.0, 401);
    // A client that nobody has made, in an organization that there is.
    let mut unknown = URL_SAFE_NO_PAD.decode(id.strip_prefix("hcc_").unwrap()).unwrap();
    unknown[31] ^= 1;
    let unknown = format!("hcc_{}", URL_SAFE_NO_PAD.encode(unknown));
    assert_eq!(answer(request(&server, &[GRANT]).basic_auth(unknown, Some(secret))).await.0, 401);
    let events: Vec<(String, String, Option<String>)> =
        Sql::new("SELECT actor, detail, address FROM audit_events WHERE action = 'access_token.refused' ORDER BY id")
            .load::<(Text, Text, Nullable<Text>), _>(&mut server.database())
            .unwrap();
    let details: Vec<Value> = events.iter().map(|(_, detail, _)| serde_json::from_str(detail).unwrap()).collect();
    assert_eq!(details.len(), 2, "one for each client in a minute: {events:?}");
    for (detail, (client, why)) in details.iter().zip([(id, "credentials are wrong"), (&signing, "has expired")]) {
        assert_eq!(
            (&detail["client_id"], &detail["name"], &detail["refused"]),
            (&json!(client), &json!("okta"), &json!(1))
        );
        assert!(detail["why"].as_str().unwrap().contains(why), "{detail}");
    }
    assert!(
        events
            .iter()
            .all(|(actor, _, address)| actor == "provisioning_client" && address.as_deref() == Some("127.0.0.1"))
    );
    assert!(!events.iter().any(|(_, detail, _)| detail.contains("hcs_") || detail.contains(&assertion)), "{events:?}");
}

/// A client's key pair, and the JWT it signs.
struct Signer(Ed25519KeyPair);

impl Signer {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn keys(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig", "x": x}]})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(message.as_bytes())))
    }
}

/// Makes a client with the keys of a signer; its id.
fn create_with_keys(server: &Server, keys: &Value) -> String {
    let file = server.directory.join("jwks.json");
    std::fs::write(&file, keys.to_string()).unwrap();
    let client = create(server, &["--jwks-file", file.to_str().unwrap()]);
    assert!(client.get("client_secret").is_none());
    client["client_id"].as_str().unwrap().to_owned()
}

fn now() -> i64 {
    SystemClock.now().0 / 1_000_000
}

fn claims(server: &Server, client: &str, jti: &str) -> Value {
    json!({"iss": client, "sub": client, "aud": endpoint(server), "jti": jti, "iat": now(), "exp": now() + 120})
}

fn asserting(server: &Server, assertion: &str) -> RequestBuilder {
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    request(server, &[GRANT, kind, ("client_assertion", assertion)])
}

async fn assertions(server: Server) {
    let signer = Signer::new(7);
    let client = create_with_keys(&server, &signer.keys());
    let header = json!({"alg": "EdDSA", "kid": "k1"});
    let good = claims(&server, &client, "one");
    let assertion = signer.sign(&header, &good);
    let token = granted(answer(asserting(&server, &assertion)).await);
    assert_eq!(server.as_bearer(&token, "/Users").await.0, 200);
    let (status, body) = answer(asserting(&server, &assertion)).await;
    assert_eq!((status.as_u16(), &body["error"]), (401, &json!("invalid_client")), "a replay: {body}");
    // The issuer is an audience too, and a set of one key needs no kid.
    let mut to_issuer = claims(&server, &client, "two");
    to_issuer["aud"] = json!([format!("http://{}", server.listen)]);
    granted(answer(asserting(&server, &signer.sign(&json!({"alg": "EdDSA"}), &to_issuer))).await);
    let changed = |name: &str, value: Value| {
        let mut claims = claims(&server, &client, "three");
        claims[name] = value;
        signer.sign(&header, &claims)
    };
    let refused = [
        changed("aud", json!("https://elsewhere.example/oauth/token")),
        changed("iss", json!("somebody")),
        changed("exp", json!(now() - 3_600)),
        changed("exp", json!(now() + 3_600)),
        changed("exp", json!(1e300)),
        changed("nbf", json!(now() + 3_600)),
        changed("iat", json!(now() + 3_600)),
        changed("jti", json!("")),
        changed("jti", Value::Null),
        changed("exp", Value::Null),
        changed("aud", Value::Null),
        Signer::new(8).sign(&header, &good),
        signer.sign(&json!({"alg": "EdDSA", "kid": "other"}), &good),
        signer.sign(&json!({"alg": "none"}), &good),
        signer.sign(&json!({"alg": "HS256", "kid": "k1"}), &good),
        signer.sign(&json!({"alg": "RS256", "kid": "k1"}), &good),
        format!("{}x", signer.sign(&header, &claims(&server, &client, "four"))),
    ];
    for (position, assertion) in refused.iter().enumerate() {
        let (status, body) = answer(asserting(&server, assertion)).await;
        assert_eq!((status.as_u16(), &body["error"]), (401, &json!("invalid_client")), "case {position}: {body}");
    }
    // Who is named beside the assertion must be who it is of, and who signed it.
    let form = asserting(&server, &changed("sub", json!("somebody"))).build().unwrap();
    let body = format!("{}&client_id={client}", std::str::from_utf8(form.body().unwrap().as_bytes().unwrap()).unwrap());
    let (_, refused) = answer(request(&server, &[]).body(body)).await;
    assert!(refused["error_description"].as_str().unwrap().contains("The sub of"), "{refused}");
    let other = create_with_keys(&server, &Signer::new(9).keys());
    let form = asserting(&server, &changed("jti", json!("five"))).build().unwrap();
    let body = format!("{}&client_id={other}", std::str::from_utf8(form.body().unwrap().as_bytes().unwrap()).unwrap());
    let (status, _) = answer(request(&server, &[]).body(body)).await;
    assert_eq!(status, 401);
}

async fn one_use(server: Server) {
    let signer = Signer::new(7);
    let client = create_with_keys(&server, &signer.keys());
    let assertion = signer.sign(&json!({"alg": "EdDSA"}), &claims(&server, &client, "once"));
    let requests = (0..16).map(|_| async { answer(asserting(&server, &assertion)).await.0.as_u16() });
    let statuses = futures_util::future::join_all(requests).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 401)), "{statuses:?}");
}

async fn expiry(server: Server) {
    let client = create(&server, &[]);
    let token = granted(answer(with_secret(&server, &client)).await);
    let at = |seconds: i64| SystemClock.now().plus_seconds(seconds).0;
    let expire = |at: i64| {
        let sql = Sql::new("UPDATE provisioning_tokens SET expires_at = ? WHERE client_id IS NOT NULL").bind(at);
        assert_eq!(sql.execute(&mut server.database()).unwrap(), 1);
    };
    expire(at(-60));
    let (status, body) = server.as_bearer(&token, "/Users").await;
    assert_eq!(status, 401);
    assert!(body["detail"].as_str().unwrap().contains("expired on"), "{body}");
    expire(at(-2 * 3_600));
    granted(answer(with_secret(&server, &client)).await);
    assert_eq!(count(&server, "SELECT count(*) FROM provisioning_tokens WHERE client_id IS NOT NULL"), 1);
    let (status, body) = server.as_bearer(&token, "/Users").await;
    assert!(status == 401 && !body["detail"].as_str().unwrap().contains("expired on"), "{body}");
}

/// Nobody keeps a token of a revoked client, also who asked for it at the same moment.
async fn revocation(server: Server) {
    let client = create(&server, &[]);
    let first = granted(answer(with_secret(&server, &client)).await);
    let set_state = |state: &str| {
        let set = Sql::new("UPDATE organizations SET state = ?").bind(state);
        assert_eq!(set.execute(&mut server.database()).unwrap(), 1);
    };
    set_state("pending_checkout");
    let (status, body) = answer(with_secret(&server, &client)).await;
    assert_eq!((status.as_u16(), &body["error"]), (400, &json!("unauthorized_client")), "{body}");
    set_state("active");
    let (url, binary) = (server.url.clone(), crate::support::headcount());
    let revoke = tokio::task::spawn_blocking(move || {
        let mut binary = binary;
        let arguments = ["provisioning-client", "revoke", "--organization", "acme", "--client", "okta", "--json"];
        assert!(binary.args(arguments).args(["--database-url", &url]).output().unwrap().status.success());
    });
    let mut tokens = vec![first];
    while tokens.len() < 2_000 {
        let (status, body) = answer(with_secret(&server, &client)).await;
        if status != 200 {
            assert_eq!((status.as_u16(), &body["error"]), (401, &json!("invalid_client")), "{body}");
            break;
        }
        tokens.push(body["access_token"].as_str().unwrap().to_owned());
    }
    revoke.await.unwrap();
    assert_eq!(answer(with_secret(&server, &client)).await.0, 401);
    for token in &tokens {
        let (status, body) = server.as_bearer(token, "/Users").await;
        assert_eq!(status, 401);
        assert!(body["detail"].as_str().unwrap().contains("revoked on"), "{body}");
    }
    assert_eq!(server.get("/Users").await.0, 200, "other tokens go on");
    assert_eq!(count(&server, "SELECT count(*) FROM audit_events WHERE action = 'provisioning_client.revoked'"), 1);
}

async fn discovery(server: Server) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/.well-known/oauth-authorization-server", server.listen);
    let metadata: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["issuer"], format!("http://{}", server.listen));
    assert_eq!(metadata["token_endpoint"], endpoint(&server));
    assert_eq!(
        metadata["token_endpoint_auth_signing_alg_values_supported"],
        json!(["RS256", "PS256", "ES256", "EdDSA"])
    );
    let response = server.request(Method::GET, "/ServiceProviderConfig").send().await.unwrap();
    let config: Value = response.json().await.unwrap();
    let schemes: Vec<&Value> =
        config["authenticationSchemes"].as_array().unwrap().iter().map(|scheme| &scheme["type"]).collect();
    assert_eq!(schemes, ["oauthbearertoken", "oauth2"]);
}
