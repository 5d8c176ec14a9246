//! The provisioning log as it is written (floor 2): in the transaction of what it tells of.

use super::batch::Batch;
use super::sql::{Rows, Type};
use crate::id::{EventId, OrganizationId, ResourceId, TokenId};

/// One operation an identity provider asked for and what came of it. Times are [`crate::clock::Timestamp`]s: microseconds.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub id: EventId,
    pub at: i64,
    pub token: TokenId,
    pub token_name: &'a str,
    pub request_id: &'a str,
    pub client_address: Option<&'a str>,
    pub method: &'a str,
    pub path: &'a str,
    /// Without secrets, as all that was said.
    pub query: Option<&'a str>,
    pub request: Option<&'a str>,
    /// Where it is not the resource after a write.
    pub response: Option<&'a str>,
    pub status: i64,
    pub latency_us: i64,
    pub resource_kind: Option<i64>,
    pub resource_id: Option<ResourceId>,
    pub explanation: &'a str,
    pub before: Option<&'a str>,
    pub after: Option<&'a str>,
}

/// Appends an entry to the provisioning log.
pub fn insert(batch: &mut Batch, organization: OrganizationId, entry: &Entry<'_>) {
    batch.insert(Rows {
        insert: "INSERT INTO provisioning_log (organization_id, id, at, token_id, token_name, request_id, client_address, method, path, query, \
                 request, response, status, latency_us, resource_kind, resource_id, explanation, before, after)",
        types: &[
            Type::Id,
            Type::Id,
            Type::Integer,
            Type::Id,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Text,
            Type::Integer,
            Type::Integer,
            Type::Integer,
            Type::Id,
            Type::Text,
            Type::Text,
            Type::Text,
        ],
        conflict: "",
        rows: vec![vec![
            organization.into(),
            entry.id.into(),
            entry.at.into(),
            entry.token.into(),
            entry.token_name.into(),
            entry.request_id.into(),
            entry.client_address.into(),
            entry.method.into(),
            entry.path.into(),
            entry.query.into(),
            entry.request.into(),
            entry.response.into(),
            entry.status.into(),
            entry.latency_us.into(),
            entry.resource_kind.into(),
            entry.resource_id.into(),
            entry.explanation.into(),
            entry.before.into(),
            entry.after.into(),
        ]],
    });
}

/// Notes whom an entry names that its resource does not tell.
pub fn insert_names(batch: &mut Batch, organization: OrganizationId, entry: EventId, names: &[String]) {
    batch.insert(Rows {
        insert: "INSERT INTO provisioning_log_names (organization_id, log_id, name_key)",
        types: &[Type::Id, Type::Id, Type::Text],
        conflict: "",
        rows: names.iter().map(|name| vec![organization.into(), entry.into(), name.as_str().into()]).collect(),
    });
}
