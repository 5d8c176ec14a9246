//! The mail server (RFC 5321), over TLS unless it is on this machine.

use std::time::{Duration, SystemTime};

use lettre::address::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use reqwest::Url;

use super::letter::Rendered;
use crate::clock::Timestamp;

/// How long the server may take for one mail in all.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take for one step of it.
const STEP: Duration = Duration::from_secs(10);

/// A mail server and who writes.
#[derive(Clone, Debug)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// What is behind the `@` of message ids.
    host: String,
    patience: Duration,
}

/// A mail as it is handed over.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Of the `Message-ID`: the same again when the same mail is sent again.
    pub id: &'a str,
    pub recipient: &'a str,
    pub written_at: Timestamp,
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The same again would be refused again.
    pub for_good: bool,
    /// For operators; may name the recipient, so it is stored beside the mail and never logged.
    pub why: String,
}

impl Smtp {
    /// Speaks to the server of a URL: `smtps://user:password@host`, `smtp://…?tls=required` (STARTTLS), or
    /// `smtp://` on this machine. Nothing is asked of it yet.
    ///
    /// # Errors
    /// A sentence naming the setting.
    pub fn new(url: &str, from: &str, public_url: &str) -> Result<Self, String> {
        // The URL holds a password, so no message shows it.
        let parsed = Url::parse(url).map_err(|why| format!("mail.smtp_url is not a URL: {why}"))?;
        let host = parsed.host_str().unwrap_or_default();
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let encrypts = parsed.scheme() == "smtps" || parsed.query() == Some("tls=required");
        if !encrypts && !is_here {
            return Err(format!(
                "mail.smtp_url: links that sign people in would travel to {host} in clear. Use smtps://{host} or \
                 smtp://{host}?tls=required"
            ));
        }
        let from = from.parse::<Mailbox>().map_err(|_| {
            format!(
                "mail.from = \"{from}\" is not a sender such as Headcount <headcount@example.com>; mail.smtp_url needs one"
            )
        })?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|why| format!("mail.smtp_url: {why}"))?
            .timeout(Some(STEP))
            .build();
        let host = Url::parse(public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        Ok(Self { transport, from, host: host.unwrap_or_else(|| "headcount.invalid".to_owned()), patience: PATIENCE })
    }

    /// The same with another time that the server may take for one mail.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Hands a mail over.
    ///
    /// # Errors
    /// [`Undelivered`].
    pub async fn deliver(&self, envelope: Envelope<'_>, letter: Rendered) -> Result<(), Undelivered> {
        let message = self.message(envelope, letter).map_err(|why| Undelivered { for_good: true, why })?;
        match tokio::time::timeout(self.patience, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(undelivered(&error)),
            Err(_) => Err(Undelivered { for_good: false, why: format!("not taken within {:?}", self.patience) }),
        }
    }

    fn message(&self, envelope: Envelope<'_>, letter: Rendered) -> Result<Message, String> {
        let recipient: Address =
            envelope.recipient.parse().map_err(|why| format!("no mail can be sent to this address: {why}"))?;
        let micros = u64::try_from(envelope.written_at.0).unwrap_or_default();
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(letter.subject)
            .date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
            .message_id(Some(format!("<{}@{}>", envelope.id, self.host)))
            .multipart(MultiPart::alternative_plain_html(letter.text, letter.html))
            .map_err(|why| format!("the mail cannot be written: {why}"))?;
        // Nobody's holiday notice is wanted in return (RFC 3834 §5).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok(message)
    }
}

/// A refusal of the mail is for good (RFC 5321 §4.2.1); one of us, by failed authentication, an operator can mend.
fn undelivered(error: &lettre::transport::smtp::Error) -> Undelivered {
    let status = error.status().map(u16::from);
    let of_us = status.is_some_and(|status| matches!(status, 500..=504 | 521 | 530..=538));
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !why.contains(&cause_text) {
            why = format!("{why}: {cause_text}");
        }
        source = cause.source();
    }
    let why = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    Undelivered { for_good: error.is_permanent() && !of_us, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(url: &str, from: &str) -> Result<Smtp, String> {
        Smtp::new(url, from, "https://hc.example")
    }

    #[test]
    fn mail_travels_encrypted_unless_the_server_is_here() {
        let from = "Headcount <headcount@acme.example>";
        for url in ["smtps://u:p@mail.example", "smtp://mail.example:587?tls=required", "smtp://127.0.0.1:25"] {
            assert!(smtp(url, from).is_ok(), "{url}");
        }
        for url in ["smtp://mail.example", "smtp://u:geheim@mail.example?tls=opportunistic", "http://mail.example"] {
            let why = smtp(url, from).unwrap_err();
            assert!(why.contains("in clear") && !why.contains("geheim"), "{why}");
        }
        assert!(smtp("mail", from).unwrap_err().contains("is not a URL"));
        for from in ["", "headcount", "a@b@c", "x <a@b>\r\nBcc: <c@d>"] {
            assert!(smtp("smtps://mail.example", from).unwrap_err().contains("mail.from"), "{from}");
        }
    }

    #[test]
    fn headers_hold_what_they_are_for() {
        let letter = Rendered { subject: "Zugang für Ünal".into(), text: "Hallo".into(), html: "<p>Hallo".into() };
        let smtp = smtp("smtp://127.0.0.1:25", "Head, Count <h@acme.example>");
        let smtp = smtp.or_else(|_| self::smtp("smtp://127.0.0.1:25", "\"Head, Count\" <h@acme.example>")).unwrap();
        let envelope = Envelope { id: "1", recipient: "ann@bolt.example", written_at: Timestamp(0) };
        let sent = String::from_utf8(smtp.message(envelope, letter.clone()).unwrap().formatted()).unwrap();
        for line in [
            "To: ann@bolt.example\r\n",
            "Message-ID: <1@hc.example>\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(sent.contains(line), "{line} {sent}");
        }
        for recipient in ["ann", "ann@bolt.example\r\nBcc: eve@evil.example", "a b@c.example", ""] {
            assert!(smtp.message(Envelope { recipient, ..envelope }, letter.clone()).is_err(), "{recipient}");
        }
    }
}
