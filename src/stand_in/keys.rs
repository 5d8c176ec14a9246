//! The stand-in's signing keys. The RSA keys were made for it and are published with it: they protect nothing.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

/// RSA keys, because nothing in the house can make one.
const RSA: [&str; 2] = [include_str!("key-1.pem"), include_str!("key-2.pem")];

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

/// A key pair with its name.
pub(super) struct Signer {
    pub kid: String,
    pair: Pair,
}

impl Signer {
    /// The first two are RSA, as Descope's are; every further one is new and on P-256.
    pub(super) fn new(number: usize) -> Result<Self, String> {
        let pair = match RSA.get(number) {
            Some(pem) => {
                let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
                let der = STANDARD.decode(base64).map_err(|error| format!("a key of the stand-in: {error}"))?;
                Pair::Rsa(RsaKeyPair::from_pkcs8(&der).map_err(|error| format!("a key of the stand-in: {error}"))?)
            }
            None => Pair::Ec(on_p256().map_err(|error| format!("a key of the stand-in: {error}"))?),
        };
        Ok(Self { kid: format!("SK{number}"), pair })
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                // A length that does not fit leaves zeroes, which verify nowhere.
                let _ = pair.sign(&RSA_PKCS1_SHA256, &randomness(), message, &mut signature);
                signature
            }
            Pair::Ec(pair) => {
                pair.sign(&randomness(), message).map(|signature| signature.as_ref().to_vec()).unwrap_or_default()
            }
        }
    }

    /// The public part (RFC 7517).
    pub(super) fn public(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let public: PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "n": encode(&public.n), "e": encode(&public.e)})
            }
            Pair::Ec(pair) => {
                // 0x04, then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
        };
        key["kid"] = self.kid.clone().into();
        key["alg"] = self.algorithm().into();
        key["use"] = "sig".into();
        key
    }
}

fn on_p256() -> Result<EcdsaKeyPair, String> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &randomness())
        .map_err(|_| "no key could be made".to_owned())?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &randomness())
        .map_err(|error| error.to_string())
}

#[expect(clippy::disallowed_methods, reason = "ring makes and uses keys with its own randomness only")]
fn randomness() -> SystemRandom {
    SystemRandom::new()
}
