//! The outbox as operators see it: what is on its way, what was given up and why.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::connection::Connection;
use crate::store::outbox::{self, Mail};

/// The mails, newest first. What they say is not told: their links sign people in.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut Connection, limit: u32) -> Result<Value> {
    let mails = outbox::list(connection, i64::from(limit))?;
    Ok(mails.iter().map(describe).collect::<Vec<_>>().into())
}

fn describe(mail: &Mail) -> Value {
    json!({
        "id": mail.id.to_string(), "kind": mail.kind, "organization": mail.organization.map(|id| id.to_string()),
        "recipient": mail.recipient, "state": mail.state, "attempts": mail.attempts,
        "created_at": Timestamp(mail.created_at).to_string(), "expires_at": Timestamp(mail.expires_at).to_string(),
        "last_error": mail.last_error
    })
}
