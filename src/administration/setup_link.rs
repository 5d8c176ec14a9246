//! The founder's setup link (product.md §6): printed at the first run and by `headcount setup-link`.
//! Whoever opens it signs in by `sign_in::setup`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Administration, By};
use crate::error::Result;
use crate::secret::SecretToken;
use crate::store::audit_events::SERVICE;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{Planned, identities, one_time_links, organizations};

/// How long it works.
const LIFETIME: Duration = Duration::from_hours(24);

/// Makes a link that takes the place of the one before it.
///
/// # Errors
/// The database's.
pub fn create(_: &mut Connection, administration: &Administration, public_url: &str) -> Result<Planned<Value>> {
    Ok(make(administration, &By::OPERATOR, public_url))
}

fn make(administration: &Administration, by: &By, public_url: &str) -> Planned<Value> {
    let now = administration.clock.now();
    let expires_at = now.plus(LIFETIME);
    let secret = SecretToken::generate("hcl_", administration.random.as_ref());
    let mut batch = Batch::default();
    one_time_links::replace_setup(&mut batch, secret.hash(), now.0, expires_at.0);
    let expires_at = expires_at.to_string();
    let detail = json!({"expires_at": expires_at});
    administration.audit(&mut batch, by, SERVICE, "setup_link.created", &detail);
    let url = format!("{public_url}/setup?secret={}", secret.reveal());
    Planned { batch, answer: json!({"url": url, "expires_at": expires_at}) }
}

/// The same while there is nobody yet: no organization, and nobody who has signed in.
///
/// # Errors
/// The database's.
pub fn create_at_first_run(
    connection: &mut Connection,
    administration: &Administration,
    public_url: &str,
) -> Result<Planned<Option<Value>>> {
    if organizations::are_any(connection)? || identities::are_any(connection)? {
        return Ok(Planned { batch: Batch::default(), answer: None });
    }
    let Planned { batch, answer } = make(administration, &By::SYSTEM, public_url);
    Ok(Planned { batch, answer: Some(answer) })
}
