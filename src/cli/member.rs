//! `headcount member …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::member::{self, Change, Status};
use crate::organization::role::Role;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List members, with who was removed
    List {
        #[arg(long)]
        organization: String,
    },
    /// Change a member's role, or who is kept out
    #[command(group = clap::ArgGroup::new("change").required(true))]
    Set {
        #[arg(long)]
        organization: String,
        /// The member's id
        #[arg(long)]
        member: String,
        /// read, write, admin or owner
        #[arg(long, group = "change")]
        role: Option<Role>,
        /// suspended keeps out and keeps the seat; removed takes both; active takes either back
        #[arg(long, group = "change")]
        status: Option<Status>,
    },
    /// Part a member from the account they sign in with: whoever proves the address next is linked
    Unlink {
        #[arg(long)]
        organization: String,
        /// The member's id
        #[arg(long)]
        member: String,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::List { organization: slug } => {
            operator.read(move |connection| member::list(connection, &By::OPERATOR, &slug))
        }
        Command::Set { organization: slug, member, role, status } => {
            let change = role.map(Change::Role).or(status.map(Change::Status));
            let change = change.ok_or("say what to change: --role or --status")?;
            set(operator, slug, member, change)
        }
        Command::Unlink { organization: slug, member } => set(operator, slug, member, Change::Unlink),
    }
}

fn set(operator: &Operator, slug: String, member: String, change: Change) -> Result<Value, String> {
    operator.write(move |connection, administration| {
        member::set(connection, administration, &By::OPERATOR, &slug, &member, change)
    })
}
