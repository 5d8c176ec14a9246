//! `headcount setup-link`

use serde_json::Value;

use super::operator::Operator;
use crate::administration::setup_link;
use crate::config::Config;

pub(super) fn run(operator: &Operator, config: &Config) -> Result<Value, String> {
    let public_url = config.public_url_at(config.listen()?);
    operator.write(move |connection, administration| setup_link::create(connection, administration, &public_url))
}
