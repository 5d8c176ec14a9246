//! Stripe without an SDK: a handful of form-encoded calls, and the webhooks it signs.
//!
//! What is asked for is written as pairs (`items[0][quantity]=5`); an answer is read for the few fields that
//! count, wherever the account's API version has them.

mod calls;
mod failure;
mod fetch;
mod read;
mod refunds;
pub mod webhook;

use std::time::Duration;

pub use self::calls::Wanted;
pub use self::failure::{Failure, Kind};
pub use self::read::{Invoice, Page, Payment, Session, Subscription};

use self::fetch::Fetch;

/// The account as the operator configures it.
#[derive(Clone)]
pub struct Options {
    /// `https://api.stripe.com`, or what stands in for it.
    pub api_base: String,
    pub secret_key: String,
    /// Several, separated by commas, while one is exchanged for another.
    pub webhook_secrets: Vec<String>,
    /// How long one call may take.
    pub timeout: Duration,
}

impl Options {
    /// Time enough for a payment that is made within a call.
    pub const TIMEOUT: Duration = Duration::from_secs(20);
}

/// Who speaks to Stripe.
pub struct Client {
    fetch: Fetch,
    webhook_secrets: Vec<String>,
}

impl Client {
    /// Uses this account. Nothing is asked of it yet, so that it may be away.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn new(options: Options) -> Result<Self, String> {
        let fetch = Fetch::new(&options.api_base, options.secret_key, options.timeout)?;
        Ok(Self { fetch, webhook_secrets: options.webhook_secrets })
    }

    /// The secrets by which webhooks are known.
    #[must_use]
    pub fn webhook_secrets(&self) -> &[String] {
        &self.webhook_secrets
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("fetch", &self.fetch).finish_non_exhaustive()
    }
}
