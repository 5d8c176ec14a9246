//! `headcount recovery-codes …`

use clap::{Args, Subcommand};
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::recovery_codes::{self, Whom};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an owner's codes, in place of those before; they are shown this once
    Create {
        #[arg(long)]
        organization: String,
        #[command(flatten)]
        owner: Owner,
    },
    /// Say that an owner's codes are kept somewhere safe
    Confirm {
        #[arg(long)]
        organization: String,
        #[command(flatten)]
        owner: Owner,
    },
    /// List who has how many codes left
    List {
        #[arg(long)]
        organization: String,
    },
}

/// An owner, by one of two names.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Owner {
    /// The member's id
    #[arg(long)]
    member: Option<String>,
    /// The member's address
    #[arg(long)]
    email: Option<String>,
}

impl Owner {
    fn whom(self) -> Whom {
        match self.member {
            Some(id) => Whom::Id(id),
            None => Whom::Address(self.email.unwrap_or_default()),
        }
    }
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::Create { organization: slug, owner } => {
            let whom = owner.whom();
            operator.write(move |connection, administration| {
                recovery_codes::create(connection, administration, &By::OPERATOR, &slug, &whom)
            })
        }
        Command::Confirm { organization: slug, owner } => {
            let whom = owner.whom();
            operator.write(move |connection, administration| {
                recovery_codes::confirm(connection, administration, &By::OPERATOR, &slug, &whom)
            })
        }
        Command::List { organization: slug } => {
            operator.read(move |connection| recovery_codes::list(connection, &By::OPERATOR, &slug))
        }
    }
}
