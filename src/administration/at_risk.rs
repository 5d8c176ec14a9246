//! Owners and admins are told that the proof of a domain has gone, while there is time to put it back
//! (product.md §5).

use super::Administration;
use crate::clock::Timestamp;
use crate::error::{Code, Result};
use crate::id::OrganizationId;
use crate::mail::Letter;
use crate::mail::outbox::{self, Desk, Key, Kind, Post};
use crate::organization::DELETED;
use crate::organization::associated_domain::{proof_host, proof_value};
use crate::store::associated_domains::Domain;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{members, organizations};
use crate::text::domain_shown;

/// Letters of one loss at most.
const RECIPIENTS: i64 = 50;
/// Letters of this kind that somebody gets in a day at most (design.md §5).
const A_DAY: u32 = 3;

/// Writes to each owner and admin, once for a loss however often it is looked at.
pub(super) fn tell(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: OrganizationId,
    domain: &Domain,
) -> Result<()> {
    let (Some(lost_at), Some(named)) = (domain.lost_at, organizations::by_id(connection, organization)?) else {
        return Ok(());
    };
    // Nobody who could do something about it is let in.
    if named.state == DELETED {
        return Ok(());
    }
    let now = administration.clock.now();
    let lapses_at = Timestamp(lost_at).plus(administration.grace);
    let letter = letter(&named.name, domain, lapses_at);
    let (random, sealing) = (administration.random.as_ref(), &administration.provisioning.sealing);
    for recipient in members::managers(connection, organization, RECIPIENTS)? {
        match outbox::check(connection, (Kind::DomainAtRisk, A_DAY), &recipient, Some(organization), now) {
            Err(error) if error.code == Code::TooManyRequests => continue,
            checked => drop(checked?),
        }
        let post = Post {
            kind: Kind::DomainAtRisk,
            key: Key::About(&format!("at risk {organization} {} {lost_at} {recipient}", domain.domain)),
            organization: Some(organization),
            recipient: &recipient,
            letter: &letter,
            expires_at: lapses_at,
        };
        outbox::post(batch, Desk { ids: &administration.ids, sealing, random, now }, &post)?;
    }
    Ok(())
}

fn letter(organization: &str, domain: &Domain, lapses_at: Timestamp) -> Letter {
    let name = domain_shown(&domain.domain);
    let day = lapses_at.to_string();
    let (day, _) = day.split_once('T').unwrap_or((&day, ""));
    Letter {
        subject: format!("The proof that {name} is yours has gone"),
        paragraphs: vec![
            format!("The DNS does not show any more that {name} belongs to {organization}."),
            format!(
                "Until {day} people with an address at {name} still join {organization} by themselves. After that \
                 nobody new does; nobody is removed."
            ),
            format!(
                "Put the TXT record back and nothing else has to be done. Host: {}. Value: {}",
                proof_host(&domain.domain),
                proof_value(&domain.challenge)
            ),
        ],
        button: None,
        small: vec![format!("You get this mail as an owner or admin of {organization}.")],
    }
}
