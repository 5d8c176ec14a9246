//! Secrets that have to be used again and so cannot be hashed (floor 0): encrypted at rest, each
//! bound to the place it belongs to, so that a row copied elsewhere opens nothing.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;

use crate::secret::Random;

/// Encrypts and decrypts (AES-256-GCM).
pub struct SealingKey(LessSafeKey);

impl SealingKey {
    /// The algorithm that a key is derived for.
    pub const ALGORITHM: &'static ring::aead::Algorithm = &AES_256_GCM;

    /// Works with this key.
    #[must_use]
    pub fn new(key: UnboundKey) -> Self {
        Self(LessSafeKey::new(key))
    }

    /// The key of whoever presents a text, which is kept nowhere: what it seals, nobody opens who does not present
    /// the same again (HKDF, RFC 5869).
    ///
    /// # Panics
    /// Never: HKDF-SHA256 can give 255 times what is asked for here.
    #[must_use]
    pub fn of_presented(text: &[u8], purpose: &[u8]) -> Self {
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(text);
        let purpose = [purpose];
        let key = pseudorandom.expand(&purpose, Self::ALGORITHM);
        Self::new(key.expect("one block is never too long").into())
    }

    /// Encrypts a secret for its place.
    ///
    /// # Panics
    /// Never: AES-GCM takes 64 GiB, and no secret has that many bytes.
    #[must_use]
    pub fn seal(&self, secret: &[u8], place: &[u8], random: &dyn Random) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut encrypted = secret.to_vec();
        let nonce_of_it = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce_of_it, Aad::from(place), &mut encrypted)
            .expect("a secret is never too long");
        [nonce.as_slice(), &encrypted].concat()
    }

    /// What was sealed for this place by this key.
    #[must_use]
    pub fn open(&self, sealed: &[u8], place: &[u8]) -> Option<Vec<u8>> {
        let (nonce, encrypted) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut encrypted = encrypted.to_vec();
        let opened =
            self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut encrypted).ok()?;
        Some(opened.to_vec())
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SystemRandom;

    #[test]
    fn a_secret_opens_only_with_its_key_and_in_its_place() {
        let key = |byte| SealingKey::new(UnboundKey::new(SealingKey::ALGORITHM, &[byte; 32]).unwrap());
        let sealed = key(1).seal(b"secret", b"here", &SystemRandom::default());
        assert_eq!(key(1).open(&sealed, b"here").as_deref(), Some(&b"secret"[..]));
        assert_eq!(key(1).open(&sealed, b"there"), None);
        assert_eq!(key(2).open(&sealed, b"here"), None);
        assert_eq!(key(1).open(&sealed[1..], b"here"), None);
        assert_eq!(key(1).open(b"", b"here"), None);
        assert_ne!(key(1).seal(b"secret", b"here", &SystemRandom::default()), sealed);
    }

    #[test]
    fn what_is_presented_again_opens_it() {
        let sealed = SealingKey::of_presented(b"mine", b"test").seal(b"secret", b"here", &SystemRandom::default());
        let opened = |text: &[u8], purpose: &[u8]| SealingKey::of_presented(text, purpose).open(&sealed, b"here");
        assert_eq!(opened(b"mine", b"test").as_deref(), Some(&b"secret"[..]));
        assert_eq!(opened(b"theirs", b"test"), None);
        assert_eq!(opened(b"mine", b"another"), None);
    }
}
