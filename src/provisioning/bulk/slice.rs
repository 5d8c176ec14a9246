//! One slice of a Bulk request: what of it needs no database is read first; then its operations run
//! one after the other in the caller's transaction, and Users nobody has yet in one go.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Answered, SLICE};
use crate::error::{Code, Error, Result};
use crate::id::ResourceId;
use crate::provisioning::answer::Shown;
use crate::provisioning::authenticate::authenticate;
use crate::provisioning::operation::{self, Operation};
use crate::provisioning::users::{self, Newcomer, not_found};
use crate::provisioning::{Call, Caller, Service, record};
use crate::scim::bulk::{BulkOperation, BulkRequest, Ids, Turn};
use crate::scim::registry::{Kind, Registry};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{self, Planned};

/// How far the request has come.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) ids: Ids,
    errors: u64,
    /// Members of circles: the turn of the group that was made without them, the group, their bulkIds.
    pub(super) circles: Vec<(usize, ResourceId, Vec<String>)>,
    /// How many Users are created in one go: all of them until one is not new, then few again, so that
    /// a request of Users who are there already looks them up twice at most.
    reach: usize,
}

impl Default for Progress {
    fn default() -> Self {
        Self { ids: Ids::default(), errors: 0, circles: Vec::new(), reach: SLICE }
    }
}

impl Progress {
    /// Whether the client wants no more to be done (RFC 7644 §3.7 "failOnErrors").
    pub(super) fn is_enough(&self, request: &BulkRequest) -> bool {
        request.fail_on_errors.is_some_and(|limit| self.errors >= limit)
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

/// The operations of one transaction.
pub(super) struct Slice {
    service: Arc<Service>,
    call: Call,
    /// What the newcomers were read by.
    registry: Arc<Registry>,
    request: Arc<BulkRequest>,
    turns: Vec<Turn>,
    /// The Users to create, by their positions.
    newcomers: HashMap<usize, Newcomer>,
}

impl Slice {
    /// Reads what needs no database. What cannot be read is left to its turn, which refuses it.
    pub(super) fn read(
        service: Arc<Service>,
        call: Call,
        registry: Arc<Registry>,
        request: Arc<BulkRequest>,
        turns: Vec<Turn>,
    ) -> Self {
        let newcomer = |turn: &Turn| {
            let wanted = request.operations[turn.position].as_ref().ok()?;
            match read(wanted, &wanted.path, &Ids::default()) {
                Ok((Kind::User, Operation::Create(body), _)) => {
                    let newcomer = Newcomer::read(&service, registry.resource_type(Kind::User), &body).ok()?;
                    Some((turn.position, newcomer))
                }
                _ => None,
            }
        };
        let newcomers = turns.iter().filter_map(newcomer).collect();
        Self { service, call, registry, request, turns, newcomers }
    }

    /// Runs the operations; how far the request has come with them, and their answers by position.
    pub(super) fn run(
        &self,
        connection: &mut Connection,
        before: &Progress,
    ) -> Result<(Progress, Vec<(usize, Answered)>)> {
        let caller = authenticate(connection, &self.service, &self.call)?;
        let (mut progress, mut answers) = (before.clone(), Vec::with_capacity(self.turns.len()));
        let mut left = self.turns.as_slice();
        while let (Some(turn), false) = (left.first(), progress.is_enough(&self.request)) {
            let mut answered = self.create_many(connection, &caller, left, &mut progress)?;
            if answered.is_empty() {
                answered.push(self.one(connection, &caller, *turn, &mut progress)?);
            }
            let (done, later) = left.split_at(answered.len());
            answers.extend(done.iter().map(|turn| turn.position).zip(answered));
            left = later;
        }
        Ok((progress, answers))
    }

    /// Creates the Users that come next, as many as are new; none where a single one comes.
    fn create_many(
        &self,
        connection: &mut Connection,
        caller: &Caller,
        turns: &[Turn],
        progress: &mut Progress,
    ) -> Result<Vec<Answered>> {
        // The organization's schemas may have changed since.
        if !Arc::ptr_eq(&self.registry, &caller.registry) {
            return Ok(Vec::new());
        }
        let newcomer = |turn: &Turn| {
            let newcomer = self.newcomers.get(&turn.position)?;
            let wanted = self.request.operations[turn.position].as_ref().ok()?;
            Some((wanted, turn.position, newcomer))
        };
        let next: Vec<_> = turns.iter().take(progress.reach).map_while(newcomer).collect();
        if next.len() < 2 {
            return Ok(Vec::new());
        }
        let calls: Vec<_> = next.iter().map(|(wanted, ..)| self.call_of(wanted, wanted.path.clone())).collect();
        let newcomers: Vec<_> = calls.iter().zip(&next).map(|(call, (.., newcomer))| (call, *newcomer)).collect();
        let made =
            store::nested(connection, |connection| users::create_many(connection, &self.service, caller, &newcomers))?;
        progress.reach = if made.len() == next.len() { SLICE.min(2 * progress.reach) } else { 1 };
        let answered = made.into_iter().zip(next).zip(&calls);
        Ok(answered
            .map(|((shown, (wanted, position, _)), call)| {
                progress.succeeded(call, wanted, 201, Some(shown), (position, Vec::new()))
            })
            .collect())
    }

    /// Runs one operation; the error is one that ends the slice.
    fn one(
        &self,
        connection: &mut Connection,
        caller: &Caller,
        turn: Turn,
        progress: &mut Progress,
    ) -> Result<Answered> {
        let outcome = match &self.request.operations[turn.position] {
            Ok(wanted) => self.perform(connection, caller, wanted, turn, progress),
            Err(unread) => {
                self.log(connection, &self.call, caller, None, &unread.error)?;
                Ok(Answered::unread(&self.call, unread))
            }
        };
        if outcome.as_ref().is_ok_and(|answered| answered.error.is_none()) {
            progress.reach = SLICE.min(2 * progress.reach);
        } else {
            progress.errors += 1;
        }
        outcome
    }

    fn perform(
        &self,
        connection: &mut Connection,
        caller: &Caller,
        wanted: &BulkOperation,
        turn: Turn,
        progress: &mut Progress,
    ) -> Result<Answered> {
        let call = self.call_of(wanted, wanted.resolved_path(&progress.ids));
        let mut without = None;
        let later =
            if turn.circular { without.insert(wanted.clone()).take_unknown_members(&progress.ids) } else { Vec::new() };
        let wanted = without.as_ref().unwrap_or(wanted);
        let (kind, operation, status) = match read(wanted, &call.path, &progress.ids) {
            Ok(read) => read,
            Err(error) => return self.refuse(connection, &call, caller, wanted, None, error),
        };
        let version = wanted.version.as_deref();
        let done = store::nested(connection, |connection| {
            operation::plan(connection, &self.service, &call, caller, kind, &operation, version)
        });
        match done {
            Ok(shown) => Ok(progress.succeeded(&call, wanted, status, shown, (turn.position, later))),
            Err(error) if error.status() >= 500 => Err(error),
            Err(error) => self.refuse(connection, &call, caller, wanted, Some((kind, &operation)), error),
        }
    }

    /// The operation as a request of its own.
    fn call_of(&self, wanted: &BulkOperation, path: String) -> Call {
        let body = (wanted.method != "DELETE").then(|| Arc::clone(&wanted.data));
        Call { method: wanted.method, path, body, started: self.service.clock.now(), ..self.call.clone() }
    }

    fn refuse(
        &self,
        connection: &mut Connection,
        call: &Call,
        caller: &Caller,
        wanted: &BulkOperation,
        operation: Option<(Kind, &Operation)>,
        error: Error,
    ) -> Result<Answered> {
        self.log(connection, call, caller, operation, &error)?;
        let location = (wanted.method != "POST").then(|| format!("{}{}", call.base, call.path));
        Ok(Answered::refused(wanted.method.into(), wanted.bulk_id.clone(), location, Arc::new(error)))
    }

    /// A refused operation is logged in the slice's transaction like one that succeeded.
    fn log(
        &self,
        connection: &mut Connection,
        call: &Call,
        caller: &Caller,
        operation: Option<(Kind, &Operation)>,
        error: &Error,
    ) -> Result<()> {
        let (kind, target) = operation.map_or((None, None), |(kind, operation)| (Some(kind), operation.target()));
        store::run(connection, |_| {
            let mut batch = Batch::default();
            record::refusal(&mut batch, &self.service, call, caller, kind, target, error);
            Ok(Planned { batch, answer: () })
        })
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
