//! The relying party (floor 3): OpenID Connect Core 1.0 with the one issuer that the operator configured.
//!
//! Protocol and network only: it knows nothing of organizations, members or requests to us. What it
//! vouches for is what the provider proved; who may enter is decided above.

pub mod authorization;
mod cached;
pub mod completion;
mod discovery;
mod exchange;
pub mod failure;
mod fetch;
mod id_token;
mod keys;
pub mod logout;
mod signed;
pub mod tenant;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::url::Url;

use self::cached::Cached;
use self::discovery::Metadata;
use self::failure::{Failure, Reason, Result};
use self::fetch::Fetch;
use self::keys::{Key, Keys};
use self::signed::Header;
use crate::clock::Clock;
use crate::secret::Random;

/// The provider as the operator configures it. Nothing is derived from the shape of a text.
#[derive(Clone)]
pub struct Options {
    /// Compared byte for byte with what the provider says.
    pub issuer: String,
    pub client_id: String,
    /// None for a public client.
    pub client_secret: Option<String>,
    /// Where the discovery document is, when it is not at the issuer's own place.
    pub discovery_url: Option<String>,
    pub scopes: Vec<String>,
    /// Who else an ID token may be for.
    pub extra_audiences: Vec<String>,
    /// How long one use of the provider may take in all, however many requests it needs.
    pub timeout: Duration,
}

impl Options {
    /// Time enough for any provider, and little enough that a person who waits is told within 5 seconds.
    pub const TIMEOUT: Duration = Duration::from_millis(4_500);
}

/// The identity provider.
pub struct Provider {
    options: Options,
    location: Url,
    fetch: Fetch,
    metadata: Cached<Metadata>,
    keys: Cached<Keys>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Provider {
    /// Uses this provider. Nothing is asked of it yet, so that it may be away.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn new(options: Options, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> std::result::Result<Self, String> {
        let issuer = Url::parse(&options.issuer).map_err(|error| format!("the issuer is no URL: {error}"))?;
        if !fetch::is_safe(&issuer) {
            return Err(format!("the issuer {issuer} is neither https nor on this machine"));
        }
        crate::jwt::install();
        Ok(Self {
            location: discovery::location(&options)?,
            // Less than the whole use has, so that a slow answer is known as one before all of it ends.
            fetch: Fetch::new(options.timeout.mul_f32(0.9))?,
            options,
            metadata: Cached::new(Arc::clone(&clock)),
            keys: Cached::new(Arc::clone(&clock)),
            clock,
            random,
        })
    }

    /// The issuer, as configured.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.options.issuer
    }

    /// What is known of the provider. A document once read goes on being used while a newer one cannot be had.
    async fn metadata(&self) -> Result<Arc<Metadata>> {
        let read = discovery::read(&self.fetch, &self.location, &self.options.issuer);
        match (self.metadata.get(read).await, self.metadata.last()) {
            (Ok(metadata), _) | (Err(_), Some(metadata)) => Ok(metadata),
            (Err(failure), None) => Err(failure),
        }
    }

    /// The key that a token names. Keys are used for as long as they are cached and no longer, so that a
    /// revoked one is: when they cannot be had again, nobody signs in.
    async fn key(&self, metadata: &Metadata, header: Header) -> Result<Key> {
        let (id, algorithm) = header.key(&metadata.algorithms)?;
        let fetch = async || Keys::new(self.fetch.document(metadata.jwks_uri.url(), Reason::KeysUnreadable).await?);
        let mut keys = self.keys.get(fetch()).await?;
        if keys.find(&id).is_none() {
            keys = self.keys.newer_than(keys, fetch()).await?;
        }
        let key = keys.find(&id).ok_or(Reason::KeyUnknown)?;
        if key.algorithm == algorithm { Ok(key.clone()) } else { Err(Reason::Algorithm.into()) }
    }

    /// Gives one use of the provider its time.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let late = |_| Failure::new(Reason::ProviderTooSlow, format_args!("more than {:?}", self.options.timeout));
        tokio::time::timeout(self.options.timeout, work).await.map_err(late)?
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.options.issuer).finish_non_exhaustive()
    }
}
