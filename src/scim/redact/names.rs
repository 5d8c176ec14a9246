//! Which names are those of secrets: what the schemas never return (RFC 7643 §7 `returned`), and what is called as
//! secrets are, whoever sent it.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// What the names of secrets have in them, however it is spelled.
const WITHIN: [&str; 20] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "credential",
    "api_key",
    "api-key",
    "apikey",
    "private_key",
    "private-key",
    "privatekey",
    "signing_key",
    "signing-key",
    "signingkey",
    "authorization",
    "assertion",
    "cookie",
    "bearer",
];
/// Secrets that are called so by a whole word: others have these letters in them too.
const WORDS: [&str; 6] = ["pwd", "pin", "otp", "totp", "jwt", "cvv"];

static SECRETS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard);
    builder.build(WITHIN.iter().chain(&WORDS)).ok()
});

/// The names of an organization's secrets.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Attributes that are never returned and not called as secrets are.
    never: Vec<String>,
}

impl Names {
    pub(super) fn new<'n>(never: impl IntoIterator<Item = &'n str>) -> Self {
        let unusual = never.into_iter().filter(|name| !sounds_secret(name));
        Self { never: unusual.map(str::to_owned).collect() }
    }

    /// Whether a name is one of a secret, `password` and `urn:…:User:password` too, or a text has one in it.
    pub(super) fn are_in(&self, text: &str) -> bool {
        sounds_secret(text) || self.end_in(text).is_some()
    }

    /// Where the last segment of a text ends that is an attribute which is never returned.
    fn end_in(&self, text: &str) -> Option<usize> {
        if self.never.is_empty() {
            return None;
        }
        let is_secret = |segment: &&str| self.never.iter().any(|never| never.eq_ignore_ascii_case(segment));
        let segment = segments(text).filter(is_secret).last()?;
        Some(segment.as_ptr() as usize - text.as_ptr() as usize + segment.len())
    }

    /// Where, in a text without blanks, the name of a secret ends: the rest may be the secret.
    pub(super) fn end(&self, word: &str) -> Option<usize> {
        let heard = heard(word).map(|found| segment_end(word, found)).max();
        heard.max(self.end_in(word))
    }
}

/// The parts of a path: names are letters, digits, `_`, `-` and `$` (RFC 7643 §2.1).
fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_of_a_name(c))
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '$')
}

fn segment_end(text: &str, from: usize) -> usize {
    text[from..].find(|c| !is_of_a_name(c)).map_or(text.len(), |length| from + length)
}

fn sounds_secret(text: &str) -> bool {
    heard(text).next().is_some()
}

/// Where in a text names sound like secrets: the end of each sound.
fn heard(text: &str) -> impl Iterator<Item = usize> {
    let found = SECRETS.as_ref().map(|secrets| secrets.find_overlapping_iter(text));
    found.into_iter().flatten().filter_map(|found| {
        let within = found.pattern().as_usize() < WITHIN.len();
        (within || is_word(text, found.start(), found.end())).then_some(found.end())
    })
}

/// Whether a part of a text is a word of its own, also in `userPin` and `PIN_code`.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let begins = start == 0 || {
        let (before, first) = (bytes[start - 1], bytes[start]);
        !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && first.is_ascii_uppercase())
    };
    let ends = bytes.get(end).is_none_or(|after| {
        !after.is_ascii_alphanumeric() || (after.is_ascii_uppercase() && bytes[end - 1].is_ascii_lowercase())
    });
    begins && ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        let names = Names::new(["code", "password"]);
        for name in [
            "password",
            "clientSecret",
            "access_token",
            "API-Key",
            "Authorization",
            "private_key",
            "userPin",
            "PIN",
            "pin_code",
            "otp",
            "client_assertion",
            "urn:acme:door:lock.code",
            "CODE",
        ] {
            assert!(names.are_in(name), "{name}");
        }
        for name in ["userName", "spinner", "Hotpink", "postalCode", "encoded", "emails.value", "shipping", "zipcode"] {
            assert!(!names.are_in(name), "{name}");
        }
    }

    #[test]
    fn what_stands_behind_a_name_may_be_the_secret() {
        let names = Names::new(["code"]);
        assert_eq!(names.end("password:x"), Some(8));
        assert_eq!(names.end("urn:acme:User:passwordHash"), Some(26));
        assert_eq!(names.end("lock.code=1"), Some(9));
        assert_eq!(names.end("userName"), None);
    }
}
