//! One write of a resource, the same whether it comes as a request of its own or inside a Bulk.

use std::sync::Arc;

use serde_json::Value;

use super::answer::Shown;
use super::{Call, Caller, Planned, Service, groups, users};
use crate::error::Result;
use crate::id::ResourceId;
use crate::scim::registry::Kind;
use crate::store::connection::Connection;

/// What to do to a resource.
#[derive(Clone, Debug)]
pub enum Operation {
    /// POST (RFC 7644 §3.3).
    Create(Arc<Value>),
    /// PUT (§3.5.1).
    Replace(ResourceId, Arc<Value>),
    /// PATCH (§3.5.2).
    Patch(ResourceId, Arc<Value>),
    /// DELETE (§3.6).
    Delete(ResourceId),
}

impl Operation {
    /// The resource it is about, if that exists before it.
    #[must_use]
    pub const fn target(&self) -> Option<ResourceId> {
        match self {
            Self::Create(_) => None,
            Self::Replace(id, _) | Self::Patch(id, _) | Self::Delete(id) => Some(*id),
        }
    }
}

/// Plans an operation; the answer is `None` after a deletion.
///
/// # Errors
/// Those of the use case.
pub fn plan(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    kind: Kind,
    operation: &Operation,
    if_match: Option<&str>,
) -> Result<Planned<Option<Shown>>> {
    let shown = match (kind, operation) {
        (Kind::User, Operation::Create(body)) => users::create(connection, service, call, caller, body)?,
        (Kind::User, Operation::Replace(id, body)) => {
            users::replace(connection, service, call, caller, *id, body, if_match)?
        }
        (Kind::User, Operation::Patch(id, body)) => {
            users::patch(connection, service, call, caller, *id, body, if_match)?
        }
        (Kind::Group, Operation::Create(body)) => groups::create(connection, service, call, caller, body)?,
        (Kind::Group, Operation::Replace(id, body)) => {
            groups::replace(connection, service, call, caller, *id, body, if_match)?
        }
        (Kind::Group, Operation::Patch(id, body)) => {
            groups::patch(connection, service, call, caller, *id, body, if_match)?
        }
        (_, Operation::Delete(id)) => {
            let gone = match kind {
                Kind::User => users::delete(connection, service, call, caller, *id, if_match)?,
                Kind::Group => groups::delete(connection, service, call, caller, *id, if_match)?,
            };
            return Ok(Planned { batch: gone.batch, answer: None });
        }
    };
    Ok(Planned { batch: shown.batch, answer: Some(shown.answer) })
}
