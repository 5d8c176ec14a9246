//! `headcount api-key …`

use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::api_key::{self, New, PREFIX};
use crate::organization::role::Role;
use crate::secret::{SecretToken, SystemRandom};
use crate::text::duration;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key; it is shown this once
    Create {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        name: String,
        /// read, write or admin
        #[arg(long)]
        role: Role,
        /// Such as 365d, 24h, 30m, 45s; without it the key does not expire
        #[arg(long, value_parser = duration)]
        expires_in: Option<Duration>,
    },
    /// List keys, newest first
    List {
        #[arg(long)]
        organization: String,
    },
    /// Revoke a key, by its id or its name
    Revoke {
        #[arg(long)]
        organization: String,
        #[arg(long, aliases = ["id", "name"])]
        key: String,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::Create { organization: slug, name, role, expires_in } => {
            let key = SecretToken::generate(PREFIX, &SystemRandom::default());
            operator.write(move |connection, administration| {
                let new = New { name: &name, role, lifetime: expires_in, key: &key };
                api_key::create(connection, administration, &By::OPERATOR, &slug, new)
            })
        }
        Command::List { organization: slug } => operator.read(move |connection| {
            let keys = api_key::list(connection, &By::OPERATOR, &slug, None, i64::MAX)?;
            Ok(keys.iter().map(api_key::describe).collect::<Vec<_>>())
        }),
        Command::Revoke { organization: slug, key } => operator.write(move |connection, administration| {
            api_key::revoke(connection, administration, &By::OPERATOR, &slug, &key)
        }),
    }
}
