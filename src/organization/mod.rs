//! Pure rules of an organization (floor 1): roles, seats, plans. No I/O.

pub mod plan;
pub mod role;
pub mod seats;
