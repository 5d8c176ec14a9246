//! `headcount audit …`

use clap::{Args, Subcommand};
use serde_json::Value;

use super::export::{self, File};
use super::operator::Operator;
use crate::administration::By;
use crate::administration::audit::{self, Wanted};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what was done, newest first
    List {
        #[command(flatten)]
        trail: Trail,
        /// At most so many events
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// Write all of it to a file, newest first
    Export {
        #[command(flatten)]
        trail: Trail,
        #[command(flatten)]
        file: File,
    },
}

/// What of which trail.
#[derive(Debug, Args)]
pub(super) struct Trail {
    /// Without it: what belongs to no organization, such as sign-ins that led nowhere
    #[arg(long)]
    organization: Option<String>,
    /// operator, system, provisioning, sign-in, or the id of who acted
    #[arg(long)]
    actor: Option<String>,
    /// Such as member.suspended, or member for all that begin so
    #[arg(long)]
    action: Option<String>,
    /// An id, or a kind such as User
    #[arg(long)]
    target: Option<String>,
    /// Not before this time or day
    #[arg(long)]
    from: Option<String>,
    /// Before this time or day
    #[arg(long)]
    to: Option<String>,
    /// A text anywhere in the event
    #[arg(long)]
    search: Option<String>,
}

impl Trail {
    fn wanted(self) -> (Option<String>, Wanted) {
        let Self { organization, actor, action, target, from, to, search } = self;
        (organization, Wanted { actor, action, target, from, to, search })
    }
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::List { trail, limit } => {
            let (slug, wanted) = trail.wanted();
            operator.read(move |connection| audit::list(connection, &By::OPERATOR, slug.as_deref(), &wanted, limit))
        }
        Command::Export { trail, file } => {
            let (slug, wanted) = trail.wanted();
            export::write(&file, &audit::COLUMNS, audit::cells, |after| {
                let (slug, wanted) = (slug.clone(), wanted.clone());
                operator.with(move |connection| {
                    audit::page(connection, &By::OPERATOR, slug.as_deref(), &wanted, after, export::PAGE)
                })
            })
        }
    }
}
