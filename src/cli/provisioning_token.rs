//! `headcount provisioning-token …`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::provisioning_token::{self, New, PREFIX};
use crate::secret::{SecretToken, SystemRandom};
use crate::text::duration;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token; it is shown this once
    Create {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        name: String,
        /// Such as 365d, 24h, 30m, 45s; without it the token does not expire
        #[arg(long, value_parser = duration)]
        expires_in: Option<Duration>,
        /// Take the token only with Descope's signature (x-descope-webhook-s256) by the secret in this file
        #[arg(long)]
        descope_signing_secret_file: Option<PathBuf>,
    },
    /// List tokens
    List {
        #[arg(long)]
        organization: String,
    },
    /// Revoke a token, by its id or its name
    Revoke {
        #[arg(long)]
        organization: String,
        #[arg(long, aliases = ["id", "name"])]
        token: String,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::Create { organization: slug, name, expires_in, descope_signing_secret_file } => {
            let signing_secret = descope_signing_secret_file.as_deref().map(secret).transpose()?;
            let token = SecretToken::generate(PREFIX, &SystemRandom::default());
            operator.write(move |connection, administration| {
                let new =
                    New { name: &name, lifetime: expires_in, signing_secret: signing_secret.as_deref(), token: &token };
                provisioning_token::create(connection, administration, &By::OPERATOR, &slug, new)
            })
        }
        Command::List { organization: slug } => {
            operator.read(move |connection| provisioning_token::list(connection, &By::OPERATOR, &slug, None, i64::MAX))
        }
        Command::Revoke { organization: slug, token } => operator.write(move |connection, administration| {
            provisioning_token::revoke(connection, administration, &By::OPERATOR, &slug, &token)
        }),
    }
}

impl Command {
    /// Whether it stores something encrypted, which the service has to decrypt.
    pub(super) const fn seals(&self) -> bool {
        matches!(self, Self::Create { descope_signing_secret_file: Some(_), .. })
    }
}

/// Reads a secret; the line's end is not part of it.
fn secret(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}.", path.display()))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("{} is empty.", path.display())),
        secret => Ok(secret.to_owned()),
    }
}
