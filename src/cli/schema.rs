//! `headcount schema …`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::schema;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add an extension schema
    Add {
        #[arg(long)]
        organization: String,
        /// An RFC 7643 Schema in JSON
        #[arg(long)]
        file: PathBuf,
        /// Every User must have the extension
        #[arg(long)]
        required: bool,
    },
    /// List extension schemas
    List {
        #[arg(long)]
        organization: String,
    },
    /// Remove an extension schema, by its file or its URN
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Remove {
        #[arg(long)]
        organization: String,
        #[arg(long, group = "which")]
        file: Option<PathBuf>,
        #[arg(long, group = "which")]
        schema: Option<String>,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::Add { organization: slug, file, required } => {
            let resource = read(&file)?;
            operator.write(move |connection, administration| {
                schema::add(connection, administration, &By::OPERATOR, &slug, resource.clone(), required)
            })
        }
        Command::List { organization: slug } => {
            operator.read(move |connection| schema::list(connection, &By::OPERATOR, &slug))
        }
        Command::Remove { organization: slug, file, schema: urn } => {
            let urn = match file {
                Some(file) => read(&file)?["id"]
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| format!("{} has no \"id\", the URN of the schema", file.display()))?,
                None => urn.unwrap_or_default(),
            };
            operator.work(async |store, administration| {
                schema::remove(store, administration, &By::OPERATOR, &slug, &urn).await
            })
        }
    }
}

fn read(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", path.display()))
}
