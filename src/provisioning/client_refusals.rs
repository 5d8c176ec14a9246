//! Refused token requests of known clients go to the organization's audit trail: who, from where, why.
//!
//! Whoever knows a client's id can be refused as often as they like, so that it is written at most once
//! a minute for a client, with how many there were. Who names no client of ours is nobody's business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::client_credentials::{Request, audit};
use super::{Planned, Service};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::ClientId;
use crate::store::batch::Batch;
use crate::store::{Store, provisioning_clients};

/// Clients remembered at most; then all are forgotten, which costs an event each at worst.
const KEPT: usize = 4_096;
/// Between two events of a client, in microseconds.
const INTERVAL: u64 = 60 * 1_000_000;

/// What this process has counted and not written.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<ClientId, Tally>>);

#[derive(Clone, Copy, Debug)]
struct Tally {
    written: Timestamp,
    since: u64,
}

impl Refusals {
    /// Counts a refusal; how many are to be written now, if any.
    fn count(&self, client: ClientId, now: Timestamp) -> Option<u64> {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = tallies.get_mut(&client) {
            tally.since += 1;
            // A clock that steps back must not silence it until it has caught up.
            if now.0.abs_diff(tally.written.0) < INTERVAL {
                return None;
            }
            let many = tally.since;
            *tally = Tally { written: now, since: 0 };
            return Some(many);
        }
        if tallies.len() >= KEPT {
            tallies.clear();
        }
        tallies.insert(client, Tally { written: now, since: 0 });
        Some(1)
    }
}

/// Notes that a client was refused.
///
/// # Errors
/// The database's.
pub async fn note(store: &Store, service: &Arc<Service>, request: &Request, why: &Error) -> Result<()> {
    let name = request.client;
    let find = move |connection: &mut _| provisioning_clients::find(connection, name.organization, name.client);
    let Some((client, _)) = store.read(find).await? else { return Ok(()) };
    let now = service.clock.now();
    let Some(many) = service.refusals.count(name.client, now) else { return Ok(()) };
    let (service, request, why) = (Arc::clone(service), request.clone(), why.detail.clone());
    store
        .write(move |_| {
            let mut batch = Batch::default();
            let detail = json!({"why": why, "refused": many});
            audit(&mut batch, &service, &request, &client, ("access_token.refused", detail), now);
            Ok(Planned { batch, answer: () })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_an_event_a_minute() {
        let (refusals, client, other) =
            (Refusals::default(), ClientId::from_bytes([1; 16]), ClientId::from_bytes([2; 16]));
        let count = |client, seconds: i64| refusals.count(client, Timestamp(seconds * 1_000_000));
        assert_eq!(count(client, 1_000), Some(1));
        assert!((1_000..1_060).all(|second| count(client, second).is_none()));
        assert_eq!(count(other, 1_000), Some(1));
        assert_eq!((count(client, 1_060), count(client, 1_061)), (Some(61), None));
        assert_eq!(count(client, 500), Some(2), "the clock has stepped back");
        for number in 0..=u32::try_from(KEPT).unwrap() {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            count(ClientId::from_bytes(bytes), 2_000);
        }
        assert!(refusals.0.lock().unwrap().len() <= KEPT);
    }
}
