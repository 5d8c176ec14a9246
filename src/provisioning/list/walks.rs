//! Where walks by `startIndex` stand: a bounded hint, so that a walk counts no offsets and loses nobody.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::id::{ResourceId, TokenId};

/// Where walks stand, by token and fingerprint of the query: the next page continues from the key
/// where the last one ended, so that deletions meanwhile lose nobody and no offset is counted.
#[derive(Debug, Default)]
pub struct Walks(Mutex<HashMap<(TokenId, u64), Walk>>);

/// Where one walk stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// The `startIndex` that continues it.
    pub(super) next_index: i64,
    /// The last resource told.
    pub(super) after: ResourceId,
    /// `totalResults` as its first page told it.
    pub(super) total: i64,
}

/// Walks remembered at most; a forgotten one continues by counting.
const WALKS: usize = 4_096;

impl Walks {
    /// The walk that `start_index` continues.
    pub(super) fn at(&self, walk: (TokenId, u64), start_index: i64) -> Option<Walk> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.get(&walk).copied().filter(|known| known.next_index == start_index && start_index > 1)
    }

    /// Remembers where a walk stands now.
    pub(super) fn remember(&self, walk: (TokenId, u64), at: Walk) {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if walks.len() >= WALKS && !walks.contains_key(&walk) {
            walks.clear();
        }
        walks.insert(walk, at);
    }
}
