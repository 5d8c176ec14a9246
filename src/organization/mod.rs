//! Pure rules of an organization (floor 1): roles, seats, plans. No I/O.

pub mod associated_domain;
pub mod joining;
pub mod plan;
pub mod role;
pub mod seats;

/// Whether identity providers may provision an organization in this state (product.md §2).
#[must_use]
pub fn takes_provisioning(state: &str) -> bool {
    matches!(state, "active" | "past_due")
}
