//! The outbox: a letter is written in the transaction of what it tells of, within the limits of
//! design.md §5, and delivered by a job.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

use super::Letter;
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{IdGenerator, MailId, OrganizationId};
use crate::sealing::SealingKey;
use crate::secret::Random;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::organizations;
use crate::store::outbox::{self, Mail, state};

const DAY: Duration = Duration::from_hours(24);
/// What every organization may write in a day, and what more for its seats.
const MAILS_A_DAY: i64 = 1_000;
const MAILS_PER_SEAT: i64 = 4;
/// When to ask again whether an organization may write, in seconds.
const A_WHILE: u32 = 3_600;

/// What a mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A one-time link to sign in by, asked for by whoever typed the address.
    SignInLink,
    /// The proof of a domain has gone; for owners and admins.
    DomainAtRisk,
    /// Seats were paid for, or a payment was declined; for owners and admins.
    Billing,
    /// A webhook takes nothing for days and is told nothing more; for owners and admins.
    WebhookDisabled,
    /// Somebody is invited.
    Invitation,
}

impl Kind {
    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignInLink => "sign_in_link",
            Self::DomainAtRisk => "domain_at_risk",
            Self::Billing => "billing",
            Self::WebhookDisabled => "webhook_disabled",
            Self::Invitation => "invitation",
        }
    }

    /// In which time a recipient gets so many of them.
    #[must_use]
    pub const fn window(self) -> Duration {
        match self {
            Self::SignInLink => Duration::from_hours(1),
            Self::DomainAtRisk | Self::Billing | Self::Invitation | Self::WebhookDisabled => DAY,
        }
    }
}

/// What writing and reading letters takes.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    pub ids: &'a IdGenerator,
    pub sealing: &'a SealingKey,
    pub random: &'a dyn Random,
    pub now: Timestamp,
}

impl std::fmt::Debug for Desk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("now", &self.now).finish_non_exhaustive()
    }
}

/// What keeps a letter from being written twice.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// What it is about: posted twice, it is one mail.
    About(&'a str),
    /// The recipient's turn: of two mails for one turn the second is planned again, and counts the first.
    Turn(&'a Turn),
}

/// What [`check`] has counted a mail after; `None` where nothing is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn(Option<String>);

impl Turn {
    fn after(kind: Kind, recipient: &str, written: &[(MailId, i64)]) -> Self {
        let ids: Vec<u8> = written.iter().flat_map(|(id, _)| *id.as_bytes()).collect();
        // As short as it has to be for an index, whatever the limit is.
        let ids = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &ids));
        Self(Some(format!("{} {recipient} {ids}", kind.name())))
    }
}

/// A letter on its way to somebody.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    pub kind: Kind,
    pub key: Key<'a>,
    /// The organization that writes, if one does.
    pub organization: Option<OrganizationId>,
    /// The key of an address.
    pub recipient: &'a str,
    pub letter: &'a Letter,
    /// From when on it would tell nothing that is still true.
    pub expires_at: Timestamp,
}

/// Writes down a mail that is not sent, and why: it counts for its recipient as one that was, and says nothing.
pub fn withhold(batch: &mut Batch, desk: Desk<'_>, post: &Post<'_>, why: &str) {
    let id = desk.ids.next();
    let mail = Mail {
        state: state::DEAD.to_owned(),
        last_error: Some(why.to_owned()),
        ..envelope(id, desk, post, Vec::new())
    };
    insert(batch, post, &mail);
}

/// Puts a letter into the outbox, encrypted: it holds the secret of its link. The id it has there.
///
/// # Errors
/// None of its own.
pub fn post(batch: &mut Batch, desk: Desk<'_>, post: &Post<'_>) -> Result<MailId> {
    post_at(batch, desk, post, desk.now)
}

/// [`post`] of what is not to be delivered before a time.
///
/// # Errors
/// None of its own.
pub fn post_at(batch: &mut Batch, desk: Desk<'_>, post: &Post<'_>, due_at: Timestamp) -> Result<MailId> {
    let id: MailId = desk.ids.next();
    let letter = serde_json::to_vec(post.letter).map_err(Error::internal)?;
    let sealed = desk.sealing.seal(&letter, id.as_bytes(), desk.random);
    insert(batch, post, &Mail { due_at: due_at.0, ..envelope(id, desk, post, sealed) });
    Ok(id)
}

fn envelope(id: MailId, desk: Desk<'_>, post: &Post<'_>, letter: Vec<u8>) -> Mail {
    let counts = if post.organization.is_some() { DAY } else { post.kind.window() };
    Mail {
        id,
        organization: post.organization,
        kind: post.kind.name().to_owned(),
        recipient: post.recipient.to_owned(),
        letter,
        state: state::WAITING.to_owned(),
        attempts: 0,
        due_at: desk.now.0,
        created_at: desk.now.0,
        expires_at: post.expires_at.0,
        // As long as it counts.
        kept_until: post.expires_at.max(desk.now.plus(counts)).0,
        last_error: None,
    }
}

fn insert(batch: &mut Batch, post: &Post<'_>, mail: &Mail) {
    match post.key {
        Key::About(key) => outbox::insert(batch, key, mail),
        Key::Turn(Turn(Some(key))) => outbox::insert_once(batch, key, mail),
        Key::Turn(Turn(None)) => outbox::insert(batch, &mail.id.to_string(), mail),
    }
}

/// What a stored mail says; nothing once it was delivered or with another key than it was written with.
#[must_use]
pub fn open(sealing: &SealingKey, mail: &Mail) -> Option<Letter> {
    let letter = sealing.open(&mail.letter, mail.id.as_bytes())?;
    serde_json::from_slice(&letter).ok()
}

/// Refuses one mail more than a recipient is to get of a kind (`limit`; 0 for any number) and than an
/// organization writes in a day. Counted in the database: for every process, and also after a restart. The
/// turn that the mail is to be posted for, so that no two are written after the same count.
///
/// # Errors
/// `too_many_requests` with the time to wait.
pub fn check(
    connection: &mut Connection,
    (kind, limit): (Kind, u32),
    recipient: &str,
    organization: Option<OrganizationId>,
    now: Timestamp,
) -> Result<Turn> {
    let window = kind.window();
    let since = now.minus(window).0;
    let written = outbox::written_to(connection, recipient, kind.name(), i64::from(limit))?;
    if let Some((_, oldest)) = written.last().filter(|(_, at)| written.len() >= limit as usize && *at > since) {
        let wait = Timestamp(*oldest).plus(window).0.saturating_sub(now.0);
        let seconds = u32::try_from(wait.div_euclid(1_000_000) + 1).unwrap_or(u32::MAX);
        let minutes = seconds.div_ceil(60);
        return Err(too_many(
            seconds,
            format!(
                "Enough mails were asked for with this address. Look into your mailbox, also among the spam, or wait {minutes} minutes."
            ),
        ));
    }
    let turn = if limit == 0 { Turn(None) } else { Turn::after(kind, recipient, &written) };
    match organization {
        Some(organization) if left(connection, kind, organization, now)? < 1 => Err(out_of_mails()),
        _ => Ok(turn),
    }
}

/// How many mails of a kind an organization may still write within its day. Links to sign in by are counted for
/// themselves: anybody asks for those, and must not use up what the organization writes to others.
///
/// # Errors
/// The database's.
pub fn left(connection: &mut Connection, kind: Kind, organization: OrganizationId, now: Timestamp) -> Result<i64> {
    let most = organizations::usage(connection, organization)?.seats.saturating_mul(MAILS_PER_SEAT).max(MAILS_A_DAY);
    let counted = (Kind::SignInLink.name(), kind == Kind::SignInLink);
    Ok(most - outbox::written_by(connection, organization, counted, now.minus(DAY).0)?)
}

/// The refusal of a mail more than an organization writes in a day.
#[must_use]
pub fn out_of_mails() -> Error {
    too_many(A_WHILE, "This organization has written as many mails as it may within a day. Go on tomorrow.".into())
}

fn too_many(seconds: u32, why: String) -> Error {
    Error { retry_after: Some(seconds), ..Error::new(Code::TooManyRequests, why) }
}
