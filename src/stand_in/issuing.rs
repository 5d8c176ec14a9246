//! From a code to tokens, as the stand-in issues them.

use serde_json::{Map, Value, json};

use super::hostile::Hostile;
use super::person::{Person, Place};
use super::shared::Shared;
use super::tokens::{self, Draft};
use super::{AccessTokens, CLIENT_ID, CLIENT_SECRET};

/// What a code was given for.
#[derive(Clone)]
pub(super) struct Grant {
    pub person: Person,
    /// The tenant that was asked for.
    pub tenant: Option<String>,
    pub nonce: String,
    pub challenge: String,
    pub redirect_uri: String,
}

impl Shared {
    /// Keeps a grant until its code comes; the code.
    pub(super) fn remember(&self, grant: Grant) -> String {
        let code = self.secret("code-");
        self.lock().codes.insert(code.clone(), grant);
        code
    }

    /// The grant of a code, once.
    pub(super) fn redeem(&self, code: &str) -> Option<Grant> {
        self.lock().codes.remove(code)
    }

    /// The answer of the token endpoint.
    pub(super) fn issue(&self, grant: Grant) -> Value {
        let access_token = self.access_token(&grant);
        let mut tokens = json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 600});
        if let Some(token) = self.id_token(&grant, &access_token) {
            tokens["id_token"] = token.into();
        }
        self.lock().tokens.insert(access_token, grant);
        tokens
    }

    fn id_token(&self, grant: &Grant, access_token: &str) -> Option<String> {
        let now = self.seconds();
        let inner = self.lock();
        let mut claims = self.registered(now);
        claims.insert("aud".into(), json!([CLIENT_ID]));
        claims.insert("nonce".into(), grant.nonce.clone().into());
        claims.insert("at_hash".into(), tokens::access_token_hash(access_token).into());
        claims.extend(grant.person.claims());
        if inner.places.contains(&Place::IdToken) {
            claims.extend(inner.shape.claims(&grant.person, grant.tenant.as_deref()));
        }
        claims.extend(grant.person.more.clone());
        claims.retain(|_, value| !value.is_null());
        let fault = match inner.hostile {
            Some(Hostile::Token(fault)) => Some(fault),
            _ => None,
        };
        let signer = inner.keys.last()?;
        let foreign = &self.foreign;
        Draft { header: tokens::header(signer), claims, signer, foreign, client_secret: CLIENT_SECRET, now }
            .finish(fault)
    }

    /// A JWT, as Descope's are; or an opaque one.
    fn access_token(&self, grant: &Grant) -> String {
        let now = self.seconds();
        let nonce = self.secret("");
        let inner = self.lock();
        let mut claims = self.registered(now);
        claims.insert("sub".into(), grant.person.subject.clone().into());
        claims.insert("drn".into(), "DS".into());
        // No two are the same.
        claims.insert("jti".into(), nonce.clone().into());
        if inner.places.contains(&Place::AccessToken) {
            claims.extend(inner.shape.claims(&grant.person, grant.tenant.as_deref()));
        }
        claims.extend(inner.access_token_claims.clone());
        let signer = match inner.access_tokens {
            AccessTokens::Signed => inner.keys.last(),
            AccessTokens::Foreign => Some(&self.foreign),
            AccessTokens::Opaque => None,
        };
        match signer {
            Some(signer) => {
                let kid = inner.keys.last().map_or(Value::Null, |signer| signer.kid.clone().into());
                let mut header = tokens::header(signer);
                header.insert("kid".into(), kid);
                tokens::sign(signer, &header, Value::Object(claims).to_string().as_bytes())
            }
            None => nonce,
        }
    }

    /// What userinfo says to the bearer of a token.
    pub(super) fn userinfo(&self, token: &str) -> Option<Map<String, Value>> {
        let inner = self.lock();
        let grant = inner.tokens.get(token)?;
        let mut claims = grant.person.claims();
        if inner.places.contains(&Place::Userinfo) {
            claims.extend(inner.shape.claims(&grant.person, grant.tenant.as_deref()));
        }
        claims.extend(inner.userinfo_claims.clone());
        Some(claims)
    }

    fn registered(&self, now: i64) -> Map<String, Value> {
        let claims = json!({"iss": self.issuer(), "iat": now, "exp": now + 600, "amr": ["fed"]});
        claims.as_object().cloned().unwrap_or_default()
    }

    pub(super) fn seconds(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000)
    }
}
