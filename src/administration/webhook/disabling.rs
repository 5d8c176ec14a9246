//! An endpoint that takes nothing for days is told nothing more, and its organization's admins are told that.

use std::time::Duration;

use serde_json::json;

use super::audited;
use crate::administration::{Administration, By};
use crate::error::{Code, Result};
use crate::id::OrganizationId;
use crate::mail::Letter;
use crate::mail::outbox::{self, Desk, Key, Kind, Post};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::webhook_endpoints::{self, DISABLED, Endpoint};
use crate::store::{members, organizations};

/// Letters of one endpoint at most.
const RECIPIENTS: i64 = 50;
/// Letters of this kind that somebody gets in a day at most (design.md §5).
const A_DAY: u32 = 3;
/// How long the letter is worth reading.
const WORTH: Duration = Duration::from_hours(7 * 24);

/// Disables an endpoint, in the audit trail and with a letter to each owner and admin.
pub(super) fn disable(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: OrganizationId,
    mut endpoint: Endpoint,
    why: &str,
) -> Result<()> {
    let now = administration.clock.now();
    DISABLED.clone_into(&mut endpoint.state);
    endpoint.reason = Some(format!("Nothing was delivered: {why}."));
    endpoint.updated_at = now.0;
    webhook_endpoints::update(batch, organization, &endpoint);
    let mut detail = audited(&endpoint);
    detail["reason"] = json!(endpoint.reason);
    administration.audit(batch, &By::SYSTEM, organization, "webhook.disabled", &detail);
    let Some(named) = organizations::by_id(connection, organization)? else { return Ok(()) };
    let letter = letter(&named.name, &endpoint, why);
    let (random, sealing) = (administration.random.as_ref(), &administration.provisioning.sealing);
    for recipient in members::managers(connection, organization, RECIPIENTS)? {
        match outbox::check(connection, (Kind::WebhookDisabled, A_DAY), &recipient, Some(organization), now) {
            Err(error) if error.code == Code::TooManyRequests => continue,
            checked => drop(checked?),
        }
        let post = Post {
            kind: Kind::WebhookDisabled,
            key: Key::About(&format!("webhook {organization} {} {} {recipient}", endpoint.id, endpoint.version)),
            organization: Some(organization),
            recipient: &recipient,
            letter: &letter,
            expires_at: now.plus(WORTH),
        };
        outbox::post(batch, Desk { ids: &administration.ids, sealing, random, now }, &post)?;
    }
    Ok(())
}

fn letter(organization: &str, endpoint: &Endpoint, why: &str) -> Letter {
    Letter {
        subject: format!("A webhook of {organization} was switched off"),
        paragraphs: vec![
            format!("Nothing could be delivered to {} for days: {why}.", endpoint.url),
            "It is told nothing more. Put it right, then enable the webhook again and replay what it has missed."
                .to_owned(),
        ],
        button: None,
        small: vec![format!("You get this mail as an owner or admin of {organization}.")],
    }
}
