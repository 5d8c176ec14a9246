//! Many at once, of a file or a list: first a look at what would come of each row, then the same with the good ones
//! sent. Both decide anew, so what has changed in between counts.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::{Administration, By};
use super::sending::{Assessment, Manner, assess, send};
use crate::error::{Code, Error, Result};
use crate::id::InvitationId;
use crate::organization::invitation::{Verdict, Wanted};
use crate::organization::invitation_file::{Refused, parse, print};
use crate::organization::role::Role;
use crate::store::Planned;
use crate::store::connection::Connection;
use crate::store::invitations::Invitation;

/// The rows of an import.
#[derive(Clone, Debug)]
pub struct Rows(Vec<Wanted>);

impl Rows {
    /// Those of a file.
    ///
    /// # Errors
    /// `payload_too_large`, `invalidValue`.
    pub fn of_file(bytes: &[u8]) -> Result<Self> {
        parse(bytes).map(Self).map_err(|refused| {
            let code = if refused == Refused::TooLarge { Code::PayloadTooLarge } else { Code::InvalidValue };
            Error::new(code, refused.sentence())
        })
    }

    /// Those of a list: addresses with their roles.
    #[must_use]
    pub fn of_list(rows: Vec<(String, Option<String>)>) -> Self {
        let row = |(at, (email, role)): (usize, (String, Option<String>))| Wanted { line: at + 1, email, role };
        Self(rows.into_iter().enumerate().map(row).collect())
    }
}

/// What came of the rows, or would.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InvitationRows)]
pub struct Outcome {
    pub items: Vec<Row>,
    /// Always `null`: it is the whole.
    #[schema(required)]
    pub next: Option<String>,
    pub totals: Totals,
}

/// What came of a row, or would.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InvitationRow)]
pub struct Row {
    pub line: usize,
    pub email: String,
    /// As it was written, where it is none.
    #[schema(required)]
    pub role: Option<String>,
    /// `invited`, `ready`, `not_an_address`, `unknown_role`, `role_not_allowed`, `duplicate`, `already_a_member`,
    /// `already_invited`, `too_many_mails` or `no_seat`.
    pub state: &'static str,
    /// Why, and what to do.
    pub detail: String,
    /// The role that was meant, perhaps.
    #[schema(required)]
    pub suggestion: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub invitation_id: Option<InvitationId>,
}

/// Of all rows.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = InvitationTotals)]
pub struct Totals {
    pub rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ready: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub invited: Option<usize>,
    pub seats: Seats,
}

/// The seats, with those that the rows take.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = InvitationSeats)]
pub struct Seats {
    pub total: i64,
    pub used: i64,
    pub pending: i64,
    pub available: i64,
}

/// What would come of each row. Nothing is changed.
///
/// # Errors
/// `not_found`, `forbidden`; `conflict` while the organization is not active.
pub fn preview(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    rows: &Rows,
) -> Result<Outcome> {
    let assessment = assess(connection, administration, by, name, &rows.0)?;
    Ok(describe(rows, &assessment, &[]))
}

/// Invites everybody who is ready, in one transaction, and says of each row what came of it.
///
/// # Errors
/// As [`preview`]; `invalidValue` for the message.
pub fn import(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    name: &str,
    (rows, manner): (&Rows, &Manner),
) -> Result<Planned<Outcome>> {
    let assessment = assess(connection, administration, by, name, &rows.0)?;
    let Planned { batch, answer } = send(connection, administration, by, &assessment, (&rows.0, manner))?;
    Ok(Planned { batch, answer: describe(rows, &assessment, &answer) })
}

/// The rows with their states: as they would come out, or with the invitations that were sent.
fn describe(rows: &Rows, assessment: &Assessment, sent: &[Option<Invitation>]) -> Outcome {
    let is_sent = !sent.is_empty();
    let row = |(at, (wanted, verdict)): (usize, (&Wanted, &Verdict))| {
        let (role, suggestion) = match verdict {
            Verdict::Ready { role, .. } => (Some(role.name().to_owned()), None),
            Verdict::UnknownRole(meant) => (wanted.role.clone(), *meant),
            _ => (wanted.role.clone(), None),
        };
        let invitation = sent.get(at).and_then(Option::as_ref);
        let (state, detail) = match verdict {
            Verdict::Ready { role, .. } if is_sent => ("invited", format!("Invited as {}.", role.name())),
            verdict => (verdict.name(), verdict.sentence(wanted)),
        };
        Row {
            line: wanted.line,
            email: wanted.email.clone(),
            role,
            state,
            detail,
            suggestion,
            invitation_id: invitation.map(|invitation| invitation.id),
        }
    };
    let items: Vec<Row> = rows.0.iter().zip(&assessment.verdicts).enumerate().map(row).collect();
    let ready = assessment.verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Ready { .. })).count();
    let (usage, given) = (assessment.shown(), if is_sent { i64::try_from(ready).unwrap_or(0) } else { 0 });
    let seats = Seats {
        total: usage.seats,
        used: usage.used,
        pending: usage.pending + given,
        available: assessment.available() - given,
    };
    let totals =
        Totals { rows: rows.0.len(), ready: (!is_sent).then_some(ready), invited: is_sent.then_some(ready), seats };
    Outcome { items, next: None, totals }
}

/// What came of the rows, or would, as a file that is safe to open in a spreadsheet.
#[must_use]
pub fn file(outcome: &Outcome) -> String {
    let mut table = vec![["line", "email", "role", "state", "detail"].map(str::to_owned)];
    for row in &outcome.items {
        let role = row.role.clone().unwrap_or_default();
        table.push([row.line.to_string(), row.email.clone(), role, row.state.to_owned(), row.detail.clone()]);
    }
    print(table.iter().map(<[String; 5]>::as_slice))
}
