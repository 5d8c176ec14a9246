//! One round trip instead of three, where the database is one away (PostgreSQL): what is asked is done
//! for the caller this process knew a moment ago, and the statement that does it proves the caller.
//!
//! Nobody is let in by what is remembered: where the proof fails nothing is done, and where a request
//! is refused it is answered the ordinary way, to whoever the database says is asking.

use super::answer::Shown;
use super::authenticate::admit;
use super::operation::{self, Operation};
use super::{Call, Caller, Planned, Service, users};
use crate::id::ResourceId;
use crate::scim::registry::Kind;
use crate::store::connection::Connection;
use crate::store::provisioning_tokens;

/// Plans a write; `None` where it has to be planned the ordinary way.
pub fn plan(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    kind: Kind,
    operation: &Operation,
    if_match: Option<&str>,
) -> Option<Planned<(Caller, Option<Shown>)>> {
    // There a look is cheap, and the writer has no time for proofs.
    if connection.is_sqlite() {
        return None;
    }
    let known = service.bearers.recent(call.credential, call.started)?;
    let caller = admit(connection, service, call, &known.credential).ok()?;
    let planned = match operation {
        Operation::Create(body) if kind == Kind::User && known.brings_newcomers => {
            let Planned { batch, answer } = users::create_new(service, call, &caller, body).ok()?;
            Planned { batch, answer: Some(answer) }
        }
        _ => operation::plan(connection, service, call, &caller, kind, operation, if_match).ok()?,
    };
    let Planned { mut batch, answer } = planned;
    batch.expect(1, provisioning_tokens::unchanged(call.credential, &known.credential));
    Some(Planned { batch, answer: (caller, answer) })
}

/// Gets a User; `None` where it has to be got the ordinary way.
pub fn get(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    id: ResourceId,
    with_groups: impl FnOnce(&Caller) -> bool,
) -> Option<(Caller, Shown)> {
    if connection.is_sqlite() {
        return None;
    }
    let known = service.bearers.recent(call.credential, call.started)?;
    let caller = admit(connection, service, call, &known.credential).ok()?;
    let proof = provisioning_tokens::unchanged(call.credential, &known.credential);
    let shown = users::find(connection, &caller, id, with_groups(&caller), Some(proof)).ok()??;
    Some((caller, shown))
}
