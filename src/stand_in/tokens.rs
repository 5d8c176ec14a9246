//! The tokens the stand-in signs, right and wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};
use serde_json::{Map, Value, json};

use super::hostile::TokenFault;
use super::keys::Signer;

/// An ID token in the making.
pub(super) struct Draft<'a> {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    pub signer: &'a Signer,
    /// Signs, but is published nowhere.
    pub foreign: &'a Signer,
    pub client_secret: &'a str,
    pub now: i64,
}

/// Signs a header and claims as they are.
pub(super) fn sign(signer: &Signer, header: &Map<String, Value>, claims: &[u8]) -> String {
    let message = message(header, claims);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signer.sign(message.as_bytes())))
}

fn message(header: &Map<String, Value>, claims: &[u8]) -> String {
    let header = Value::Object(header.clone()).to_string();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// The header of a token by this key.
pub(super) fn header(signer: &Signer) -> Map<String, Value> {
    let header = json!({"typ": "JWT", "alg": signer.algorithm(), "kid": signer.kid});
    header.as_object().cloned().unwrap_or_default()
}

/// The left half of the hash of an access token (OpenID Connect Core 1.0 §3.1.3.6).
pub(super) fn access_token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, token.as_bytes()).as_ref()[..16])
}

impl Draft<'_> {
    /// The finished token, with one thing wrong if one is to be; `None` when there is to be none.
    pub(super) fn finish(mut self, fault: Option<TokenFault>) -> Option<String> {
        let Some(fault) = fault else { return Some(self.signed()) };
        self.spoil_header(fault);
        self.spoil_claims(fault);
        self.spoil_person(fault);
        self.spoil_whole(fault)
    }

    fn signed(&self) -> String {
        sign(self.signer, &self.header, Value::Object(self.claims.clone()).to_string().as_bytes())
    }

    fn spoil_header(&mut self, fault: TokenFault) {
        let (name, value) = match fault {
            TokenFault::AlgorithmNone => ("alg", json!("none")),
            TokenFault::AlgorithmNoneInMixedCase => ("alg", json!("nOnE")),
            TokenFault::HmacByClientSecret | TokenFault::HmacByPublicKey => ("alg", json!("HS256")),
            TokenFault::AlgorithmOfAnotherKey => ("alg", json!("ES256")),
            TokenFault::EmbeddedKey => ("jwk", self.foreign.public()),
            TokenFault::KeyElsewhere => ("jku", json!("http://127.0.0.1:9/keys")),
            TokenFault::UnknownKey => ("kid", json!("SK-unknown")),
            TokenFault::CriticalExtension => ("crit", json!(["exp"])),
            TokenFault::TypeOfAccessToken => ("typ", json!("at+jwt")),
            TokenFault::NoKeyNamed => {
                self.header.remove("kid");
                return;
            }
            _ => return,
        };
        self.header.insert(name.into(), value);
    }

    fn spoil_claims(&mut self, fault: TokenFault) {
        let issuer = self.claims.get("iss").and_then(Value::as_str).unwrap_or_default().to_owned();
        let client = self.claims.get("aud").map_or(Value::Null, |audience| audience[0].clone());
        let (name, value) = match fault {
            TokenFault::AnotherIssuer => ("iss", json!("https://issuer.example")),
            TokenFault::IssuerWithSlash => ("iss", json!(format!("{issuer}/"))),
            TokenFault::NoIssuer => ("iss", Value::Null),
            TokenFault::AnotherAudience => ("aud", json!(["somebody"])),
            TokenFault::NoAudience => ("aud", Value::Null),
            TokenFault::ForeignExtraAudience => ("aud", json!([client, "somebody"])),
            TokenFault::ForeignAuthorizedParty => ("azp", json!("somebody")),
            TokenFault::AnotherNonce => ("nonce", json!("another")),
            TokenFault::NoNonce => ("nonce", Value::Null),
            TokenFault::NoEnd => ("exp", Value::Null),
            TokenFault::Expired => ("exp", json!(self.now - 61)),
            // Far ahead of any clock, also of one that moves meanwhile.
            TokenFault::NotYetValid => ("nbf", json!(self.now + 600)),
            TokenFault::NoIssueTime => ("iat", Value::Null),
            TokenFault::IssuedInTheFuture => ("iat", json!(self.now + 600)),
            TokenFault::IssuedLongAgo => ("iat", json!(self.now - 86_400)),
            TokenFault::WrongAccessTokenHash => ("at_hash", json!(access_token_hash("another"))),
            TokenFault::UnreadableSessionExpiry => ("session_expiry", json!("tomorrow")),
            _ => return,
        };
        set(&mut self.claims, name, value);
    }

    fn spoil_person(&mut self, fault: TokenFault) {
        let (name, value) = match fault {
            TokenFault::NoSubject => ("sub", Value::Null),
            TokenFault::EmptySubject => ("sub", json!("")),
            TokenFault::LongSubject => ("sub", json!("s".repeat(256))),
            TokenFault::SubjectWithControls => ("sub", json!("U2\nada")),
            TokenFault::AddressWithNul => ("email", json!("ada\0@acme.example")),
            TokenFault::AddressWithLineBreak => ("email", json!("ada@acme.example\r\nBcc: all@acme.example")),
            TokenFault::AddressWithTrailingDot => ("email", json!("ada@acme.example.")),
            TokenFault::AddressTwice => ("email", json!("ada@evil.example@acme.example")),
            TokenFault::AddressInArray => ("email", json!(["ada@acme.example"])),
            TokenFault::VerifiedAsText => ("email_verified", json!("true")),
            _ => return,
        };
        set(&mut self.claims, name, value);
    }

    fn spoil_whole(self, fault: TokenFault) -> Option<String> {
        let payload = Value::Object(self.claims.clone()).to_string();
        let by_secret = |secret: &[u8]| {
            let message = message(&self.header, payload.as_bytes());
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
        };
        let with_payload = |payload: &[u8]| sign(self.signer, &self.header, payload);
        Some(match fault {
            TokenFault::Missing => return None,
            TokenFault::AlgorithmNone | TokenFault::AlgorithmNoneInMixedCase => {
                format!("{}.", message(&self.header, payload.as_bytes()))
            }
            TokenFault::HmacByClientSecret => by_secret(self.client_secret.as_bytes()),
            TokenFault::HmacByPublicKey => by_secret(self.signer.public()["n"].as_str().unwrap_or_default().as_bytes()),
            TokenFault::EmbeddedKey | TokenFault::ForeignSignature => {
                sign(self.foreign, &self.header, payload.as_bytes())
            }
            TokenFault::BrokenSignature => {
                let token = self.signed();
                let (message, signature) = token.rsplit_once('.').unwrap_or_default();
                format!("{message}.{}", signature.chars().rev().collect::<String>())
            }
            TokenFault::Huge => {
                with_payload(payload.replacen('{', &format!("{{\"x\":\"{}\",", "x".repeat(30_000)), 1).as_bytes())
            }
            TokenFault::NoToken => "this is no token".into(),
            TokenFault::DuplicateNames => with_payload(payload.replacen('{', "{\"sub\":\"U2victim\",", 1).as_bytes()),
            TokenFault::InvalidUtf8 => {
                let mut payload = payload.replacen("Ada", "A!a", 1).into_bytes();
                payload.iter_mut().filter(|byte| **byte == b'!').for_each(|byte| *byte = 0xff);
                with_payload(&payload)
            }
            TokenFault::NoObject => with_payload(format!("[{payload}]").as_bytes()),
            TokenFault::DeepJson => {
                let deep = format!("{{\"x\":{}{},", "[".repeat(5_000), "]".repeat(5_000));
                with_payload(payload.replacen('{', &deep, 1).as_bytes())
            }
            _ => self.signed(),
        })
    }
}

/// Sets a claim, or takes it away.
fn set(claims: &mut Map<String, Value>, name: &str, value: Value) {
    if value.is_null() {
        claims.remove(name);
    } else {
        claims.insert(name.into(), value);
    }
}
