//! Roles and where they come from (product.md §3).

use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

/// What a member may do; ordered, the higher includes the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Read,
    Write,
    Admin,
    Owner,
}

impl Role {
    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The number by which the database puts roles into order.
    #[must_use]
    pub const fn rank(self) -> i64 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Admin => 3,
            Self::Owner => 4,
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Read, Self::Write, Self::Admin, Self::Owner]
            .into_iter()
            .find(|role| role.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("unknown role \"{text}\": use read, write, admin or owner"))
    }
}
