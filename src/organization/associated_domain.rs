//! Associated domains (product.md §5): which names may be one, how the proof looks, and what becomes
//! of a domain whose proof is lost.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::text::domain_key;

const PUBLIC_PROVIDERS: &str = include_str!("lists/public_providers.txt");
/// Characters of a name in the DNS at most (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 253;
const DISPOSABLE: &str = include_str!("lists/disposable.txt");

/// How far a domain's proof has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Never proven.
    Pending,
    /// Proven.
    Verified,
    /// The proof was there and is not seen any more; the domain works on for a while.
    AtRisk,
    /// The proof stayed away: nobody joins by this domain; nobody is removed.
    Lapsed,
}

impl State {
    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::AtRisk => "at_risk",
            Self::Lapsed => "lapsed",
        }
    }

    /// Reads the database's text; what it does not know proves nothing.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        [Self::Verified, Self::AtRisk, Self::Lapsed]
            .into_iter()
            .find(|state| state.name() == name)
            .unwrap_or(Self::Pending)
    }

    /// Whether the organization counts as the owner of the domain.
    #[must_use]
    pub const fn is_proven(self) -> bool {
        matches!(self, Self::Verified | Self::AtRisk)
    }

    /// The state after a look at the DNS. `lost` is when the proof was first missed; a look that
    /// failed says nothing, so that an outage of the DNS costs nobody a domain.
    #[must_use]
    pub fn after(
        self,
        seen: Seen,
        lost: Option<Timestamp>,
        now: Timestamp,
        grace: Duration,
    ) -> (Self, Option<Timestamp>) {
        match (seen, self) {
            (Seen::Proof, _) => (Self::Verified, None),
            (Seen::Nothing, Self::Verified) => (Self::AtRisk, Some(now)),
            (_, Self::AtRisk) => {
                let since = lost.unwrap_or(now);
                let over = now.0.saturating_sub(since.0) >= i64::try_from(grace.as_micros()).unwrap_or(i64::MAX);
                if over && seen == Seen::Nothing { (Self::Lapsed, Some(since)) } else { (Self::AtRisk, Some(since)) }
            }
            (_, state) => (state, lost),
        }
    }
}

/// What a look at the DNS showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The record that proves the domain.
    Proof,
    /// The DNS answered, and the record is not there.
    Nothing,
    /// The DNS did not answer.
    NoAnswer,
}

impl Seen {
    /// What these TXT records of [`proof_host`] say; `None` where the DNS did not answer. Panels and
    /// people put quotation marks and spaces around the value.
    #[must_use]
    pub fn in_records(records: Option<&[String]>, challenge: &str) -> Self {
        let proof = proof_value(challenge);
        match records {
            None => Self::NoAnswer,
            Some(records) if records.iter().any(|record| record.trim_matches(['"', ' ']) == proof) => Self::Proof,
            Some(_) => Self::Nothing,
        }
    }
}

/// Who becomes a member by an address of the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// Everybody, by signing in.
    Automatic,
    /// Whom an admin lets in.
    AskAdmin,
    /// Who was invited.
    InviteOnly,
}

impl Joining {
    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::AskAdmin => "ask_admin",
            Self::InviteOnly => "invite_only",
        }
    }
}

impl FromStr for Joining {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Automatic, Self::AskAdmin, Self::InviteOnly]
            .into_iter()
            .find(|joining| joining.name() == text)
            .ok_or_else(|| format!("unknown joining \"{text}\": use automatic, ask_admin or invite_only"))
    }
}

/// The A-label form of a name that an organization may associate.
///
/// # Errors
/// `invalidValue` with the reason: no domain name, an IP address, a public suffix, a provider at
/// which anybody gets an address, a domain of addresses to throw away.
pub fn associable(name: &str) -> Result<String> {
    let refuse = |why: String| Err(Error::new(Code::InvalidValue, why));
    let typed = name.trim().trim_end_matches('.');
    if typed.parse::<IpAddr>().is_ok() || typed.starts_with('[') {
        return refuse(format!(
            "\"{typed}\" is an IP address. Enter the domain behind the @ of your e-mail addresses."
        ));
    }
    if typed.contains('@') {
        return refuse(format!("\"{typed}\" is an e-mail address. Enter only the part behind the @."));
    }
    let Some(domain) = domain_key(typed).filter(|domain| is_host_name(domain)) else {
        return refuse(format!("\"{typed}\" is not a domain name such as example.com."));
    };
    if proof_host(&domain).len() > LONGEST_NAME {
        return refuse(format!("{domain} is too long: the name of its proof would be none."));
    }
    // Without a registrable part it is a suffix under which anybody registers names.
    let Some(registrable) = psl::domain_str(&domain) else {
        return refuse(format!("{domain} is a public suffix: domains of many owners end in it."));
    };
    if is_listed(PUBLIC_PROVIDERS, registrable) {
        return refuse(format!(
            "{registrable} gives addresses to anybody: owning one says nothing about your company."
        ));
    }
    if is_listed(DISPOSABLE, registrable) || is_listed(DISPOSABLE, &domain) {
        return refuse(format!("{registrable} gives out addresses to throw away: nobody joins by them."));
    }
    Ok(domain)
}

/// Two labels at least, of letters, digits and inner hyphens (RFC 1123 §2.1).
fn is_host_name(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

fn is_listed(list: &str, domain: &str) -> bool {
    let name = psl::suffix_str(domain)
        .and_then(|suffix| domain.strip_suffix(suffix))
        .map_or(domain, |name| name.trim_end_matches('.'));
    list.lines().filter(|line| !line.starts_with('#')).any(|line| match line.strip_suffix(".*") {
        Some(under_every_suffix) => under_every_suffix == name,
        None => line == domain,
    })
}

/// The domain of an address key: all behind its last `@`. A subdomain is another domain.
#[must_use]
pub fn domain_of(address_key: &str) -> &str {
    address_key.rsplit('@').next().unwrap_or_default()
}

/// The name whose TXT record proves a domain.
#[must_use]
pub fn proof_host(domain: &str) -> String {
    format!("_headcount-challenge.{domain}")
}

/// The TXT record that proves a domain.
#[must_use]
pub fn proof_value(challenge: &str) -> String {
    format!("headcount-domain-verification={challenge}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_company_s_own_domain_can_be_associated() {
        for (name, key) in [
            ("Example.COM", "example.com"),
            ("eng.example.co.uk.", "eng.example.co.uk"),
            ("Bücher.example", "xn--bcher-kva.example"),
            (" acme.example ", "acme.example"),
            ("gmail.company", "gmail.company"),
        ] {
            assert_eq!(associable(name).unwrap(), key);
        }
        for (name, why) in [
            ("192.0.2.1", "IP address"),
            ("[::1]", "IP address"),
            ("ann@example.com", "behind the @"),
            ("localhost", "not a domain name"),
            ("exa mple.com", "not a domain name"),
            ("-a.example", "not a domain name"),
            ("a..example", "not a domain name"),
            ("", "not a domain name"),
            ("co.uk", "public suffix"),
            ("github.io", "public suffix"),
            ("gmail.com", "anybody"),
            ("mail.yahoo.co.jp", "anybody"),
            ("Hotmail.fr", "anybody"),
            ("mailinator.com", "throw away"),
            ("sub.yopmail.com", "throw away"),
        ] {
            let refused = associable(name).unwrap_err();
            assert!(refused.detail.contains(why), "{name}: {}", refused.detail);
        }
        let long = associable(&format!("{}example.com", "long.".repeat(45))).unwrap_err();
        assert!(long.detail.contains("too long"), "its proof's name has more than 253 characters: {}", long.detail);
    }

    #[test]
    fn a_lost_proof_puts_a_domain_at_risk_and_then_off() {
        const DAY: i64 = 86_400_000_000;
        let grace = Duration::from_hours(7 * 24);
        let at = |day: i64| Timestamp(day * DAY);
        let after = |state: State, seen, lost, day| state.after(seen, lost, at(day), grace);
        assert_eq!(after(State::Pending, Seen::Nothing, None, 1), (State::Pending, None));
        assert_eq!(after(State::Pending, Seen::Proof, None, 1), (State::Verified, None));
        assert_eq!(after(State::Verified, Seen::NoAnswer, None, 1), (State::Verified, None), "an outage is no loss");
        let (state, lost) = after(State::Verified, Seen::Nothing, None, 1);
        assert_eq!((state, lost), (State::AtRisk, Some(at(1))));
        assert!(state.is_proven(), "people join on for the time of grace");
        assert_eq!(after(state, Seen::Nothing, lost, 7), (State::AtRisk, Some(at(1))));
        assert_eq!(after(state, Seen::NoAnswer, lost, 9), (State::AtRisk, Some(at(1))), "nobody lapses by an outage");
        assert_eq!(after(state, Seen::Nothing, lost, 8), (State::Lapsed, Some(at(1))));
        assert_eq!(after(state, Seen::Proof, lost, 8), (State::Verified, None));
        assert_eq!(after(State::Lapsed, Seen::Nothing, Some(at(1)), 9), (State::Lapsed, Some(at(1))));
        assert_eq!(after(State::Lapsed, Seen::Proof, Some(at(1)), 9), (State::Verified, None));
        assert!(!State::Lapsed.is_proven() && !State::Pending.is_proven());
    }

    #[test]
    fn only_the_organization_s_own_value_is_a_proof() {
        let seen = |records: &[&str]| {
            let records: Vec<String> = records.iter().map(|record| (*record).to_owned()).collect();
            Seen::in_records(Some(&records), "c4")
        };
        assert_eq!(Seen::in_records(None, "c4"), Seen::NoAnswer);
        assert_eq!(seen(&[]), Seen::Nothing);
        for proof in ["headcount-domain-verification=c4", "\"headcount-domain-verification=c4\" "] {
            assert_eq!(seen(&["v=spf1 -all", proof]), Seen::Proof, "{proof}");
        }
        for other in ["c4", "headcount-domain-verification=C4", "headcount-domain-verification=c45", "x=c4"] {
            assert_eq!(seen(&[other]), Seen::Nothing, "{other}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for state in [State::Pending, State::Verified, State::AtRisk, State::Lapsed] {
            assert_eq!(State::from_name(state.name()), state);
        }
        assert_eq!("ask_admin".parse(), Ok(Joining::AskAdmin));
        assert!("anyone".parse::<Joining>().is_err());
        assert_eq!(domain_of("ann@eng.example.com"), "eng.example.com");
    }
}
