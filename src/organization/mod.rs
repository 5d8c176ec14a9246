//! Pure rules of an organization (floor 1): roles, seats, plans. No I/O.

pub mod associated_domain;
pub mod home;
pub mod invitation;
pub mod invitation_file;
pub mod join_request;
pub mod joining;
pub mod permission;
pub mod plan;
pub mod postal_address;
pub mod price;
pub mod recovery_code;
pub mod refusal;
pub mod role;
pub mod seats;
pub mod subscription;
pub mod webhook;

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::OrganizationId;

/// What is below `/sign-in/` beside the organizations' own doors, or will be.
const OTHER_DOORS: [&str; 7] = ["backchannel-logout", "callback", "initiate", "link", "recovery", "setup", "sign-in"];

/// Whether this can name an organization in addresses: 1 to 63 lower-case letters, digits and inner hyphens.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A slug made of a name: its letters and digits that a slug can have, with hyphens between the words.
#[must_use]
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    // Room for what tells it from others.
    slug.truncate(50);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "organization".to_owned() } else { slug.to_owned() }
}

/// Whether an address of the service's own is called so, or an id is written so, so that no organization can be.
#[must_use]
pub fn is_reserved(slug: &str) -> bool {
    OTHER_DOORS.contains(&slug) || slug.parse::<OrganizationId>().is_ok()
}

/// The state of an organization that answers nobody.
pub const DELETED: &str = "deleted";
/// The state of an organization that waits for its checkout.
pub const PENDING_CHECKOUT: &str = "pending_checkout";

/// The state of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrganizationState)]
pub enum State {
    PendingCheckout,
    Active,
    /// A renewal was not paid; access goes on for now.
    PastDue,
    Deleted,
}

impl State {
    /// Reads the database's text; what it does not know answers nobody.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            PENDING_CHECKOUT => Self::PendingCheckout,
            "active" => Self::Active,
            "past_due" => Self::PastDue,
            _ => Self::Deleted,
        }
    }
}

/// Whether identity providers may provision an organization in this state (product.md §2).
#[must_use]
pub fn takes_provisioning(state: &str) -> bool {
    matches!(state, "active" | "past_due")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_makes_a_slug() {
        for (name, slug) in [
            ("Acme, Inc.", "acme-inc"),
            ("  Ünïcode GmbH & Co", "n-code-gmbh-co"),
            ("株式会社", "organization"),
            ("---", "organization"),
        ] {
            assert_eq!(slug_of(name), slug);
            assert!(is_slug(&slug_of(name)));
        }
        assert!(is_slug(&format!("{}-12345678", slug_of(&"x ".repeat(200)))));
    }
}
