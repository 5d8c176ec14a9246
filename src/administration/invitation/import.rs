//! Many at once, of a file or a list: first a look at what would come of each row, then the same with the good ones
//! sent. Both decide anew, so what has changed in between counts.

use serde_json::{Value, json};

use super::super::{Administration, By};
use super::sending::{Assessment, Manner, assess, send};
use crate::error::{Code, Error, Result};
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
) -> Result<Value> {
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
) -> Result<Planned<Value>> {
    let assessment = assess(connection, administration, by, name, &rows.0)?;
    let Planned { batch, answer } = send(connection, administration, by, &assessment, (&rows.0, manner))?;
    Ok(Planned { batch, answer: describe(rows, &assessment, &answer) })
}

/// The rows with their states: as they would come out, or with the invitations that were sent.
fn describe(rows: &Rows, assessment: &Assessment, sent: &[Option<Invitation>]) -> Value {
    let is_sent = !sent.is_empty();
    let row = |(at, (wanted, verdict)): (usize, (&Wanted, &Verdict))| {
        let (role, suggestion) = match verdict {
            Verdict::Ready { role, .. } => (Some(role.name().to_owned()), None),
            Verdict::UnknownRole(meant) => (wanted.role.clone(), meant.map(Role::name)),
            _ => (wanted.role.clone(), None),
        };
        let invitation = sent.get(at).and_then(Option::as_ref);
        let (state, detail) = match verdict {
            Verdict::Ready { role, .. } if is_sent => ("invited", format!("Invited as {}.", role.name())),
            verdict => (verdict.name(), verdict.sentence(wanted)),
        };
        let mut row = json!({
            "line": wanted.line, "email": wanted.email, "role": role, "state": state, "detail": detail,
            "suggestion": suggestion
        });
        if is_sent {
            row["invitation_id"] = invitation.map(|invitation| invitation.id.to_string()).into();
        }
        row
    };
    let items: Vec<Value> = rows.0.iter().zip(&assessment.verdicts).enumerate().map(row).collect();
    let ready = assessment.verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Ready { .. })).count();
    let (usage, given) = (assessment.shown(), if is_sent { i64::try_from(ready).unwrap_or(0) } else { 0 });
    json!({
        "items": items, "next": null,
        "totals": {
            "rows": rows.0.len(), if is_sent { "invited" } else { "ready" }: ready,
            "seats": {
                "total": usage.seats, "used": usage.used, "pending": usage.pending + given,
                "available": assessment.available() - given
            }
        }
    })
}

/// What came of the rows, or would, as a file that is safe to open in a spreadsheet.
#[must_use]
pub fn file(described: &Value) -> String {
    const COLUMNS: [&str; 5] = ["line", "email", "role", "state", "detail"];
    let cell = |row: &Value, column: &str| match &row[column] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut table = vec![COLUMNS.map(str::to_owned).to_vec()];
    for row in described["items"].as_array().map_or(&[][..], Vec::as_slice) {
        table.push(COLUMNS.iter().map(|column| cell(row, column)).collect());
    }
    print(table.iter().map(Vec::as_slice))
}
