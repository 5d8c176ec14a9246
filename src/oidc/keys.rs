//! The keys by which the provider signs (RFC 7517), in the form in which `openidconnect` uses them and
//! with the house's own verification behind it.

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm};
use openidconnect::core::{CoreJsonWebKeyType, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyId, SignatureVerificationError};
use serde::{Deserialize, Serialize};

use super::failure::{Failure, Reason, Result};
use crate::jwt;
use crate::secret::SecretHash;

/// Keys that are looked at, at most.
const MAX_KEYS: usize = 100;

/// The set as it is on the wire.
#[derive(Deserialize)]
pub(super) struct Document {
    keys: Vec<serde_json::Value>,
}

/// The keys of a set that can verify a token of ours.
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// Takes the usable keys; others in the set are somebody else's.
    pub(super) fn new(document: Document) -> Result<Self> {
        let keys: Vec<_> = document.keys.into_iter().take(MAX_KEYS).filter_map(Key::new).collect();
        if keys.is_empty() {
            return Err(Failure::new(Reason::KeysUnreadable, "no RSA or P-256 signature key with a kid"));
        }
        Ok(Self(keys))
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id.as_str() == id)
    }
}

/// A public key, and the one algorithm it is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Key {
    id: JsonWebKeyId,
    pub algorithm: CoreJwsSigningAlgorithm,
    /// None for a shared secret, by which nothing is ever verified.
    public: Option<Jwk>,
}

impl Key {
    fn new(json: serde_json::Value) -> Option<Self> {
        let public: Jwk = serde_json::from_value(json).ok().filter(jwt::is_usable)?;
        let id = public.common.key_id.clone().filter(|id| !id.is_empty())?;
        let algorithm = match (&public.algorithm, public.common.key_algorithm) {
            (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => {
                CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256
            }
            (AlgorithmParameters::EllipticCurve(_), None | Some(KeyAlgorithm::ES256)) => {
                CoreJwsSigningAlgorithm::EcdsaP256Sha256
            }
            _ => return None,
        };
        Some(Self { id: JsonWebKeyId::new(id), algorithm, public: Some(public) })
    }

    /// Whether the signature over the message is of this key.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match self.algorithm {
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256 => Algorithm::RS256,
            CoreJwsSigningAlgorithm::EcdsaP256Sha256 => Algorithm::ES256,
            _ => return false,
        };
        self.public.as_ref().is_some_and(|key| jwt::verifies(key, algorithm, message, signature))
    }
}

impl JsonWebKey for Key {
    type KeyUse = CoreJsonWebKeyUse;
    type SigningAlgorithm = CoreJwsSigningAlgorithm;

    fn key_id(&self) -> Option<&JsonWebKeyId> {
        Some(&self.id)
    }

    fn key_type(&self) -> &CoreJsonWebKeyType {
        match self.algorithm {
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256 => &CoreJsonWebKeyType::RSA,
            CoreJwsSigningAlgorithm::EcdsaP256Sha256 => &CoreJsonWebKeyType::EllipticCurve,
            _ => &CoreJsonWebKeyType::Symmetric,
        }
    }

    fn key_use(&self) -> Option<&CoreJsonWebKeyUse> {
        Some(&CoreJsonWebKeyUse::Signature)
    }

    fn signing_alg(&self) -> JsonWebKeyAlgorithm<&CoreJwsSigningAlgorithm> {
        JsonWebKeyAlgorithm::Algorithm(&self.algorithm)
    }

    fn new_symmetric(_: Vec<u8>) -> Self {
        let id = JsonWebKeyId::new(String::new());
        Self { id, algorithm: CoreJwsSigningAlgorithm::HmacSha256, public: None }
    }

    fn verify_signature(
        &self,
        algorithm: &CoreJwsSigningAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> std::result::Result<(), SignatureVerificationError> {
        if *algorithm == self.algorithm && self.verifies(message, signature) {
            Ok(())
        } else {
            Err(SignatureVerificationError::CryptoError("the signature is not of this key".into()))
        }
    }

    fn hash_bytes(&self, bytes: &[u8], algorithm: &CoreJwsSigningAlgorithm) -> std::result::Result<Vec<u8>, String> {
        // Both algorithms that are taken hash by SHA-256.
        if *algorithm == self.algorithm {
            Ok(SecretHash::of(bytes).0.to_vec())
        } else {
            Err("another algorithm".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The example key of RFC 7515 appendix A.3.
    fn key(changes: &Value) -> Value {
        let mut key = json!({
            "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
        });
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        key.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        key
    }

    fn taken(keys: Vec<Value>) -> Result<Keys> {
        Keys::new(Document { keys })
    }

    #[test]
    fn only_named_public_signature_keys_of_ours_are_taken() {
        for usable in [json!({}), json!({"use": null}), json!({"alg": null}), json!({"x5t": "of no interest"})] {
            assert!(taken(vec![key(&usable)]).unwrap().find("k1").is_some(), "{usable}");
        }
        for useless in [
            json!({"kid": null}),
            json!({"kid": ""}),
            json!({"use": "enc"}),
            json!({"alg": "ES384"}),
            json!({"alg": "HS256"}),
            json!({"crv": "P-384"}),
            json!({"x": "%%"}),
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            json!({"kty": "unheard of"}),
        ] {
            let refused = taken(vec![key(&useless)]).err().map(|failure| failure.reason);
            assert_eq!(refused, Some(Reason::KeysUnreadable), "{useless}");
            let beside = taken(vec![key(&useless), json!(1), key(&json!({"kid": "k2"}))]).unwrap();
            assert!(beside.find("k2").is_some(), "{useless}: the others of the set stay");
        }
    }

    #[test]
    fn a_shared_secret_verifies_nothing() {
        let secret = Key::new_symmetric(b"secret".to_vec());
        assert!(!secret.verifies(b"message", b"signature"));
        let verified = secret.verify_signature(&CoreJwsSigningAlgorithm::HmacSha256, b"message", b"signature");
        assert!(verified.is_err());
    }
}
