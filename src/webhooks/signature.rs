//! Standard Webhooks (standardwebhooks.com, specification 1.0): `v1,` and the base64 of HMAC-SHA256 of
//! `id.timestamp.body`, by the bytes of a secret that is written `whsec_` and base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::secret::Random;

/// What every secret begins with.
pub const PREFIX: &str = "whsec_";
/// Bytes of a secret: 24 to 64 by the specification.
const LENGTH: usize = 32;

/// The bytes of a new secret.
#[must_use]
pub fn generate(random: &dyn Random) -> Vec<u8> {
    let mut bytes = vec![0; LENGTH];
    random.fill(&mut bytes);
    bytes
}

/// A secret as it is shown.
#[must_use]
pub fn shown(secret: &[u8]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(secret))
}

/// The header `webhook-signature`: by each secret that counts, with spaces between.
#[must_use]
pub fn sign(secrets: &[Vec<u8>], id: &str, timestamp: i64, body: &str) -> String {
    let content = format!("{id}.{timestamp}.{body}");
    let one = |secret: &Vec<u8>| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, content.as_bytes())))
    };
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = "{\"test\": 2432232314}";
        let signature = sign(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
