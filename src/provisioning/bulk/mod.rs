//! Bulk (RFC 7644 §3.7) as a use case: operations run in slices, a transaction each; one that is
//! refused leaves the others alone. While a slice is written the next is read.

mod slice;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::json;

use self::slice::{Progress, Slice};
use super::authenticate::authenticate;
use super::operation::{self, Operation};
use super::{Call, Caller, Service};
use crate::error::{Error, Result};
use crate::scim::bulk::{BulkRequest, Unread};
use crate::scim::registry::Kind;
use crate::store::Store;

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

/// Runs a Bulk request; what came of each operation that ran, in the order of the request.
///
/// # Errors
/// `unauthorized`; `unavailable` when the database is away before anything was done.
pub async fn run(
    store: &Store,
    service: &Arc<Service>,
    call: &Call,
    caller: &Caller,
    request: BulkRequest,
) -> Result<Vec<Answered>> {
    let turns = request.turns();
    let request = Arc::new(request);
    let mut answers = vec![None; request.operations.len()];
    let mut progress = Arc::new(Progress::default());
    let mut slices = turns.chunks(SLICE).map(|turns| {
        let (service, call, registry) = (Arc::clone(service), call.clone(), Arc::clone(&caller.registry));
        let (request, turns) = (Arc::clone(&request), turns.to_vec());
        tokio::task::spawn_blocking(move || Slice::read(service, call, registry, request, turns))
    });
    let mut next = slices.next();
    while let Some(slice) = next {
        let (slice, before) = (slice.await, Arc::clone(&progress));
        next = slices.next();
        let ran = match slice {
            Ok(slice) => store.transaction(move |connection| slice.run(connection, &before)).await,
            Err(ended) => Err(Error::internal(ended)),
        };
        match ran {
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
        if progress.is_enough(&request) {
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
        let body = Arc::new(body);
        let patch = Operation::Patch(*group, Arc::clone(&body));
        let service = Arc::clone(service);
        let call = Call { method: "PATCH", path: format!("/Groups/{group}"), body: Some(body), ..call.clone() };
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
