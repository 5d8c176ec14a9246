//! Inviting: one or many, in one transaction with the seats they hold and the mails that tell them.

use serde_json::{Value, json};

use super::super::{Actor, Administration, By, named};
use super::{DAY, letter};
use crate::error::{Code, Error, Result};
use crate::id::InvitationId;
use crate::mail::outbox::{self, Kind};
use crate::organization::invitation::{self, PREFIX, Room, State, Verdict, Wanted};
use crate::organization::invitation_file::MOST_ROWS;
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::seats::{Change, Usage};
use crate::organization::takes_provisioning;
use crate::scim::document::Document;
use crate::scim::index;
use crate::secret::SecretToken;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::invitations::{self, Facts, Invitation};
use crate::store::organizations::{self, Organization};
use crate::store::{Planned, members};

/// Seats of invitations that are over which are given out again at once.
const MANY: i64 = 2_000;

/// How people are invited, beside who they are.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// The address of this service.
    pub public_url: String,
    /// What whoever invites adds to the mail.
    pub message: Option<String>,
}

/// What of those who are wanted can be invited, and what that was decided by.
pub(super) struct Assessment {
    pub(super) organization: Organization,
    pub(super) usage: Usage,
    pub(super) verdicts: Vec<Verdict>,
    facts: Facts,
    /// All that hold a seat though their time is over.
    overdue: Vec<InvitationId>,
}

impl Assessment {
    /// Seats that nobody has, as people count them.
    pub(super) fn available(&self) -> i64 {
        available(&self.usage, self.overdue.len())
    }

    /// The ledger as people count it.
    pub(super) fn shown(&self) -> Usage {
        let overdue = i64::try_from(self.overdue.len()).unwrap_or(i64::MAX);
        Usage { pending: self.usage.pending - overdue, ..self.usage }
    }
}

/// Who waits for a seat comes before whoever is invited.
fn available(usage: &Usage, overdue: usize) -> i64 {
    (usage.free() + i64::try_from(overdue).unwrap_or(i64::MAX) - usage.waiting).max(0)
}

/// Decides about each who is wanted.
pub(super) fn assess(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    wanted: &[Wanted],
) -> Result<Assessment> {
    by.check(Action::Invite)?;
    let organization = named(connection, by, name)?;
    if !takes_provisioning(&organization.state) {
        return Err(Error::new(
            Code::Conflict,
            "The organization is not active. Complete the checkout, then invite people.",
        ));
    }
    if !(1..=MOST_ROWS).contains(&wanted.len()) {
        let why = format!("There are {} people to invite; from 1 to {MOST_ROWS} are taken at once.", wanted.len());
        return Err(Error::new(Code::InvalidValue, why));
    }
    let now = administration.clock.now();
    let keys = invitation::keys(wanted);
    let facts = invitations::facts(connection, organization.id, &keys, (now.0, now.minus(DAY).0))?;
    let usage = organizations::usage(connection, organization.id)?;
    let overdue = match usage.pending {
        0 => Vec::new(),
        _ => invitations::due(connection, organization.id, (now.0, true), MANY)?,
    };
    let mails = outbox::left(connection, Kind::Invitation, organization.id, now)?;
    let room = Room { seats: available(&usage, overdue.len()), mails };
    let verdicts = invitation::judge(
        wanted,
        |key| facts.known.get(key).copied().unwrap_or_default(),
        room,
        |role| by.check_grant(None, Role::Read, role).is_ok(),
    );
    Ok(Assessment { organization, usage, verdicts, facts, overdue })
}

/// Plans the invitation of everybody who is ready; one for each row, in their order, where there is one.
pub(super) fn send(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    assessment: &Assessment,
    (wanted, manner): (&[Wanted], &Manner),
) -> Result<Planned<Vec<Option<Invitation>>>> {
    let Assessment { organization, usage, verdicts, facts, overdue } = assessment;
    let message = invitation::message(manner.message.as_deref()).map_err(|why| Error::new(Code::InvalidValue, why))?;
    let inviter_name = inviter(connection, by, organization)?;
    let mut work = Work { administration, by, organization, manner, message, inviter_name, batch: Batch::default() };
    let (mut sent, mut keys, mut seats, mut renewed) = (Vec::new(), Vec::new(), 0, Vec::new());
    for (wanted, verdict) in wanted.iter().zip(verdicts) {
        let Verdict::Ready { key, role } = verdict else {
            sent.push(None);
            continue;
        };
        let before = facts.over.get(key).copied();
        if !before.is_some_and(|(_, holds_seat)| holds_seat) {
            seats += 1;
        }
        renewed.extend(before.map(|(id, _)| id));
        let crowded = facts.crowded.get(key).copied();
        sent.push(Some(work.invite((&wanted.email, key), *role, before, crowded)?));
        keys.push(key.clone());
    }
    if keys.is_empty() {
        return Ok(Planned { batch: Batch::default(), answer: sent });
    }
    invitations::expect_no_members(&mut work.batch, organization.id, &keys);
    // What is missing was held by invitations whose time is over.
    let missing = usize::try_from(seats - usage.free().max(0)).unwrap_or(0);
    let given: Vec<InvitationId> = overdue.iter().filter(|id| !renewed.contains(id)).take(missing).copied().collect();
    let now = administration.clock.now().0;
    invitations::expire(&mut work.batch, organization.id, &given, true, now);
    let pending = seats - i64::try_from(given.len()).unwrap_or(0);
    organizations::change_usage(&mut work.batch, organization.id, &Change { pending, ..Change::default() });
    Ok(Planned { batch: work.batch, answer: sent })
}

/// How mails call whoever invites: a member by their name and address; nobody else has one.
pub(super) fn inviter(connection: &mut Connection, by: &By, organization: &Organization) -> Result<Option<String>> {
    let Actor::Member(member) = &by.actor else { return Ok(None) };
    let (_, found) = members::user(connection, organization.id, member.id)?;
    let Some((resource, _)) = found else { return Ok(None) };
    let document = Document::from_stored(&resource.document)?;
    let name = document.get("displayName").and_then(Value::as_str).map(str::trim).filter(|name| !name.is_empty());
    let address = index::address(&document);
    Ok(match (name, address) {
        (Some(name), Some(address)) if name != address => Some(format!("{name} ({address})")),
        (name, address) => name.or(address).map(str::to_owned),
    })
}

/// Invitations while they are being planned.
struct Work<'a> {
    administration: &'a Administration,
    by: &'a By,
    organization: &'a Organization,
    manner: &'a Manner,
    message: Option<String>,
    inviter_name: Option<String>,
    batch: Batch,
}

impl Work<'_> {
    fn invite(
        &mut self,
        (address, key): (&str, &str),
        role: Role,
        before: Option<(InvitationId, bool)>,
        crowded: Option<i64>,
    ) -> Result<Invitation> {
        let administration = self.administration;
        let now = administration.clock.now().to_millisecond();
        let secret = SecretToken::generate(PREFIX, administration.random.as_ref());
        let mut invitation = Invitation {
            id: before.map_or_else(|| administration.ids.next(), |(id, _)| id),
            address: address.to_owned(),
            address_key: key.to_owned(),
            role: role.name().to_owned(),
            message: self.message.clone(),
            inviter: self.by.name().into_owned(),
            inviter_name: self.inviter_name.clone(),
            state: State::Pending.name().to_owned(),
            holds_seat: true,
            secret_hash: secret.hash(),
            mail: None,
            sent_count: 1,
            created_at: now.0,
            sent_at: now.0,
            expires_at: now.plus(administration.invitation_lifetime).0,
            ended_at: None,
            member: None,
        };
        letter::post(
            administration,
            &mut self.batch,
            self.organization,
            &mut invitation,
            (&secret, &self.manner.public_url, crowded),
        )?;
        match before {
            Some((_, holds_seat)) => {
                invitations::renew(&mut self.batch, self.organization.id, (None, holds_seat), &invitation);
            }
            None => invitations::insert(&mut self.batch, self.organization.id, &invitation),
        }
        let detail = json!({
            "invitation": invitation.id.to_string(), "address": invitation.address, "role": invitation.role
        });
        administration.audit(&mut self.batch, self.by, self.organization.id, "invitation.created", &detail);
        Ok(invitation)
    }
}
