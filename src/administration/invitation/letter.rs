//! The mail of an invitation (product.md §4): which organization, who invites, the role, which address to sign in
//! with, when it expires, and one button. Whoever named an organization or wrote a message may have meant harm: the
//! templates escape it, and no name reaches over the end of its line.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::Administration;
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

/// Puts the mail of an invitation into the outbox, and its id there into the invitation.
///
/// # Errors
/// None of its own.
pub(super) fn post(
    administration: &Administration,
    batch: &mut Batch,
    organization: &Organization,
    invitation: &mut Invitation,
    (secret, public_url): (&SecretToken, &str),
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
    invitation.mail = Some(outbox::post(batch, desk, &post)?);
    Ok(())
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
