//! Writes: POST, PUT, PATCH, DELETE of a resource. A refusal is logged like a success.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::Value;

use super::query::{Parameters, wanted_relations};
use super::request::Request;
use super::respond;
use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::id::ResourceId;
use crate::provisioning::answer::{Relations, Shown};
use crate::provisioning::authenticate::authenticate;
use crate::provisioning::newcomers::{self, Turn};
use crate::provisioning::operation::{self, Operation};
use crate::provisioning::{Call, Caller, Planned, groups, presumption, record, users};
use crate::scim::project::Projection;
use crate::scim::registry::Kind;
use crate::store::batch::Batch;
use crate::store::connection::Connection;

/// What came of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) caller: Caller,
    /// `None` after a deletion.
    pub(super) shown: Option<Shown>,
}

/// What must be so for a change to be done (RFC 7644 §3.14).
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// `If-Match`.
    matches: Option<String>,
    /// `If-None-Match`.
    matches_none: Option<String>,
}

pub(super) async fn create(
    request: &mut Request<'_>,
    state: &web::Data<State>,
    mut call: Call,
    kind: Kind,
) -> Result<HttpResponse> {
    let mut parameters = Parameters::of_write(request.query())?;
    call.ignored_parameters = std::mem::take(&mut parameters.ignored);
    let body = Arc::new(body(request, state, &call).await?);
    call.body = Some(Arc::clone(&body));
    let done = perform(state, call, kind, Operation::Create(Arc::clone(&body)), Conditions::default()).await?;
    answer(201, state, &parameters, &body, kind, done).await
}

pub(super) async fn change(
    request: &mut Request<'_>,
    state: &web::Data<State>,
    mut call: Call,
    kind: Kind,
    id: &str,
) -> Result<HttpResponse> {
    let mut parameters = Parameters::of_write(request.query())?;
    call.ignored_parameters = std::mem::take(&mut parameters.ignored);
    let conditions = Conditions { matches: request.if_match(), matches_none: request.if_none_match() };
    let Ok(id) = id.parse::<ResourceId>() else {
        request.authenticate(state, &call).await?;
        return Err(users::not_found(id));
    };
    let body = match request.method.as_str() {
        "DELETE" => Arc::default(),
        _ => Arc::new(body(request, state, &call).await?),
    };
    call.body = (request.method != Method::DELETE).then(|| Arc::clone(&body));
    let operation = match request.method.as_str() {
        "DELETE" => Operation::Delete(id),
        "PUT" => Operation::Replace(id, Arc::clone(&body)),
        _ => Operation::Patch(id, Arc::clone(&body)),
    };
    let patches_group = kind == Kind::Group && matches!(operation, Operation::Patch(..));
    let done = perform(state, call, kind, operation, conditions).await?;
    if patches_group && !parameters.asks_for_attributes() {
        let mut response = respond::empty(204);
        if let Some(shown) = &done.shown
            && let Ok(tag) = shown.etag().parse()
        {
            response.headers_mut().insert(actix_web::http::header::ETAG, tag);
        }
        return Ok(response);
    }
    answer(200, state, &parameters, &body, kind, done).await
}

async fn answer(
    status: u16,
    state: &web::Data<State>,
    parameters: &Parameters,
    body: &Value,
    kind: Kind,
    done: Done,
) -> Result<HttpResponse> {
    let Some(mut shown) = done.shown else { return Ok(respond::empty(204)) };
    let resource_type = done.caller.registry.resource_type(kind);
    let projection: Projection = parameters.projection(&done.caller, kind).with_written(body, resource_type);
    let relations = wanted_relations(&projection, &done.caller, kind);
    // A change of members does not read them and a creation not their names; an answer that shows them does.
    let enough = if status == 201 { Relations::Shown } else { Relations::None };
    if kind == Kind::Group && relations != Relations::None && relations != enough {
        let (caller, id) = (done.caller.clone(), shown.resource.id);
        shown = state.store.read(move |connection| groups::get(connection, &caller, id, relations)).await?;
    }
    respond::resource(status, state, done.caller.organization, &done.caller.registry, &shown, &projection)
}

/// The body; a client without credentials learns that before anything about its body.
async fn body(request: &mut Request<'_>, state: &web::Data<State>, call: &Call) -> Result<Value> {
    match request.json(state).await {
        Ok(body) => Ok(body),
        Err(error) => {
            request.authenticate(state, call).await?;
            log_refusal(state, call.clone(), &error, None, None).await;
            Err(error)
        }
    }
}

/// Performs one operation, and logs it whether it succeeds or is refused.
pub(super) async fn perform(
    state: &web::Data<State>,
    call: Call,
    kind: Kind,
    operation: Operation,
    conditions: Conditions,
) -> Result<Done> {
    let id = operation.target();
    let creates_user = kind == Kind::User && matches!(operation, Operation::Create(_));
    let (shared, log_call, bearer) = (state.clone(), call.clone(), call.credential);
    let _lead = if creates_user && conditions.matches_none.is_none() {
        match newcomers::create(&state.store, &state.provisioning, &call).await {
            Turn::Together(caller, shown) => return Ok(Done { caller, shown: Some(shown) }),
            Turn::Alone(lead) => lead,
        }
    } else {
        None
    };
    // What is presumed once and does not hold is not presumed again.
    let presumable = AtomicBool::new(conditions.matches_none.is_none());
    let outcome = state
        .store
        .write(move |connection| {
            let service = &shared.provisioning;
            let if_match = conditions.matches.as_deref();
            if presumable.swap(false, Ordering::Relaxed)
                && let Some(planned) = presumption::plan(connection, service, &call, kind, &operation, if_match)
            {
                let (caller, shown) = planned.answer;
                return Ok(Planned { batch: planned.batch, answer: Done { caller, shown } });
            }
            let caller = authenticate(connection, service, &call)?;
            if let (Some(unwanted), Some(id)) = (&conditions.matches_none, operation.target()) {
                refuse_matching(connection, &caller, kind, id, unwanted)?;
            }
            let planned = operation::plan(connection, service, &call, &caller, kind, &operation, if_match)?;
            Ok(Planned { batch: planned.batch, answer: Done { caller, shown: planned.answer } })
        })
        .await;
    if creates_user {
        let was_new = |done: &Done| done.shown.as_ref().is_some_and(|shown| shown.resource.version == 1);
        state.provisioning.bearers.learn(bearer, outcome.as_ref().is_ok_and(was_new));
    }
    if let Err(error) = &outcome
        && error.code != Code::Unauthorized
        && error.status() < 500
    {
        log_refusal(state, log_call, error, Some(kind), id).await;
    }
    outcome
}

/// Refuses a change of a resource that is as `If-None-Match` says it must not be (RFC 9110 §13.1.2).
fn refuse_matching(
    connection: &mut Connection,
    caller: &Caller,
    kind: Kind,
    id: ResourceId,
    unwanted: &str,
) -> Result<()> {
    let shown = match kind {
        Kind::User => users::get(connection, caller, id, true)?,
        Kind::Group => groups::get(connection, caller, id, Relations::None)?,
    };
    if shown.is_named_by(unwanted) {
        return Err(Error::new(
            Code::PreconditionFailed,
            format!("The resource is at version {}, which If-None-Match names.", shown.etag()),
        ));
    }
    Ok(())
}

async fn log_refusal(state: &web::Data<State>, call: Call, error: &Error, kind: Option<Kind>, id: Option<ResourceId>) {
    let shared = state.clone();
    let (code, detail) = (error.code, error.detail.clone());
    let logged = state
        .store
        .write(move |connection| {
            let caller = authenticate(connection, &shared.provisioning, &call)?;
            let mut batch = Batch::default();
            record::refusal(
                &mut batch,
                &shared.provisioning,
                &call,
                &caller,
                kind,
                id,
                &Error::new(code, detail.clone()),
            );
            Ok(Planned { batch, answer: () })
        })
        .await;
    if let Err(error) = logged {
        tracing::warn!(error = ?error, "a refusal was not logged");
    }
}
