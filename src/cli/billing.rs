//! `headcount billing …`

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::billing::change::{self, Change};
use crate::administration::billing::{self, operations, reconcile};
use crate::organization::plan::Plan;

/// Invoices that are listed unless more are asked for.
const SHOWN: u32 = 50;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show plan, price, seats and the next invoice
    Show {
        #[arg(long)]
        organization: String,
    },
    /// Change seats or plan; the payment provider is asked at once
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Set {
        #[arg(long)]
        organization: String,
        #[arg(long, group = "change")]
        seats: Option<i64>,
        #[arg(long, group = "change")]
        plan: Option<Plan>,
        /// Only show what it would cost
        #[arg(long)]
        preview: bool,
    },
    /// List invoices, newest first
    Invoices {
        #[arg(long)]
        organization: String,
        #[arg(long, default_value_t = SHOWN)]
        limit: u32,
    },
    /// List what the payment provider was asked, newest first: what waits or was given up says why
    Operations {
        #[arg(long)]
        organization: String,
    },
    /// Compare with the payment provider now, and repair what takes no seat from anybody
    Reconcile {
        #[arg(long)]
        organization: String,
    },
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::Show { organization } => operator.look(move |connection, administration| {
            billing::show(connection, administration, &By::OPERATOR, &organization)
        }),
        Command::Set { organization, seats, plan, preview: true } => {
            operator.look(move |connection, administration| {
                change::preview(connection, administration, &By::OPERATOR, &organization, Change { seats, plan })
            })
        }
        Command::Set { organization, seats, plan, preview: false } => operator.work(async |store, administration| {
            change::set(store, administration, &By::OPERATOR, &organization, Change { seats, plan }).await
        }),
        Command::Invoices { organization, limit } => operator.read(move |connection| {
            let invoices = billing::invoices(connection, &By::OPERATOR, &organization, None, i64::from(limit))?;
            Ok(invoices.iter().map(billing::describe_invoice).collect::<Vec<_>>())
        }),
        Command::Operations { organization } => {
            operator.read(move |connection| operations::list(connection, &By::OPERATOR, &organization))
        }
        Command::Reconcile { organization } => operator.work(async |store, administration| {
            reconcile::one(store, administration, &By::OPERATOR, &organization).await
        }),
    }
}
