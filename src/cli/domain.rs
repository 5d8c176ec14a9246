//! `headcount domain …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::domain::{self, Settings};
use crate::organization::associated_domain::Joining;
use crate::organization::role::Role;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Associate an e-mail domain; its TXT record proves it
    Add {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        domain: String,
        /// The operator vouches for it; no DNS proof
        #[arg(long)]
        verified: bool,
        /// Who becomes a member by it: automatic, `ask_admin` or `invite_only`
        #[arg(long, default_value = "automatic")]
        joining: Joining,
        /// What who joins by it may do: read or write
        #[arg(long, default_value = "read")]
        role: Role,
    },
    /// Look for the TXT record now
    Verify {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        domain: String,
    },
    /// Change how people join by a domain, or vouch for it
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Set {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        domain: String,
        /// The operator vouches for it from now on
        #[arg(long, group = "change")]
        verified: bool,
        /// automatic, `ask_admin` or `invite_only`
        #[arg(long, group = "change")]
        joining: Option<Joining>,
        /// read or write
        #[arg(long, group = "change")]
        role: Option<Role>,
    },
    /// List domains
    List {
        #[arg(long)]
        organization: String,
    },
    /// Show a domain with the record that proves it
    Show {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        domain: String,
    },
    /// Remove a domain; members stay
    Remove {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        domain: String,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::Add { organization: slug, domain, verified, joining, role } => {
            let settings = Settings { vouched: verified, joining: Some(joining), role: Some(role) };
            operator.write(move |connection, administration| {
                domain::add(connection, administration, &By::OPERATOR, &slug, &domain, settings)
            })
        }
        Command::Verify { organization: slug, domain } => operator.work(async |store, administration| {
            domain::verify(store, administration, &By::OPERATOR, &slug, &domain).await
        }),
        Command::Set { organization: slug, domain, verified, joining, role } => {
            let settings = Settings { vouched: verified, joining, role };
            operator.write(move |connection, administration| {
                domain::set(connection, administration, &By::OPERATOR, &slug, &domain, settings)
            })
        }
        Command::List { organization: slug } => {
            operator.read(move |connection| domain::list(connection, &By::OPERATOR, &slug))
        }
        Command::Show { organization: slug, domain } => {
            operator.read(move |connection| domain::show(connection, &By::OPERATOR, &slug, &domain))
        }
        Command::Remove { organization: slug, domain } => operator.write(move |connection, administration| {
            domain::remove(connection, administration, &By::OPERATOR, &slug, &domain)
        }),
    }
}
