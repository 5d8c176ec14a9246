//! The seat ledger's rules (product.md §2): who holds a seat, who waits, who is refused.

use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

use super::role::Role;
use crate::error::{Code, Error, Result};

/// What SCIM does when no seat is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeatPolicy {
    /// The write is refused.
    Reject,
    /// The user is kept inactive and admitted first-in-first-out.
    Waitlist,
}

impl SeatPolicy {
    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Waitlist => "waitlist",
        }
    }
}

impl FromStr for SeatPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "reject" => Ok(Self::Reject),
            "waitlist" => Ok(Self::Waitlist),
            _ => Err(format!("unknown seat policy \"{text}\": use reject or waitlist")),
        }
    }
}

/// A member's standing with regard to seats. An admin's suspension is separate and keeps the seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Holds a seat.
    Active,
    /// Switched off by provisioning or an admin.
    Deactivated,
    /// Would be active if there were a seat.
    Waiting,
}

impl Standing {
    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Waiting => "waiting",
        }
    }

    /// The status people are shown. An admin's suspension covers what provisioning says.
    #[must_use]
    pub const fn shown(self, suspended: bool) -> Status {
        match self {
            _ if suspended => Status::Suspended,
            Self::Active => Status::Active,
            Self::Deactivated => Status::Deactivated,
            Self::Waiting => Status::Waiting,
        }
    }

    /// Reads the database's text; what it does not know holds no seat.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "active" => Self::Active,
            "waiting" => Self::Waiting,
            _ => Self::Deactivated,
        }
    }
}

/// The status of a member as people are shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MemberStatus)]
pub enum Status {
    Active,
    Suspended,
    Deactivated,
    Waiting,
    Removed,
}

/// Of those who wait so many are admitted at once: what is written together has an end. The others are at once
/// behind them.
pub const ADMITTED_AT_ONCE: i64 = 200;

/// The ledger as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub seats: i64,
    pub used: i64,
    pub pending: i64,
    pub waiting: i64,
    pub active_owners: i64,
    pub users: i64,
    pub groups: i64,
}

/// What a write adds to the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub used: i64,
    /// Of invitations.
    pub pending: i64,
    pub waiting: i64,
    pub active_owners: i64,
    pub users: i64,
    pub groups: i64,
}

impl Change {
    /// Whether the ledger stays as it is.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// A member of `role` goes from one standing (`None`: did not exist) to another (`None`: is gone).
    pub fn moves(&mut self, role: Role, from: Option<Standing>, to: Option<Standing>) {
        let count = |standing: Option<Standing>, wanted| i64::from(standing == Some(wanted));
        let active = count(to, Standing::Active) - count(from, Standing::Active);
        self.used += active;
        self.waiting += count(to, Standing::Waiting) - count(from, Standing::Waiting);
        if role == Role::Owner {
            self.active_owners += active;
        }
        self.users += i64::from(to.is_some()) - i64::from(from.is_some());
    }

    /// A member stays where it is and counts by another role from now on.
    pub fn recounts(&mut self, standing: Standing, from: Role, to: Role) {
        self.moves(from, Some(standing), None);
        self.moves(to, None, Some(standing));
    }
}

impl Usage {
    /// The ledger after a change.
    #[must_use]
    pub const fn after(self, change: &Change) -> Self {
        Self {
            used: self.used + change.used,
            pending: self.pending + change.pending,
            waiting: self.waiting + change.waiting,
            active_owners: self.active_owners + change.active_owners,
            users: self.users + change.users,
            groups: self.groups + change.groups,
            ..self
        }
    }

    /// Seats that nobody has; a pending invitation holds one.
    #[must_use]
    pub const fn free(&self) -> i64 {
        self.seats - self.used - self.pending
    }

    /// Whether a seat is free for somebody new. One that is free while somebody waits is on its way to them.
    #[must_use]
    pub const fn has_a_seat(&self) -> bool {
        self.free() > self.waiting
    }

    /// The ledger as somebody meets it for whom a seat is kept: nobody waits before them.
    #[must_use]
    pub const fn with_a_seat_kept(self) -> Self {
        Self { waiting: 0, ..self }
    }

    /// The standing a member gets when the provider says `active`.
    ///
    /// # Errors
    /// `seat_limit_reached` under [`SeatPolicy::Reject`], naming used and total.
    pub fn admit(&self, policy: SeatPolicy, from: Option<Standing>, active: bool) -> Result<Standing> {
        if !active {
            return Ok(Standing::Deactivated);
        }
        match from {
            // Who waits keeps the place; a free seat is given out when it becomes free.
            Some(standing @ (Standing::Active | Standing::Waiting)) => Ok(standing),
            _ if self.has_a_seat() => Ok(Standing::Active),
            _ if policy == SeatPolicy::Waitlist => Ok(Standing::Waiting),
            _ => Err(self.no_seat()),
        }
    }

    /// The refusal, in words the identity provider's admin can act on.
    #[must_use]
    pub fn no_seat(&self) -> Error {
        Error::new(
            Code::SeatLimitReached,
            format!(
                "No seats available: {} of {} used. Buy seats or deactivate a member, then provision this user again.",
                self.used + self.pending,
                self.seats
            ),
        )
    }

    /// Refuses a change that would leave nobody to run the organization.
    ///
    /// # Errors
    /// `last_owner`, naming the member and what to do.
    pub fn keep_an_owner(&self, change: &Change, member: &str) -> Result<()> {
        if change.active_owners < 0 && self.active_owners + change.active_owners < 1 {
            return Err(Error::new(
                Code::LastOwner,
                format!(
                    "{member} is the last active owner of this organization. Make another member an owner first, then repeat this change."
                ),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Usage = Usage { seats: 2, used: 1, pending: 1, waiting: 0, active_owners: 1, users: 1, groups: 0 };

    #[test]
    fn a_pending_invitation_takes_a_seat() {
        let refused = FULL.admit(SeatPolicy::Reject, None, true).unwrap_err();
        assert_eq!(refused.code, Code::SeatLimitReached);
        assert!(refused.detail.starts_with("No seats available: 2 of 2 used."), "{}", refused.detail);
        assert_eq!(FULL.admit(SeatPolicy::Waitlist, None, true).unwrap(), Standing::Waiting);
        assert_eq!(FULL.admit(SeatPolicy::Reject, None, false).unwrap(), Standing::Deactivated);
        assert_eq!(FULL.admit(SeatPolicy::Reject, Some(Standing::Active), true).unwrap(), Standing::Active);
    }

    #[test]
    fn who_waits_keeps_the_place_even_when_a_seat_shows() {
        let free = Usage { seats: 10, ..FULL };
        assert_eq!(free.admit(SeatPolicy::Waitlist, Some(Standing::Waiting), true).unwrap(), Standing::Waiting);
        assert_eq!(free.admit(SeatPolicy::Waitlist, Some(Standing::Deactivated), true).unwrap(), Standing::Active);
        let due = Usage { seats: 4, waiting: 2, ..FULL };
        assert_eq!(due.admit(SeatPolicy::Waitlist, None, true).unwrap(), Standing::Waiting, "both seats are theirs");
        assert_eq!(due.admit(SeatPolicy::Reject, None, true).unwrap_err().code, Code::SeatLimitReached);
        let kept = due.with_a_seat_kept();
        assert_eq!(
            kept.admit(SeatPolicy::Waitlist, None, true).unwrap(),
            Standing::Active,
            "one of them is somebody's"
        );
    }

    #[test]
    fn the_last_owner_stays() {
        let mut change = Change::default();
        change.moves(Role::Owner, Some(Standing::Active), None);
        assert_eq!(change, Change { used: -1, active_owners: -1, users: -1, ..Change::default() });
        let mut demoted = Change::default();
        demoted.recounts(Standing::Active, Role::Owner, Role::Admin);
        assert_eq!(demoted, Change { active_owners: -1, ..Change::default() }, "the seat is kept");
        assert_eq!(FULL.keep_an_owner(&change, "ann@example.com").unwrap_err().code, Code::LastOwner);
        assert!(Usage { active_owners: 2, ..FULL }.keep_an_owner(&change, "ann@example.com").is_ok());
    }
}
