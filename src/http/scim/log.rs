//! What no transaction logs: reads, and what was refused before anything was planned. It is written behind the
//! answers, as far as there is room.

use std::sync::atomic::Ordering;

use actix_web::{HttpResponse, web};

use super::request::Request;
use crate::error::Result;
use crate::http::State;
use crate::id::ResourceId;
use crate::provisioning::list::Page;
use crate::provisioning::log_buffer::{Owner, Waiting};
use crate::provisioning::record::answer_to;
use crate::scim::registry::Kind;

/// What the log is to say of a read.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub(super) explanation: String,
    pub(super) kind: Option<Kind>,
    pub(super) resource: Option<ResourceId>,
    /// Whom it looked for and did not find.
    pub(super) names: Vec<String>,
}

impl Noted {
    pub(super) fn said(explanation: String) -> Self {
        Self { explanation, ..Self::default() }
    }

    /// Of a page of resources.
    pub(super) fn found(page: &Page, names: Vec<String>) -> Self {
        let explanation = format!("Found {}, answered {}.", page.total, page.resources.len());
        match page.resources.as_slice() {
            [one] => Self { kind: Some(one.kind), resource: Some(one.resource.id), ..Self::said(explanation) },
            _ => Self { names, ..Self::said(explanation) },
        }
    }
}

/// Puts a request that the log does not have where it waits to be written. A failure of ours is no refusal.
pub(super) fn write(request: &Request<'_>, state: &web::Data<State>, answered: &Result<HttpResponse>) {
    let Some(bearer) = request.credential.get() else { return };
    let status = match answered {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.status(),
    };
    if status >= 500 || request.logged.load(Ordering::Relaxed) {
        return;
    }
    let noted = match answered {
        Ok(_) => request.take_note().unwrap_or_else(|| Noted::said("Answered.".into())),
        Err(error) => Noted::said(error.detail.to_string()),
    };
    let now = state.clock.now();
    let entry = Waiting {
        id: state.ids.next(),
        at: now,
        owner: state.provisioning.bearers.owner(bearer).unwrap_or(Owner::Bearer(bearer)),
        request_id: request.id.clone(),
        client_address: request.client_address(state),
        method: request.method_name(),
        path: request.path(),
        query: request.logged_query(state),
        status,
        latency_us: (now.0 - request.started.0).max(0),
        kind: noted.kind,
        resource: noted.resource,
        explanation: noted.explanation,
        response: answered.as_ref().err().map(answer_to),
        names: noted.names,
    };
    if !state.provisioning.log_buffer.offer(entry) {
        state.metrics.provisioning_log_dropped.inc();
    }
}
