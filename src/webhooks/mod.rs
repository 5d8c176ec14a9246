//! Webhooks as they go out (floor 3): signed by Standard Webhooks, to addresses that were looked at.

mod address;
mod sender;
pub mod signature;

pub use self::address::{check_url, is_private};
pub use self::sender::{Sender, Sent};
