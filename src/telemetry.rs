//! Logs (floor 7): to standard error, as JSON unless that is a terminal. No personal data, no secret.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts logging; `format` is auto, json or text.
pub fn start(format: &str, level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let json = match format {
        "json" => true,
        "text" => false,
        _ => !std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start (tests) keeps the first.
    let _ = if json { builder.json().flatten_event(true).try_init() } else { builder.try_init() };
}
