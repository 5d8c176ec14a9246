//! An invitation gets a new link: by another mail, or to be copied. Whoever asks for it is who invites from then on.

use super::super::{Actor, Administration, By, named};
use super::sending::{self, Manner};
use super::{DAY, Renewed, absent, describe, letter, no_seat, refusal, told};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::mail::outbox;
use crate::membership;
use crate::organization::invitation::{MAILS_A_DAY, PREFIX, State, Verdict, Wanted};
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::seats::{Change, Standing, Usage};
use crate::secret::{Revealed, SecretToken};
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::invitations::{self, Invitation};
use crate::store::organizations::{self, Organization};
use crate::store::outbox::{state, withdraw};

/// How an invitation gets a new link; the one before is dead then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// By a mail.
    Mail,
    /// To be copied: whoever may invite is shown it, once.
    Copy,
}

/// Gives an invitation a new link and its whole time again; one that has expired needs a seat again. With
/// [`Renewal::Copy`] the answer has the link: the one place that ever shows one, and to people alone.
///
/// # Errors
/// `not_found`, `forbidden`, `seat_limit_reached`, `too_many_requests`; `conflict` for one that was accepted or revoked.
pub fn renew(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    (name, id): (&str, &str),
    (renewal, manner): (Renewal, &Manner),
) -> Result<Planned<Renewed>> {
    by.check(Action::Invite)?;
    if renewal == Renewal::Copy && matches!(by.actor, Actor::ApiKey { .. }) {
        return Err(Error::new(
            Code::Forbidden,
            "A link is shown to people only. Send the invitation by mail instead.",
        ));
    }
    let organization = named(connection, by, name)?;
    let before = invitations::find(connection, organization.id, id.parse().map_err(|_| absent(id))?)?;
    let before = before.ok_or_else(|| absent(id))?;
    by.check_grant(None, Role::Read, before.role.parse().unwrap_or(Role::Owner))?;
    let now = administration.clock.now().to_millisecond();
    match State::at(&before.state, now, before.expires_at) {
        State::Pending | State::Expired => {}
        State::Accepted => {
            return Err(Error::new(Code::Conflict, "This invitation was accepted. Change the member instead."));
        }
        State::Revoked => {
            return Err(Error::new(Code::Conflict, "This invitation was revoked. Invite the person again."));
        }
    }
    let mut batch = Batch::default();
    let Reseated { holds_seat, ledger, crowded } =
        reseat(connection, administration, &mut batch, &organization, (&before, renewal))?;
    let secret = SecretToken::generate(PREFIX, administration.random.as_ref());
    let mut after = Invitation {
        holds_seat,
        secret_hash: secret.hash(),
        sent_count: before.sent_count + i64::from(renewal == Renewal::Mail),
        sent_at: now.0,
        expires_at: now.plus(administration.invitation_lifetime).0,
        ended_at: None,
        state: State::Pending.name().to_owned(),
        inviter: by.name().into_owned(),
        inviter_name: sending::inviter(connection, by, &organization)?,
        ..before.clone()
    };
    if let Some(mail) = before.mail {
        withdraw(&mut batch, mail, "another link has taken the place of its");
    }
    let mut link = None;
    if renewal == Renewal::Mail {
        let manner = (&secret, manner.public_url.as_str(), crowded);
        letter::post(administration, &mut batch, &organization, &mut after, manner)?;
    } else {
        link = Some(Revealed(letter::link(&manner.public_url, &secret)));
    }
    invitations::renew(&mut batch, organization.id, (Some(before.secret_hash), before.holds_seat), &after);
    organizations::change_usage(&mut batch, organization.id, &ledger);
    let action = if renewal == Renewal::Mail { "invitation.resent" } else { "invitation.link_copied" };
    administration.audit(&mut batch, by, organization.id, action, &told(&after));
    let delivery = (renewal == Renewal::Mail).then(|| (state::WAITING.to_owned(), None));
    Ok(Planned { batch, answer: Renewed { shown: describe(&after, &delivery, now), link } })
}

/// What an invitation comes to that gets a new link.
struct Reseated {
    holds_seat: bool,
    ledger: Change,
    /// When the third latest of the recipient's mails is due, whoever wrote them.
    crowded: Option<i64>,
}

/// The seat that an invitation holds once it has a new link, and what that changes in the ledger; whoever has become
/// a member meanwhile has one.
fn reseat(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: &Organization,
    (before, renewal): (&Invitation, Renewal),
) -> Result<Reseated> {
    let (now, keys) = (administration.clock.now(), [before.address_key.clone()]);
    let facts = invitations::facts(connection, organization.id, &keys, (now.0, now.minus(DAY).0))?;
    let known = facts.known.get(&before.address_key).copied().unwrap_or_default();
    let crowded = facts.crowded.get(&before.address_key).copied();
    let wanted = Wanted { line: 1, email: before.address.clone(), role: None };
    let usage = membership::usage_at(connection, organization.id, now.0)?;
    let refuse = |verdict: Verdict| refusal(&verdict, &wanted, &usage).map_or(Ok(()), Err);
    match known.member {
        Some((Standing::Active, false)) | None => {}
        Some((_, true)) => refuse(Verdict::MemberKeptOut("is suspended"))?,
        Some((Standing::Waiting, _)) => refuse(Verdict::MemberKeptOut("waits for a seat"))?,
        Some(_) => refuse(Verdict::MemberKeptOut("was switched off by provisioning"))?,
    }
    // Another one for the address, made since this one was over.
    if let Some(other) = invitations::pending_for(connection, organization.id, &before.address_key)?
        && other.id != before.id
    {
        refuse(Verdict::AlreadyInvited)?;
    }
    if renewal == Renewal::Mail {
        if known.mails >= MAILS_A_DAY {
            refuse(Verdict::TooManyMailsToThem)?;
        }
        if outbox::left(connection, outbox::Kind::Invitation, organization.id, now)? < 1 {
            refuse(Verdict::TooManyMails)?;
        }
    }
    let mut ledger = Change::default();
    let holds_seat = known.member.is_none();
    if holds_seat {
        take_seat(connection, batch, organization.id, before, (now, &usage, &mut ledger))?;
    }
    ledger.pending += i64::from(holds_seat) - i64::from(before.holds_seat);
    Ok(Reseated { holds_seat, ledger, crowded })
}

/// Finds a seat for an invitation that is over, or whose seat somebody has taken: behind those who wait for one.
fn take_seat(
    connection: &mut Connection,
    batch: &mut Batch,
    organization: OrganizationId,
    before: &Invitation,
    (now, usage, ledger): (Timestamp, &Usage, &mut Change),
) -> Result<()> {
    let is_over = State::at(&before.state, now, before.expires_at) == State::Expired;
    if (is_over || !before.holds_seat) && !usage.has_a_seat() {
        return Err(no_seat(usage));
    }
    if !before.holds_seat {
        let ledger_now = organizations::usage(connection, organization)?;
        if !membership::make_room(connection, batch, organization, ledger_now, None, (now.0, ledger))?.has_a_seat() {
            return Err(no_seat(usage));
        }
    }
    Ok(())
}
