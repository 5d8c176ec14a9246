//! The mail of an invitation (product.md §4): which organization, who invites, the role, which address to sign in
//! with, when it expires, and one button. Whoever named an organization or wrote a message may have meant harm: the
//! templates escape it, and no name reaches over the end of its line.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::Administration;
use super::DAY;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::mail::outbox::{self, Desk, Key, Kind, Post};
use crate::mail::{Button, Letter};
use crate::secret::SecretToken;
use crate::store::batch::Batch;
use crate::store::invitations::Invitation;
use crate::store::organizations::Organization;
use crate::text::address_shown;

/// The address of an invitation's page.
pub(super) fn link(public_url: &str, secret: &SecretToken) -> String {
    format!("{public_url}/invitations/{}", secret.reveal())
}

/// Puts the mail of an invitation into the outbox, and its id there into the invitation. `crowded`: when the third
/// latest of the recipient's mails is due, whoever wrote them.
///
/// # Errors
/// None of its own.
pub(super) fn post(
    administration: &Administration,
    batch: &mut Batch,
    organization: &Organization,
    invitation: &mut Invitation,
    (secret, public_url, crowded): (&SecretToken, &str, Option<i64>),
) -> Result<()> {
    let letter = letter(&organization.name, invitation, link(public_url, secret));
    let desk = Desk {
        ids: &administration.ids,
        sealing: &administration.provisioning.sealing,
        random: administration.random.as_ref(),
        now: administration.clock.now(),
    };
    // One mail for each link.
    let key = URL_SAFE_NO_PAD.encode(invitation.secret_hash.0);
    let post = Post {
        kind: Kind::Invitation,
        key: Key::About(&format!("invitation {key}")),
        organization: Some(organization.id),
        recipient: &invitation.address_key,
        letter: &letter,
        expires_at: Timestamp(invitation.expires_at),
    };
    let due_at = due_at(desk.now, administration.invitation_lifetime, crowded);
    invitation.mail = Some(outbox::post_at(batch, desk, &post, due_at)?);
    Ok(())
}

/// When a mail is delivered: a mailbox gets [`MAILS_A_DAY`](crate::organization::invitation::MAILS_A_DAY) of them from
/// all organizations together (design.md §5), so one more waits. Whoever writes it is not told, or it would be told
/// what others write; and it waits for a day at most and never for long against its own time, so that no number of
/// others keeps it away.
fn due_at(now: Timestamp, lifetime: Duration, crowded: Option<i64>) -> Timestamp {
    let latest = now.plus(DAY.min(lifetime / 2));
    crowded.map_or(now, |at| Timestamp(at).plus(DAY).clamp(now, latest))
}

fn letter(organization: &str, invitation: &Invitation, link: String) -> Letter {
    let (organization, address) = (one_line(organization), address_shown(&invitation.address_key));
    let (role, until) = (&invitation.role, until(Timestamp(invitation.expires_at)));
    let who = invitation.inviter_name.as_deref().map(one_line);
    let (subject, first) = match &who {
        Some(who) => (
            format!("{who} invites you to {organization}"),
            format!("{who} invites you to join {organization} with the role {role}."),
        ),
        None => (
            format!("You are invited to {organization}"),
            format!("You are invited to join {organization} with the role {role}."),
        ),
    };
    let mut paragraphs = vec![first];
    if let Some(message) = &invitation.message {
        paragraphs.push(message.clone());
    }
    paragraphs.push(format!("Sign in with {address}: the invitation is for this address only."));
    Letter {
        subject,
        paragraphs,
        button: Some(Button { label: "See the invitation".into(), url: link }),
        small: vec![
            format!("The invitation expires at {until}, and is accepted once."),
            "If you do not know what this is about, do nothing: without you nothing happens. Forward it to nobody."
                .into(),
        ],
    }
}

fn one_line(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// The minute is exact enough: 2026-11-25T22:45:00.000Z
fn until(expires_at: Timestamp) -> String {
    let text = expires_at.to_string();
    format!("{} UTC on {}", &text[11..16], &text[..10])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_that_is_full_for_the_day_is_waited_for() {
        let (now, week) = (Timestamp(0).plus(DAY * 10), DAY * 7);
        assert_eq!(due_at(now, week, None), now);
        let hour = Duration::from_hours(1);
        assert_eq!(due_at(now, week, Some(now.minus(hour).0)), now.plus(hour * 23));
        assert_eq!(due_at(now, week, Some(now.minus(DAY).0)), now);
        assert_eq!(due_at(now, week, Some(now.plus(DAY * 3).0)), now.plus(DAY), "for a day at most");
        assert_eq!(due_at(now, hour * 4, Some(now.0)), now.plus(hour * 2), "and half of its own time");
    }
}
