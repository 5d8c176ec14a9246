//! What a subscription means for an organization (product.md §2): its states, and how many seats it gives.

use super::seats::Usage;
use crate::error::{Code, Error, Result};
use serde::Serialize;
use utoipa::ToSchema;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SubscriptionState)]
pub enum State {
    Active,
    /// A renewal was not paid; access goes on for now.
    PastDue,
    Canceled,
}

impl State {
    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Canceled => "canceled",
        }
    }

    /// Reads the database's text; what it does not know is not paid for.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "active" => Self::Active,
            "past_due" => Self::PastDue,
            _ => Self::Canceled,
        }
    }

    /// What a payment provider's word means; `None` for what has not been paid yet and may come to nothing.
    #[must_use]
    pub fn from_provider(status: &str) -> Option<Self> {
        match status {
            "active" | "trialing" => Some(Self::Active),
            "past_due" | "unpaid" | "paused" => Some(Self::PastDue),
            "canceled" => Some(Self::Canceled),
            _ => None,
        }
    }

    /// The state of the organization from now on; `None` where the subscription does not decide it: one that is
    /// to be deleted, say. An organization whose subscription has ended stays reachable, as one that has not paid.
    #[must_use]
    pub fn of_organization(self, before: &str) -> Option<&'static str> {
        let after = match self {
            Self::Active => "active",
            Self::PastDue | Self::Canceled => "past_due",
        };
        (matches!(before, "pending_checkout" | "active" | "past_due") && before != after).then_some(after)
    }
}

/// The seats an organization has once the provider says `quantity`. What was decided and not confirmed yet
/// (`wanted`) is given no sooner and taken back no more; never below what is taken: that stays, and the difference is a
/// drift.
#[must_use]
pub const fn granted(usage: &Usage, quantity: i64, wanted: Option<i64>) -> i64 {
    let taken = usage.used + usage.pending;
    match wanted {
        Some(wanted) if wanted != quantity => {
            let reachable = if quantity < wanted { quantity } else { wanted };
            if reachable > usage.seats { reachable } else { usage.seats }
        }
        _ if quantity >= taken => quantity,
        _ if taken < usage.seats => taken,
        _ => usage.seats,
    }
}

/// Refuses fewer seats than are held.
///
/// # Errors
/// `conflict` naming what is used and pending; `invalidValue` for none at all.
pub fn check_seats(usage: &Usage, seats: i64) -> Result<()> {
    if !(1..=1_000_000).contains(&seats) {
        return Err(Error::new(Code::InvalidValue, format!("seats is a number from 1 to 1000000, not {seats}.")));
    }
    if seats < usage.used + usage.pending {
        return Err(Error::new(
            Code::Conflict,
            format!(
                "{} seats are used and {} are held by pending invitations, so at least {} are needed. Deactivate members or \
                 revoke invitations first.",
                usage.used,
                usage.pending,
                usage.used + usage.pending
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USAGE: Usage = Usage { seats: 5, used: 3, pending: 1, waiting: 0, active_owners: 1, users: 3, groups: 0 };

    #[test]
    fn what_the_provider_says_counts_but_never_below_what_is_used() {
        for (quantity, wanted, seats) in [
            (9, None, 9),
            (4, None, 4),
            (3, None, 4),    // Drift: four are taken.
            (9, Some(9), 9), // More, and confirmed.
            (5, Some(9), 5), // More is wanted and not confirmed yet.
            (7, Some(9), 7), // An earlier wish is confirmed.
            (9, Some(5), 5), // Less was decided, and the provider does not know yet.
            (3, Some(3), 4),
        ] {
            assert_eq!(granted(&USAGE, quantity, wanted), seats, "{quantity} {wanted:?}");
        }
    }

    #[test]
    fn seats_that_are_held_stay() {
        assert!(check_seats(&USAGE, 4).is_ok());
        let refused = check_seats(&USAGE, 3).unwrap_err();
        assert_eq!(refused.code, Code::Conflict);
        assert!(refused.detail.contains("3 seats are used and 1 are held"), "{}", refused.detail);
        assert_eq!(check_seats(&USAGE, 0).unwrap_err().code, Code::InvalidValue);
        assert_eq!(check_seats(&USAGE, 1_000_001).unwrap_err().code, Code::InvalidValue);
    }

    #[test]
    fn an_organization_follows_its_subscription() {
        assert_eq!(State::Active.of_organization("pending_checkout"), Some("active"));
        assert_eq!(State::Active.of_organization("active"), None);
        assert_eq!(State::PastDue.of_organization("active"), Some("past_due"));
        assert_eq!(State::Canceled.of_organization("active"), Some("past_due"));
        assert_eq!(State::Active.of_organization("deleted"), None, "nobody pays a deleted one back to life");
        assert_eq!(State::from_provider("incomplete"), None);
        for state in [State::Active, State::PastDue, State::Canceled] {
            assert_eq!((State::from_name(state.name()), State::from_provider(state.name())), (state, Some(state)));
        }
    }
}
