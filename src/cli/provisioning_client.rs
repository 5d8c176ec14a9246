//! `headcount provisioning-client …`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::provisioning_client::{self, Credential, SECRET_PREFIX};
use crate::secret::{SecretToken, SystemRandom};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a client; its secret is shown this once
    Create {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        name: String,
        /// The client's public keys (a JWK Set): it proves itself by signatures and has no secret
        #[arg(long)]
        jwks_file: Option<PathBuf>,
    },
    /// List clients
    List {
        #[arg(long)]
        organization: String,
    },
    /// Revoke a client and its access tokens, by its id or its name
    Revoke {
        #[arg(long)]
        organization: String,
        #[arg(long, aliases = ["client-id", "name"])]
        client: String,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::Create { organization: slug, name, jwks_file } => {
            let credential = match jwks_file {
                Some(path) => Credential::Keys(
                    std::fs::read_to_string(&path)
                        .map_err(|error| format!("{} cannot be read: {error}.", path.display()))?,
                ),
                None => Credential::Secret(SecretToken::generate(SECRET_PREFIX, &SystemRandom::default())),
            };
            operator.write(move |connection, administration| {
                provisioning_client::create(connection, administration, &By::OPERATOR, &slug, &name, &credential)
            })
        }
        Command::List { organization: slug } => {
            operator.read(move |connection| provisioning_client::list(connection, &By::OPERATOR, &slug, None, i64::MAX))
        }
        Command::Revoke { organization: slug, client } => operator.transaction(move |connection, administration| {
            provisioning_client::revoke(connection, administration, &By::OPERATOR, &slug, &client)
        }),
    }
}
