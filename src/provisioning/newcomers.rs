//! New Users that are sent at the same time are created together: while some are written, others of the same token
//! wait, and are then one look, one statement for each table and one commit.
//!
//! That gives a first sync over several connections the speed of a Bulk. Nothing else changes: each has its own
//! entry in the log and its own answer, after the commit, and who turns out not to be new, or is refused, is
//! answered the way of one that is alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::answer::Shown;
use super::authenticate::admit;
use super::users::{self, Newcomer};
use super::{Call, Caller, Planned, Service};
use crate::error::Result;
use crate::scim::registry::{Kind, Registry};
use crate::secret::SecretHash;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{Store, provisioning_tokens};

/// Created together at most: others wait no longer for the lock than these take.
const TOGETHER: usize = 64;

/// Written one by one at the same time, where the store commits them together: so many plan side by side. Elsewhere each
/// is a commit of its own, which the next waits for at the ledger's row.
const BESIDE: usize = 4;

/// Who waits, by the token of those that are being written.
#[derive(Debug, Default)]
pub struct Newcomers {
    lines: Mutex<HashMap<SecretHash, Line>>,
}

/// The Users of one token.
#[derive(Debug, Default)]
struct Line {
    /// How many are written.
    leads: usize,
    behind: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    user: Arc<Sent>,
    /// Told who was created, or nothing when this one has to be created alone.
    created: oneshot::Sender<(Caller, Shown)>,
}

/// A POST, read.
#[derive(Debug)]
struct Sent {
    call: Call,
    newcomer: Newcomer,
    /// What it was read by.
    registry: Arc<Registry>,
}

/// How a User is created.
#[derive(Debug)]
pub enum Turn {
    /// It was, with others.
    Together(Caller, Shown),
    /// By its caller, while others wait for the end of what this holds.
    Alone(Option<Lead>),
}

/// Whoever is written while others wait. When it ends, they are.
#[derive(Debug)]
pub struct Lead {
    service: Arc<Service>,
    store: Store,
    token: SecretHash,
}

/// Creates the User of a POST with others, where others are being created and the last one of this token was new.
pub async fn create(store: &Store, service: &Arc<Service>, call: &Call) -> Turn {
    let token = call.credential;
    let Some(known) = service.bearers.recent(token, call.started).filter(|known| known.brings_newcomers) else {
        return Turn::Alone(None);
    };
    if service.newcomers.lead(token, if store.commits_together() { BESIDE } else { 1 }) {
        return Turn::Alone(Some(Lead { service: Arc::clone(service), store: store.clone(), token }));
    }
    let credential = &known.credential;
    let registry = service.registries.known(credential.organization, credential.extensions_version);
    let Some(user) = registry.and_then(|registry| Sent::read(service, call, registry)) else {
        return Turn::Alone(None);
    };
    let Some(created) = service.newcomers.wait(token, user) else { return Turn::Alone(None) };
    created.await.map_or(Turn::Alone(None), |(caller, shown)| Turn::Together(caller, shown))
}

impl Sent {
    /// Reads what needs no database; what cannot be read is told so alone.
    fn read(service: &Service, call: &Call, registry: Arc<Registry>) -> Option<Self> {
        let newcomer = Newcomer::read(service, registry.resource_type(Kind::User), call.body.as_deref()?).ok()?;
        Some(Self { call: call.clone(), newcomer, registry })
    }
}

impl Newcomers {
    /// How many wait behind the one that is being written.
    #[must_use]
    pub fn behind(&self, token: SecretHash) -> usize {
        self.lock().get(&token).map_or(0, |line| line.behind.len())
    }

    /// Lets a token's next User go first, unless enough are being written.
    fn lead(&self, token: SecretHash, most: usize) -> bool {
        let mut lines = self.lock();
        let line = lines.entry(token).or_default();
        let goes = line.leads < most;
        line.leads += usize::from(goes);
        goes
    }

    /// Puts a User behind those that are being written, if any still is.
    fn wait(&self, token: SecretHash, user: Sent) -> Option<oneshot::Receiver<(Caller, Shown)>> {
        let (created, receiver) = oneshot::channel();
        self.lock().get_mut(&token)?.behind.push(Waiting { user: Arc::new(user), created });
        Some(receiver)
    }

    /// The next that are written together; the token is forgotten when nobody writes any more.
    fn take(&self, token: SecretHash) -> Vec<Waiting> {
        let mut lines = self.lock();
        let Some(line) = lines.get_mut(&token) else { return Vec::new() };
        let next: Vec<Waiting> = line.behind.drain(..line.behind.len().min(TOGETHER)).collect();
        if next.is_empty() {
            line.leads -= 1;
            if line.leads == 0 {
                lines.remove(&token);
            }
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretHash, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let next = self.service.newcomers.take(self.token);
        if next.is_empty() {
            return;
        }
        // Without a runtime the process ends, and who waits learns it by what is dropped here.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let lead = Self { service: Arc::clone(&self.service), store: self.store.clone(), token: self.token };
            runtime.spawn(lead.write(next));
        }
    }
}

impl Lead {
    /// Writes who waits. Whatever comes of it, the next are written when it ends.
    async fn write(self, next: Vec<Waiting>) {
        let (service, token) = (Arc::clone(&self.service), self.token);
        let users: Vec<Arc<Sent>> = next.iter().map(|waiting| Arc::clone(&waiting.user)).collect();
        let created = self.store.write(move |connection| plan(connection, &service, token, &users)).await;
        let mut created = created.unwrap_or_default();
        for (position, Waiting { created: reply, .. }) in next.into_iter().enumerate() {
            if let Some(created) = created.remove(&position) {
                // One that went away does not want the answer.
                let _ = reply.send(created);
            }
        }
    }
}

/// Plans the Users that can be created together, by their positions.
fn plan(
    connection: &mut Connection,
    service: &Service,
    token: SecretHash,
    users: &[Arc<Sent>],
) -> Result<Planned<HashMap<usize, (Caller, Shown)>>> {
    let (mut together, mut positions, mut admitted) = (Vec::new(), Vec::new(), None);
    let credential = provisioning_tokens::find(connection, token)?;
    for (position, user) in users.iter().enumerate() {
        // A signature is one request's, and the organization's schemas may have changed since.
        let caller = credential.as_ref().and_then(|credential| admit(connection, service, &user.call, credential).ok());
        if let Some(caller) = caller.filter(|caller| Arc::ptr_eq(&caller.registry, &user.registry)) {
            together.push((&user.call, &user.newcomer));
            positions.push(position);
            admitted = Some(caller);
        }
    }
    let Some(caller) = admitted else { return Ok(Planned { batch: Batch::default(), answer: HashMap::new() }) };
    let Planned { mut batch, answer } = users::create_many(connection, service, &caller, &together)?;
    let answer = positions.into_iter().zip(answer.into_iter().map(|shown| (caller.clone(), shown))).collect();
    if let (Some(credential), Some(last)) = (credential, users.last()) {
        // Nobody is created by a token that is revoked before it is written.
        batch.expect(1, provisioning_tokens::unchanged(token, &credential));
        service.bearers.note(token, credential, last.call.started);
    }
    Ok(Planned { batch, answer })
}
