//! Entries of the provisioning log that no transaction carries: reads, and what was refused before anything was
//! planned. They wait in memory, so many and no more, and are written together behind the answers, so that no
//! answer waits for them; what finds no place is not written.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::record::Said;
use super::{Service, names};
use crate::clock::Timestamp;
use crate::error::{Code, Result};
use crate::id::{EventId, OrganizationId, ResourceId, TokenId};
use crate::rate::Limiter;
use crate::scim::registry::{Kind, Registry};
use crate::secret::SecretHash;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::provisioning_log::{self, Entry};
use crate::store::resources::kind_number;
use crate::store::{Planned, Store, provisioning_tokens};

/// Entries that wait at most.
const MOST: usize = 2_048;
/// Of these, what leaves room for more important ones: reads for refusals, and tokens that may be nobody's for both.
const MOST_WITH_READS: usize = 1_536;
const MOST_WITH_STRANGERS: usize = 512;
/// Entries of one organization in an hour, so that who only reads does not fill the disk.
const BY_ORGANIZATION: u32 = 20_000;
/// Entries in one transaction.
const TOGETHER: usize = 256;

/// Whose entry it is.
#[derive(Clone, Debug)]
pub enum Owner {
    /// A token that let somebody in.
    Token(OrganizationId, TokenId, String),
    /// What was presented; whether it is or was a token is looked up when the entry is written.
    Bearer(SecretHash),
}

/// An entry that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: EventId,
    pub at: Timestamp,
    pub owner: Owner,
    pub request_id: String,
    pub client_address: Option<IpAddr>,
    pub method: &'static str,
    /// As it was sent, like the query: what is secret to whom is known when the entry is written.
    pub path: String,
    pub query: String,
    pub status: u16,
    pub latency_us: i64,
    pub resource: Option<(Kind, ResourceId)>,
    pub explanation: String,
    /// The error that was answered.
    pub refused: Option<Code>,
    /// The filter of a query that found nobody in particular.
    pub filter: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct LogBuffer {
    waiting: Mutex<Vec<Waiting>>,
    by_organization: Limiter<OrganizationId>,
}

impl Default for LogBuffer {
    fn default() -> Self {
        Self { waiting: Mutex::default(), by_organization: Limiter::new(BY_ORGANIZATION, Duration::from_hours(1)) }
    }
}

impl LogBuffer {
    /// Takes an entry, if there is room for one like it; what finds none is not even made. `organization`: whose
    /// token it is, where that is known.
    #[must_use]
    pub fn offer(
        &self,
        organization: Option<OrganizationId>,
        status: u16,
        now: Timestamp,
        entry: impl FnOnce() -> Waiting,
    ) -> bool {
        let room = match (organization, status) {
            (None, _) => MOST_WITH_STRANGERS,
            (Some(_), 400..) => MOST,
            (Some(_), _) => MOST_WITH_READS,
        };
        if self.lock().len() >= room || !organization.is_none_or(|organization| self.counts(organization, now)) {
            return false;
        }
        let entry = entry();
        self.lock().push(entry);
        true
    }

    /// Counts an entry, unless the organization has had too many.
    fn counts(&self, organization: OrganizationId, now: Timestamp) -> bool {
        self.by_organization.take(organization, now, "entries").is_ok()
    }

    fn take(&self) -> Vec<Waiting> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down what waits; how many entries. What was presented and is no token of anybody's is forgotten.
///
/// What cannot be written is lost, and nothing beside it: where entries of several organizations together cannot,
/// each organization's are written for themselves.
///
/// # Errors
/// The database's: the last of those that lost something.
pub async fn flush(store: &Store, service: &Arc<Service>) -> Result<usize> {
    let (mut written, mut failed) = (0, None);
    let mut waiting = service.log_buffer.take();
    while !waiting.is_empty() {
        let rest = waiting.split_off(waiting.len().min(TOGETHER));
        let slice = std::mem::replace(&mut waiting, rest);
        let known = Arc::clone(service);
        // Once, and not in the plan of a write, which may be planned again: an entry is counted for its organization.
        let owned = store.read(move |connection| owned(connection, &known, slice)).await;
        let owned = owned.unwrap_or_else(|error| {
            failed = Some(error);
            Vec::new()
        });
        let Err(error) = write(store, owned.clone()).await else {
            written += owned.iter().map(|part| part.entries.len()).sum::<usize>();
            continue;
        };
        failed = Some(error);
        for part in owned {
            let count = part.entries.len();
            match write(store, vec![part]).await {
                Ok(()) => written += count,
                Err(error) => failed = Some(error),
            }
        }
    }
    failed.map_or(Ok(written), Err)
}

/// Entries of one organization.
#[derive(Clone, Debug)]
struct Owned {
    organization: OrganizationId,
    registry: Arc<Registry>,
    /// Each with its token and the token's name.
    entries: Arc<Vec<(Waiting, TokenId, String)>>,
}

async fn write(store: &Store, parts: Vec<Owned>) -> Result<()> {
    let plan = move |_: &mut Connection| {
        let mut batch = Batch::default();
        for Owned { organization, registry, entries } in &parts {
            for (entry, token, name) in entries.iter() {
                entry.insert(&mut batch, registry, *organization, (*token, name));
            }
        }
        Ok(Planned { batch, answer: () })
    };
    store.write(plan).await
}

/// The entries by whose they are; those of an organization that is not there any more, or whose schemas cannot be read,
/// are lost.
fn owned(connection: &mut Connection, service: &Service, waiting: Vec<Waiting>) -> Result<Vec<Owned>> {
    let mut by_organization: BTreeMap<OrganizationId, Vec<_>> = BTreeMap::new();
    for entry in waiting {
        if let Some((organization, token, name)) = owner(connection, service, &entry)? {
            by_organization.entry(organization).or_default().push((entry, token, name));
        }
    }
    let mut owned = Vec::with_capacity(by_organization.len());
    for (organization, entries) in by_organization {
        match service.registries.latest(connection, organization) {
            Ok(registry) => owned.push(Owned { organization, registry, entries: Arc::new(entries) }),
            Err(error) => tracing::warn!(error = ?error, %organization, "entries of the provisioning log are lost"),
        }
    }
    Ok(owned)
}

/// Whose an entry is, if anybody's. One who presents a token that is none any more is counted like others.
fn owner(
    connection: &mut Connection,
    service: &Service,
    entry: &Waiting,
) -> Result<Option<(OrganizationId, TokenId, String)>> {
    let hash = match &entry.owner {
        Owner::Token(organization, token, name) => return Ok(Some((*organization, *token, name.clone()))),
        Owner::Bearer(hash) => *hash,
    };
    let found = provisioning_tokens::find(connection, hash)?;
    let counted = found.filter(|found| service.log_buffer.counts(found.organization, entry.at));
    Ok(counted.map(|found| (found.organization, found.token, found.name)))
}

impl Waiting {
    fn insert(
        &self,
        batch: &mut Batch,
        registry: &Registry,
        organization: OrganizationId,
        (token, token_name): (TokenId, &str),
    ) {
        let said = Said::new(registry, &self.path, &self.query, &self.explanation);
        let address = self.client_address.map(|address| address.to_string());
        let response = self.refused.map(|code| said.answer(code));
        let entry = Entry {
            id: self.id,
            at: self.at.0,
            token,
            token_name,
            request_id: &self.request_id,
            client_address: address.as_deref(),
            method: self.method,
            path: &said.path,
            query: said.query.as_deref(),
            request: None,
            response: response.as_deref(),
            status: i64::from(self.status),
            latency_us: self.latency_us,
            resource_kind: self.resource.map(|(kind, _)| kind_number(kind)),
            resource_id: self.resource.map(|(_, id)| id),
            explanation: &said.sentence,
            before: None,
            after: None,
        };
        provisioning_log::insert(batch, organization, &entry);
        provisioning_log::insert_names(batch, organization, self.id, &self.names(registry));
    }

    /// Whom it looked for and did not find.
    fn names(&self, registry: &Registry) -> Vec<String> {
        let filter = self.filter.as_deref().filter(|filter| !registry.redaction().speaks_of_a_secret(filter));
        filter.map(names::of_filter).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Waiting {
        Waiting {
            id: EventId::from_bytes([0; 16]),
            at: Timestamp(0),
            owner: Owner::Bearer(SecretHash::of(b"hcp_x")),
            request_id: String::new(),
            client_address: None,
            method: "GET",
            path: String::new(),
            query: String::new(),
            status: 200,
            latency_us: 0,
            resource: None,
            explanation: String::new(),
            refused: None,
            filter: None,
        }
    }

    #[test]
    fn a_flood_leaves_room_for_what_matters_more() {
        let buffer = LogBuffer::default();
        let own = Some(OrganizationId::from_bytes([1; 16]));
        let taken = |owner, status| (0..5_000).filter(|_| buffer.offer(owner, status, Timestamp(0), entry)).count();
        assert_eq!(taken(None, 401), MOST_WITH_STRANGERS);
        assert_eq!(taken(own, 200), MOST_WITH_READS - MOST_WITH_STRANGERS);
        assert_eq!(taken(None, 401), 0);
        assert_eq!(taken(own, 404), MOST - MOST_WITH_READS);
        assert!(!buffer.offer(own, 404, Timestamp(0), || panic!("made without a place for it")));
        assert_eq!(buffer.take().len(), MOST);
        assert_eq!(taken(own, 200), MOST_WITH_READS, "there is room again");
    }

    #[test]
    fn who_only_reads_does_not_fill_the_disk() {
        let buffer = LogBuffer::default();
        let organization = |number| Some(OrganizationId::from_bytes([number; 16]));
        let mut taken = 0;
        for _ in 0..30 {
            taken += (0..1_500).filter(|_| buffer.offer(organization(1), 200, Timestamp(0), entry)).count();
            drop(buffer.take());
        }
        assert_eq!(taken, BY_ORGANIZATION as usize);
        assert!(buffer.offer(organization(2), 200, Timestamp(0), entry), "another organization has its own");
    }
}
