//! Secrets (floor 0): made from system randomness, kept as hashes, never printed.

use std::fmt;

use ring::digest;
use ring::rand::SecureRandom as _;

/// Where randomness comes from.
pub trait Random: Send + Sync + 'static {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's randomness.
#[derive(Debug, Clone)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl Default for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "the one place that opens the system's randomness")]
    fn default() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

impl Random for SystemRandom {
    /// # Panics
    /// When the operating system has no randomness to give: no secret may be made without it.
    fn fill(&self, buffer: &mut [u8]) {
        self.0.fill(buffer).expect("the operating system gives randomness");
    }
}

/// What is stored of a secret: its SHA-256. The secrets are 256 random bits, so no salt or
/// stretching is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Hashes what a caller presented.
    #[must_use]
    pub fn of(presented: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, presented).as_ref());
        Self(hash)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// A secret that is shown once: `hcp_` and 43 characters for a provisioning token.
pub struct SecretToken(String);

impl SecretToken {
    /// Makes a secret of 256 random bits behind a prefix that tells people and scanners what it is.
    #[must_use]
    pub fn generate(prefix: &str, random: &dyn Random) -> Self {
        let mut bytes = [0_u8; 32];
        random.fill(&mut bytes);
        Self(format!("{prefix}{}", base64url(&bytes)))
    }

    /// The text, for the one answer that shows it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.0.as_bytes())
    }

    /// The last four characters, by which people recognise a token in a list.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.0[self.0.len() - 4..]
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(…)")
    }
}

/// Base64url without padding (RFC 4648 §5).
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * position)) as usize & 0x3f]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_the_vectors_of_rfc_4648() {
        for (plain, encoded) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            assert_eq!(base64url(plain.as_bytes()), encoded);
        }
        assert_eq!(base64url(&[0xff, 0xfe]), "__4");
    }

    #[test]
    fn a_token_prints_nothing_and_hashes_to_what_is_presented() {
        let token = SecretToken::generate("hcp_", &SystemRandom::default());
        assert_eq!(token.reveal().len(), 47);
        assert_eq!(format!("{token:?} {:?}", token.hash()), "SecretToken(…) SecretHash(…)");
        assert_eq!(token.hash(), SecretHash::of(token.reveal().as_bytes()));
        assert!(token.reveal().ends_with(token.hint()));
    }
}
