//! A letter: what it says, as text and as HTML (RFC 2046 §5.1.4).

use askama::Template;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a mail says. Every part may come from people; the templates escape it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    pub paragraphs: Vec<String>,
    /// The one thing to do.
    pub button: Option<Button>,
    /// What is good to know, below.
    pub small: Vec<String>,
}

/// A link with what it does.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    pub url: String,
}

/// A letter as it is sent.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
}

#[derive(Template)]
#[template(path = "letter.txt", escape = "none")]
struct Text<'a> {
    paragraphs: &'a [String],
    button: Option<&'a Button>,
    small: &'a [String],
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    subject: &'a str,
    paragraphs: &'a [String],
    button: Option<&'a Button>,
    small: &'a [String],
}

impl Letter {
    /// The letter as it is sent.
    ///
    /// # Errors
    /// Those of the templates.
    pub fn render(&self) -> Result<Rendered> {
        let subject = one_line(&self.subject);
        let (paragraphs, button, small) = (&self.paragraphs, self.button.as_ref(), &self.small);
        let text = Text { paragraphs, button, small }.render().map_err(Error::internal)?;
        let html = Html { subject: &subject, paragraphs, button, small };
        let html = html.render().map_err(Error::internal)?;
        Ok(Rendered { subject, text, html })
    }
}

/// A name in a subject must not begin another header (RFC 5322 §2.2): a line break is a space there.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.trim().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            subject: "Join <b>Acme</b>\r\nBcc: eve@evil.example".into(),
            paragraphs: vec!["<script>alert(1)</script> invites you.".into()],
            button: Some(Button { label: "Join".into(), url: "https://hc.example/x?a=1&b=\"2".into() }),
            small: vec!["This works & ends.".into()],
        }
    }

    #[test]
    fn html_is_escaped_and_text_is_not() {
        let sent = letter().render().unwrap();
        assert!(!sent.html.contains("<script") && !sent.html.contains("<b>"), "{}", sent.html);
        assert!(sent.html.contains("invites you.") && sent.html.contains("a=1&#38;b=&#34;2"), "{}", sent.html);
        assert!(sent.text.contains("<script>alert(1)</script> invites you."), "{}", sent.text);
        assert!(sent.text.contains("Join:\nhttps://hc.example/x?a=1&b=\"2\n"), "{}", sent.text);
    }

    #[test]
    fn a_subject_is_one_line() {
        assert_eq!(letter().render().unwrap().subject, "Join <b>Acme</b>  Bcc: eve@evil.example");
        assert_eq!(one_line(&"x".repeat(500)).len(), 200);
    }
}
