//! Signing in without a provider, by a link mailed to the address (product.md §6).
//!
//! Whoever opens the mail and presses its button has proven the address exactly as a provider's
//! `email_verified` does, and [`super::arrival`] decides what that opens. A link never proves a tenant,
//! so it opens no organization that only its tenant opens. It is not bound to the browser that asked for
//! it: mail is read elsewhere, and the session is the browser's that presses the button, so whoever asks
//! with another person's address gets nothing.

use std::time::Duration;

use ring::digest;

use super::arrival::{self, Arrival, Outcome};
use super::{Circumstances, Destination, Service};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::mail::outbox::{self, Desk, Key, Kind, Post};
use crate::mail::{Button, Letter};
use crate::secret::{SecretHash, SecretToken};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::one_time_links::{self, OneTimeLink, purpose};
use crate::store::{Planned, acquaintances, invitations};
use crate::text::{address_key, address_shown};

/// The prefix of a link's secret.
pub const PREFIX: &str = "hcl_";
/// How long a mailed link works: as long as it counts, so that whoever gets no more of them has some that work.
pub const LIFETIME: Duration = Duration::from_hours(1);

/// Who answers for an address that a mailed link has proven. No provider can have this issuer: theirs are
/// https addresses.
pub const ISSUER: &str = "urn:headcount:mailbox";

/// The subject of a mailbox: the same for every link to it, and no address (product.md §1).
#[must_use]
pub fn subject(address_key: &str) -> String {
    use base64::Engine as _;
    let hash = digest::digest(&digest::SHA256, format!("headcount mailbox 1\n{address_key}").as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash)
}

/// A link that somebody asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub address: String,
    /// The slug of the organization whose door they stand at.
    pub organization: Option<String>,
    pub return_to: String,
    /// The address of this service.
    pub public_url: String,
}

/// Mails a link to an address, whoever that is: founders and invited people are nobody's members yet. So
/// whether somebody is known shows in nothing.
///
/// # Errors
/// `invalidValue` for what is no address, `not_found` for the organization, `too_many_requests`.
pub fn request(
    connection: &mut Connection,
    service: &Service,
    wanted: &Wanted,
    secret: &SecretToken,
) -> Result<Planned<()>> {
    let key =
        address_key(&wanted.address).ok_or_else(|| Error::new(Code::InvalidValue, "This is not an e-mail address."))?;
    let organization = match &wanted.organization {
        Some(slug) => super::destination_of_organization(connection, slug)?.organization,
        None => None,
    };
    let mut batch = Batch::default();
    let why = format!("Somebody asked to sign in to {} with this e-mail address.", wanted.public_url);
    mail(connection, service, &mut batch, (&key, organization), (wanted, &why), secret)?;
    Ok(Planned { batch, answer: () })
}

/// Mails a founder a link beside the session that the setup link has opened: whoever opens it has proven the address.
///
/// # Errors
/// `too_many_requests`.
pub(super) fn prove(
    connection: &mut Connection,
    service: &Service,
    batch: &mut Batch,
    key: &str,
    public_url: &str,
    secret: &SecretToken,
) -> Result<()> {
    let wanted = Wanted {
        address: address_shown(key),
        organization: None,
        return_to: "/".into(),
        public_url: public_url.into(),
    };
    let why = format!("You have begun to set up {public_url}. This link proves that the e-mail address is yours.");
    mail(connection, service, batch, (key, None), (&wanted, &why), secret)
}

/// Writes down a link and its mail.
fn mail(
    connection: &mut Connection,
    service: &Service,
    batch: &mut Batch,
    (key, organization): (&str, Option<OrganizationId>),
    (wanted, why): (&Wanted, &str),
    secret: &SecretToken,
) -> Result<()> {
    let now = service.clock.now();
    let turn = outbox::check(connection, (Kind::SignInLink, service.options.links_an_hour), key, None, now)?;
    let expires_at = now.plus(LIFETIME);
    let link = OneTimeLink {
        purpose: purpose::SIGN_IN.into(),
        address_key: Some(key.to_owned()),
        organization,
        return_to: super::hidden(service, &wanted.return_to, secret.hash()),
        created_at: now.0,
        expires_at: expires_at.0,
    };
    one_time_links::delete_expired(batch, now.0);
    one_time_links::insert(batch, secret.hash(), &link);
    let post = Post {
        kind: Kind::SignInLink,
        key: Key::Turn(&turn),
        organization,
        recipient: key,
        letter: &letter(&wanted.public_url, why, secret, expires_at),
        expires_at,
    };
    let desk = Desk { ids: &service.ids, sealing: &service.sealing, random: service.random.as_ref(), now };
    if is_written(connection, organization, key, now)? {
        outbox::post(batch, desk, &post)?;
    } else {
        outbox::withhold(batch, desk, &post, "the organization's links of a day were asked for");
    }
    Ok(())
}

/// Whether a link is mailed that was asked for at an organization's door. Anybody asks there, so there are so many in
/// a day; but nobody keeps those out by it whom the organization knows. Who is not written to is told the same.
fn is_written(
    connection: &mut Connection,
    organization: Option<OrganizationId>,
    key: &str,
    now: Timestamp,
) -> Result<bool> {
    let Some(organization) = organization else { return Ok(true) };
    if outbox::left(connection, Kind::SignInLink, organization, now)? > 0 {
        return Ok(true);
    }
    let (_, known) = acquaintances::find(connection, organization, None, Some(key))?;
    Ok(!known.by_address.is_empty() || invitations::open_for(connection, organization, key, now.0)?.is_some())
}

fn letter(public_url: &str, why: &str, secret: &SecretToken, expires_at: Timestamp) -> Letter {
    let until = expires_at.to_string();
    // The minute is exact enough: 2026-11-25T22:45:00.000Z
    let until = format!("{} UTC on {}", &until[11..16], &until[..10]);
    Letter {
        subject: "Your link to sign in".into(),
        paragraphs: vec![why.to_owned()],
        button: Some(Button {
            label: "Sign in".into(),
            url: format!("{public_url}/sign-in/link?secret={}", secret.reveal()),
        }),
        small: vec![
            format!("The link works once, until {until}."),
            "If it was not you who asked, do nothing: without this mail nobody gets in. Forward it to nobody.".into(),
        ],
    }
}

/// The link with this secret while it works.
fn live(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<(OneTimeLink, String)> {
    let found = one_time_links::find(connection, secret, purpose::SIGN_IN)?;
    let live = found.filter(|link| service.clock.now().0 < link.expires_at);
    live.and_then(|link| link.address_key.clone().map(|key| (link, key))).ok_or_else(|| {
        Error::new(
            Code::BadRequest,
            "This link was used already, is older than an hour, or is not whole. Ask for a new one.",
        )
    })
}

/// Whom a link signs in: for the page with the button. Opening a link uses nothing up, for mail scanners
/// open links too.
///
/// # Errors
/// `bad_request` for one that does not work.
pub fn preview(connection: &mut Connection, service: &Service, secret: SecretHash) -> Result<String> {
    live(connection, service, secret).map(|(_, key)| address_shown(&key))
}

/// What came of following a link.
#[derive(Debug)]
pub struct Followed {
    pub outcome: Outcome,
    pub return_to: String,
}

/// Signs in by a link: once, also when it is followed twice at the same moment. The other links to the
/// address are over with it.
///
/// # Errors
/// `bad_request` for one that does not work.
pub fn follow(
    connection: &mut Connection,
    service: &Service,
    circumstances: &Circumstances,
    secret: SecretHash,
    session: &SecretToken,
) -> Result<Planned<Followed>> {
    let (link, key) = live(connection, service, secret)?;
    let arrival = arrival_of(&key);
    let destination = Destination { organization: link.organization, tenant_id: None };
    let Planned { mut batch, answer } =
        arrival::arrive(connection, service, circumstances, &destination, &arrival, session)?;
    one_time_links::take(&mut batch, secret);
    one_time_links::delete_others(&mut batch, &key, secret);
    Ok(Planned {
        batch,
        answer: Followed { outcome: answer, return_to: super::shown(service, &link.return_to, secret) },
    })
}

/// Whoever has proven a mailbox to us.
fn arrival_of(key: &str) -> Arrival {
    Arrival {
        issuer: ISSUER.into(),
        subject: subject(key),
        address: Some(address_shown(key)),
        address_verified: true,
        name: None,
        tenant_proven: false,
        session_expiry: None,
        provider_sid: None,
        id_token: None,
    }
}
