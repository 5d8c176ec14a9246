//! `headcount reindex`: derives every key and index row again from the documents.

use std::sync::Arc;

use diesel::sql_types::{BigInt, Text};
use serde_json::json;

use super::Administration;
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::provisioning::Service;
use crate::scim::document::Document;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::resources::{self, kind_from};
use crate::store::sql::{Sql, SqlId};
use crate::store::{Planned, Store, database_error, organizations};

/// Resources in one transaction.
const SLICE: i64 = 500;

/// Rebuilds what is derived; how many resources it went through. Safe while the service runs.
///
/// # Errors
/// The database's.
pub async fn reindex(store: &Store, administration: &Administration) -> Result<i64> {
    let mut after: Option<Key> = None;
    let mut count = 0;
    loop {
        let service = Arc::clone(&administration.provisioning);
        let (next, done) = store.write(move |connection| slice(connection, &service, after)).await?;
        count += done;
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let administration = administration.clone();
    store.write(move |connection| note(connection, &administration)).await?;
    Ok(count)
}

/// Every organization's trail tells of it.
fn note(connection: &mut Connection, administration: &Administration) -> Result<Planned<()>> {
    let mut batch = Batch::default();
    for organization in organizations::list(connection)? {
        administration.audit(&mut batch, organization.id, "index.rebuilt", &json!({}));
    }
    Ok(Planned { batch, answer: () })
}

type Key = (OrganizationId, i64, ResourceId);

fn slice(connection: &mut Connection, service: &Service, after: Option<Key>) -> Result<Planned<(Option<Key>, i64)>> {
    let mut sql = Sql::new("SELECT organization_id, kind, id, document FROM resources");
    if let Some((organization, kind, id)) = after {
        sql.push(" WHERE (organization_id, kind, id) > (")
            .push_bind(organization)
            .push(", ")
            .push_bind(kind)
            .push(", ")
            .push_bind(id)
            .push(")");
    }
    sql.push(" ORDER BY organization_id, kind, id LIMIT ").push_bind(SLICE);
    let rows = sql
        .load::<(SqlId, BigInt, SqlId, Text), (OrganizationId, i64, ResourceId, String)>(connection)
        .map_err(database_error)?;
    let mut batch = Batch::default();
    for (organization, kind, id, document) in &rows {
        let derived = service.storage.derive(&Document::from_stored(document)?, kind_from(*kind))?;
        let present = resources::elements_of(connection, *organization, *id)?;
        resources::rederive(&mut batch, *organization, kind_from(*kind), *id, &derived, &present);
    }
    let next = rows.last().map(|(organization, kind, id, _)| (*organization, *kind, *id));
    let done = i64::try_from(rows.len()).unwrap_or(0);
    Ok(Planned { batch, answer: (next, done) })
}
