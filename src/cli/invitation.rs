//! `headcount invitation …`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::Operator;
use crate::administration::By;
use crate::administration::invitation::{self, Manner, Page, Renewal, Rows};
use crate::assembly::explain;
use crate::config::Config;
use crate::organization::invitation::{State, Wanted};

/// Invitations that are read at once.
const PAGE: u32 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Invite somebody by a mail
    Create {
        #[arg(long)]
        organization: String,
        /// The address of whoever is invited
        #[arg(long)]
        email: String,
        /// read, write, admin or owner
        #[arg(long)]
        role: Option<String>,
        /// What the mail says beside
        #[arg(long)]
        message: Option<String>,
    },
    /// Invite everybody in a CSV file, one email,role to a line
    Import {
        #[arg(long)]
        organization: String,
        /// The file
        #[arg(long)]
        file: PathBuf,
        /// What the mails say beside
        #[arg(long)]
        message: Option<String>,
        /// Only show what would come of each row
        #[arg(long)]
        preview: bool,
        /// Write what came of each row to this file, for a spreadsheet
        #[arg(long)]
        result: Option<PathBuf>,
    },
    /// List invitations, newest first
    List {
        #[arg(long)]
        organization: String,
        /// pending, accepted, revoked or expired; all of them without it
        #[arg(long)]
        state: Option<State>,
    },
    /// Send an invitation again, with a new link
    Resend {
        #[arg(long)]
        organization: String,
        /// The invitation's id
        #[arg(long)]
        invitation: String,
    },
    /// Print a new link of an invitation, once; the one before is dead then
    Link {
        #[arg(long)]
        organization: String,
        /// The invitation's id
        #[arg(long)]
        invitation: String,
    },
    /// Take an invitation back
    Revoke {
        #[arg(long)]
        organization: String,
        /// The invitation's id
        #[arg(long)]
        invitation: String,
    },
}

impl Command {
    /// Whether a mail is written, which is encrypted with the keys of the service.
    pub(super) const fn seals(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Import { preview: false, .. } | Self::Resend { .. })
    }
}

pub(super) fn run(operator: &Operator, config: &Config, command: Command) -> Result<Value, String> {
    let public_url = config.public_url_at(config.listen()?);
    match command {
        Command::Create { organization: slug, email, role, message } => {
            let (wanted, manner) = (Wanted { line: 1, email, role }, Manner { public_url, message });
            operator.write(move |connection, administration| {
                invitation::create(connection, administration, &By::OPERATOR, &slug, (&wanted, &manner))
            })
        }
        Command::Import { organization: slug, file, message, preview, result } => {
            let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let rows = Rows::of_file(&bytes).map_err(|error| explain(&error))?;
            let outcome = if preview {
                operator.looked(move |connection, administration| {
                    invitation::preview(connection, administration, &By::OPERATOR, &slug, &rows)
                })
            } else {
                let manner = Manner { public_url, message };
                operator.written(move |connection, administration| {
                    invitation::import(connection, administration, &By::OPERATOR, &slug, (&rows, &manner))
                })
            }?;
            if let Some(path) = result {
                std::fs::write(&path, invitation::file(&outcome))
                    .map_err(|error| format!("{}: {error}", path.display()))?;
            }
            serde_json::to_value(outcome).map_err(|error| error.to_string())
        }
        Command::List { organization: slug, state } => operator.look(move |connection, administration| {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let page = Page { state, after, limit: PAGE };
                let (items, next) = invitation::list(connection, administration, &By::OPERATOR, &slug, page)?;
                all.extend(items);
                after = next;
                if after.is_none() {
                    return Ok(json!(all));
                }
            }
        }),
        Command::Resend { organization: slug, invitation: id } => {
            renew(operator, (slug, id), (Renewal::Mail, Manner { public_url, message: None }))
        }
        Command::Link { organization: slug, invitation: id } => {
            renew(operator, (slug, id), (Renewal::Copy, Manner { public_url, message: None }))
        }
        Command::Revoke { organization: slug, invitation: id } => operator.write(move |connection, administration| {
            invitation::revoke(connection, administration, &By::OPERATOR, &slug, &id)
        }),
    }
}

fn renew(
    operator: &Operator,
    (slug, id): (String, String),
    (renewal, manner): (Renewal, Manner),
) -> Result<Value, String> {
    operator.write(move |connection, administration| {
        invitation::renew(connection, administration, &By::OPERATOR, (&slug, &id), (renewal, &manner))
    })
}
