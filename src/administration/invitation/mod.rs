//! Invitations (product.md §4): made, listed, sent again, taken back. Who accepts one does so in `sign_in::invitation`.

mod import;
mod letter;
mod sending;
mod settling;

use std::time::Duration;

use serde_json::{Value, json};

pub use self::import::{Rows, file, import, preview};
pub use self::sending::Manner;
use self::sending::{assess, send};
pub use self::settling::settle;
use super::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{InvitationId, OrganizationId};
use crate::mail::outbox;
use crate::organization::invitation::{MAILS_A_DAY, PREFIX, State, Verdict, Wanted};
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::seats::{ADMITTED_AT_ONCE, Change, Standing, Usage};
use crate::provisioning::users;
use crate::secret::SecretToken;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::invitations::{self, Delivery, Invitation};
use crate::store::organizations::{self, Organization};
use crate::store::outbox::{state, withdraw};
use crate::store::{Planned, members};

const DAY: Duration = Duration::from_hours(24);

/// Invites somebody, by a mail. The invitation as it is then, without its secret.
///
/// # Errors
/// `invalidValue` for the address or the role, `forbidden` for a role above one's own, `conflict` for who is a member
/// or invited, `seat_limit_reached`, `too_many_requests`.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    (wanted, manner): (&Wanted, &Manner),
) -> Result<Planned<Value>> {
    let wanted = std::slice::from_ref(wanted);
    let assessment = assess(connection, administration, by, name, wanted)?;
    if let Some(error) =
        assessment.verdicts.first().and_then(|verdict| refusal(verdict, &wanted[0], &assessment.shown()))
    {
        return Err(error);
    }
    let Planned { batch, answer } = send(connection, administration, by, &assessment, (wanted, manner))?;
    let invitation = answer.into_iter().flatten().next().ok_or_else(|| Error::internal("nobody was invited"))?;
    let delivery = Some((state::WAITING.to_owned(), None));
    Ok(Planned { batch, answer: describe(&invitation, &delivery, administration.clock.now()) })
}

/// Why somebody is not invited, as an error.
fn refusal(verdict: &Verdict, wanted: &Wanted, usage: &Usage) -> Option<Error> {
    let error = |code| Some(Error::new(code, verdict.sentence(wanted)));
    let wait = |seconds| {
        Some(Error { retry_after: Some(seconds), ..Error::new(Code::TooManyRequests, verdict.sentence(wanted)) })
    };
    match verdict {
        Verdict::Ready { .. } => None,
        Verdict::NotAnAddress | Verdict::UnknownRole(_) => error(Code::InvalidValue),
        Verdict::RoleNotYours(_) => error(Code::Forbidden),
        Verdict::DuplicateOf(_) | Verdict::AlreadyMember | Verdict::MemberKeptOut(_) | Verdict::AlreadyInvited => {
            error(Code::Conflict)
        }
        Verdict::TooManyMailsToThem => wait(86_400),
        Verdict::TooManyMails => wait(3_600),
        Verdict::NoSeat => Some(no_seat(usage)),
    }
}

fn no_seat(usage: &Usage) -> Error {
    Error::new(
        Code::SeatLimitReached,
        format!(
            "No seats available: {} of {} used, open invitations among them. Add seats, or revoke invitations that nobody \
             accepts.",
            usage.used + usage.pending,
            usage.seats
        ),
    )
}

/// Invitations of a page: in a state, or in any, behind the one a page ended with; newest first.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub state: Option<State>,
    pub after: Option<InvitationId>,
    pub limit: u32,
}

/// A page of the invitations, and where the next begins.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn list(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    page: Page,
) -> Result<(Vec<Value>, Option<InvitationId>)> {
    by.check(Action::Invite)?;
    let organization = named(connection, by, name)?.id;
    let now = administration.clock.now();
    let limit = page.limit as usize;
    let wanted = (now.0, i64::from(page.limit) + 1);
    let mut found = invitations::list(connection, organization, page.state, page.after, wanted)?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| is_more).map(|(invitation, _)| invitation.id);
    Ok((found.iter().map(|(invitation, delivery)| describe(invitation, delivery, now)).collect(), next))
}

/// One invitation.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn show(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    id: &str,
) -> Result<Value> {
    by.check(Action::Invite)?;
    let organization = named(connection, by, name)?.id;
    let wanted = id.parse().map_err(|_| absent(id))?;
    let (invitation, delivery) = invitations::shown(connection, organization, wanted)?.ok_or_else(|| absent(id))?;
    Ok(describe(&invitation, &delivery, administration.clock.now()))
}

/// An invitation as the API shows it. Its secret is nowhere.
fn describe(invitation: &Invitation, delivery: &Delivery, now: Timestamp) -> Value {
    let state = State::at(&invitation.state, now, invitation.expires_at);
    let shown = |micros: i64| Timestamp(micros).to_string();
    let ended_at = match state {
        State::Pending => None,
        State::Expired => Some(invitation.expires_at),
        _ => invitation.ended_at,
    };
    let (delivery, delivery_error) = match delivery {
        Some((state, error)) if state == state::DEAD => (Some("failed"), error.as_deref()),
        Some((state, error)) if state == state::SENT => (Some("sent"), error.as_deref()),
        Some((_, error)) => (Some("waiting"), error.as_deref()),
        None => (None, None),
    };
    json!({
        "id": invitation.id.to_string(), "email": invitation.address, "role": invitation.role, "state": state.name(),
        "invited_by": invitation.inviter, "inviter_name": invitation.inviter_name, "message": invitation.message,
        "created_at": shown(invitation.created_at), "sent_at": shown(invitation.sent_at),
        "sent_count": invitation.sent_count, "expires_at": shown(invitation.expires_at),
        "ended_at": ended_at.map(shown), "member_id": invitation.member.map(|member| member.to_string()),
        "delivery": delivery, "delivery_error": delivery_error
    })
}

fn absent(id: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no invitation with the id \"{id}\"."))
}

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
) -> Result<Planned<Value>> {
    by.check(Action::Invite)?;
    if renewal == Renewal::Copy && matches!(by.actor, super::Actor::ApiKey { .. }) {
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
    let (holds_seat, ledger) = reseat(connection, administration, &mut batch, &organization, (&before, renewal))?;
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
    let mut answer = Value::Null;
    if renewal == Renewal::Mail {
        letter::post(administration, &mut batch, &organization, &mut after, (&secret, &manner.public_url))?;
    } else {
        answer = letter::link(&manner.public_url, &secret).into();
    }
    invitations::renew(&mut batch, organization.id, (Some(before.secret_hash), before.holds_seat), &after);
    organizations::change_usage(&mut batch, organization.id, &ledger);
    let action = if renewal == Renewal::Mail { "invitation.resent" } else { "invitation.link_copied" };
    administration.audit(&mut batch, by, organization.id, action, &told(&after));
    let delivery = (renewal == Renewal::Mail).then(|| (state::WAITING.to_owned(), None));
    let mut shown = describe(&after, &delivery, now);
    if renewal == Renewal::Copy {
        shown["link"] = answer;
    }
    Ok(Planned { batch, answer: shown })
}

/// The seat that an invitation holds once it has a new link, and what that changes in the ledger; whoever has become
/// a member meanwhile has one.
fn reseat(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: &Organization,
    (before, renewal): (&Invitation, Renewal),
) -> Result<(bool, Change)> {
    let (now, keys) = (administration.clock.now(), [before.address_key.clone()]);
    let (known, _) = invitations::known(connection, organization.id, &keys, (now.0, now.minus(DAY).0))?;
    let known = known.get(&before.address_key).copied().unwrap_or_default();
    let wanted = Wanted { line: 1, email: before.address.clone(), role: None };
    let usage = crate::membership::usage_at(connection, organization.id, now.0)?;
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
    let needs = known.member.is_none();
    if needs && !before.holds_seat {
        let ledger_now = organizations::usage(connection, organization.id)?;
        let room = (now.0, &mut ledger);
        let free = crate::membership::make_room(connection, batch, organization.id, ledger_now, None, room)?;
        if !free.has_a_seat() {
            return Err(no_seat(&usage));
        }
    }
    ledger.pending += i64::from(needs) - i64::from(before.holds_seat);
    Ok((needs, ledger))
}

/// Takes an invitation back: its link is dead, and its seat goes to whoever has waited longest. Once more changes
/// nothing.
///
/// # Errors
/// `not_found`, `forbidden`; `conflict` for one that was accepted.
pub fn revoke(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    id: &str,
) -> Result<Planned<Value>> {
    by.check(Action::Invite)?;
    let organization = named(connection, by, name)?;
    let found = invitations::find(connection, organization.id, id.parse().map_err(|_| absent(id))?)?;
    let invitation = found.ok_or_else(|| absent(id))?;
    let now = administration.clock.now().to_millisecond();
    let mut batch = Batch::default();
    match invitation.state.as_str() {
        "pending" => {}
        "accepted" => {
            return Err(Error::new(Code::Conflict, "This invitation was accepted. Remove the member instead."));
        }
        _ => return Ok(Planned { batch, answer: describe(&invitation, &None, now) }),
    }
    invitations::end(&mut batch, organization.id, (&invitation, None), State::Revoked, None, now.0);
    if let Some(mail) = invitation.mail {
        withdraw(&mut batch, mail, "the invitation was revoked");
    }
    if invitation.holds_seat {
        free(connection, administration, &mut batch, organization.id, Change { pending: -1, ..Change::default() })?;
    }
    administration.audit(&mut batch, by, organization.id, "invitation.revoked", &told(&invitation));
    let revoked = Invitation { state: State::Revoked.name().to_owned(), ended_at: Some(now.0), ..invitation };
    Ok(Planned { batch, answer: describe(&revoked, &None, now) })
}

/// Tells the ledger of seats that are free, and gives them to whoever has waited longest; whether more may get one.
fn free(
    connection: &mut Connection,
    administration: &Administration,
    batch: &mut Batch,
    organization: OrganizationId,
    mut ledger: Change,
) -> Result<bool> {
    let usage = organizations::usage(connection, organization)?.after(&ledger);
    let due = usage.free().min(usage.waiting);
    if due > 0 {
        for found in members::waiting(connection, organization, due.min(ADMITTED_AT_ONCE))? {
            users::admit(&administration.provisioning, organization, found, batch, &mut ledger)?;
        }
    }
    organizations::change_usage(batch, organization, &ledger);
    Ok(due > ADMITTED_AT_ONCE)
}

/// What the audit trail is told of an invitation.
fn told(invitation: &Invitation) -> Value {
    json!({
        "invitation": invitation.id.to_string(), "address": invitation.address, "role": invitation.role,
        "invited_by": invitation.inviter
    })
}
