//! Where webhooks may go: over TLS, and to nothing that only this service reaches (design.md §5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;
use reqwest::header::HeaderValue;

/// The longest address of an endpoint.
const LONGEST: usize = 2_000;

/// Reads the address of an endpoint: https, or http on this machine; nothing in it that is a secret of another
/// kind; and no address that is private, unless such ones are allowed. What a name leads to is looked at when it
/// is connected to.
///
/// # Errors
/// Why not, in a sentence.
pub fn check_url(text: &str, allow_private: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("\"{text}\" is no URL: {error}."))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let literal = host.parse::<IpAddr>().ok();
    let here = host == "localhost" || literal.is_some_and(|address| address.to_canonical().is_loopback());
    if text.len() > LONGEST || HeaderValue::from_str(text).is_err() {
        return Err(format!("The address has more than {LONGEST} characters, or ones that no address has."));
    }
    if !(url.scheme() == "https" || (url.scheme() == "http" && here)) {
        return Err("The address has to begin with https:// (http:// on this machine only).".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("The address must have no user name and no password: requests are signed.".to_owned());
    }
    if !allow_private && (literal.is_some_and(is_private) || (host == "localhost" && url.scheme() == "http")) {
        return Err(format!("{host} is a private address. Webhooks go to public ones only."));
    }
    Ok(url)
}

/// Whether only this machine or its network reaches an address, or nobody does.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

/// The special-purpose registry of RFC 6890.
const fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || matches!((a, b, c), (0 | 240..=255, ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18 | 19, _))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_private_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Addresses that stand for an IPv4 one: compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            inner(high, low)
        }
        // Local NAT64, Teredo, documentation, unique local, link local, site local, multicast.
        [0x64, 0xff9b, 1, ..] | [0x2001, 0 | 0xdb8, ..] | [0xfc00..=0xfdff | 0xfe80..=0xfeff | 0xff00..=0xffff, ..] => {
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_we_reach_is_private() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:a00:1::",
            "2001:db8::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1", "64:ff9b::808:808", "::ffff:8.8.8.8"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn an_endpoint_is_over_tls_and_public() {
        for good in ["https://acme.example/hooks?x=1", "https://[2606:4700::1]:8443/", "https://localhost/"] {
            assert!(check_url(good, false).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://acme.example/", "https"),
            ("ftp://acme.example/", "https"),
            ("https://ann:secret@acme.example/", "password"),
            ("https://10.0.0.1/", "private"),
            ("https://[::1]/", "private"),
            ("https://2130706433/", "private"),
            ("http://127.0.0.1/", "private"),
            ("http://localhost:8080/", "private"),
            ("nothing", "no URL"),
            ("", "no URL"),
        ] {
            let refused = check_url(bad, false).unwrap_err();
            assert!(refused.contains(why), "{bad}: {refused}");
        }
        assert!(check_url("http://127.0.0.1:8080/", true).is_ok() && check_url("http://10.0.0.1/", true).is_err());
        assert!(check_url(&format!("https://a.example/{}", "x".repeat(LONGEST)), true).is_err());
    }
}
