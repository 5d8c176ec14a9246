//! Identifiers (floor 0): `UUIDv7`, so that the order of ids is the order of creation.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::clock::{Clock, Timestamp};
use crate::secret::Random;

/// An identifier of a `T`; the marker keeps ids of different things apart at compile time.
pub struct Id<T>(Uuid, PhantomData<fn() -> T>);

/// Markers of [`Id`].
pub mod of {
    /// An organization.
    #[derive(Debug)]
    pub enum Organization {}
    /// A SCIM resource: a User (who is a member) or a Group.
    #[derive(Debug)]
    pub enum Resource {}
    /// A provisioning token.
    #[derive(Debug)]
    pub enum Token {}
    /// A client that gets access tokens by OAuth 2.0 client credentials.
    #[derive(Debug)]
    pub enum Client {}
    /// An organization's extension schema.
    #[derive(Debug)]
    pub enum Extension {}
    /// An associated domain.
    #[derive(Debug)]
    pub enum Domain {}
    /// An audit event or an entry of the provisioning log.
    #[derive(Debug)]
    pub enum Event {}
    /// Who signs in: a subject of an issuer.
    #[derive(Debug)]
    pub enum Identity {}
    /// A signed-in browser.
    #[derive(Debug)]
    pub enum Session {}
    /// A mail in the outbox.
    #[derive(Debug)]
    pub enum Mail {}
    /// A checkout.
    #[derive(Debug)]
    pub enum Checkout {}
    /// What the payment provider is to be asked.
    #[derive(Debug)]
    pub enum BillingOperation {}
    /// An invoice.
    #[derive(Debug)]
    pub enum Invoice {}
    /// An API key of an organization.
    #[derive(Debug)]
    pub enum ApiKey {}
    /// An endpoint of an organization's webhooks.
    #[derive(Debug)]
    pub enum Webhook {}
    /// Something that an endpoint is told.
    #[derive(Debug)]
    pub enum Delivery {}
    /// An invitation.
    #[derive(Debug)]
    pub enum Invitation {}
}

/// The id of an organization.
pub type OrganizationId = Id<of::Organization>;
/// The id of a User or a Group.
pub type ResourceId = Id<of::Resource>;
/// The id of a provisioning token.
pub type TokenId = Id<of::Token>;
/// The id of a client, within its organization.
pub type ClientId = Id<of::Client>;
/// The id of an audit event or provisioning-log entry.
pub type EventId = Id<of::Event>;
/// The id of an identity.
pub type IdentityId = Id<of::Identity>;
/// The id of a session, by which it is listed and revoked; its secret is another thing.
pub type SessionId = Id<of::Session>;
/// The id of a mail in the outbox.
pub type MailId = Id<of::Mail>;
/// The id of a checkout.
pub type CheckoutId = Id<of::Checkout>;
/// The id of what the payment provider is to be asked; its idempotency key.
pub type BillingOperationId = Id<of::BillingOperation>;
/// The id of an invoice.
pub type InvoiceId = Id<of::Invoice>;
/// The id of an API key, within its organization.
pub type ApiKeyId = Id<of::ApiKey>;
/// The id of a webhook, within its organization.
pub type WebhookId = Id<of::Webhook>;
/// The id of a delivery: what the endpoint knows it by, however often it is sent.
pub type DeliveryId = Id<of::Delivery>;
/// The id of an invitation, by which it is listed and revoked; its secret is another thing.
pub type InvitationId = Id<of::Invitation>;

impl<T> Id<T> {
    /// Wraps the 16 bytes of a UUID.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes), PhantomData)
    }

    /// The 16 bytes, in the order in which databases compare them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Appends the 36-character text without going through a formatter.
    pub fn write_to(&self, out: &mut String) {
        out.push_str(self.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> std::hash::Hash for Id<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.as_hyphenated(), f)
    }
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<T> PartialSchema for Id<T> {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::Custom("uuid".to_owned());
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl<T> ToSchema for Id<T> {
    fn name() -> Cow<'static, str> {
        "Id".into()
    }
}

impl ResourceId {
    /// When the id was made, to the millisecond: resources are in the order of this time, also when the
    /// clock has stepped back.
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        let mut millisecond = [0; 8];
        millisecond[2..].copy_from_slice(&self.0.as_bytes()[..6]);
        Timestamp(i64::from_be_bytes(millisecond) * 1_000)
    }
}

impl EventId {
    /// Before every id that is made from this time on, and behind those made before its millisecond.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&at.0.max(0).div_euclid(1_000).to_be_bytes()[2..]);
        Self::from_bytes(bytes)
    }
}

/// The text is not the 36-character form of a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

impl<T> FromStr for Id<T> {
    type Err = NotAnId;

    /// Reads the hyphenated form only: an id has one spelling in URLs.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text.len() != 36 {
            return Err(NotAnId);
        }
        Uuid::try_parse(text).map(|uuid| Self(uuid, PhantomData)).map_err(|_| NotAnId)
    }
}

/// Makes ids whose order is the order of the calls, also within one millisecond
/// and when the clock steps back.
#[derive(Clone)]
pub struct IdGenerator {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    last: Arc<Mutex<Last>>,
}

/// What the next id depends on.
struct Last {
    millisecond: u64,
    /// The 12-bit counter in `rand_a` (RFC 9562 §6.2).
    counter: u16,
    /// Randomness that was fetched for many ids at once, because each time costs a call of the system, and how
    /// much of it was used. Ids are no secrets.
    random: [u8; STOCK],
    used: usize,
}

/// Random bytes of an id, and those that are fetched at once.
const PORTION: usize = 10;
const STOCK: usize = 64 * PORTION;

impl IdGenerator {
    /// A generator on this clock and this randomness.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let last = Last { millisecond: 0, counter: 0, random: [0; STOCK], used: STOCK };
        Self { clock, random, last: Arc::new(Mutex::new(last)) }
    }

    /// The next id.
    #[must_use]
    pub fn next<T>(&self) -> Id<T> {
        let mut bytes = [0_u8; 16];
        let now = u64::try_from(self.clock.now().0 / 1_000).unwrap_or(0);
        let (millisecond, counter) = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.take(self.random.as_ref(), &mut bytes[6..]);
            // A new millisecond starts the counter in its lower half, so that there is room to count.
            (last.millisecond, last.counter) = if now > last.millisecond {
                (now, u16::from_be_bytes([bytes[6], bytes[7]]) & 0x07ff)
            } else if last.counter < 0x0fff {
                (last.millisecond, last.counter + 1)
            } else {
                (last.millisecond + 1, 0)
            };
            (last.millisecond, last.counter)
        };
        bytes[..6].copy_from_slice(&millisecond.to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(0x7000 | counter).to_be_bytes());
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Id::from_bytes(bytes)
    }
}

impl Last {
    /// Fills a portion with random bytes that no other id has.
    fn take(&mut self, random: &dyn Random, portion: &mut [u8]) {
        if self.used + PORTION > STOCK {
            random.fill(&mut self.random);
            self.used = 0;
        }
        portion.copy_from_slice(&self.random[self.used..self.used + PORTION]);
        self.used += PORTION;
    }
}

impl fmt::Debug for IdGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdGenerator").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::secret::SystemRandom;

    #[test]
    fn ids_are_version_7_and_keep_the_order_of_calls_in_one_millisecond() {
        let clock = ManualClock::at(Timestamp(1_700_000_000_000_000));
        let ids = IdGenerator::new(clock, Arc::new(SystemRandom::default()));
        let made: Vec<ResourceId> = (0..10_000).map(|_| ids.next()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(made.iter().all(|id| id.0.get_version_num() == 7));
    }

    #[test]
    fn an_id_tells_when_it_was_made_and_never_goes_back() {
        let clock = ManualClock::at(Timestamp(1_700_000_000_123_456));
        let ids = IdGenerator::new(clock.clone(), Arc::new(SystemRandom::default()));
        let made_at = || {
            let id: ResourceId = ids.next();
            id.made_at()
        };
        assert_eq!(made_at(), Timestamp(1_700_000_000_123_000));
        clock.advance_seconds(-60);
        assert_eq!(made_at(), Timestamp(1_700_000_000_123_000));
    }

    #[test]
    fn what_was_made_before_a_time_is_told_from_what_was_made_since() {
        let clock = ManualClock::at(Timestamp(1_700_000_000_123_456));
        let ids = IdGenerator::new(clock.clone(), Arc::new(SystemRandom::default()));
        let (before, bound) = (ids.next::<of::Event>(), EventId::first_at(Timestamp(1_700_000_001_123_456)));
        clock.advance_seconds(1);
        assert!(before < bound && bound < ids.next());
    }

    #[test]
    fn one_spelling() {
        let text = "0193a1b2-0000-7000-8000-000000000001";
        let id: ResourceId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!("0193a1b2000070008000000000000001".parse::<ResourceId>(), Err(NotAnId));
        assert_eq!("{0193a1b2-0000-7000-8000-00000000001}".parse::<ResourceId>(), Err(NotAnId));
    }
}
