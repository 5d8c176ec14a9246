//! Mail (floor 3): what is written, the outbox it waits in, and the server that takes it (product.md §4).
//!
//! A use case writes a letter into the outbox in its own transaction ([`outbox::post`]); a job hands it
//! to the mail server ([`smtp::Smtp`]). Nothing is sent while somebody waits for an answer. Without a
//! mail server the letters stay where they are, and `/outbox` shows them to whoever sits at the machine.

pub mod letter;
pub mod outbox;
pub mod smtp;

pub use self::letter::{Button, Letter};
