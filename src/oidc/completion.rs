//! The end of a sign-in: from an authorization response to a person whom the provider vouches for.

use std::sync::Arc;

use openidconnect::{AccessToken, OAuth2TokenResponse as _, TokenResponse as _};
use serde::Deserialize;
use serde_json::Value;

use super::authorization::{self, Pending, Response};
use super::discovery::Metadata;
use super::exchange::exchange;
use super::failure::{Class, Failure, Reason, Result};
use super::signed::{Header, claims, has_expired, is_ahead, timestamp};
use super::tenant::{Tenant, TenantClaims};
use super::{Provider, id_token};
use crate::clock::Timestamp;
use crate::text::address_key;

/// A person who has signed in.
#[derive(Clone)]
pub struct SignedIn {
    pub issuer: String,
    pub subject: String,
    /// The address the provider knows; one that [`address_key`] takes.
    pub address: Option<String>,
    /// Whether `email_verified` is JSON `true`.
    pub address_verified: bool,
    pub name: Option<String>,
    /// The Descope tenant that let the person in, as far as the provider says.
    pub tenant: Tenant,
    /// When a session that comes of this ends at the latest.
    pub session_expiry: Option<Timestamp>,
    /// The provider's session.
    pub sid: Option<String>,
    /// The ID token as it came, for `id_token_hint`.
    pub id_token: String,
}

/// What may be wanted of userinfo (OpenID Connect Core 1.0 §5.3.2).
#[derive(Deserialize)]
struct Userinfo {
    sub: String,
    email: Option<String>,
    /// Of whatever type: only `true` says anything.
    email_verified: Option<Value>,
    name: Option<String>,
    #[serde(flatten)]
    tenant: TenantClaims,
}

/// What is read of an access token that is a JWT.
#[derive(Deserialize)]
struct AccessClaims {
    iss: String,
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    #[serde(flatten)]
    tenant: TenantClaims,
}

impl Provider {
    /// Ends a sign-in that [`Provider::begin`] started and the caller found by its `state`.
    ///
    /// # Errors
    /// Why nobody is signed in.
    pub async fn complete(&self, pending: &Pending, response: &Response<'_>) -> Result<SignedIn> {
        self.in_time(self.complete_in_any_time(pending, response)).await
    }

    async fn complete_in_any_time(&self, pending: &Pending, response: &Response<'_>) -> Result<SignedIn> {
        let metadata = self.metadata().await?;
        let code = authorization::code(&metadata, response)?;
        let tokens = exchange(&self.fetch, &self.options, &metadata, code, pending).await?;
        let id_token = tokens.id_token().ok_or(Reason::IdTokenMissing)?;
        let text = id_token.to_string();
        let key = self.key(&metadata, Header::of(&text)?).await?;
        let access_token = tokens.access_token();
        let context = (&self.options, &*metadata, self.clock.now());
        let claims = id_token::verify(id_token, &key, access_token, pending, context)?;
        let more = claims.additional_claims();
        let mut person = SignedIn {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            address: claims.email().map(|address| address.to_string()).filter(|address| !address.is_empty()),
            address_verified: claims.email_verified() == Some(true),
            name: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
            tenant: more.tenant.tenant(),
            session_expiry: more.session_expiry.map(timestamp),
            sid: more.sid.clone(),
            id_token: text,
        };
        self.ask_further(&metadata, &mut person, access_token, pending.tenant.is_some()).await?;
        check_address(&mut person)?;
        Ok(person)
    }

    /// Looks elsewhere for what the ID token does not say. Whatever it does say stands.
    async fn ask_further(
        &self,
        metadata: &Arc<Metadata>,
        person: &mut SignedIn,
        access_token: &AccessToken,
        tenant_matters: bool,
    ) -> Result<()> {
        if tenant_matters && person.tenant == Tenant::Unsaid {
            person.tenant = self.tenant_of_access_token(metadata, &person.subject, access_token).await?;
        }
        let tenant_open = tenant_matters && person.tenant == Tenant::Unsaid;
        if !tenant_open && person.address.is_some() {
            return Ok(());
        }
        let Some(endpoint) = &metadata.userinfo_endpoint else { return Ok(()) };
        let answer = self.fetch.document_as(endpoint.url(), access_token, Reason::UserinfoMalformed).await?;
        // Refused, nothing more is known of the person: what that comes to is for the rules of joining.
        let Some(userinfo): Option<Userinfo> = answer else { return Ok(()) };
        // §5.3.2: of another person, it must not be used.
        if userinfo.sub != person.subject {
            return Err(Reason::UserinfoSubject.into());
        }
        if tenant_open {
            person.tenant = userinfo.tenant.tenant();
        }
        if person.address.is_none() {
            // Address and proof from one source: a proof says nothing of another address.
            person.address_verified = userinfo.email_verified == Some(Value::Bool(true));
            person.address = userinfo.email.filter(|address| !address.is_empty());
        }
        if person.name.is_none() {
            person.name = userinfo.name;
        }
        Ok(())
    }

    /// The tenant that the access token names, if it is a JWT of this provider about this person.
    async fn tenant_of_access_token(
        &self,
        metadata: &Arc<Metadata>,
        subject: &str,
        token: &AccessToken,
    ) -> Result<Tenant> {
        let token = token.secret();
        // An opaque token says nothing, and one that does not hold is no proof; userinfo may still be.
        let Ok(header) = Header::of(token) else { return Ok(Tenant::Unsaid) };
        let key = match self.key(metadata, header).await {
            Ok(key) => key,
            Err(failure) if failure.reason.class() == Class::BadResponse => return Ok(Tenant::Unsaid),
            Err(failure) => return Err(failure),
        };
        let now = self.clock.now();
        let holds = |claims: &AccessClaims| {
            claims.iss == metadata.issuer.as_str()
                && claims.sub == subject
                && !has_expired(timestamp(claims.exp), now)
                && !claims.nbf.is_some_and(|from| is_ahead(timestamp(from), now))
        };
        let claims = claims::<AccessClaims>(token, &key).ok().filter(holds);
        Ok(claims.map_or(Tenant::Unsaid, |claims| claims.tenant.tenant()))
    }
}

/// Refuses an address that is none: what hides in it would reach mails, headers and comparisons.
fn check_address(person: &mut SignedIn) -> Result<()> {
    match &person.address {
        Some(address) if address_key(address).is_none() => {
            Err(Failure::new(Reason::AddressMalformed, "the e-mail claim is no plain address"))
        }
        Some(_) => Ok(()),
        None => {
            // A proof of nothing proves nothing.
            person.address_verified = false;
            Ok(())
        }
    }
}
