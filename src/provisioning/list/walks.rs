//! Where walks by `startIndex` stand: a bounded hint, so that a walk counts no offsets and loses nobody.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::id::TokenId;
use crate::provisioning::cursor::Position;
use crate::scim::registry::Kind;

/// Where walks stand, by token and fingerprint of the query: the next page continues from the row
/// where the last one ended, so that deletions meanwhile lose nobody and no offset is counted.
#[derive(Debug, Default)]
pub struct Walks(Mutex<HashMap<(TokenId, u64), Walk>>);

/// Where one walk stands.
#[derive(Clone, Debug)]
struct Walk {
    /// The `startIndex` that continues it.
    next_index: i64,
    /// The resource type that its next page begins in.
    kind: Kind,
    position: Position,
}

/// Walks remembered at most; a forgotten one continues by counting.
const WALKS: usize = 4_096;

impl Walks {
    /// Where the walk that `start_index` continues stands.
    pub(in crate::provisioning) fn at(&self, walk: (TokenId, u64), start_index: i64) -> Option<(Kind, Position)> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = walks.get(&walk).filter(|known| known.next_index == start_index && start_index > 1)?;
        Some((known.kind, known.position.clone()))
    }

    /// Remembers where a walk stands now.
    pub(in crate::provisioning) fn remember(
        &self,
        walk: (TokenId, u64),
        next_index: i64,
        kind: Kind,
        position: Position,
    ) {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if walks.len() >= WALKS && !walks.contains_key(&walk) {
            walks.clear();
        }
        walks.insert(walk, Walk { next_index, kind, position });
    }
}
