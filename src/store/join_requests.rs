//! Requests to be let in (floor 2), by people whose domain leaves it to an admin.

use diesel::sql_types::{BigInt, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Rows, Sql, SqlId, Type};
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId};

/// Somebody who asks. Times in microseconds.
#[derive(Clone, Debug)]
pub struct Request {
    pub identity: IdentityId,
    pub address: String,
    pub address_key: String,
    pub name: Option<String>,
    pub requested_at: i64,
    pub declined_at: Option<i64>,
}

type Columns = (SqlId, Text, Text, Nullable<Text>, BigInt, Nullable<BigInt>);
type Row = (IdentityId, String, String, Option<String>, i64, Option<i64>);
const SELECT: &str = "SELECT identity_id, address, address_key, name, requested_at, declined_at FROM join_requests WHERE organization_id = ";

fn from_row((identity, address, address_key, name, requested_at, declined_at): Row) -> Request {
    Request { identity, address, address_key, name, requested_at, declined_at }
}

/// The request of an identity, also when it is over.
///
/// # Errors
/// The database's.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    identity: IdentityId,
) -> Result<Option<Request>> {
    let mut sql = Sql::new(SELECT).bind_here(organization);
    sql.push(" AND identity_id = ").push_bind(identity);
    Ok(sql.first::<Columns, Row>(connection).map_err(database_error)?.map(from_row))
}

/// The requests of an organization that are not over, in the order in which people first came, from the one after
/// `after` on: those that were made, and those that were declined, after a time.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    (requested, declined): (i64, i64),
    after: Option<IdentityId>,
    limit: i64,
) -> Result<Vec<Request>> {
    let mut sql = Sql::new(SELECT).bind_here(organization);
    sql.push(" AND (declined_at > ").push_bind(declined);
    sql.push(" OR (declined_at IS NULL AND requested_at > ").push_bind(requested).push("))");
    if let Some(after) = after {
        sql.push(" AND identity_id > ").push_bind(after);
    }
    sql.push(" ORDER BY identity_id LIMIT ").push_bind(limit);
    Ok(sql.load::<Columns, Row>(connection).map_err(database_error)?.into_iter().map(from_row).collect())
}

/// Notes a request, in the place of one of the same person that is over.
pub fn put(batch: &mut Batch, organization: OrganizationId, request: &Request) {
    batch.insert(Rows {
        insert: "INSERT INTO join_requests (organization_id, identity_id, address, address_key, name, requested_at)",
        types: &[Type::Id, Type::Id, Type::Text, Type::Text, Type::Text, Type::Integer],
        conflict: "ON CONFLICT (organization_id, identity_id) DO UPDATE SET address = excluded.address, \
                   address_key = excluded.address_key, name = excluded.name, requested_at = excluded.requested_at, declined_at = NULL",
        rows: vec![vec![
            organization.into(),
            request.identity.into(),
            request.address.as_str().into(),
            request.address_key.as_str().into(),
            request.name.as_deref().into(),
            request.requested_at.into(),
        ]],
    });
}

/// Notes that a request was declined.
pub fn decline(batch: &mut Batch, organization: OrganizationId, identity: IdentityId, now: i64) {
    let sql = Sql::new("UPDATE join_requests SET declined_at = ? WHERE organization_id = ? AND identity_id = ?");
    batch.run_once(sql.bind(now).bind(organization).bind(identity));
}

/// Forgets a request that came to something.
pub fn delete(batch: &mut Batch, organization: OrganizationId, identity: IdentityId) {
    let sql = Sql::new("DELETE FROM join_requests WHERE organization_id = ? AND identity_id = ?");
    batch.run_once(sql.bind(organization).bind(identity));
}

/// Forgets an organization's requests made, and those declined, before a time; not that of whoever asks now.
pub fn delete_expired(
    batch: &mut Batch,
    organization: OrganizationId,
    (requested, declined): (i64, i64),
    except: IdentityId,
) {
    let sql = Sql::new(
        "DELETE FROM join_requests WHERE organization_id = ? AND identity_id <> ? \
         AND (declined_at <= ? OR (declined_at IS NULL AND requested_at <= ?))",
    );
    batch.run(sql.bind(organization).bind(except).bind(declined).bind(requested));
}
