//! Who calls the JSON API: by a session's cookie or by an API key, looked up in the request's own read.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web;

use super::super::{State, sign_in};
use crate::administration::actor::{Member, Person};
use crate::administration::api_key::{self, Bearer};
use crate::administration::{Actor, By, no_organization};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::organization::PENDING_CHECKOUT;
use crate::organization::role::Role;
use crate::organization::seats::Standing;
use crate::secret::SecretHash;
use crate::sign_in::session::{self, Visitor};
use crate::sign_in::{Circumstances, Service};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::members;
use crate::store::memberships::Membership;

/// What is presented. Where there are both, the bearer decides: it is what a program has put there.
#[derive(Clone, Copy)]
pub(super) enum Presented {
    Session(SecretHash),
    Key(SecretHash),
}

/// The bearer token of a request.
pub(super) fn bearer(http: &HttpRequest) -> Option<&str> {
    let header = http.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What a request presents.
pub(super) fn presented(http: &HttpRequest, state: &State) -> Result<Presented> {
    match bearer(http) {
        Some(token) => Ok(Presented::Key(SecretHash::of(token.as_bytes()))),
        None => state.door.cookies.session(http).map(Presented::Session).ok_or_else(session::not_signed_in),
    }
}

/// Who calls, and what they are known by.
pub(super) struct Known {
    pub(super) by: By,
    means: Means,
}

enum Means {
    Session(Visitor, SecretHash),
    Key(Bearer),
}

impl Known {
    /// What is written is written only as long as they may what they could when they were looked up.
    pub(super) fn expect(&self, batch: &mut Batch) {
        if !batch.is_empty() {
            self.expect_always(batch);
        }
    }

    /// [`Known::expect`] of a batch that writes nothing itself: what is written comes behind it in its transaction.
    pub(super) fn expect_always(&self, batch: &mut Batch) {
        match (&self.by.actor, &self.means) {
            (_, Means::Key(bearer)) => bearer.expect(batch),
            (Actor::Member(member), Means::Session(..)) => {
                members::expect_role(batch, member.organization, member.id, member.role.name());
            }
            _ => {}
        }
    }

    /// Who it is; that they were here is written down behind the answer.
    pub(super) fn noted(self, state: &web::Data<State>) -> By {
        match self.means {
            Means::Session(visitor, secret) => sign_in::note_if_due(state, &visitor, secret),
            Means::Key(bearer) => note_if_due(state, bearer),
        }
        self.by
    }
}

/// Behind the answer: nobody waits for it.
fn note_if_due(state: &web::Data<State>, bearer: Bearer) {
    let now = state.clock.now();
    if !bearer.is_worth_noting(now) {
        return;
    }
    let state = state.clone();
    actix_web::rt::spawn(async move {
        if let Err(error) = state.store.write(move |_| Ok(bearer.note_use(now))).await {
            tracing::warn!(error = ?error, "the use of an API key was not written");
        }
    });
}

/// What tells who calls.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) presented: Presented,
    pub(super) service: Arc<Service>,
    pub(super) circumstances: Circumstances,
}

impl Caller {
    /// Who acts in an organization. Whoever has no place there learns nothing of it.
    pub(super) fn member(&self, connection: &mut Connection, organization: &str) -> Result<Known> {
        let secret = match self.presented {
            Presented::Session(secret) => secret,
            Presented::Key(hash) => return self.key(connection, hash, organization),
        };
        let (visitor, membership) = session::member(connection, &self.service, secret, organization)?;
        let membership = membership.ok_or_else(|| no_organization(organization))?;
        check_open(&visitor, &membership)?;
        let member = Member {
            organization: membership.organization,
            id: membership.member,
            role: membership.role.parse().unwrap_or(Role::Read),
            identity: visitor.identity.id,
            signed_in_at: Timestamp(visitor.session.created_at),
            recovers: false,
            before_checkout: membership.state == PENDING_CHECKOUT,
        };
        Ok(Known { by: self.by(Actor::Member(member)), means: Means::Session(visitor, secret) })
    }

    fn key(&self, connection: &mut Connection, hash: SecretHash, organization: &str) -> Result<Known> {
        let bearer = api_key::authenticate(connection, hash, self.service.clock.now())?;
        if !bearer.is_of(organization) {
            return Err(no_organization(organization));
        }
        Ok(Known { by: self.by(bearer.actor()), means: Means::Key(bearer) })
    }

    /// Whoever is signed in.
    pub(super) fn person(&self, connection: &mut Connection) -> Result<Known> {
        let Presented::Session(secret) = self.presented else { return Err(takes_a_session()) };
        let visitor = session::visitor(connection, &self.service, secret)?;
        let (identity, session) = (&visitor.identity, &visitor.session);
        let person = Person {
            identity: identity.id,
            email: visitor.proven_address().map(str::to_owned),
            name: identity.name.clone(),
            proven_by: session.organization.filter(|_| session.tenant_proven),
        };
        Ok(Known { by: self.by(Actor::Person(person)), means: Means::Session(visitor, secret) })
    }

    fn by(&self, actor: Actor) -> By {
        By {
            actor,
            request_id: Some(self.circumstances.request_id.clone()),
            address: self.circumstances.client_address.clone(),
        }
    }
}

/// What a program reads where people are meant: whatever its key is good for, it is not that.
pub(super) fn takes_a_session() -> Error {
    Error::new(
        Code::Forbidden,
        "This takes somebody who is signed in. An API key is for its organization: /api/v1/organizations/{organization} and what is below.",
    )
}

/// Refuses a member who may not come in now.
fn check_open(visitor: &Visitor, membership: &Membership) -> Result<()> {
    let why = match Standing::from_name(&membership.status) {
        _ if membership.suspended => "An admin has suspended you in this organization. Ask an admin.",
        Standing::Active if visitor.may_open(membership) => return Ok(()),
        Standing::Active => "This organization is entered through its own single sign-on only. Sign in there.",
        Standing::Deactivated => "You are switched off in this organization. Ask an admin.",
        Standing::Waiting => "You wait for a seat in this organization. Ask an admin.",
    };
    Err(Error::new(Code::Forbidden, why))
}
