//! `headcount role-mapping …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::{By, role_mapping};
use crate::organization::role::Role;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List groups that give roles
    List {
        #[arg(long)]
        organization: String,
    },
    /// Map a group to a role; its members have it from now on unless their role was given by hand
    Set {
        #[arg(long)]
        organization: String,
        /// The group's SCIM id
        #[arg(long)]
        group: String,
        /// read, write or admin
        #[arg(long)]
        role: Role,
    },
    /// Map a group to no role any more
    Remove {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        group: String,
    },
    /// Show who would go from which role to which; without --role, if the mapping were removed
    Preview {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        group: String,
        #[arg(long)]
        role: Option<Role>,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    let apply = |organization: String, group: String, role: Option<Role>| {
        operator.transaction(move |connection, administration| {
            role_mapping::set(connection, administration, &By::OPERATOR, &organization, (&group, role))
        })
    };
    match command {
        Command::List { organization } => {
            operator.read(move |connection| role_mapping::list(connection, &By::OPERATOR, &organization))
        }
        Command::Set { organization, group, role } => apply(organization, group, Some(role)),
        Command::Remove { organization, group } => apply(organization, group, None),
        Command::Preview { organization, group, role } => operator
            .read(move |connection| role_mapping::preview(connection, &By::OPERATOR, &organization, (&group, role))),
    }
}
