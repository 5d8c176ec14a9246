//! Turns on a worker: while several organizations send, each begins one request per look at the
//! sockets, so that one that floods us does not stand in front of the others.
//!
//! A worker runs the requests it has read one after the other and looks at its sockets when it has
//! none left: whoever sends most would always be first in that line.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use super::lanes::Lane;

/// After so many requests of one organization in a row nobody else is there to wait for it.
const ALONE: u32 = 256;

/// The turns of one worker.
#[derive(Debug, Default)]
struct Turns {
    last: Option<Lane>,
    in_a_row: u32,
    /// Whoever has begun a request since the last look at the sockets, and what waits behind it.
    begun: HashMap<Lane, VecDeque<oneshot::Sender<()>>>,
}

thread_local! {
    static TURNS: RefCell<Turns> = RefCell::default();
}

/// Waits until it is this request's turn; at once where only one organization sends.
pub(super) async fn take(lane: Lane) {
    let turn = TURNS.with_borrow_mut(|turns| {
        let is_idle = turns.begun.is_empty();
        let turn = turns.ask(lane);
        if is_idle && !turns.begun.is_empty() {
            actix_web::rt::spawn(hand_out());
        }
        turn
    });
    if let Some(turn) = turn {
        // An error means that the worker ends, and this with it.
        let _ = turn.await;
    }
}

/// Hands out turns until nobody waits.
async fn hand_out() {
    loop {
        // What comes back from this yield has looked at the sockets.
        tokio::task::yield_now().await;
        if TURNS.with_borrow_mut(Turns::next) {
            break;
        }
    }
}

impl Turns {
    /// What a request waits for, if it has to wait.
    fn ask(&mut self, lane: Lane) -> Option<oneshot::Receiver<()>> {
        if self.last == Some(lane) {
            self.in_a_row = self.in_a_row.saturating_add(1);
        } else {
            self.last = Some(lane);
            self.in_a_row = 0;
        }
        if let Some(waiting) = self.begun.get_mut(&lane) {
            let (sender, turn) = oneshot::channel();
            waiting.push_back(sender);
            return Some(turn);
        }
        if self.in_a_row < ALONE {
            self.begun.insert(lane, VecDeque::new());
        }
        None
    }

    /// Lets each begin its next request; whether nobody has one.
    fn next(&mut self) -> bool {
        // Who has gone away meanwhile takes no turn.
        self.begun.retain(|_, waiting| std::iter::from_fn(|| waiting.pop_front()).any(|next| next.send(()).is_ok()));
        self.begun.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::OrganizationId;

    fn lanes() -> [Lane; 2] {
        [1, 2].map(|number| Lane::Organization(OrganizationId::from_bytes([number; 16])))
    }

    #[test]
    fn the_one_with_many_begins_one_at_a_time_and_the_other_at_once() {
        let ([hot, other], mut turns) = (lanes(), Turns::default());
        assert!(turns.ask(hot).is_none());
        let mut waiting: Vec<_> = (0..3).map(|_| turns.ask(hot).unwrap()).collect();
        assert!(turns.ask(other).is_none(), "the other's first does not wait for the hot one's");
        for position in 0..3 {
            assert!(!turns.next());
            let begun = waiting.iter_mut().filter_map(|turn| turn.try_recv().ok()).count();
            assert_eq!(begun, 1, "after {} looks", position + 1);
        }
        assert!(turns.next(), "nobody is left");
        assert!(turns.ask(hot).is_none());
    }

    #[test]
    fn who_went_away_takes_no_turn() {
        let ([hot, _], mut turns) = (lanes(), Turns::default());
        assert!(turns.ask(hot).is_none());
        drop(turns.ask(hot));
        let mut stays = turns.ask(hot).unwrap();
        assert!(!turns.next());
        assert!(stays.try_recv().is_ok());
    }

    #[test]
    fn where_one_sends_alone_nothing_waits() {
        let ([hot, other], mut turns) = (lanes(), Turns::default());
        for _ in 0..=ALONE {
            turns.ask(hot);
            turns.next();
        }
        while !turns.next() {}
        assert!(turns.ask(hot).is_none());
        assert!(turns.ask(hot).is_none(), "not even the second between two looks");
        assert!(turns.ask(other).is_none());
        assert!(turns.ask(hot).is_none());
        assert!(turns.ask(hot).is_some(), "until another comes");
    }
}
