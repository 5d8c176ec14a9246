//! Which keys somebody has already (floor 2): one look for many Users.

use std::collections::HashSet;

use diesel::sql_types::{BigInt, Nullable, Text};

use super::connection::Connection;
use super::database_error;
use super::organizations::{USAGE, UsageColumns, UsageRow, usage_from_row};
use super::sql::Sql;
use crate::error::{Error, Result};
use crate::id::OrganizationId;
use crate::organization::seats::Usage;

/// A key by which a POST may mean somebody who is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    UserName(String),
    ExternalId(String),
    Address(String),
}

/// Where each kind of key is.
const WAYS: [(&str, &str); 3] =
    [("resources", "user_name_key"), ("resources", "external_id"), ("members", "address_key")];

/// Which of these keys somebody has, and the ledger.
///
/// # Errors
/// The database's.
pub fn find(connection: &mut Connection, organization: OrganizationId, keys: &[Key]) -> Result<(Usage, HashSet<Key>)> {
    let mut sql = Sql::new("WITH ");
    for position in 0..WAYS.len() {
        let values: Vec<&str> = keys.iter().filter_map(|key| key.value_of(position)).collect();
        sql.push(if position > 0 { ", " } else { "" }).push(&format!("k{position}(value) AS (VALUES "));
        // Padded with NULL, which equals nothing: few texts are prepared, whatever the number.
        for place in 0..values.len().next_power_of_two() {
            sql.push(if place > 0 { ", " } else { "" }).push_list([values.get(place).copied()]);
        }
        sql.push(")");
    }
    sql.push(" SELECT ").push(USAGE).push(", f.way, f.value FROM organization_usage u LEFT JOIN (");
    for (position, (table, column)) in WAYS.into_iter().enumerate() {
        sql.push(if position > 0 { " UNION ALL " } else { "" });
        // CROSS JOIN: SQLite then looks up one key after the other, and does not walk the organization.
        sql.push(&format!(
            "SELECT CAST({position} AS BIGINT) AS way, t.{column} AS value FROM k{position} CROSS JOIN {table} t \
             WHERE t.{column} = k{position}.value AND t.organization_id = "
        ));
        sql.push_bind(organization).push(if table == "resources" { " AND t.kind = 1" } else { "" });
    }
    sql.push(") f ON 1 = 1 WHERE u.organization_id = ").push_bind(organization);
    let rows = sql
        .load::<(UsageColumns, Nullable<(BigInt, Text)>), (UsageRow, Option<(i64, String)>)>(connection)
        .map_err(database_error)?;
    let usage = rows.first().map(|(usage, _)| usage_from_row(*usage));
    let usage = usage.ok_or_else(|| Error::internal("an organization has no usage row"))?;
    let key = |(way, value)| match way {
        0 => Key::UserName(value),
        1 => Key::ExternalId(value),
        _ => Key::Address(value),
    };
    Ok((usage, rows.into_iter().filter_map(|(_, found)| found.map(key)).collect()))
}

/// Finds a row for each who has one of these keys, or is invited by the address and so has a seat already.
#[must_use]
pub fn holders(
    organization: OrganizationId,
    user_name_key: Option<&str>,
    external_id: Option<&str>,
    address_key: Option<&str>,
) -> Sql {
    Sql::new(
        "SELECT CAST(1 AS BIGINT) FROM resources WHERE organization_id = ? AND user_name_key = ? \
         UNION ALL SELECT 1 FROM resources WHERE organization_id = ? AND kind = 1 AND external_id = ? \
         UNION ALL SELECT 1 FROM members WHERE organization_id = ? AND address_key = ? \
         UNION ALL SELECT 1 FROM invitations WHERE state = 'pending' AND holds_seat AND organization_id = ? AND address_key = ?",
    )
    .bind(organization)
    .bind(user_name_key)
    .bind(organization)
    .bind(external_id)
    .bind(organization)
    .bind(address_key)
    .bind(organization)
    .bind(address_key)
}

impl Key {
    fn value_of(&self, position: usize) -> Option<&str> {
        match (self, position) {
            (Self::UserName(value), 0) | (Self::ExternalId(value), 1) | (Self::Address(value), 2) => Some(value),
            _ => None,
        }
    }
}
