//! `headcount session …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::session;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List where members are signed in
    List {
        #[arg(long)]
        organization: String,
        /// Of this member only, by its id
        #[arg(long)]
        member: Option<String>,
    },
    /// Sign members out everywhere
    Revoke {
        #[arg(long)]
        organization: String,
        /// This member only, by its id
        #[arg(long)]
        member: Option<String>,
        /// This session of the member only, by its id
        #[arg(long, requires = "member")]
        session: Option<String>,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::List { organization: slug, member } => operator.look(move |connection, administration| {
            session::list(connection, administration, &By::OPERATOR, (&slug, member.as_deref()), None, usize::MAX)
        }),
        Command::Revoke { organization: slug, member, session } => {
            operator.write(move |connection, administration| match (&member, &session) {
                (Some(member), Some(session)) => {
                    session::end(connection, administration, &By::OPERATOR, (&slug, member), session)
                }
                _ => session::revoke(connection, administration, &By::OPERATOR, &slug, member.as_deref()),
            })
        }
    }
}
