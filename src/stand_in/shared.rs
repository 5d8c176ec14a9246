//! What the endpoints share, and what of it is changed while the stand-in runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::hostile::{Endpoint, Fault, Hostile};
use super::issuing::Grant;
use super::keys::Signer;
use super::person::{Person, Place, Shape};
use super::{AccessTokens, CLIENT_ID, Layout};
use crate::clock::Clock;
use crate::secret::{Random, SecretToken, SystemRandom};

/// What can be changed while it runs.
pub(super) struct Inner {
    pub(super) people: Vec<Person>,
    pub(super) lets_choose: bool,
    pub(super) shape: Shape,
    pub(super) places: Vec<Place>,
    pub(super) hostile: Option<Hostile>,
    /// Published; the last one signs.
    pub(super) keys: Vec<Signer>,
    pub(super) keys_made: usize,
    pub(super) codes: BTreeMap<String, Grant>,
    pub(super) tokens: BTreeMap<String, Grant>,
    pub(super) counts: BTreeMap<Endpoint, usize>,
    pub(super) asked: BTreeMap<String, String>,
    pub(super) client_authentication: Vec<&'static str>,
    pub(super) algorithms: Vec<&'static str>,
    /// In authorization responses (RFC 9207).
    pub(super) names_issuer: bool,
    /// What a redirect leads to.
    pub(super) elsewhere: String,
    pub(super) access_tokens: AccessTokens,
    pub(super) access_token_claims: Map<String, Value>,
    pub(super) userinfo_claims: Map<String, Value>,
}

/// What the endpoints share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: SystemRandom,
    pub(super) layout: Layout,
    /// `http://127.0.0.1:port`.
    pub(super) base: String,
    /// Where every connection is broken off.
    pub(super) broken: String,
    /// A key that is published nowhere.
    pub(super) foreign: Signer,
    pub(super) inner: Mutex<Inner>,
    /// Told of every request that is counted.
    pub(super) counted: Notify,
}

impl Inner {
    pub(super) fn new(person: Person) -> Result<Self, String> {
        Ok(Self {
            people: vec![person],
            lets_choose: false,
            shape: Shape::Default,
            places: vec![Place::IdToken, Place::AccessToken, Place::Userinfo],
            hostile: None,
            // An older key beside the one that signs, as after a daily rotation.
            keys: vec![Signer::new(99)?, Signer::new(0)?],
            keys_made: 1,
            codes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            counts: BTreeMap::new(),
            asked: BTreeMap::new(),
            client_authentication: vec!["client_secret_post", "client_secret_basic"],
            algorithms: vec!["RS256", "ES256"],
            names_issuer: false,
            elsewhere: String::new(),
            access_tokens: AccessTokens::Signed,
            access_token_claims: Map::new(),
            userinfo_claims: Map::new(),
        })
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hostile(&self) -> Option<Hostile> {
        self.lock().hostile
    }

    pub(super) fn count(&self, endpoint: Endpoint) {
        *self.lock().counts.entry(endpoint).or_default() += 1;
        self.counted.notify_waiters();
    }

    pub(super) fn requests(&self, endpoint: Endpoint) -> usize {
        self.lock().counts.get(&endpoint).copied().unwrap_or(0)
    }

    pub(super) fn secret(&self, prefix: &str) -> String {
        let random: &dyn Random = &self.random;
        SecretToken::generate(prefix, random).reveal().to_owned()
    }

    pub(super) fn issuer(&self) -> String {
        format!("{}{}", self.base, self.issuer_path())
    }

    pub(super) fn issuer_path(&self) -> String {
        match self.layout {
            Layout::Project => format!("/{CLIENT_ID}"),
            Layout::Application => format!("/{CLIENT_ID}/portal"),
        }
    }

    pub(super) fn endpoints_path(&self) -> &'static str {
        match self.layout {
            Layout::Project => "/oauth2/v1",
            Layout::Application => "/portal/oauth2/v1",
        }
    }

    /// Where an endpoint is said to be: elsewhere, when its connections are to break off.
    pub(super) fn place(&self, endpoint: Endpoint, url: String) -> String {
        if self.hostile() == Some(Hostile::Answer(endpoint, Fault::Resets)) { self.broken.clone() } else { url }
    }

    /// Who signs in; `None` where the person has to say.
    pub(super) fn person(&self, hint: Option<&str>) -> Option<Person> {
        let inner = self.lock();
        let hinted = inner.people.iter().find(|person| hint.is_some() && person.email.as_deref() == hint);
        hinted.or(inner.people.first().filter(|_| !inner.lets_choose)).cloned()
    }
}
