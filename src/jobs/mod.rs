//! What runs by itself (floor 6): each job is one round that can be run at any time, and a loop that
//! runs it while the service lives.

pub mod billing;
pub mod cleaning;
pub mod domains;
pub mod invitations;
pub mod outbox;
pub mod provisioning_log;
pub mod refusals;
pub mod retention;
pub mod webhooks;
