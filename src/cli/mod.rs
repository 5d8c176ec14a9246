//! The command line (floor 7). `--json` prints exactly one document on standard output; everything
//! else goes to standard error; a failure exits with 1, wrong usage with 2.

mod assemble;
mod commands;
mod serve;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use assemble::{Assembly, assemble};

use crate::config::Config;

/// SCIM 2.0 provisioning and single sign-on for the organizations of a `SaaS` vendor.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Args)]
struct Global {
    /// Where to listen
    #[arg(long, global = true)]
    listen: Option<String>,
    /// sqlite:FILE or postgres://…
    #[arg(long, global = true)]
    database_url: Option<String>,
    /// The address people and identity providers use
    #[arg(long, global = true)]
    public_url: Option<String>,
    /// A TOML file with settings
    #[arg(long, global = true)]
    config: Option<String>,
}

impl Global {
    fn flags(&self) -> BTreeMap<&'static str, String> {
        [
            ("listen", &self.listen),
            ("database.url", &self.database_url),
            ("public_url", &self.public_url),
            ("config", &self.config),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.clone()?)))
        .collect()
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (the default)
    Serve,
    /// Create, change and show organizations
    #[command(subcommand)]
    Organization(commands::OrganizationCommand),
    /// The organization's own SCIM extension schemas
    #[command(subcommand)]
    Schema(commands::SchemaCommand),
    /// Bearer tokens of identity providers
    #[command(subcommand)]
    ProvisioningToken(commands::TokenCommand),
    /// Associated domains
    #[command(subcommand)]
    Domain(commands::DomainCommand),
    /// Bring the database's schema up to this binary
    Migrate,
    /// Rebuild everything that is derived of documents
    Reindex,
    /// Check or print the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the running service whether it is healthy
    Healthcheck,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Exit with 0 if the settings can be used
    Check,
    /// Print the settings without secrets
    Print,
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match Config::load(&cli.global.flags(), std::env::vars()) {
        Ok(config) => config,
        Err(why) => {
            eprintln!("headcount: {why}");
            return ExitCode::from(2);
        }
    };
    crate::telemetry::start(config.text("log.format"), config.text("log.level"));
    match run(cli.command.unwrap_or(Command::Serve), &config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("headcount: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, config: &Config) -> Result<(), String> {
    match command {
        Command::Serve => serve::serve(config),
        Command::Organization(command) => commands::organization(config, command),
        Command::Schema(command) => commands::schema(config, command),
        Command::ProvisioningToken(command) => commands::token(config, command),
        Command::Domain(command) => commands::domain(config, command),
        Command::Migrate => commands::migrate(config),
        Command::Reindex => commands::reindex(config),
        Command::Config(ConfigCommand::Check) => {
            eprintln!("The settings can be used.");
            Ok(())
        }
        Command::Config(ConfigCommand::Print) => {
            print!("{}", config.print());
            Ok(())
        }
        Command::Healthcheck => serve::healthcheck(config),
    }
}
