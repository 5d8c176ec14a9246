//! Requests to be let in (floor 2), by people whose domain leaves it to an admin.

use super::batch::Batch;
use super::sql::{Rows, Type};
use crate::id::{IdentityId, OrganizationId};

/// Somebody who asks.
#[derive(Clone, Debug)]
pub struct Request {
    pub identity: IdentityId,
    pub address: String,
    pub address_key: String,
    pub name: Option<String>,
    pub requested_at: i64,
}

/// Notes a request; who asks again has asked already.
pub fn insert(batch: &mut Batch, organization: OrganizationId, request: &Request) {
    batch.insert(Rows {
        insert: "INSERT INTO join_requests (organization_id, identity_id, address, address_key, name, requested_at)",
        types: &[Type::Id, Type::Id, Type::Text, Type::Text, Type::Text, Type::Integer],
        conflict: "ON CONFLICT DO NOTHING",
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
