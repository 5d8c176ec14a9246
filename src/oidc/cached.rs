//! One thing fetched from the provider and kept for a while: one request at a time, however many ask.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use super::failure::{Failure, Reason, Result};
use crate::clock::{Clock, Timestamp};

/// How long a fetched value is used, in seconds.
const MAX_AGE: i64 = 600;
/// How soon a failed fetch is tried again, in seconds.
const RETRY_AFTER: i64 = 5;
/// How soon a value that was fetched again out of turn may be so once more, in seconds.
const OUT_OF_TURN_AFTER: i64 = 10;

/// A value that is fetched when it is needed.
pub(super) struct Cached<T> {
    clock: Arc<dyn Clock>,
    current: RwLock<Option<(Arc<T>, Timestamp)>>,
    /// Held while somebody fetches.
    attempts: Mutex<Attempts>,
}

#[derive(Default)]
struct Attempts {
    /// The last fetch, when it failed.
    failed: Option<(Failure, Timestamp)>,
    /// The last fetch out of turn, and what came of it.
    out_of_turn: Option<(Result<()>, Timestamp)>,
}

impl<T> Cached<T> {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, current: RwLock::new(None), attempts: Mutex::default() }
    }

    /// The value, however old.
    pub(super) fn last(&self) -> Option<Arc<T>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(value, _)| Arc::clone(value))
    }

    /// The value, fetched if it is missing or old.
    pub(super) async fn get(&self, fetch: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        if let Some(value) = self.young() {
            return Ok(value);
        }
        let mut attempts = self.attempts.lock().await;
        if let Some(value) = self.young() {
            return Ok(value);
        }
        match &attempts.failed {
            Some((failure, at)) if self.within(*at, RETRY_AFTER) => Err(failure.clone()),
            _ => self.store(&mut attempts, fetch.await),
        }
    }

    /// The value fetched out of turn because `seen` lacks something; `seen` itself when that was done a
    /// moment ago.
    pub(super) async fn newer_than(&self, seen: Arc<T>, fetch: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        let mut attempts = self.attempts.lock().await;
        if let Some(value) = self.young().filter(|value| !Arc::ptr_eq(value, &seen)) {
            return Ok(value);
        }
        if let Some((outcome, at)) = &attempts.out_of_turn
            && self.within(*at, OUT_OF_TURN_AFTER)
        {
            return outcome.clone().map(|()| seen);
        }
        // Stands if nobody waits for the answer any longer.
        attempts.out_of_turn = Some((Err(Reason::ProviderTooSlow.into()), self.clock.now()));
        let value = self.store(&mut attempts, fetch.await);
        attempts.out_of_turn = Some((value.as_ref().map(|_| ()).map_err(Clone::clone), self.clock.now()));
        value
    }

    fn store(&self, attempts: &mut Attempts, fetched: Result<T>) -> Result<Arc<T>> {
        let now = self.clock.now();
        match fetched {
            Ok(value) => {
                let value = Arc::new(value);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&value), now));
                attempts.failed = None;
                Ok(value)
            }
            Err(failure) => {
                attempts.failed = Some((failure.clone(), now));
                Err(failure)
            }
        }
    }

    fn young(&self) -> Option<Arc<T>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().filter(|(_, at)| self.within(*at, MAX_AGE)).map(|(value, _)| Arc::clone(value))
    }

    /// Whether a point lies that many seconds back at most; after a clock was set back, nothing does.
    fn within(&self, at: Timestamp, seconds: i64) -> bool {
        let now = self.clock.now();
        at <= now && now < at.plus_seconds(seconds)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::clock::ManualClock;

    #[tokio::test]
    async fn who_has_seen_an_older_value_gets_the_newer_one_and_fetches_nothing() {
        let cached = Cached::new(ManualClock::at(Timestamp(0)));
        let old = cached.get(async { Ok(1) }).await.unwrap();
        assert_eq!(*cached.newer_than(Arc::clone(&old), async { Ok(2) }).await.unwrap(), 2);
        assert_eq!(*cached.newer_than(old, async { unreachable!() }).await.unwrap(), 2);
        assert_eq!(*cached.get(async { unreachable!() }).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_fetch_that_nobody_waited_for_was_too_slow() {
        let clock = ManualClock::at(Timestamp(0));
        let cached = Cached::new(clock.clone());
        let old = cached.get(async { Ok(1) }).await.unwrap();
        assert!(cached.newer_than(Arc::clone(&old), std::future::pending()).now_or_never().is_none());
        let again = cached.newer_than(Arc::clone(&old), async { unreachable!() }).await;
        assert_eq!(again.unwrap_err().reason, Reason::ProviderTooSlow);
        clock.advance_seconds(OUT_OF_TURN_AFTER);
        assert_eq!(*cached.newer_than(old, async { Ok(2) }).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_makes_values_old() {
        let clock = ManualClock::at(Timestamp(0));
        let cached = Cached::new(clock.clone());
        cached.get(async { Ok(1) }).await.unwrap();
        clock.advance_seconds(-1);
        assert_eq!(*cached.get(async { Ok(2) }).await.unwrap(), 2);
    }
}
