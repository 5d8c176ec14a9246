//! Payment (floor 3): who is paid for seats (product.md §2), the built-in provider or Stripe.
//!
//! Protocol and network only: it knows nothing of members and decides nothing. What a payment opens is decided
//! above, in one transaction with the seats.

pub mod local;
pub mod stripe;

use crate::organization::plan::Plan;
use crate::organization::price::Prices;

/// What is sold and who is paid.
#[derive(Debug)]
pub struct Billing {
    pub prices: Prices,
    pub provider: Provider,
}

/// Who is paid.
#[derive(Debug)]
pub enum Provider {
    /// Nobody: test cards on a page of our own.
    Local,
    Stripe(stripe::Client),
}

impl Provider {
    /// The name in the settings, the API and the database.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Local => LOCAL,
            Self::Stripe(_) => STRIPE,
        }
    }

    /// Stripe, where it is configured.
    #[must_use]
    pub const fn stripe(&self) -> Option<&stripe::Client> {
        match self {
            Self::Local => None,
            Self::Stripe(client) => Some(client),
        }
    }
}

/// The built-in provider's name.
pub const LOCAL: &str = "local";
/// Stripe's name.
pub const STRIPE: &str = "stripe";

impl Billing {
    /// A plan by the price it has at the provider.
    #[must_use]
    pub fn plan_of(lookup_key: &str) -> Option<Plan> {
        Plan::ALL.into_iter().find(|plan| plan.lookup_key() == lookup_key)
    }
}
