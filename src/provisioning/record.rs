//! Every write and every refusal leaves a trace: the provisioning log with what undo needs, and
//! the audit trail, in the transaction of the write itself.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use super::{Call, Caller, Service, names};
use crate::error::Error;
use crate::id::{EventId, ResourceId};
use crate::scim::message;
use crate::scim::redact::Redaction;
use crate::scim::registry::Kind;
use crate::store::audit_events::{self, Event};
use crate::store::batch::Batch;
use crate::store::provisioning_log::{self, Entry};
use crate::store::resources::kind_number;

/// What came of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    pub status: u16,
    pub action: &'a str,
    pub kind: Option<Kind>,
    pub resource: Option<ResourceId>,
    /// In words for the organization's own admin.
    pub explanation: &'a str,
    pub before: Option<&'a str>,
    pub after: Option<&'a str>,
    /// The answer, where it is not the resource.
    pub response: Option<&'a str>,
    /// Whom it names that the resource does not tell.
    pub names: &'a [String],
}

/// Bytes of a request's body that are kept.
const LONGEST_REQUEST: usize = 4_096;

/// Adds the log entry of an operation, and the audit event when something changed.
pub fn record(batch: &mut Batch, service: &Service, call: &Call, caller: &Caller, outcome: Outcome<'_>) {
    let explanation = explain(call, outcome.explanation);
    let now = service.clock.now();
    let id: EventId = service.ids.next();
    let request = call.body.as_ref().map(|body| Redaction::by(&caller.registry).json(body, LONGEST_REQUEST));
    call.logged.store(true, Ordering::Relaxed);
    provisioning_log::insert_names(batch, caller.organization, id, outcome.names);
    provisioning_log::insert(
        batch,
        caller.organization,
        &Entry {
            id,
            at: now.0,
            token: caller.token,
            token_name: &caller.token_name,
            request_id: &call.request_id,
            client_address: call.client_address.as_deref(),
            method: call.method,
            path: &call.path,
            query: call.query.as_deref(),
            request: request.as_deref(),
            response: outcome.response,
            status: i64::from(outcome.status),
            // The clock may have stepped back meanwhile.
            latency_us: (now.0 - call.started.0).max(0),
            resource_kind: outcome.kind.map(kind_number),
            resource_id: outcome.resource,
            explanation: &explanation,
            before: outcome.before,
            after: outcome.after,
        },
    );
    if outcome.status < 400 {
        audit_events::insert(
            batch,
            caller.organization,
            &Event {
                id,
                at: now.0,
                actor: "provisioning",
                action: outcome.action,
                target_kind: outcome.kind.map_or("", Kind::name),
                target_id: outcome.resource,
                request_id: Some(&call.request_id),
                address: call.client_address.as_deref(),
                detail: &explanation,
            },
        );
    }
}

/// The body of an error's answer.
#[must_use]
pub fn answer_to(error: &Error) -> String {
    let row = error.code.row();
    message::error(row.status, row.scim_type, &error.detail).to_string()
}

/// The explanation with what was ignored of the request's query.
fn explain<'a>(call: &Call, explanation: &'a str) -> Cow<'a, str> {
    if call.ignored_parameters.is_empty() {
        return Cow::Borrowed(explanation);
    }
    Cow::Owned(format!("{explanation} Ignored query parameters: {}.", call.ignored_parameters.join(", ")))
}

/// Adds the log entry of a refused operation.
pub fn refusal(
    batch: &mut Batch,
    service: &Service,
    call: &Call,
    caller: &Caller,
    kind: Option<Kind>,
    resource: Option<ResourceId>,
    error: &Error,
) {
    let names = match (kind, resource, &call.body) {
        (Some(Kind::User) | None, None, Some(body)) => names::of_body(body),
        _ => Vec::new(),
    };
    let outcome = Outcome {
        status: error.status(),
        action: "refused",
        kind,
        resource,
        explanation: &error.detail,
        before: None,
        after: None,
        response: Some(&answer_to(error)),
        names: &names,
    };
    record(batch, service, call, caller, outcome);
}
