//! What this process remembers of bearer tokens: whose they are, so that a request counts for its
//! organization before the database is asked, and which uses are not written down yet, so that
//! writing them slows no answer. Nothing here lets anybody in: see [`super::presumption`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::log_buffer::Owner;
use crate::clock::Timestamp;
use crate::id::{OrganizationId, TokenId};
use crate::secret::SecretHash;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::provisioning_tokens::{self, Credential};

/// Tokens remembered at most; then all are forgotten, which costs a write each at worst.
const KEPT: usize = 16_384;
/// The last use of a token is exact to so many microseconds: it is written once in that time.
const EXACTNESS: i64 = 60 * 1_000_000;

/// A use of a token that waits to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    organization: OrganizationId,
    token: TokenId,
    at: i64,
}

/// A token when it was last looked up.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) credential: Credential,
    at: i64,
    /// Whether the last User its bearer created was new.
    pub(super) brings_newcomers: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Bearers {
    known: RwLock<HashMap<SecretHash, Known>>,
    uses: Mutex<Uses>,
    /// Whether uses wait; asked after each answer, so it costs no lock.
    waits: AtomicBool,
}

#[derive(Debug, Default)]
struct Uses {
    noted: HashMap<TokenId, i64>,
    waiting: Vec<Use>,
}

impl Bearers {
    /// Whose a token was when it was last seen.
    #[must_use]
    pub fn organization(&self, bearer: SecretHash) -> Option<OrganizationId> {
        self.read().get(&bearer).map(|known| known.credential.organization)
    }

    /// Whose token it was when it was last seen.
    #[must_use]
    pub fn owner(&self, bearer: SecretHash) -> Option<Owner> {
        let owner = |Known { credential, .. }: &Known| {
            Owner::Token(credential.organization, credential.token, credential.name.clone())
        };
        self.read().get(&bearer).map(owner)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<SecretHash, Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found of a token, unless that is so long ago that its use has to be noted again.
    pub(super) fn recent(&self, bearer: SecretHash, now: Timestamp) -> Option<Known> {
        self.read().get(&bearer).filter(|known| (0..EXACTNESS / 2).contains(&(now.0 - known.at))).cloned()
    }

    /// Notes whether the User a bearer created was new.
    pub fn learn(&self, bearer: SecretHash, was_new: bool) {
        if self.read().get(&bearer).is_some_and(|known| known.brings_newcomers != was_new) {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.entry(bearer).and_modify(|known| known.brings_newcomers = was_new);
        }
    }

    /// Notes that a token let somebody in.
    pub(super) fn note(&self, bearer: SecretHash, credential: Credential, now: Timestamp) {
        self.note_use(&credential, now);
        let is_known = self.recent(bearer, now).is_some_and(|known| known.credential == credential);
        if is_known {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.clear();
        }
        let brings_newcomers = known.get(&bearer).is_some_and(|known| known.brings_newcomers);
        known.insert(bearer, Known { credential, at: now.0, brings_newcomers });
    }

    fn note_use(&self, credential: &Credential, now: Timestamp) {
        let recent = |at: &i64| now.0 - at < EXACTNESS;
        if credential.last_used_at.as_ref().is_some_and(recent) {
            return;
        }
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.noted.get(&credential.token).is_some_and(recent) {
            return;
        }
        if uses.noted.len() >= KEPT {
            uses.noted.clear();
        }
        uses.noted.insert(credential.token, now.0);
        uses.waiting.push(Use { organization: credential.organization, token: credential.token, at: now.0 });
        self.waits.store(true, Ordering::Release);
    }

    /// The uses that wait to be written, each once.
    #[must_use]
    pub fn take_uses(&self) -> Vec<Use> {
        if !self.waits.load(Ordering::Acquire) || !self.waits.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        std::mem::take(&mut self.uses.lock().unwrap_or_else(PoisonError::into_inner).waiting)
    }
}

/// Writes uses down.
#[must_use]
pub fn write(uses: &[Use]) -> Planned<()> {
    let mut batch = Batch::default();
    for used in uses {
        provisioning_tokens::touch(&mut batch, used.organization, used.token, used.at);
    }
    Planned { batch, answer: () }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(number: u8, last_used_at: Option<i64>) -> Credential {
        Credential {
            organization: OrganizationId::from_bytes([number; 16]),
            token: TokenId::from_bytes([number; 16]),
            name: "test".into(),
            expires_at: None,
            revoked_at: None,
            last_used_at,
            state: "active".into(),
            scim_role: "read".into(),
            seat_policy: "reject".into(),
            extensions_version: 0,
            role_mappings: 0,
            signing_secret: None,
        }
    }

    #[test]
    fn a_use_is_written_once_a_minute() {
        let (bearers, bearer) = (Bearers::default(), SecretHash::of(b"hcp_1"));
        let at = |seconds: i64| Timestamp(1_000_000_000).plus_seconds(seconds);
        assert_eq!(bearers.organization(bearer), None);
        for second in 0..59 {
            bearers.note(bearer, credential(1, None), at(second));
        }
        assert_eq!(bearers.organization(bearer), Some(OrganizationId::from_bytes([1; 16])));
        assert_eq!(bearers.take_uses().len(), 1);
        assert_eq!(bearers.take_uses(), []);
        bearers.note(bearer, credential(1, Some(at(0).0)), at(59));
        bearers.note(SecretHash::of(b"hcp_2"), credential(2, Some(at(30).0)), at(60));
        assert_eq!(bearers.take_uses(), [], "both are known to the minute");
        bearers.note(bearer, credential(1, Some(at(0).0)), at(60));
        assert_eq!(bearers.take_uses().len(), 1);
    }
}
