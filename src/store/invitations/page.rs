//! Invitations as people list them (floor 2): a page at a time, with what came of their mail.

use diesel::sql_types::{Nullable, Text};

use super::super::connection::Connection;
use super::super::database_error;
use super::super::sql::Sql;
use super::{COLUMNS, Columns, Invitation, Row, from_row};
use crate::error::Result;
use crate::id::{InvitationId, OrganizationId};
use crate::organization::invitation::State;

/// What came of an invitation's latest mail, as the outbox has it: its state, and what went wrong last.
pub type Delivery = Option<(String, Option<String>)>;

/// The invitations of an organization behind `after`, newest first, in a state or in any; at most `limit`. Those
/// whose time is over count as expired.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    state: Option<State>,
    after: Option<InvitationId>,
    (now, limit): (i64, i64),
) -> Result<Vec<(Invitation, Delivery)>> {
    let mut condition = Sql::default();
    let behind = |mut sql: Sql| {
        if let Some(after) = after {
            sql.push(" AND v.id < ").push_bind(after);
        }
        sql
    };
    match state {
        None => {}
        Some(State::Pending) => {
            condition.push(" AND v.state = 'pending' AND v.expires_at > ").push_bind(now);
        }
        Some(State::Expired) => {
            // Those that are stored as expired and those that are not yet, each in the order of its index.
            let first = |sql: Sql| {
                let mut first = Sql::new("SELECT * FROM (SELECT v.id FROM invitations v WHERE v.organization_id = ");
                first.push_bind(organization).append(behind(sql)).push(" ORDER BY v.id DESC LIMIT ").push_bind(limit);
                first.push(") s");
                first
            };
            let over = Sql::new(" AND v.state = 'pending' AND v.expires_at <= ").bind_here(now);
            condition.push(" AND v.id IN (").append(first(Sql::new(" AND v.state = 'expired'")));
            condition.push(" UNION ALL ").append(first(over)).push(")");
        }
        Some(over) => {
            condition.push(" AND v.state = ").push_bind(over.name());
        }
    }
    let condition = behind(condition);
    with_delivery(connection, organization, condition, limit)
}

/// One invitation with what came of its mail.
///
/// # Errors
/// The database's.
pub fn shown(
    connection: &mut Connection,
    organization: OrganizationId,
    id: InvitationId,
) -> Result<Option<(Invitation, Delivery)>> {
    let condition = Sql::new(" AND v.id = ").bind_here(id);
    Ok(with_delivery(connection, organization, condition, 1)?.pop())
}

fn with_delivery(
    connection: &mut Connection,
    organization: OrganizationId,
    condition: Sql,
    limit: i64,
) -> Result<Vec<(Invitation, Delivery)>> {
    type Mail = Nullable<(Text, Nullable<Text>)>;
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(", x.state, x.last_error FROM invitations v LEFT JOIN outbox x ON x.id = v.mail_id");
    sql.push(" WHERE v.organization_id = ").push_bind(organization).append(condition);
    sql.push(" ORDER BY v.id DESC LIMIT ").push_bind(limit);
    let rows = sql.load::<(Columns, Mail), (Row, Delivery)>(connection).map_err(database_error)?;
    rows.into_iter().map(|(row, delivery)| Ok((from_row(row)?, delivery))).collect()
}
