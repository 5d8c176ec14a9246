//! The plans an organization can be on (product.md §1).

use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

/// A plan: how often seats are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum Plan {
    #[serde(rename = "enterprise_seat_yearly")]
    Yearly,
    #[serde(rename = "enterprise_seat_quarterly")]
    Quarterly,
    #[serde(rename = "enterprise_seat_monthly")]
    Monthly,
}

impl Plan {
    /// All of them, the one that binds longest first.
    pub const ALL: [Self; 3] = [Self::Yearly, Self::Quarterly, Self::Monthly];

    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yearly => "enterprise_seat_yearly",
            Self::Quarterly => "enterprise_seat_quarterly",
            Self::Monthly => "enterprise_seat_monthly",
        }
    }

    /// The key by which a payment provider finds the price.
    #[must_use]
    pub const fn lookup_key(self) -> &'static str {
        match self {
            Self::Yearly => "seat_yearly",
            Self::Quarterly => "seat_quarterly",
            Self::Monthly => "seat_monthly",
        }
    }

    /// How many months are paid for at once.
    #[must_use]
    pub const fn months(self) -> u32 {
        match self {
            Self::Yearly => 12,
            Self::Quarterly => 3,
            Self::Monthly => 1,
        }
    }

    /// What people call the time that is paid for.
    #[must_use]
    pub const fn period(self) -> &'static str {
        match self {
            Self::Yearly => "year",
            Self::Quarterly => "quarter",
            Self::Monthly => "month",
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|plan| plan.name() == text).ok_or_else(|| {
            format!("unknown plan \"{text}\": use enterprise_seat_yearly, enterprise_seat_quarterly or enterprise_seat_monthly")
        })
    }
}
