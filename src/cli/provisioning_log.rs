//! `headcount provisioning-log …`

use clap::{Args, Subcommand};
use serde_json::Value;

use super::export::{self, File};
use super::operator::Operator;
use crate::administration::By;
use crate::administration::provisioning_log::{self, Wanted};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what the identity provider asked and what came of it, newest first
    List {
        #[command(flatten)]
        log: Log,
        /// At most so many entries
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Show an entry with what was asked and answered, without secrets
    Show {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        id: String,
    },
    /// Write all of it to a file, newest first
    Export {
        #[command(flatten)]
        log: Log,
        #[command(flatten)]
        file: File,
    },
}

/// What of which log.
#[derive(Debug, Args)]
pub(super) struct Log {
    #[arg(long)]
    organization: String,
    /// A userName, an address, an external id or a member's id, as it is or was
    #[arg(long)]
    person: Option<String>,
    /// A token's id or name
    #[arg(long)]
    token: Option<String>,
    /// succeeded or refused
    #[arg(long)]
    outcome: Option<String>,
    /// Such as PATCH
    #[arg(long)]
    method: Option<String>,
    /// Not before this time or day
    #[arg(long)]
    from: Option<String>,
    /// Before this time or day
    #[arg(long)]
    to: Option<String>,
}

impl Log {
    fn wanted(self) -> (String, Wanted) {
        let Self { organization, person, token, outcome, method, from, to } = self;
        (organization, Wanted { person, token, outcome, method, from, to })
    }
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::List { log, limit } => {
            let (slug, wanted) = log.wanted();
            operator.read(move |connection| provisioning_log::list(connection, &By::OPERATOR, &slug, &wanted, limit))
        }
        Command::Show { organization: slug, id } => operator.look(move |connection, administration| {
            provisioning_log::show(connection, administration, &By::OPERATOR, &slug, &id)
        }),
        Command::Export { log, file } => {
            let (slug, wanted) = log.wanted();
            export::write(&file, &provisioning_log::COLUMNS, provisioning_log::cells, |after| {
                let (slug, wanted) = (slug.clone(), wanted.clone());
                operator.with(move |connection| {
                    provisioning_log::page(connection, &By::OPERATOR, &slug, &wanted, after, export::PAGE)
                })
            })
        }
    }
}
