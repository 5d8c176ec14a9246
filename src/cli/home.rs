//! `headcount home`

use clap::Args;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::By;
use crate::administration::home;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[arg(long)]
    organization: String,
}

pub(super) fn run(operator: &Operator, Arguments { organization }: Arguments) -> Result<Value, String> {
    operator.look(move |connection, administration| {
        home::show(connection, administration, &By::OPERATOR, &organization, None)
    })
}
