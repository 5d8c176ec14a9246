//! The two rules by which texts are compared (floor 0): SCIM keys and e-mail addresses; and how
//! durations are read.
//!
//! They must not be mixed: under the SCIM rule the Kelvin sign becomes `k`, which would hand one
//! person's account to another if addresses were compared by it.

use std::time::Duration;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;

/// Bytes of an address's key at most: 64 before the `@` and 255 behind it (RFC 5321 §4.5.3.1).
const LONGEST_ADDRESS: usize = 320;

/// The key of a SCIM string with `caseExact: false`: NFKC and full case folding, so that equal
/// keys are equal text without regard to case (RFC 7643 §2.2, RFC 8264 practice).
#[must_use]
pub fn scim_key(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let folded = CaseMapper::new().fold_string(&nfkc.normalize(text)).into_owned();
    nfkc.normalize(&folded).into_owned()
}

/// The key of an e-mail address: the local part in NFC with ASCII letters lower-cased, the domain
/// as A-labels. `None` for what is no plain address: quoted local parts, control characters or
/// spaces, not exactly one `@`, a domain that IDNA refuses, more than any mail system takes.
#[must_use]
pub fn address_key(address: &str) -> Option<String> {
    let (local, domain) = address.split_once('@')?;
    if local.is_empty() || domain.contains('@') || local.contains(['"', '(', ')', '<', '>', ',', ';', '\\']) {
        return None;
    }
    // What stands for bytes that were no text would make one address of many.
    let is_none = |c: char| c.is_control() || c.is_whitespace() || c == char::REPLACEMENT_CHARACTER;
    if address.chars().any(is_none) {
        return None;
    }
    let domain = domain_key(domain)?;
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    // Lower case first: NFC turns the Kelvin sign into a capital `K`, which must stay one.
    let mut key = nfc.normalize(&local.to_ascii_lowercase()).into_owned();
    key.push('@');
    key.push_str(&domain);
    (key.len() <= LONGEST_ADDRESS).then_some(key)
}

/// An address as people write it: a key with the U-labels of its domain.
#[must_use]
pub fn address_shown(key: &str) -> String {
    match key.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain_shown(domain)),
        None => key.to_owned(),
    }
}

/// The A-label form of a domain name in lower case (RFC 5891), or `None` when it is none.
#[must_use]
pub fn domain_key(domain: &str) -> Option<String> {
    let key = idna::domain_to_ascii_strict(domain).ok()?;
    (!key.is_empty() && !key.ends_with('.') && key.len() <= 253).then_some(key)
}

/// A domain name as people write it: the U-labels of a key (RFC 5891).
#[must_use]
pub fn domain_shown(key: &str) -> String {
    let (shown, valid) = idna::domain_to_unicode(key);
    if valid.is_ok() { shown } else { key.to_owned() }
}

/// A duration that people write is no longer: a hundred years.
const LONGEST: Duration = Duration::from_hours(36_500 * 24);

/// Reads a length of time such as `7d`, `24h`, `30m`, `45s`; there is none of 0.
///
/// # Errors
/// A sentence without its full stop.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is not a duration such as 365d, 24h, 30m or 45s");
    let (at, unit) = text.char_indices().next_back().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..at].parse().map_err(|_| wrong())?;
    if number == 0 || !text.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(wrong());
    }
    let length = Duration::from_secs(u64::from(number) * factor);
    // What ends later than the years with four digits could not be written down (RFC 3339).
    if length > LONGEST {
        return Err(format!("\"{text}\" is more than 36500d"));
    }
    Ok(length)
}

/// A length of time as people write it, in whole hours, minutes or seconds.
#[must_use]
pub fn duration_shown(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0 => "0s".to_owned(),
        hours if hours % 3_600 == 0 => format!("{}h", hours / 3_600),
        minutes if minutes % 60 == 0 => format!("{}m", minutes / 60),
        seconds => format!("{seconds}s"),
    }
}

/// A number as text whose byte order is the order of the numbers.
#[must_use]
pub fn number_key(number: f64) -> String {
    // IEEE 754: flipping the sign bit of positives and all bits of negatives makes the bit order numeric.
    let bits = (if number == 0.0 { 0.0 } else { number }).to_bits();
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    format!("{ordered:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scim_keys_ignore_case_and_compatibility_forms() {
        assert_eq!(scim_key("Straße"), scim_key("STRASSE"));
        assert_eq!(scim_key("\u{212a}elvin"), "kelvin");
        assert_eq!(scim_key("ﬁle"), "file");
        assert_eq!(scim_key("A\u{30a}"), scim_key("å"));
    }

    #[test]
    fn addresses_keep_the_kelvin_sign() {
        assert_eq!(address_key("Ann@Example.COM").as_deref(), Some("ann@example.com"));
        assert_ne!(address_key("\u{212a}ay@example.com"), address_key("kay@example.com"));
        assert_eq!(address_key("a@bücher.example").as_deref(), Some("a@xn--bcher-kva.example"));
        for refused in [
            "ann",
            "a@b@example.com",
            "\"a b\"@example.com",
            "a\u{0}@example.com",
            "@example.com",
            "a@",
            "a\u{fffd}@example.com",
        ] {
            assert_eq!(address_key(refused), None, "{refused}");
        }
        let of = |length: usize| format!("{}@example.com", "a".repeat(length - "@example.com".len()));
        assert!(address_key(&of(320)).is_some() && address_key(&of(321)).is_none());
    }

    #[test]
    fn domains_are_shown_as_people_write_them() {
        assert_eq!(domain_shown("xn--bcher-kva.example"), "bücher.example");
        assert_eq!(domain_shown("acme.example"), "acme.example");
        assert_eq!(address_shown("a@xn--bcher-kva.example"), "a@bücher.example");
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("365d"), Ok(Duration::from_hours(365 * 24)));
        assert_eq!(duration("45s"), Ok(Duration::from_secs(45)));
        for wrong in ["12", "-1d", "+1d", "0d", "", "d", "1w", "1é", "9999999999999999d", "36501d", "4294967295d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        for shown in ["36h", "90m", "45s"] {
            assert_eq!(duration_shown(duration(shown).unwrap()), shown);
        }
    }

    #[test]
    fn number_keys_sort_like_numbers() {
        let numbers = [f64::MIN, -2.5, -1.0, 0.0, 0.5, 1.0, 10.0, f64::MAX];
        assert!(numbers.windows(2).all(|pair| number_key(pair[0]) < number_key(pair[1])));
        assert_eq!(number_key(-0.0), number_key(0.0));
    }
}
