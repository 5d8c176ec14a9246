//! How often something may be done (floor 1): so many times in a window that begins with the first time,
//! counted for each key in the memory of this process, which is bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};

/// Keys remembered at most.
const KEPT: usize = 65_536;

/// Counts by key.
#[derive(Debug)]
pub struct Limiter<K> {
    /// 0: without a limit.
    times: u32,
    window: Duration,
    windows: Mutex<HashMap<K, Window>>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Timestamp,
    used: u32,
}

impl<K: Eq + Hash> Limiter<K> {
    /// `times` in each `window`; 0 for without a limit.
    #[must_use]
    pub fn new(times: u32, window: Duration) -> Self {
        Self { times, window, windows: Mutex::default() }
    }

    /// Counts once more for a key, unless that would be too often. `what` is named to whom is refused.
    ///
    /// # Errors
    /// `too_many_requests` with the seconds until the window ends.
    pub fn take(&self, key: K, now: Timestamp, what: &str) -> Result<()> {
        if self.times == 0 {
            return Ok(());
        }
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.get_mut(&key).filter(|window| !self.is_over(window, now)) {
            if window.used >= self.times {
                return Err(self.refuse(*window, now, what));
            }
            window.used += 1;
            return Ok(());
        }
        if windows.len() >= KEPT {
            self.make_room(&mut windows, now);
        }
        windows.insert(key, Window { began: now, used: 1 });
        Ok(())
    }

    /// A clock that steps back must not keep a window open until it has caught up.
    fn is_over(&self, window: &Window, now: Timestamp) -> bool {
        u128::from(now.0.abs_diff(window.began.0)) >= self.window.as_micros()
    }

    /// Forgets what is over, and then who has used the least: a crowd of keys that somebody makes up does
    /// not give another key its times back, unless each of them is used as often.
    fn make_room(&self, windows: &mut HashMap<K, Window>, now: Timestamp) {
        windows.retain(|_, window| !self.is_over(window, now));
        let mut least = 1;
        while windows.len() > KEPT / 4 * 3 {
            windows.retain(|_, window| window.used > least);
            least *= 2;
        }
    }

    fn refuse(&self, window: Window, now: Timestamp, what: &str) -> Error {
        let left = window.began.plus(self.window).0.abs_diff(now.0).div_ceil(1_000_000);
        let seconds = u32::try_from(left).unwrap_or(u32::MAX).max(1);
        Error {
            retry_after: Some(seconds),
            ..Error::new(Code::TooManyRequests, format!("Too many {what}. Wait {seconds} seconds, then try again."))
        }
    }
}

/// Whom an address is counted for: whoever has one IPv6 address has its whole /64.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn so_many_times_in_a_window_for_each_key() {
        let limiter = Limiter::new(3, MINUTE);
        for second in 100..103 {
            limiter.take("ann", at(second), "tries").unwrap();
        }
        let refused = limiter.take("ann", at(103), "tries").unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::TooManyRequests, Some(57)));
        assert_eq!(refused.detail, "Too many tries. Wait 57 seconds, then try again.");
        limiter.take("bob", at(103), "tries").unwrap();
        assert_eq!(limiter.take("ann", at(159), "tries").unwrap_err().retry_after, Some(1), "a refusal costs nothing");
        limiter.take("ann", at(160), "tries").unwrap();
        for second in [160, 161] {
            limiter.take("ann", at(second), "tries").unwrap();
        }
        assert!(limiter.take("ann", at(162), "tries").is_err());
        limiter.take("ann", at(99), "tries").expect("the clock has stepped back by more than a window");
    }

    #[test]
    fn none_is_no_limit() {
        let limiter = Limiter::new(0, MINUTE);
        assert!((0..10_000).all(|_| limiter.take((), at(0), "tries").is_ok()));
    }

    #[test]
    fn a_crowd_is_forgotten_before_who_was_refused() {
        let limiter = Limiter::new(2, MINUTE);
        for _ in 0..2 {
            limiter.take(u32::MAX, at(0), "tries").unwrap();
        }
        for key in 0..u32::try_from(KEPT).unwrap() * 2 {
            limiter.take(key, at(1), "tries").unwrap();
            assert!(limiter.windows.lock().unwrap().len() <= KEPT);
        }
        assert!(limiter.take(u32::MAX, at(2), "tries").is_err());
    }

    #[test]
    fn a_network_is_what_one_customer_has() {
        let network = |text: &str| super::network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
