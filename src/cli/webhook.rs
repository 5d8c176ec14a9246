//! `headcount webhook …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::webhook::{self, Settings, deliveries};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a webhook; its secret is shown this once
    Create {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        url: String,
        /// Types of events with commas between; without it all of them
        #[arg(long, value_delimiter = ',')]
        events: Vec<String>,
        #[arg(long, default_value = "")]
        description: String,
    },
    /// List webhooks
    List {
        #[arg(long)]
        organization: String,
    },
    /// Change a webhook, or switch it on or off
    Set {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        webhook: String,
        #[arg(long)]
        url: Option<String>,
        #[arg(long, value_delimiter = ',')]
        events: Option<Vec<String>>,
        #[arg(long)]
        description: Option<String>,
        #[arg(long)]
        enabled: Option<bool>,
    },
    /// Remove a webhook with the log of its deliveries
    Remove {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        webhook: String,
    },
    /// Have the running service send something that tells of nothing
    Test {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        webhook: String,
    },
    /// Another secret, shown this once; the one before signs too for a day
    RotateSecret {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        webhook: String,
    },
    /// What a webhook was told, newest first
    Deliveries {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        webhook: String,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Have the running service deliver something again
    Replay {
        #[arg(long)]
        organization: String,
        #[arg(long)]
        webhook: String,
        #[arg(long)]
        delivery: String,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::Create { organization: slug, url, events, description } => {
            let settings = Settings {
                url: Some(url),
                description: Some(description),
                events: Some(events),
                ..Settings::default()
            };
            operator.write(move |connection, administration| {
                webhook::create(connection, administration, &By::OPERATOR, &slug, &settings)
            })
        }
        Command::List { organization: slug } => operator.read(move |connection| {
            let endpoints = webhook::list(connection, &By::OPERATOR, &slug)?;
            Ok(endpoints.iter().map(webhook::describe).collect::<Vec<_>>())
        }),
        Command::Set { organization: slug, webhook: id, url, events, description, enabled } => {
            let settings = Settings { url, description, events, enabled, expected_version: None };
            operator.write(move |connection, administration| {
                webhook::set(connection, administration, &By::OPERATOR, (&slug, &id), &settings)
            })
        }
        Command::Remove { organization: slug, webhook: id } => operator.write(move |connection, administration| {
            webhook::remove(connection, administration, &By::OPERATOR, &slug, &id)
        }),
        Command::Test { organization: slug, webhook: id } => operator.write(move |connection, administration| {
            deliveries::test(connection, administration, &By::OPERATOR, &slug, &id)
        }),
        Command::RotateSecret { organization: slug, webhook: id } => {
            operator.write(move |connection, administration| {
                webhook::rotate(connection, administration, &By::OPERATOR, &slug, &id)
            })
        }
        Command::Deliveries { organization: slug, webhook: id, limit } => operator.read(move |connection| {
            let page = (None, i64::from(limit));
            let told = deliveries::list(connection, &By::OPERATOR, (&slug, &id), page)?;
            Ok(told.iter().map(deliveries::describe).collect::<Vec<_>>())
        }),
        Command::Replay { organization: slug, webhook: id, delivery } => {
            operator.write(move |connection, administration| {
                deliveries::replay(connection, administration, &By::OPERATOR, (&slug, &id), &delivery)
            })
        }
    }
}

impl Command {
    /// Whether it stores something encrypted, which the service has to decrypt.
    pub(super) const fn seals(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::RotateSecret { .. })
    }
}
