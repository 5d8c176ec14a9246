//! Recovery codes as people write them down (product.md §6): 100 random bits in Crockford's base 32, which
//! has no letter that looks like a digit.

use crate::secret::{Random, SecretHash};

/// Codes that are made at once.
pub const COUNT: usize = 10;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 20;
const GROUP: usize = 5;

/// A new code: `7k3mq-x0d2f-8v9ra-tc41z`.
#[must_use]
pub fn generate(random: &dyn Random) -> String {
    let mut bytes = [0; LENGTH];
    random.fill(&mut bytes);
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

/// What is stored of a code, however it was typed: in capitals, with or without hyphens and spaces, and with
/// letters that look like the digits they are not.
#[must_use]
pub fn hash(typed: &str) -> SecretHash {
    let plain: String = typed
        .chars()
        .filter(|c| !matches!(c, '-' | ' '))
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .take(LENGTH + 1)
        .collect();
    SecretHash::of(plain.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SystemRandom;

    #[test]
    fn codes_are_read_as_people_type_them() {
        let code = generate(&SystemRandom::default());
        assert_eq!((code.len(), code.split('-').count()), (23, 4), "{code}");
        for typed in [code.to_uppercase(), code.replace('-', ""), format!(" {} ", code.replace('-', " "))] {
            assert_eq!(hash(&typed), hash(&code), "{typed}");
        }
        assert_eq!(hash("O0Il1"), hash("00111"));
        assert_ne!(hash(&format!("{code}0")), hash(&code));
        assert_ne!(generate(&SystemRandom::default()), code);
    }
}
