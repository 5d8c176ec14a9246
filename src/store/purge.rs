//! Everything that is stored of an organization (floor 2), and its end.

use diesel::result::Error as DieselError;

use super::connection::Connection;
use super::database_error;
use super::sql::Sql;
use crate::error::Result;
use crate::id::OrganizationId;

/// A table that carries organizations, and what tells its rows apart within one.
pub type Table = (&'static str, &'static str);

/// Every one but the organization's own row. A test compares it with the schema.
pub const TABLES: &[Table] = &[
    ("sessions", "hash"),
    ("sign_ins", "state_hash"),
    ("one_time_links", "hash"),
    ("recovery_codes", "hash"),
    ("proven_sign_ins", "identity_id"),
    ("join_requests", "identity_id"),
    ("invitations", "id"),
    ("provisioning_tokens", "id"),
    ("provisioning_clients", "id"),
    ("client_assertions", "client_id, hash"),
    ("api_keys", "id"),
    ("webhook_deliveries", "id"),
    ("webhook_endpoints", "id"),
    ("associated_domains", "domain"),
    ("role_mappings", "group_id"),
    ("group_members", "group_id, member_id"),
    ("attribute_values", "attribute, value_key, resource_id, ordinal"),
    ("unique_values", "attribute, value_key"),
    ("members", "id"),
    ("removed_members", "id"),
    ("resources", "kind, id"),
    ("outbox", "id"),
    ("provisioning_log_names", "log_id, name_key"),
    ("provisioning_log", "id"),
    ("audit_events", "id"),
    ("idempotency_keys", "actor, key_hash"),
    ("organization_extensions", "schema_id"),
    ("invoices", "key"),
    ("billing_operations", "id"),
    ("billing_events", "id"),
    ("checkouts", "id"),
    ("subscriptions", "organization_id"),
    ("organization_usage", "organization_id"),
];

/// Deletes some of what a table holds of an organization; whether there may be more.
///
/// # Errors
/// The database's.
pub fn slice(connection: &mut Connection, organization: OrganizationId, table: Table, limit: i64) -> Result<bool> {
    let (table, key) = table;
    let mut sql = Sql::new("DELETE FROM ");
    sql.push(table).push(" WHERE organization_id = ").push_bind(organization);
    sql.push(" AND (").push(key).push(") IN (SELECT ").push(key).push(" FROM ").push(table);
    sql.push(" WHERE organization_id = ").push_bind(organization).push(" LIMIT ").push_bind(limit).push(")");
    let deleted: std::result::Result<usize, DieselError> = sql.execute(connection);
    Ok(i64::try_from(deleted.map_err(database_error)?).is_ok_and(|deleted| deleted == limit))
}
