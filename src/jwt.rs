//! JSON Web Tokens (floor 1): `jsonwebtoken` on ring, which is in the house already, and keys that
//! others publish (RFC 7517). Only what a public key verifies: nobody gives us a shared key.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::signature::{self as ring_signature, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use signature::Verifier;

use crate::error::{Code, Error, Result};

/// The algorithms by which a signature is taken.
pub const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
/// Keys in one set at most.
const MAX_KEYS: usize = 20;

static PROVIDER: CryptoProvider = CryptoProvider {
    // Nothing is signed here.
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` work in this process; again is harmless.
pub fn install() {
    // It refuses a second provider, and there is only this one.
    let _ = PROVIDER.install_default();
}

fn verifier(algorithm: Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    if !ALGORITHMS.contains(&algorithm) || family(algorithm) != key.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(RingVerifier { algorithm, key: key.clone() }))
}

fn family(algorithm: Algorithm) -> AlgorithmFamily {
    match algorithm {
        Algorithm::ES256 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        _ => AlgorithmFamily::Rsa,
    }
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let rsa: &'static RsaParameters = match self.algorithm {
            Algorithm::PS256 => &ring_signature::RSA_PSS_2048_8192_SHA256,
            _ => &ring_signature::RSA_PKCS1_2048_8192_SHA256,
        };
        let verified = match (self.key.kind(), family(self.algorithm)) {
            (DecodingKeyKind::RsaModulusExponent { n, e }, _) => {
                RsaPublicKeyComponents { n, e }.verify(rsa, message, signature)
            }
            (DecodingKeyKind::SecretOrDer(point), AlgorithmFamily::Ec) => {
                UnparsedPublicKey::new(&ring_signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (DecodingKeyKind::SecretOrDer(point), AlgorithmFamily::Ed) => {
                UnparsedPublicKey::new(&ring_signature::ED25519, point).verify(message, signature)
            }
            (DecodingKeyKind::SecretOrDer(der), _) => UnparsedPublicKey::new(rsa, der).verify(message, signature),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Reads a set of public keys that somebody gives us, and refuses one that could never be used.
///
/// # Errors
/// `invalidValue` naming the key.
pub fn public_keys(text: &str) -> Result<JwkSet> {
    let refuse = |why: String| Error::new(Code::InvalidValue, why);
    let json: serde_json::Value = serde_json::from_str(text).map_err(|source| {
        refuse(format!("The key set is not JSON: line {}, column {}.", source.line(), source.column()))
    })?;
    let keys = json["keys"].as_array().map_or(&[][..], Vec::as_slice);
    if keys.is_empty() || keys.len() > MAX_KEYS {
        return Err(refuse(format!("A key set has an array \"keys\" of 1 to {MAX_KEYS} keys (RFC 7517 §5).")));
    }
    for (position, key) in keys.iter().enumerate() {
        let place = || format!("keys[{position}]");
        if ["d", "k", "p"].iter().any(|private| key.get(private).is_some()) {
            return Err(refuse(format!("{} holds a private or shared key. Give the public part only.", place())));
        }
        let usable = serde_json::from_value::<Jwk>(key.clone()).is_ok_and(|key| is_usable(&key));
        if !usable {
            return Err(refuse(format!("{} is no RSA, P-256 or Ed25519 signature key (RFC 7517).", place())));
        }
        let same_id = |other: &serde_json::Value| other.get("kid") == key.get("kid");
        if keys.len() > 1 && (key.get("kid").is_none() || keys[..position].iter().any(same_id)) {
            return Err(refuse(format!("{} needs a kid of its own, because the set has several keys.", place())));
        }
    }
    serde_json::from_value(json).map_err(|source| refuse(format!("The key set cannot be read: {source}.")))
}

/// Whether a public key can verify signatures by one of [`ALGORITHMS`].
#[must_use]
pub fn is_usable(key: &Jwk) -> bool {
    use jsonwebtoken::jwk::{EllipticCurve, PublicKeyUse};
    let for_signatures = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let known = match &key.algorithm {
        AlgorithmParameters::RSA(_) => true,
        AlgorithmParameters::EllipticCurve(parameters) => parameters.curve == EllipticCurve::P256,
        AlgorithmParameters::OctetKeyPair(parameters) => parameters.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    for_signatures && known && DecodingKey::from_jwk(key).is_ok()
}

/// Whether a signature over a message is of this key.
#[must_use]
pub fn verifies(key: &Jwk, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let verifier = DecodingKey::from_jwk(key).and_then(|key| verifier(algorithm, &key));
    verifier.is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
}

/// The key of a set that a token names by its `kid`; without one, the only key there is.
#[must_use]
pub fn key_of<'k>(keys: &'k JwkSet, kid: Option<&str>) -> Option<&'k Jwk> {
    match (kid, keys.keys.as_slice()) {
        (Some(kid), _) => keys.keys.iter().find(|key| key.common.key_id.as_deref() == Some(kid)),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The example key of RFC 7515 appendix A.3.
    const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

    /// Its ES256 signature.
    const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    /// A key made for this test; OpenSSL signed by it.
    pub(crate) const RSA: &str = r#"{"kty":"RSA","n":"3nN7tTVo166erKWHsVarE3KaJ-B9A6sYDbQYF0u02PVXfl0uqZ4ZBcZiHntLhNDt7N0PO01HKAufcUkHaWf9aGHg-rI76gVJCH_Qs0y0GU6AeWXTSdil1F4y-z-GrsExMWm_8wncxNPXC8DsqSLoTfErYsGcahzLKbAr0BYAJOOneGJCJ8lG7eG7eurdOJ3L812187iVMfHM1SFqW153pfeu0y-0-3vYwFoVKOzA3kY3KOSvAe2F2-8GStu_VJ1A858fQwRyAVk5BCHP1ZyBHywKa68wgTSYxQchi3lwICcZ-zLLrKqwkq4Ej7jOJYfwVM9ozZ22uGGiwkRU38MCvQ","e":"AQAB"}"#;
    pub(crate) const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.QzbeU3XpttRLkmXl5fEAeHPkJ91H7NqzDX7Q-KTfVFBwDPEJlLVO-_-uJhVHYy7Hn0tNKslfAGkMlUMcGVP6kP4AE5cJVW2liKxVspk1FC-rSa-0f1igxOxz_PNHxqosZY_Ts_ykt2CWshU2X_yOMwe54CbGMX2R4aDHTex-oy0FvV1zrgWKNtLlI5cvkvEOkmh7nND7srHKM815urQdkoLW9YsQ4q6bxMH4RrK6naMgftH0dMqyBunMZ00FG7UheiWqdqBeUKJ8OQSnPd7sX9VR6OAgpdrS-ZdJm8RksRtVwHIYAtcGUTwGTR5hfFchoiYbdk5dbORppKG4yCQdqg";
    const PS256: &str = "eyJhbGciOiJQUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.OpsjhcJBjzRPMGZBYKawYCzazioSyBxozmZb6oCkItCO6CFXG1BUk-Y6U3yJTnLk71Pe2ot2qWWeDZVLm0O7VheMcXoB4qWRVWr4e2bgzy5E8VmPQCFM5VH4yiwrghFclXPGiV6nDfsjJpOpqFIphuXv6HSv1UiL8td84W9fXLd8_E0KlTPpdFbLZYtfOJ6DI0JkOnUoI5hLV5RWbwMSx1vTeU31nTtwB5G43QaLAZj9DgybcbRIYJbq3SNtueaiQ1ftkoCiD4UgBxtqDoEGWQzzq5b8GLszKciiV1qfWsyXqypX2JH_1Ewcqy-fbhy7FTSbPq5M5knK0TGRfAqhPQ";

    #[test]
    fn only_public_signature_keys_are_taken() {
        assert_eq!(public_keys(&format!("{{\"keys\":[{EC}]}}")).unwrap().keys.len(), 1);
        for refused in [
            "no json".to_owned(),
            "{}".to_owned(),
            "{\"keys\":[]}".to_owned(),
            r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.to_owned(),
            format!("{{\"keys\":[{}]}}", EC.replace("\"crv\"", "\"d\":\"x\",\"crv\"")),
            format!("{{\"keys\":[{}]}}", EC.replace("\"crv\"", "\"use\":\"enc\",\"crv\"")),
            format!("{{\"keys\":[{EC},{EC}]}}"),
        ] {
            assert_eq!(public_keys(&refused).unwrap_err().status(), 400, "{refused}");
        }
    }

    /// Whether the token's signature is right, or why it is not even looked at.
    fn verify(key: &str, token: &str, algorithm: Algorithm) -> JwtResult<bool> {
        install();
        let keys = public_keys(&format!("{{\"keys\":[{key}]}}")).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let key = DecodingKey::from_jwk(key_of(&keys, None).unwrap()).unwrap();
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm)
    }

    #[test]
    fn each_algorithm_takes_its_own_signatures_only() {
        let tokens = [(EC, ES256, Algorithm::ES256), (RSA, RS256, Algorithm::RS256), (RSA, PS256, Algorithm::PS256)];
        for (key, token, algorithm) in tokens {
            assert!(verify(key, token, algorithm).unwrap(), "{algorithm:?}");
            assert!(!verify(key, &token.replacen('e', "f", 1), algorithm).unwrap(), "{algorithm:?}");
            for other in [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256] {
                assert!(
                    other == algorithm || !verify(key, token, other).unwrap_or(false),
                    "{algorithm:?} as {other:?}"
                );
            }
        }
    }
}
