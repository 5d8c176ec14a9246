//! Secrets (floor 0): made from system randomness, kept as hashes, never printed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::SecureRandom as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

    /// Whether both are of the same secret, in a time that tells nothing of where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let differing = self.0.iter().zip(other.0).fold(0, |bits, (ours, theirs)| bits | (ours ^ theirs));
        std::hint::black_box(differing) == 0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// A secret that is shown once: `hcp_` and 43 characters for a provisioning token.
#[derive(Clone)]
pub struct SecretToken(String);

impl SecretToken {
    /// Makes a secret of 256 random bits behind a prefix that tells people and scanners what it is.
    #[must_use]
    pub fn generate(prefix: &str, random: &dyn Random) -> Self {
        let mut bytes = [0_u8; 32];
        random.fill(&mut bytes);
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text, for the one answer that shows it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The same, as a part of that answer.
    #[must_use]
    pub fn revealed(&self) -> Revealed {
        Revealed(self.0.clone())
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

/// A secret on its way between a client and what keeps it: written as a text, and never printed.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Revealed(pub String);

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revealed(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_prints_nothing_and_hashes_to_what_is_presented() {
        let token = SecretToken::generate("hcp_", &SystemRandom::default());
        assert_eq!(token.reveal().len(), 47);
        let shown = Revealed(token.reveal().to_owned());
        assert_eq!(format!("{token:?} {:?} {shown:?}", token.hash()), "SecretToken(…) SecretHash(…) Revealed(…)");
        assert_eq!(token.hash(), SecretHash::of(token.reveal().as_bytes()));
        assert!(token.reveal().ends_with(token.hint()));
    }
}
