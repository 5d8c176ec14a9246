//! Bulk (RFC 7644 §3.7) as a use case: operations run in slices, a transaction each, every operation
//! in a savepoint of its own, so that one that is refused leaves the others alone.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::json;

use super::answer::Shown;
use super::authenticate::authenticate;
use super::operation::{self, Operation};
use super::users::not_found;
use super::{Call, Caller, Service, record};
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::scim::bulk::{BulkOperation, BulkRequest, Ids, Turn, Unread};
use crate::scim::registry::Kind;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{self, Planned, Store};

/// Operations in one transaction at most: others wait no longer for the lock than these take.
const SLICE: usize = 100;

/// What came of an operation.
#[derive(Clone, Debug)]
pub struct Answered {
    /// As the request has it, where it is none of ours; empty where it has none.
    pub method: Cow<'static, str>,
    pub bulk_id: Option<String>,
    pub location: Option<String>,
    /// The entity tag of what was written.
    pub version: Option<String>,
    pub status: u16,
    /// Why it was refused.
    pub error: Option<Arc<Error>>,
}

/// How far the request has come.
#[derive(Clone, Debug, Default)]
struct Progress {
    ids: Ids,
    errors: u64,
    /// Members of circles: the turn of the group that was made without them, the group, their bulkIds.
    circles: Vec<(usize, ResourceId, Vec<String>)>,
}

/// Runs a Bulk request; what came of each operation that ran, in the order of the request.
///
/// # Errors
/// `unauthorized`; `unavailable` when the database is away before anything was done.
pub async fn run(store: &Store, service: &Arc<Service>, call: &Call, request: BulkRequest) -> Result<Vec<Answered>> {
    let turns = request.turns();
    let request = Arc::new(request);
    let mut answers = vec![None; request.operations.len()];
    let mut progress = Arc::new(Progress::default());
    for turns in turns.chunks(SLICE) {
        let (service, call, wanted) = (Arc::clone(service), call.clone(), Arc::clone(&request));
        let (turns, before) = (turns.to_vec(), Arc::clone(&progress));
        let outcome =
            store.transaction(move |connection| slice(connection, &service, &call, &wanted, &turns, &before)).await;
        match outcome {
            Ok((after, answered)) => {
                progress = Arc::new(after);
                for (position, answered) in answered {
                    answers[position] = Some(answered);
                }
            }
            // What earlier slices did is committed, so the client has to learn of it.
            Err(error) if answers.iter().any(Option::is_some) => {
                stop(&request, &mut answers, error);
                break;
            }
            Err(error) => return Err(error),
        }
        if request.fail_on_errors.is_some_and(|limit| progress.errors >= limit) {
            break;
        }
    }
    close_circles(store, service, call, &progress, &mut answers).await;
    Ok(answers.into_iter().flatten().collect())
}

/// Adds the members that did not exist yet when their group was made; its answer names the version after that.
async fn close_circles(
    store: &Store,
    service: &Arc<Service>,
    call: &Call,
    progress: &Progress,
    answers: &mut [Option<Answered>],
) {
    for (position, group, bulk_ids) in &progress.circles {
        let members: Vec<_> =
            bulk_ids.iter().filter_map(|id| progress.ids.get(id)).map(|id| json!({"value": id.to_string()})).collect();
        let body = json!({"Operations": [{"op": "add", "path": "members", "value": members}]});
        let patch = Operation::Patch(*group, body.into());
        let service = Arc::clone(service);
        let call = Call { method: "PATCH", path: format!("/Groups/{group}"), ..call.clone() };
        let closed = store.write(move |connection| {
            let caller = authenticate(connection, &service, &call)?;
            operation::plan(connection, &service, &call, &caller, Kind::Group, &patch, None)
        });
        match closed.await {
            Ok(shown) => {
                if let (Some(shown), Some(answered)) = (shown, &mut answers[*position]) {
                    answered.version = Some(shown.etag());
                }
            }
            Err(error) => tracing::warn!(error = ?error, "the members of a circle were not added"),
        }
    }
}

/// Runs the operations of one transaction; how far the request has come with them, and their answers.
fn slice(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    request: &BulkRequest,
    turns: &[Turn],
    before: &Progress,
) -> Result<(Progress, Vec<(usize, Answered)>)> {
    let caller = authenticate(connection, service, call)?;
    let (mut progress, mut answers) = (before.clone(), Vec::with_capacity(turns.len()));
    for turn in turns {
        let answered = match &request.operations[turn.position] {
            Ok(wanted) => progress.one(connection, service, call, &caller, wanted, *turn)?,
            Err(unread) => {
                log(connection, service, call, &caller, None, &unread.error)?;
                Answered::unread(call, unread)
            }
        };
        progress.errors += u64::from(answered.error.is_some());
        answers.push((turn.position, answered));
        if request.fail_on_errors.is_some_and(|limit| progress.errors >= limit) {
            break;
        }
    }
    Ok((progress, answers))
}

/// Answers what has not run with what stood in its way.
fn stop(request: &BulkRequest, answers: &mut [Option<Answered>], error: Error) {
    let error = Arc::new(error);
    for (answer, wanted) in answers.iter_mut().zip(&request.operations) {
        if let (None, Ok(wanted)) = (&answer, wanted) {
            let (method, bulk_id) = (wanted.method.into(), wanted.bulk_id.clone());
            *answer = Some(Answered::refused(method, bulk_id, None, Arc::clone(&error)));
        }
    }
}

impl Progress {
    /// Performs one operation; the error is one that ends the slice.
    fn one(
        &mut self,
        connection: &mut Connection,
        service: &Service,
        call: &Call,
        caller: &Caller,
        wanted: &BulkOperation,
        turn: Turn,
    ) -> Result<Answered> {
        let path = wanted.resolved_path(&self.ids);
        let call = Call { method: wanted.method, path: path.clone(), started: service.clock.now(), ..call.clone() };
        let mut without = None;
        let later =
            if turn.circular { without.insert(wanted.clone()).take_unknown_members(&self.ids) } else { Vec::new() };
        let wanted = without.as_ref().unwrap_or(wanted);
        let (kind, operation, status) = match read(wanted, &path, &self.ids) {
            Ok(read) => read,
            Err(error) => return refuse(connection, service, &call, caller, wanted, None, error),
        };
        let version = wanted.version.as_deref();
        let done = store::nested(connection, |connection| {
            operation::plan(connection, service, &call, caller, kind, &operation, version)
        });
        match done {
            Ok(shown) => Ok(self.succeeded(&call, wanted, status, shown, (turn.position, later))),
            Err(error) if error.status() >= 500 => Err(error),
            Err(error) => refuse(connection, service, &call, caller, wanted, Some((kind, &operation)), error),
        }
    }

    fn succeeded(
        &mut self,
        call: &Call,
        wanted: &BulkOperation,
        status: u16,
        shown: Option<Shown>,
        (position, later): (usize, Vec<String>),
    ) -> Answered {
        let location = match &shown {
            Some(shown) => shown.location(&call.base),
            None => format!("{}{}", call.base, call.path),
        };
        let version = shown.as_ref().map(Shown::etag);
        if let Some(shown) = shown {
            if !later.is_empty() {
                self.circles.push((position, shown.resource.id, later));
            }
            if let ("POST", true, Some(bulk_id)) = (wanted.method, wanted.is_referred_to, &wanted.bulk_id) {
                self.ids.insert(bulk_id.clone(), shown.resource.id);
            }
        }
        Answered {
            method: wanted.method.into(),
            bulk_id: wanted.bulk_id.clone(),
            location: Some(location),
            version,
            status,
            error: None,
        }
    }
}

impl Answered {
    fn refused(
        method: Cow<'static, str>,
        bulk_id: Option<String>,
        location: Option<String>,
        error: Arc<Error>,
    ) -> Self {
        Self { method, bulk_id, location, version: None, status: error.status(), error: Some(error) }
    }

    /// Even so it names its method, its bulkId and, but for a POST, its location (RFC 7644 §3.7.3).
    fn unread(call: &Call, unread: &Unread) -> Self {
        let method = unread.method.clone().unwrap_or_default();
        let path = unread.path.as_ref().filter(|_| !method.eq_ignore_ascii_case("POST"));
        let location = path.map(|path| format!("{}{path}", call.base));
        Self::refused(method.into(), unread.bulk_id.clone(), location, Arc::clone(&unread.error))
    }
}

/// What an operation asks for, and the status of its success.
fn read(wanted: &BulkOperation, path: &str, ids: &Ids) -> Result<(Kind, Operation, u16)> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (name, id) = segments.split_first().map_or(("", &[][..]), |(name, id)| (*name, id));
    let known = Kind::ALL.into_iter().find(|kind| kind.endpoint().trim_start_matches('/') == name);
    // What a request of its own would be answered (RFC 7644 §3.7.3).
    let kind = known
        .ok_or_else(|| Error::new(Code::NotFound, format!("There is no endpoint /{name}; use /Users or /Groups.")))?;
    let invalid =
        || Error::new(Code::InvalidPath, format!("The path \"{}\" does not fit {}.", wanted.path, wanted.method));
    let data = wanted.resolved_data(ids)?;
    match (wanted.method, id) {
        ("POST", []) => Ok((kind, Operation::Create(data), 201)),
        (method, [id]) if method != "POST" => {
            let id: ResourceId = id.parse().map_err(|_| not_found(id))?;
            Ok(match method {
                "PUT" => (kind, Operation::Replace(id, data), 200),
                "PATCH" => (kind, Operation::Patch(id, data), 200),
                _ => (kind, Operation::Delete(id), 204),
            })
        }
        _ => Err(invalid()),
    }
}

fn refuse(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    wanted: &BulkOperation,
    operation: Option<(Kind, &Operation)>,
    error: Error,
) -> Result<Answered> {
    log(connection, service, call, caller, operation, &error)?;
    let location = (wanted.method != "POST").then(|| format!("{}{}", call.base, call.path));
    Ok(Answered::refused(wanted.method.into(), wanted.bulk_id.clone(), location, Arc::new(error)))
}

/// A refused operation is logged in the slice's transaction like one that succeeded.
fn log(
    connection: &mut Connection,
    service: &Service,
    call: &Call,
    caller: &Caller,
    operation: Option<(Kind, &Operation)>,
    error: &Error,
) -> Result<()> {
    let (kind, target) = operation.map_or((None, None), |(kind, operation)| (Some(kind), operation.target()));
    store::run(connection, |_| {
        let mut batch = Batch::default();
        record::refusal(&mut batch, service, call, caller, kind, target, error);
        Ok(Planned { batch, answer: () })
    })
}
