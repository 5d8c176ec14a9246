//! How many requests of one organization run at once, so that one that floods us leaves room for
//! the others (there is no rate limit: a first sync may go as fast as it can).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::secret::SecretHash;

/// Whom a request counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Organization(OrganizationId),
    /// A token that nobody was let in by yet.
    Bearer(SecretHash),
}

/// The requests that run.
#[derive(Debug)]
pub struct Lanes {
    limit: usize,
    running: Mutex<HashMap<Lane, usize>>,
}

impl Lanes {
    /// Lets `limit` requests of each run at once; 0 lets all.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, running: Mutex::default() }
    }

    /// Counts a request as running until what this returns is dropped.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub(super) fn enter(&self, lane: Lane) -> Result<Running<'_>> {
        let mut running = self.running();
        let count = running.entry(lane).or_default();
        if self.limit > 0 && *count >= self.limit {
            let why = format!(
                "{} requests of this organization are running already. Nothing was changed. Send this one again.",
                self.limit
            );
            return Err(Error { retry_after: Some(1), ..Error::new(Code::TooManyRequests, why) });
        }
        *count += 1;
        Ok(Running { lanes: self, lane })
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Lane, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that runs.
#[derive(Debug)]
pub(super) struct Running<'l> {
    lanes: &'l Lanes,
    lane: Lane,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut running = self.lanes.running();
        match running.get_mut(&self.lane) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                running.remove(&self.lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_room_of_its_own_and_gives_it_back() {
        let lanes = Lanes::new(2);
        let [ours, theirs] = [1, 2].map(|number| Lane::Organization(OrganizationId::from_bytes([number; 16])));
        let first = lanes.enter(ours).unwrap();
        let second = lanes.enter(ours).unwrap();
        let refused = lanes.enter(ours).unwrap_err();
        assert_eq!((refused.status(), refused.retry_after), (429, Some(1)));
        drop(lanes.enter(theirs).unwrap());
        drop(first);
        drop(lanes.enter(ours).unwrap());
        drop(second);
        assert!(lanes.running().is_empty(), "nothing is remembered of who has left");
        let unbounded = Lanes::new(0);
        let all: Vec<_> = (0..100).map(|_| unbounded.enter(ours).unwrap()).collect();
        assert_eq!(all.len(), 100);
    }
}
