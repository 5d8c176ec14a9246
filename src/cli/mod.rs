//! The command line (floor 7). `--json` prints exactly one document on standard output; everything
//! else goes to standard error; a failure exits with 1, wrong usage and wrong settings with 2.

mod api_key;
mod audit;
mod billing;
mod domain;
mod export;
mod home;
mod invitation;
mod join_request;
mod member;
mod operator;
mod organization;
mod outbox;
mod print;
mod provisioning_client;
mod provisioning_log;
mod provisioning_token;
mod recovery_codes;
mod role_mapping;
mod schema;
mod serve;
mod session;
mod setup_link;
mod webhook;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};

use self::operator::Operator;
use crate::assembly::keys::Keys;
use crate::config::Config;
use crate::demo;

/// SCIM 2.0 provisioning and single sign-on for the organizations of a SaaS vendor.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    global: Global,
}

/// Flags of every command, before or after its name.
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
    /// Print the answer as one JSON document
    #[arg(long, global = true)]
    json: bool,
}

impl Global {
    fn settings(&self) -> BTreeMap<&'static str, String> {
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
    /// Watch an identity provider push people into a throw-away organization, then try it by hand
    Demo {
        /// Milliseconds before each call; 0 for no pause
        #[arg(long, default_value_t = 700)]
        pace: u64,
        /// End after the story instead of serving on
        #[arg(long)]
        once: bool,
    },
    #[command(flatten)]
    Answering(Question),
}

/// What is answered and done with.
#[derive(Debug, Subcommand)]
enum Question {
    /// Create, change and show organizations
    #[command(subcommand)]
    Organization(organization::Command),
    /// Seats as they are bought: plan, price, invoices
    #[command(subcommand)]
    Billing(billing::Command),
    /// The organization's own SCIM extension schemas
    #[command(subcommand)]
    Schema(schema::Command),
    /// Bearer tokens of identity providers
    #[command(subcommand)]
    ProvisioningToken(provisioning_token::Command),
    /// Clients that get access tokens by OAuth 2.0 client credentials
    #[command(subcommand)]
    ProvisioningClient(provisioning_client::Command),
    /// What identity providers asked and what came of it
    #[command(subcommand)]
    ProvisioningLog(provisioning_log::Command),
    /// Keys of an organization's own programs for the JSON API
    #[command(subcommand)]
    ApiKey(api_key::Command),
    /// Webhooks: endpoints that are told what happens in an organization
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Associated domains
    #[command(subcommand)]
    Domain(domain::Command),
    /// Members: who they are, their roles, who is kept out
    #[command(subcommand)]
    Member(member::Command),
    /// Invitations: sent, listed, sent again, revoked
    #[command(subcommand)]
    Invitation(invitation::Command),
    /// Roles that members get by their groups
    #[command(subcommand)]
    RoleMapping(role_mapping::Command),
    /// People who ask to be let in
    #[command(subcommand)]
    JoinRequest(join_request::Command),
    /// Where members are signed in
    #[command(subcommand)]
    Session(session::Command),
    /// What people and the system did
    #[command(subcommand)]
    Audit(audit::Command),
    /// Codes by which owners come in when single sign-on does not work
    #[command(subcommand)]
    RecoveryCodes(recovery_codes::Command),
    /// What is left to set up in an organization, its seats, and where members go on
    Home(home::Arguments),
    /// Print a new one-time setup link for the founder; the old one is dead then
    SetupLink,
    /// Mail on its way
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Bring the database's schema up to this binary
    Migrate,
    /// Rebuild everything that is derived from documents
    Reindex,
    /// Check or print the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the running service whether it is healthy
    Healthcheck,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Exit with 0 if the service can start with the settings
    Check,
    /// Print the settings without secrets
    Print,
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match Config::load(&cli.global.settings(), std::env::vars_os()) {
        Ok(config) => config,
        Err(why) => {
            eprintln!("headcount: {why}");
            return ExitCode::from(2);
        }
    };
    let command = cli.command.unwrap_or(Command::Serve);
    // The demonstration has the screen to itself unless logs are asked for.
    let quiet = matches!(command, Command::Demo { .. }) && !config.is_set("log.level");
    crate::telemetry::start(config.text("log.format"), if quiet { "warn" } else { config.text("log.level") });
    match run(command, &config, cli.global.json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("headcount: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, config: &Config, json: bool) -> Result<(), String> {
    match command {
        Command::Serve => serve::serve(config),
        Command::Demo { pace, once } => demo::run(config, demo::Options { pace: Duration::from_millis(pace), once }),
        Command::Answering(Question::Config(ConfigCommand::Print)) if !json => {
            print!("{}", config.redacted());
            Ok(())
        }
        Command::Answering(question) => print::answer(&answer(question, config)?, json),
    }
}

fn answer(question: Question, config: &Config) -> Result<Value, String> {
    match question {
        Question::Organization(command) => organization::run(&Operator::open(config)?, command),
        Question::Billing(command) => billing::run(&Operator::open(config)?, command),
        Question::Schema(command) => schema::run(&Operator::open(config)?, command),
        Question::ProvisioningToken(command) => {
            let open = if command.seals() { Operator::open_to_seal } else { Operator::open };
            provisioning_token::run(&open(config)?, command)
        }
        Question::ProvisioningClient(command) => provisioning_client::run(&Operator::open(config)?, command),
        Question::ProvisioningLog(command) => provisioning_log::run(&Operator::open(config)?, command),
        Question::Webhook(command) => {
            let open = if command.seals() { Operator::open_to_seal } else { Operator::open };
            webhook::run(&open(config)?, command)
        }
        Question::ApiKey(command) => api_key::run(&Operator::open(config)?, command),
        Question::Domain(command) => domain::run(&Operator::open(config)?, command),
        Question::Member(command) => member::run(&Operator::open(config)?, command),
        Question::Invitation(command) => {
            let open = if command.seals() { Operator::open_to_seal } else { Operator::open };
            invitation::run(&open(config)?, config, command)
        }
        Question::RoleMapping(command) => role_mapping::run(&Operator::open(config)?, command),
        Question::JoinRequest(command) => join_request::run(&Operator::open(config)?, command),
        Question::Session(command) => session::run(&Operator::open(config)?, command),
        Question::Audit(command) => audit::run(&Operator::open(config)?, command),
        Question::Outbox(command) => outbox::run(&Operator::open(config)?, command),
        Question::RecoveryCodes(command) => recovery_codes::run(&Operator::open(config)?, command),
        Question::Home(arguments) => home::run(&Operator::open(config)?, arguments),
        Question::SetupLink => setup_link::run(&Operator::open(config)?, config),
        Question::Migrate => Ok(Operator::open(config)?.migrate()),
        Question::Reindex => Operator::open(config)?.reindex(),
        Question::Config(ConfigCommand::Check) => Keys::check(config).map(|()| json!({"usable": true})),
        Question::Config(ConfigCommand::Print) => {
            serde_json::to_value(config.redacted()).map_err(|error| error.to_string())
        }
        Question::Healthcheck => serve::healthcheck(config),
    }
}
