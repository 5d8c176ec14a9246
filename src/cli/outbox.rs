//! `headcount outbox …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::outbox;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List mails that wait, were sent within their time or were given up, newest first
    List {
        /// At most so many mails
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    let Command::List { limit } = command;
    operator.read(move |connection| outbox::list(connection, limit))
}
