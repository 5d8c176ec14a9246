//! `headcount join-request …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::join_request;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List who asks to be let in, and who was declined
    List {
        #[arg(long)]
        organization: String,
    },
    /// Make whoever asks a member, also who was declined
    Approve {
        #[arg(long)]
        organization: String,
        /// The request's id
        #[arg(long)]
        request: String,
    },
    /// Keep whoever asks out for 90 days
    Decline {
        #[arg(long)]
        organization: String,
        /// The request's id
        #[arg(long)]
        request: String,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::List { organization: slug } => operator.look(move |connection, administration| {
            join_request::list(connection, administration, &By::OPERATOR, &slug, None, i64::MAX)
        }),
        Command::Approve { organization: slug, request } => operator.write(move |connection, administration| {
            join_request::approve(connection, administration, &By::OPERATOR, &slug, &request)
        }),
        Command::Decline { organization: slug, request } => operator.write(move |connection, administration| {
            join_request::decline(connection, administration, &By::OPERATOR, &slug, &request)
        }),
    }
}
