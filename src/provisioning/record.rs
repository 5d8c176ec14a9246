//! Every write and every refusal leaves a trace: the provisioning log with what undo needs, and
//! the audit trail, in the transaction of the write itself.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use super::{Call, Caller, Service, names};
use crate::error::{Code, Error};
use crate::id::{EventId, ResourceId};
use crate::scim::message;
use crate::scim::registry::{Kind, Registry};
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
    /// The error that is answered.
    pub refused: Option<Code>,
    /// Whom it names that the resource does not tell.
    pub names: &'a [String],
}

/// Bytes of a request's body that are kept.
const LONGEST_REQUEST: usize = 4_096;
/// Bytes of a query string.
const LONGEST_QUERY: usize = 1_000;
/// Bytes of a path.
const LONGEST_PATH: usize = 300;
/// Bytes of a sentence.
const LONGEST_SENTENCE: usize = 2_000;

/// Adds the log entry of an operation, and the audit event when something changed.
pub fn record(batch: &mut Batch, service: &Service, call: &Call, caller: &Caller, outcome: Outcome<'_>) {
    let said = Said::new(&caller.registry, &call.path, &call.query, outcome.explanation);
    let explanation = explain(call, &said.sentence);
    let now = service.clock.now();
    let id: EventId = service.ids.next();
    let request = call.body.as_ref().map(|body| caller.registry.redaction().json(body, LONGEST_REQUEST));
    let address = call.client_address.map(|address| address.to_string());
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
            client_address: address.as_deref(),
            method: call.method,
            path: &said.path,
            query: said.query.as_deref(),
            request: request.as_deref(),
            response: outcome.refused.map(|code| said.answer(code)).as_deref(),
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
                address: address.as_deref(),
                detail: &explanation,
            },
        );
    }
}

/// What a request said and was told, as the log keeps it: without secrets, and not without end.
#[derive(Debug)]
pub(super) struct Said<'s> {
    pub(super) path: Cow<'s, str>,
    pub(super) query: Option<String>,
    pub(super) sentence: Cow<'s, str>,
}

impl<'s> Said<'s> {
    pub(super) fn new(registry: &Registry, path: &'s str, query: &str, sentence: &'s str) -> Self {
        let redaction = registry.redaction();
        let parameters = form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>();
        Self {
            path: storable(redaction.text(&path[..path.floor_char_boundary(LONGEST_PATH)])),
            query: (!query.is_empty())
                .then(|| storable(redaction.query(&parameters, LONGEST_QUERY).into()).into_owned()),
            sentence: storable(redaction.sentence(sentence, LONGEST_SENTENCE)),
        }
    }

    /// The body of an error's answer.
    pub(super) fn answer(&self, code: Code) -> String {
        let row = code.row();
        message::error(row.status, row.scim_type, &self.sentence).to_string()
    }
}

/// The text with U+FFFD for each NUL, which PostgreSQL has no place for: an entry would be lost by it.
fn storable(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { text }
}

/// The explanation with what was ignored of the request's query.
fn explain<'e>(call: &Call, explanation: &'e str) -> Cow<'e, str> {
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
        refused: Some(error.code),
        names: &names,
    };
    record(batch, service, call, caller, outcome);
}
