//! Signing out: here, and what the provider says is over (OpenID Connect Back-Channel Logout 1.0).

use std::collections::BTreeMap;

use super::session::note_ended;
use super::{Circumstances, Service};
use crate::error::Result;
use crate::secret::SecretHash;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{logout_tokens, sessions};

/// Ends a session. The ID token it was opened with, for signing out at the provider as well.
///
/// # Errors
/// The database's.
pub fn sign_out(
    connection: &mut Connection,
    service: &Service,
    circumstances: &Circumstances,
    secret: SecretHash,
) -> Result<Planned<Option<String>>> {
    let sealed = sessions::id_token(connection, secret)?;
    let opened = sealed.and_then(|sealed| service.sealing.open(&sealed, &secret.0));
    let mut batch = Batch::default();
    sessions::end(&mut batch, secret);
    if let Some((session, identity)) = sessions::find(connection, secret)?
        && let Some(organization) = session.organization
    {
        let person = format!("person:{}", identity.id);
        note_ended(&mut batch, service, circumstances, (organization, identity.id), &person, 1);
    }
    Ok(Planned { batch, answer: opened.and_then(|token| String::from_utf8(token).ok()) })
}

/// What a logout token says is over, after it was verified.
#[derive(Clone, Debug)]
pub struct Notice {
    pub issuer: String,
    pub subject: Option<String>,
    pub provider_sid: Option<String>,
    /// Of the token's `jti`, and when it may be forgotten; microseconds.
    pub token: SecretHash,
    pub expires_at: i64,
}

/// Ends what the provider says is over; a token that comes again changes nothing.
///
/// # Errors
/// The database's.
pub fn end_at_provider(
    connection: &mut Connection,
    service: &Service,
    circumstances: &Circumstances,
    notice: &Notice,
) -> Result<Planned<()>> {
    let mut batch = Batch::default();
    if !logout_tokens::is_used(connection, notice.token)? {
        logout_tokens::delete_expired(&mut batch, service.clock.now().0);
        logout_tokens::insert(&mut batch, notice.token, notice.expires_at);
        let (subject, sid) = (notice.subject.as_deref(), notice.provider_sid.as_deref());
        let mut ended: BTreeMap<_, usize> = BTreeMap::new();
        for place in sessions::at_provider(connection, &notice.issuer, subject, sid)? {
            *ended.entry(place).or_default() += 1;
        }
        for (place, count) in ended {
            note_ended(&mut batch, service, circumstances, place, "provider", count);
        }
        sessions::end_at_provider(&mut batch, &notice.issuer, subject, sid);
    }
    Ok(Planned { batch, answer: () })
}
