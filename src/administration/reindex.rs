//! `headcount reindex`: derives every key, index row and unique value again from the documents, which
//! lose what is left in them of extension schemas that were removed.

use std::sync::Arc;

use diesel::sql_types::{BigInt, Text};
use serde_json::json;

use super::{Administration, By};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::provisioning::Service;
use crate::scim::document::Document;
use crate::scim::index::Derived;
use crate::scim::registry::{Kind, Registry};
use crate::scim::unique::unique_values;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::resources::{self, Written, kind_from};
use crate::store::sql::{Sql, SqlId};
use crate::store::unique_values::{self, Held};
use crate::store::{Planned, Store, database_error, members, organizations};

/// Resources in one transaction.
const SLICE: i64 = 500;

/// Rebuilds what is derived; how many resources it went through. Safe while the service runs.
///
/// # Errors
/// The database's.
pub async fn reindex(store: &Store, administration: &Administration) -> Result<i64> {
    let mut swept: Option<Held> = None;
    loop {
        let service = Arc::clone(&administration.provisioning);
        swept = store.write(move |connection| sweep(connection, &service, swept.as_ref())).await?;
        if swept.is_none() {
            break;
        }
    }
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
        administration.audit(&mut batch, &By::OPERATOR, organization.id, "index.rebuilt", &json!({}));
    }
    Ok(Planned { batch, answer: () })
}

/// Where a walk over everything stands.
type Key = (OrganizationId, i64, ResourceId);

fn slice(connection: &mut Connection, service: &Service, after: Option<Key>) -> Result<Planned<(Option<Key>, i64)>> {
    let mut sql = Sql::new("SELECT organization_id, kind, id, version, document FROM resources");
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
        .load::<(SqlId, BigInt, SqlId, BigInt, Text), (OrganizationId, i64, ResourceId, i64, String)>(connection)
        .map_err(database_error)?;
    let mut batch = Batch::default();
    let mut known = Known::default();
    let mut held = Vec::new();
    for (organization, kind, id, version, document) in &rows {
        let kind = kind_from(*kind);
        let resource_type = known.registry(connection, service, *organization)?.resource_type(kind);
        let mut document = Document::from_stored(document)?;
        let forgot = document.forget_removed(resource_type);
        let derived = service.storage.derive(&document, kind)?;
        let present = resources::elements_of(connection, *organization, *id)?;
        if forgot {
            let (now, text) = (service.clock.now().to_millisecond().0, document.to_text());
            let written = Written { id: *id, kind, now, document: &text, derived: &derived };
            let before = Derived { elements: present, ..derived.clone() };
            resources::update(&mut batch, *organization, *version, written, &before);
        } else {
            resources::rederive(&mut batch, *organization, kind, (*id, *version), &derived, &present);
        }
        if kind == Kind::User {
            members::rederive(&mut batch, *organization, *id, &derived);
        }
        held.extend(unique_values(&document, resource_type).into_iter().map(|value| (*organization, *id, value)));
    }
    unique_values::put(&mut batch, &held);
    let next = rows.last().map(|(organization, kind, id, ..)| (*organization, *kind, *id));
    let done = i64::try_from(rows.len()).unwrap_or(0);
    Ok(Planned { batch, answer: (next, done) })
}

/// Removes unique values that the document of whom they are said to be does not have.
fn sweep(connection: &mut Connection, service: &Service, after: Option<&Held>) -> Result<Planned<Option<Held>>> {
    let rows = unique_values::following(connection, after, SLICE)?;
    let mut batch = Batch::default();
    let mut known = Known::default();
    for (held, document) in &rows {
        let (organization, _, value) = held;
        let user = known.registry(connection, service, *organization)?.resource_type(Kind::User);
        let document = document.as_deref().map(Document::from_stored).transpose()?;
        if !document.is_some_and(|document| unique_values(&document, user).contains(value)) {
            unique_values::remove(&mut batch, held);
        }
    }
    Ok(Planned { batch, answer: rows.into_iter().next_back().map(|(held, _)| held) })
}

/// The registry of the organization that is being walked.
#[derive(Default)]
struct Known(Option<(OrganizationId, Registry)>);

impl Known {
    fn registry(
        &mut self,
        connection: &mut Connection,
        service: &Service,
        organization: OrganizationId,
    ) -> Result<&Registry> {
        let known = self.0.take().filter(|(known, _)| *known == organization);
        let entry = match known {
            Some(entry) => entry,
            None => (organization, service.registries.current(connection, organization)?),
        };
        Ok(&self.0.insert(entry).1)
    }
}
