//! Entries of the provisioning log that no transaction carries: reads, and what was refused before anything was
//! planned. They wait in memory, so many and no more, and are written together behind the answers, so that no
//! answer waits for them; what finds no place is not written.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Service;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{EventId, OrganizationId, ResourceId, TokenId};
use crate::rate::Limiter;
use crate::scim::registry::Kind;
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
    pub client_address: Option<String>,
    pub method: &'static str,
    pub path: String,
    pub query: Option<String>,
    pub status: u16,
    pub latency_us: i64,
    pub kind: Option<Kind>,
    pub resource: Option<ResourceId>,
    pub explanation: String,
    pub response: Option<String>,
    /// Whom it names that no resource tells.
    pub names: Vec<String>,
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
    /// Takes an entry, if there is room for one like it.
    #[must_use]
    pub fn offer(&self, entry: Waiting) -> bool {
        let room = match (&entry.owner, entry.status) {
            (Owner::Bearer(_), _) => MOST_WITH_STRANGERS,
            (Owner::Token(..), 400..) => MOST,
            (Owner::Token(..), _) => MOST_WITH_READS,
        };
        if self.lock().len() >= room {
            return false;
        }
        if let Owner::Token(organization, ..) = entry.owner
            && self.by_organization.take(organization, entry.at, "entries").is_err()
        {
            return false;
        }
        self.lock().push(entry);
        true
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
/// # Errors
/// The database's; what could not be written is lost.
pub async fn flush(store: &Store, service: &Service) -> Result<usize> {
    let mut written = 0;
    let mut waiting = service.log_buffer.take();
    while !waiting.is_empty() {
        let rest = waiting.split_off(waiting.len().min(TOGETHER));
        let slice = std::mem::replace(&mut waiting, rest);
        written += store.write(move |connection| write(connection, &slice)).await?;
    }
    Ok(written)
}

fn write(connection: &mut Connection, waiting: &[Waiting]) -> Result<Planned<usize>> {
    let (mut batch, mut written) = (Batch::default(), 0);
    for entry in waiting {
        let owner = match &entry.owner {
            Owner::Token(organization, token, name) => Some((*organization, *token, name.clone())),
            Owner::Bearer(hash) => {
                provisioning_tokens::find(connection, *hash)?.map(|found| (found.organization, found.token, found.name))
            }
        };
        let Some((organization, token, name)) = owner else { continue };
        provisioning_log::insert(&mut batch, organization, &entry.of(token, &name));
        provisioning_log::insert_names(&mut batch, organization, entry.id, &entry.names);
        written += 1;
    }
    Ok(Planned { batch, answer: written })
}

impl Waiting {
    fn of<'e>(&'e self, token: TokenId, token_name: &'e str) -> Entry<'e> {
        Entry {
            id: self.id,
            at: self.at.0,
            token,
            token_name,
            request_id: &self.request_id,
            client_address: self.client_address.as_deref(),
            method: self.method,
            path: &self.path,
            query: self.query.as_deref(),
            request: None,
            response: self.response.as_deref(),
            status: i64::from(self.status),
            latency_us: self.latency_us,
            resource_kind: self.kind.map(kind_number),
            resource_id: self.resource,
            explanation: &self.explanation,
            before: None,
            after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(owner: Owner, status: u16) -> Waiting {
        Waiting {
            id: EventId::from_bytes([0; 16]),
            at: Timestamp(0),
            owner,
            request_id: String::new(),
            client_address: None,
            method: "GET",
            path: String::new(),
            query: None,
            status,
            latency_us: 0,
            kind: None,
            resource: None,
            explanation: String::new(),
            response: None,
            names: Vec::new(),
        }
    }

    #[test]
    fn a_flood_leaves_room_for_what_matters_more() {
        let buffer = LogBuffer::default();
        let own = || Owner::Token(OrganizationId::from_bytes([1; 16]), TokenId::from_bytes([1; 16]), "t".into());
        let stranger = || Owner::Bearer(SecretHash::of(b"hcp_x"));
        let taken =
            |owner: &dyn Fn() -> Owner, status| (0..5_000).filter(|_| buffer.offer(entry(owner(), status))).count();
        assert_eq!(taken(&stranger, 401), MOST_WITH_STRANGERS);
        assert_eq!(taken(&own, 200), MOST_WITH_READS - MOST_WITH_STRANGERS);
        assert_eq!(taken(&stranger, 401), 0);
        assert_eq!(taken(&own, 404), MOST - MOST_WITH_READS);
        assert_eq!(buffer.take().len(), MOST);
        assert_eq!(taken(&own, 200), MOST_WITH_READS, "there is room again");
    }

    #[test]
    fn who_only_reads_does_not_fill_the_disk() {
        let buffer = LogBuffer::default();
        let own = || Owner::Token(OrganizationId::from_bytes([1; 16]), TokenId::from_bytes([1; 16]), "t".into());
        let mut taken = 0;
        for _ in 0..30 {
            taken += (0..1_500).filter(|_| buffer.offer(entry(own(), 200))).count();
            drop(buffer.take());
        }
        assert_eq!(taken, BY_ORGANIZATION as usize);
        let other = Owner::Token(OrganizationId::from_bytes([2; 16]), TokenId::from_bytes([1; 16]), "t".into());
        assert!(buffer.offer(entry(other, 200)), "another organization has its own");
    }
}
