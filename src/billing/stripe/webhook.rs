//! Webhooks as Stripe signs them: `Stripe-Signature: t=…,v1=…[,v1=…]`, HMAC-SHA256 over `{t}.{body}`.

use std::time::Duration;

use ring::hmac;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::secret::SecretHash;

/// How far the time of a signature may be from ours.
pub const TOLERANCE: Duration = Duration::from_mins(5);
/// Signatures that are looked at in one header: while one secret is exchanged for another there are two.
const SIGNATURES: usize = 5;

/// What an event is about. What it says of the thing is not believed: events come late, twice and in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub kind: String,
    /// A checkout session that was paid or is over.
    pub session: Option<String>,
    pub subscription: Option<String>,
    /// Whom it is for, as we have told Stripe.
    pub organization: Option<String>,
    pub checkout: Option<String>,
}

/// Whether a body was signed with one of the secrets within the tolerance. Anybody may send one: nothing is hashed that
/// has no time or no signature, and the body once for each secret, however many signatures there are.
///
/// # Errors
/// `bad_request` saying which of it is wrong.
pub fn verify(header: Option<&str>, body: &[u8], secrets: &[String], now: Timestamp) -> Result<()> {
    let refuse = |why: &'static str| Error::new(Code::BadRequest, why);
    let header = header.ok_or_else(|| refuse("The header Stripe-Signature is missing."))?;
    let pairs = || header.split(',').filter_map(|pair| pair.trim().split_once('='));
    let mut times = pairs().filter(|(name, _)| *name == "t").map(|(_, value)| value);
    // One time alone: which of two was signed nobody could tell.
    let (Some(time), None) = (times.next(), times.next()) else {
        return Err(refuse("The header Stripe-Signature has no single t."));
    };
    let at: i64 = time.parse().map_err(|_| refuse("The t of Stripe-Signature is no time."))?;
    let distance = now.0.abs_diff(at.saturating_mul(1_000_000));
    if u128::from(distance) > TOLERANCE.as_micros() {
        return Err(refuse("The signature is more than 5 minutes off. Check the clocks; the event is sent again."));
    }
    let signatures: Vec<SecretHash> =
        pairs().filter(|(name, _)| *name == "v1").take(SIGNATURES).filter_map(|(_, value)| decoded(value)).collect();
    let is_signed = !signatures.is_empty()
        && secrets.iter().filter(|secret| !secret.is_empty()).any(|secret| {
            let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
            for piece in [time.as_bytes(), b".", body] {
                context.update(piece);
            }
            let mut own = SecretHash([0; 32]);
            own.0.copy_from_slice(context.sign().as_ref());
            signatures.iter().any(|signature| own.matches(signature))
        });
    if is_signed { Ok(()) } else { Err(refuse("The signature is not made with billing.stripe.webhook_secret.")) }
}

fn decoded(hexadecimal: &str) -> Option<SecretHash> {
    if hexadecimal.len() != 64 || !hexadecimal.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hexadecimal[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(SecretHash(bytes))
}

/// Reads what a verified event is about.
///
/// # Errors
/// `bad_request` for what is no event.
pub fn event(body: &[u8]) -> Result<Event> {
    let refuse = || Error::new(Code::BadRequest, "The body is no event.");
    let json: Value = serde_json::from_slice(body).map_err(|_| refuse())?;
    let text = |value: &Value| value.as_str().filter(|text| (1..=255).contains(&text.len())).map(str::to_owned);
    let (id, kind) = (text(&json["id"]).ok_or_else(refuse)?, text(&json["type"]).ok_or_else(refuse)?);
    let object = &json["data"]["object"];
    let reference = |value: &Value| text(value).or_else(|| text(&value["id"]));
    let details = &object["parent"]["subscription_details"];
    let is = |family: &str| kind.starts_with(family);
    let subscription = if is("customer.subscription.") {
        text(&object["id"])
    } else {
        // An invoice's; newer versions have it below its parent.
        reference(&object["subscription"]).or_else(|| reference(&details["subscription"]))
    };
    let organization = text(&object["metadata"]["organization"])
        .or_else(|| text(&object["client_reference_id"]))
        .or_else(|| text(&object["subscription_details"]["metadata"]["organization"]))
        .or_else(|| text(&details["metadata"]["organization"]));
    Ok(Event {
        session: if is("checkout.session.") { text(&object["id"]) } else { None },
        subscription,
        organization,
        checkout: text(&object["metadata"]["checkout"]),
        id,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
    const BODY: &[u8] = b"{\"id\": \"evt_1\"}";

    fn signature(secret: &str, at: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, &[at.to_string().as_bytes(), b".", body].concat());
        tag.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    fn check(header: &str) -> Result<()> {
        verify(Some(header), BODY, &["whsec_old".into(), "whsec_new".into()], NOW)
    }

    #[test]
    fn a_known_signature_is_taken() {
        // Made with openssl: printf '%s' '1800000000.{"id": "evt_1"}' | openssl dgst -sha256 -hmac whsec_new
        let known = "a1b3a40a6ddb6b0698bdab16cefd85f0b11e2bc28cd24b1ff64d381f26c36c97";
        assert_eq!(signature("whsec_new", 1_800_000_000, BODY), known);
        assert!(check(&format!("t=1800000000,v1={known}")).is_ok());
    }

    #[test]
    fn one_right_signature_of_several_is_enough() {
        let (at, wrong) = (1_800_000_000, "0".repeat(64));
        for secret in ["whsec_old", "whsec_new"] {
            let right = signature(secret, at, BODY);
            assert!(check(&format!("t={at},v1={wrong},v1={right},v0=abc")).is_ok());
            assert!(check(&format!("v1={right}, t={at}")).is_ok(), "in any order");
            let many = |before: usize| format!("t={at}{},v1={right}", format!(",v1={wrong}").repeat(before));
            assert!(check(&many(4)).is_ok() && check(&many(5)).is_err(), "and among the first few");
        }
    }

    #[test]
    fn what_is_forged_old_or_malformed_is_refused() {
        let (at, right) = (1_800_000_000, signature("whsec_new", 1_800_000_000, BODY));
        for (header, why) in [
            (String::new(), "no single t"),
            (format!("v1={right}"), "no single t"),
            (format!("t={at},t={at},v1={right}"), "no single t"),
            (format!("t=now,v1={right}"), "no time"),
            (format!("t={at}"), "not made with"),
            (format!("t={at},v1="), "not made with"),
            (format!("t={at},v1={}", &right[1..]), "not made with"),
            (format!("t={at},v0={right}"), "not made with"),
            (format!("t={},v1={right}", at + 1), "not made with"),
            (format!("t={at},v1={}", signature("whsec_other", at, BODY)), "not made with"),
            (format!("t={at},v1={}", signature("", at, BODY)), "not made with"),
            (format!("t={at},v1={}", signature("whsec_new", at, b"{}")), "not made with"),
        ] {
            let refused = check(&header).unwrap_err();
            assert!(refused.detail.contains(why), "{header}: {}", refused.detail);
        }
        assert!(verify(None, BODY, &["whsec_new".into()], NOW).is_err());
        assert!(verify(Some(&format!("t={at},v1={}", signature("", at, BODY))), BODY, &[String::new()], NOW).is_err());
        for (offset, taken) in [(300, true), (-300, true), (301, false), (-301, false), (i64::MAX / 2, false)] {
            let at = at + offset;
            let header = format!("t={at},v1={}", signature("whsec_new", at, BODY));
            assert_eq!(check(&header).is_ok(), taken, "{offset}");
        }
    }

    #[test]
    fn an_event_names_what_it_is_about() {
        let read = |text: &str| event(text.as_bytes());
        let paid = read(
            r#"{"id": "evt_1", "type": "checkout.session.completed", "data": {"object": {"id": "cs_1",
            "client_reference_id": "org", "subscription": "sub_1", "metadata": {"checkout": "c"}}}}"#,
        )
        .unwrap();
        assert_eq!((paid.session.as_deref(), paid.subscription.as_deref()), (Some("cs_1"), Some("sub_1")));
        assert_eq!((paid.organization.as_deref(), paid.checkout.as_deref()), (Some("org"), Some("c")));
        let changed =
            read(r#"{"id": "evt_2", "type": "customer.subscription.updated", "data": {"object": {"id": "sub_1"}}}"#)
                .unwrap();
        assert_eq!((changed.session, changed.subscription.as_deref()), (None, Some("sub_1")));
        let invoice = read(
            r#"{"id": "evt_3", "type": "invoice.paid", "data": {"object": {"id": "in_1", "parent":
            {"subscription_details": {"subscription": "sub_1", "metadata": {"organization": "org"}}}}}}"#,
        )
        .unwrap();
        assert_eq!((invoice.subscription.as_deref(), invoice.organization.as_deref()), (Some("sub_1"), Some("org")));
        for wrong in ["", "[]", "{}", r#"{"id": "evt_1"}"#, r#"{"id": "", "type": "x"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
