//! `headcount domain …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::domain;
use crate::organization::role::Role;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Associate an e-mail domain
    Add {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        domain: String,
        /// The operator vouches for it; no DNS proof
        #[arg(long)]
        verified: bool,
        /// What who joins by it may do: read or write
        #[arg(long, default_value = "read")]
        role: Role,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    let Command::Add { organization: slug, domain, verified, role } = command;
    operator.write(move |connection, administration| {
        domain::add(connection, administration, &slug, &domain, verified, role)
    })
}
