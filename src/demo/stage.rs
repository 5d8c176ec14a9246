//! What the audience sees. Every line says that it is a demonstration.

use std::io::IsTerminal as _;

use super::provider::Call;

/// Styles of a terminal (ECMA-48 SGR).
mod style {
    pub const PLAIN: &str = "0";
    pub const BOLD: &str = "1";
    pub const DIM: &str = "2";
    pub const RED: &str = "1;31";
    pub const GREEN: &str = "32";
    pub const YELLOW: &str = "33";
    pub const LABEL: &str = "30;43";
}

pub(super) struct Stage {
    coloured: bool,
    public_url: String,
    token: String,
}

impl Stage {
    pub(super) fn new(public_url: &str, token: &str) -> Self {
        let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { coloured, public_url: public_url.to_owned(), token: token.to_owned() }
    }

    pub(super) fn public_url(&self) -> &str {
        &self.public_url
    }

    pub(super) fn welcome(&self, seats: i64) {
        self.line("");
        self.line(
            &self.paint(
                style::BOLD,
                "Headcount, with an identity provider that pushes people into it and signs them in.",
            ),
        );
        self.line(&format!("The organization is new, has {seats} seats and one member: its owner, Olga Okafor."));
        self.line("Its database is thrown away at the end; yours is not touched.");
        self.by_hand();
    }

    pub(super) fn chapter(&self, title: &str) {
        self.line("");
        self.line(&self.paint(style::BOLD, &format!("── {title} ──")));
    }

    /// Shows a call with what it means; whether it was answered as expected.
    pub(super) fn call(&self, call: &Call, expected: u16, sentence: &str) -> bool {
        let as_expected = call.status.as_u16() == expected;
        let (mark, colour) = match (as_expected, call.status.as_u16() < 400) {
            (false, _) => ("✗", style::RED),
            (true, true) => ("✓", style::GREEN),
            (true, false) => ("■", style::YELLOW),
        };
        self.line(&format!("{} {sentence}", self.paint(colour, mark)));
        let reason = call.status.canonical_reason().unwrap_or_default();
        let status = self.paint(colour, &format!("{} {reason}", call.status.as_u16()));
        let milliseconds = call.took.as_millis();
        let asked = self.paint(style::DIM, &format!("{} {} ·", call.method, call.path));
        self.line(&format!("  {asked} {status} {}", self.paint(style::DIM, &format!("· {milliseconds} ms"))));
        if let Some(detail) = call.answer["detail"].as_str() {
            self.line(&format!("  {}", self.paint(style::DIM, &format!("“{detail}”"))));
        }
        as_expected
    }

    pub(super) fn remark(&self, sentence: &str) {
        self.line(&format!("  {sentence}"));
    }

    pub(super) fn farewell(&self) {
        self.line("");
        self.line(&self.paint(style::BOLD, "Now you. The service goes on until Ctrl-C; then its data is gone."));
        self.by_hand();
    }

    pub(super) fn end(&self) {
        self.line("");
        self.line("That was all: the service has stopped and its data is gone.");
    }

    fn by_hand(&self) {
        let Self { public_url, token, .. } = self;
        self.line("");
        self.line(&format!("link   {public_url}/scim/v2/ServiceProviderConfig"));
        self.line(&format!("token  {token}"));
        self.line(&format!("people {public_url}/sign-in/demo (choose who you are: one click)"));
        self.line(&format!("try    curl -H 'Authorization: Bearer {token}' {public_url}/scim/v2/Users"));
    }

    fn line(&self, text: &str) {
        println!("{} {text}", self.paint(style::LABEL, "DEMO"));
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{style}m{text}\x1b[{}m", style::PLAIN) } else { text.to_owned() }
    }
}
