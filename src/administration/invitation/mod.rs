//! Invitations (product.md §4): made here, listed, sent again, taken back. Who accepts one does so in
//! `sign_in::invitation`.

mod ending;
mod import;
mod letter;
mod listing;
mod renewal;
mod sending;

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

pub use self::ending::{forget, revoke, settle};
pub use self::import::{Outcome, Rows, file, import, preview};
pub use self::listing::{Page, list, show};
pub use self::renewal::{Renewal, renew};
pub use self::sending::Manner;
use self::sending::{assess, send};
use super::{Administration, By};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{InvitationId, ResourceId};
use crate::organization::invitation::{State, Verdict, Wanted};
use crate::organization::role::Role;
use crate::organization::seats::Usage;
use crate::secret::Revealed;
use crate::store::Planned;
use crate::store::connection::Connection;
use crate::store::invitations::{Delivery, Invitation};
use crate::store::outbox::state;

const DAY: Duration = Duration::from_hours(24);

/// An invitation as the API shows it. Its secret is nowhere.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub struct Shown {
    pub id: InvitationId,
    pub email: String,
    pub role: Role,
    pub state: State,
    /// As the audit trail calls them.
    pub invited_by: String,
    #[schema(required)]
    pub inviter_name: Option<String>,
    /// What the mail says beside.
    #[schema(required)]
    pub message: Option<String>,
    pub created_at: Timestamp,
    pub sent_at: Timestamp,
    pub sent_count: i64,
    pub expires_at: Timestamp,
    /// Why nobody can accept it, while it is open.
    #[schema(required)]
    pub blocked: Option<String>,
    #[schema(required)]
    pub ended_at: Option<Timestamp>,
    /// Who has accepted it.
    #[schema(required)]
    pub member_id: Option<ResourceId>,
    /// Of the mail: `waiting`, `sent` or `failed`; `null` without one.
    #[schema(required)]
    pub delivery: Option<&'static str>,
    #[schema(required)]
    pub delivery_error: Option<String>,
}

/// An invitation with a new link.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RenewedInvitation)]
pub struct Renewed {
    #[serde(flatten)]
    pub shown: Shown,
    /// Where it is to be copied: nothing else ever shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub link: Option<Revealed>,
}

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
) -> Result<Planned<Shown>> {
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

fn describe(invitation: &Invitation, delivery: &Delivery, now: Timestamp) -> Shown {
    let state = State::at(&invitation.state, now, invitation.expires_at);
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
    Shown {
        id: invitation.id,
        email: invitation.address.clone(),
        role: invitation.role.parse().unwrap_or(Role::Read),
        state,
        invited_by: invitation.inviter.clone(),
        inviter_name: invitation.inviter_name.clone(),
        message: invitation.message.clone(),
        created_at: Timestamp(invitation.created_at),
        sent_at: Timestamp(invitation.sent_at),
        sent_count: invitation.sent_count,
        expires_at: Timestamp(invitation.expires_at),
        blocked: None,
        ended_at: ended_at.map(Timestamp),
        member_id: invitation.member,
        delivery,
        delivery_error: delivery_error.map(str::to_owned),
    }
}

fn absent(id: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no invitation with the id \"{id}\"."))
}

/// What the audit trail is told of an invitation.
fn told(invitation: &Invitation) -> Value {
    json!({
        "invitation": invitation.id.to_string(), "address": invitation.address, "role": invitation.role,
        "invited_by": invitation.inviter
    })
}
