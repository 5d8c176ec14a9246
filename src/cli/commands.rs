//! The operator's commands: they work on the database directly, also while `serve` runs on it.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Assembly, assemble};
use crate::administration::NewOrganization;
use crate::config::Config;
use crate::error::Error;
use crate::organization::plan::Plan;
use crate::organization::role::Role;
use crate::organization::seats::SeatPolicy;
use crate::secret::SecretToken;

#[derive(Debug, Args)]
pub(super) struct Output {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum OrganizationCommand {
    /// Create an active organization with its first owner
    Create {
        #[arg(long)]
        name: String,
        #[arg(long)]
        slug: String,
        #[arg(long)]
        owner_email: String,
        #[arg(long)]
        owner_given_name: Option<String>,
        #[arg(long)]
        owner_family_name: Option<String>,
        #[arg(long)]
        seats: i64,
        #[arg(long, default_value = "enterprise_seat_yearly")]
        plan: Plan,
        #[command(flatten)]
        output: Output,
    },
    /// Change seats and what happens when they run out
    Set {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        seats: Option<i64>,
        #[arg(long)]
        seat_policy: Option<SeatPolicy>,
        #[command(flatten)]
        output: Output,
    },
    /// List organizations
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show one organization
    Show {
        #[arg(long)]
        organization: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SchemaCommand {
    /// Add an extension schema (an RFC 7643 Schema in JSON)
    Add {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        file: std::path::PathBuf,
        #[arg(long)]
        required: bool,
        #[command(flatten)]
        output: Output,
    },
    /// List extension schemas
    List {
        #[arg(long)]
        organization: String,
        #[command(flatten)]
        output: Output,
    },
    /// Remove an extension schema, by its file or its URN
    Remove {
        #[arg(long)]
        organization: String,
        #[arg(long, required_unless_present = "schema")]
        file: Option<std::path::PathBuf>,
        #[arg(long)]
        schema: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token; it is shown once
    Create {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        name: String,
        /// Such as 365d, 12h, 30m, 45s
        #[arg(long, value_parser = seconds)]
        expires_in: Option<i64>,
        #[command(flatten)]
        output: Output,
    },
    /// List tokens
    List {
        #[arg(long)]
        organization: String,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a token by its id or name
    Revoke {
        #[arg(long)]
        organization: String,
        #[arg(long, alias = "id", alias = "name")]
        token: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DomainCommand {
    /// Associate an e-mail domain
    Add {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        domain: String,
        /// The operator vouches for it; no DNS proof
        #[arg(long)]
        verified: bool,
        #[arg(long, default_value = "read")]
        role: Role,
        #[command(flatten)]
        output: Output,
    },
}

/// Reads `365d`, `24h`, `30m`, `45s`.
fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || format!("\"{text}\" is not a duration such as 365d, 24h, 30m or 45s");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

pub(super) fn organization(config: &Config, command: OrganizationCommand) -> Result<(), String> {
    with_store(config, move |assembly| {
        Box::pin(async move {
            let administration = assembly.administration.clone();
            Ok(match command {
                OrganizationCommand::Create {
                    name,
                    slug,
                    owner_email,
                    owner_given_name,
                    owner_family_name,
                    seats,
                    plan,
                    output,
                } => {
                    let new =
                        NewOrganization { name, slug, owner_email, owner_given_name, owner_family_name, seats, plan };
                    (
                        assembly
                            .store
                            .write(move |connection| administration.create_organization(connection, &new))
                            .await?,
                        output,
                    )
                }
                OrganizationCommand::Set { organization, seats, seat_policy, output } => (
                    assembly
                        .store
                        .write(move |connection| {
                            administration.set_organization(connection, &organization, seats, seat_policy)
                        })
                        .await?,
                    output,
                ),
                OrganizationCommand::List { output } => (
                    assembly.store.read(move |connection| administration.list_organizations(connection)).await?,
                    output,
                ),
                OrganizationCommand::Show { organization, output } => (
                    assembly
                        .store
                        .read(move |connection| administration.show_organization(connection, &organization))
                        .await?,
                    output,
                ),
            })
        })
    })
}

pub(super) fn schema(config: &Config, command: SchemaCommand) -> Result<(), String> {
    let read = |path: &std::path::Path| -> Result<Value, String> {
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", path.display()))
    };
    let file = match &command {
        SchemaCommand::Add { file, .. } | SchemaCommand::Remove { file: Some(file), .. } => Some(read(file)?),
        _ => None,
    };
    with_store(config, move |assembly| {
        Box::pin(async move {
            let administration = assembly.administration.clone();
            Ok(match command {
                SchemaCommand::Add { organization, required, output, .. } => {
                    let resource = file.unwrap_or_default();
                    (
                        assembly
                            .store
                            .write(move |connection| {
                                administration.add_schema(connection, &organization, resource.clone(), required)
                            })
                            .await?,
                        output,
                    )
                }
                SchemaCommand::List { organization, output } => (
                    assembly
                        .store
                        .read(move |connection| administration.list_schemas(connection, &organization))
                        .await?,
                    output,
                ),
                SchemaCommand::Remove { organization, schema, output, .. } => {
                    let id = schema.or_else(|| file?["id"].as_str().map(str::to_owned)).unwrap_or_default();
                    (
                        assembly
                            .store
                            .write(move |connection| administration.remove_schema(connection, &organization, &id))
                            .await?,
                        output,
                    )
                }
            })
        })
    })
}

pub(super) fn token(config: &Config, command: TokenCommand) -> Result<(), String> {
    with_store(config, move |assembly| {
        Box::pin(async move {
            let administration = assembly.administration.clone();
            Ok(match command {
                TokenCommand::Create { organization, name, expires_in, output } => {
                    let token = SecretToken::generate("hcp_", administration.random.as_ref());
                    (
                        assembly
                            .store
                            .write(move |connection| {
                                administration.create_token(connection, &organization, &name, expires_in, &token)
                            })
                            .await?,
                        output,
                    )
                }
                TokenCommand::List { organization, output } => (
                    assembly
                        .store
                        .read(move |connection| administration.list_tokens(connection, &organization))
                        .await?,
                    output,
                ),
                TokenCommand::Revoke { organization, token, output } => (
                    assembly
                        .store
                        .write(move |connection| administration.revoke_token(connection, &organization, &token))
                        .await?,
                    output,
                ),
            })
        })
    })
}

pub(super) fn domain(config: &Config, command: DomainCommand) -> Result<(), String> {
    let DomainCommand::Add { organization, domain, verified, role, output } = command;
    with_store(config, move |assembly| {
        Box::pin(async move {
            let administration = assembly.administration.clone();
            let answer = assembly
                .store
                .write(move |connection| administration.add_domain(connection, &organization, &domain, verified, role))
                .await?;
            Ok((answer, output))
        })
    })
}

pub(super) fn migrate(config: &Config) -> Result<(), String> {
    let assembly = assemble(config)?;
    let applied = block_on(assembly.store.migrate()).map_err(|error| explain(&error))?;
    eprintln!("{} migrations applied.", applied.len());
    Ok(())
}

pub(super) fn reindex(config: &Config) -> Result<(), String> {
    with_store(config, |assembly| {
        Box::pin(async move {
            let count = crate::administration::reindex::reindex(&assembly.store, &assembly.provisioning).await?;
            Ok((serde_json::json!({"reindexed": count}), Output { json: false }))
        })
    })
}

type Work<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(Value, Output), Error>> + 'a>>;

/// Opens the database, migrated, runs the command and prints what it answers.
fn with_store(config: &Config, command: impl FnOnce(&Assembly) -> Work<'_>) -> Result<(), String> {
    let assembly = assemble(config)?;
    let (answer, output) = block_on(async {
        assembly.store.migrate().await?;
        command(&assembly).await
    })
    .map_err(|error| explain(&error))?;
    if output.json {
        println!("{answer}");
    } else {
        println!("{}", serde_json::to_string_pretty(&answer).unwrap_or_default());
    }
    Ok(())
}

fn explain(error: &Error) -> String {
    error.source.as_ref().map_or_else(|| error.to_string(), |source| format!("{error} ({source})"))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(work)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(seconds("365d"), Ok(31_536_000));
        assert_eq!(seconds("45s"), Ok(45));
        assert!(seconds("12").is_err());
        assert!(seconds("-1d").is_err());
        assert!(seconds("").is_err());
    }
}
