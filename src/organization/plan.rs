//! The plans an organization can be on (product.md §1).

use std::str::FromStr;

/// A plan: how often seats are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    Yearly,
    Quarterly,
    Monthly,
}

impl Plan {
    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yearly => "enterprise_seat_yearly",
            Self::Quarterly => "enterprise_seat_quarterly",
            Self::Monthly => "enterprise_seat_monthly",
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Yearly, Self::Quarterly, Self::Monthly].into_iter().find(|plan| plan.name() == text).ok_or_else(|| {
            format!("unknown plan \"{text}\": use enterprise_seat_yearly, enterprise_seat_quarterly or enterprise_seat_monthly")
        })
    }
}
