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
use crate::scim::registry::Kind;

/// What the log is to say of a read.
#[derive(Debug)]
pub(super) enum Noted {
    Read(Kind, ResourceId),
    /// A query, and the one resource that it found.
    Found {
        total: i64,
        answered: usize,
        one: Option<(Kind, ResourceId)>,
        filter: Option<String>,
    },
}

impl Noted {
    /// Of a page of resources.
    pub(super) fn found(page: &Page, filter: Option<String>) -> Self {
        let one = match page.resources.as_slice() {
            [one] => Some((one.kind, one.resource.id)),
            _ => None,
        };
        Self::Found { total: page.total, answered: page.resources.len(), one, filter }
    }

    fn explanation(&self) -> String {
        match self {
            Self::Read(..) => "Read.".into(),
            Self::Found { total, answered, .. } => format!("Found {total}, answered {answered}."),
        }
    }

    const fn resource(&self) -> Option<(Kind, ResourceId)> {
        match self {
            Self::Read(kind, id) => Some((*kind, *id)),
            Self::Found { one, .. } => *one,
        }
    }

    /// The filter of who was looked for and not found.
    fn filter(self) -> Option<String> {
        match self {
            Self::Found { one: None, filter, .. } => filter,
            _ => None,
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
    let (now, service) = (state.clock.now(), &state.provisioning);
    let entry = || {
        let noted = request.take_note();
        let explanation = match answered {
            Ok(_) => noted.as_ref().map_or_else(|| "Answered.".into(), Noted::explanation),
            Err(error) => error.detail.to_string(),
        };
        Waiting {
            id: state.ids.next(),
            at: now,
            owner: service.bearers.owner(bearer).unwrap_or(Owner::Bearer(bearer)),
            request_id: request.id.clone(),
            client_address: request.client_address(state),
            method: request.method_name(),
            path: request.path(),
            query: request.query().to_owned(),
            status,
            latency_us: (now.0 - request.started.0).max(0),
            resource: noted.as_ref().and_then(Noted::resource),
            explanation,
            refused: answered.as_ref().err().map(|error| error.code),
            filter: noted.and_then(Noted::filter),
        }
    };
    if !service.log_buffer.offer(service.bearers.organization(bearer), status, now, entry) {
        state.metrics.provisioning_log_dropped.inc();
    }
}
