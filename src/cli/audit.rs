//! `headcount audit …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::audit;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what was done, newest first
    List {
        /// Without it: what belongs to no organization, such as sign-ins that led nowhere
        #[arg(long)]
        organization: Option<String>,
        /// At most so many events
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    let Command::List { organization: slug, limit } = command;
    operator.read(move |connection| audit::list(connection, &By::OPERATOR, slug.as_deref(), limit))
}
