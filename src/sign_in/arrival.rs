//! Somebody comes back from the provider: recognised, linked, joined or refused, in one transaction
//! with the seat, the audit event and the session (product.md §6).

use serde_json::json;

use super::meeting::Taken;
use super::refusals::{Reason, Refused, Who};
use super::session::KEPT;
use super::{Circumstances, Destination, Service, link};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::membership;
use crate::organization::associated_domain::domain_of;
use crate::organization::join_request::State;
use crate::organization::joining::{self, Admission, Refusal};
use crate::secret::SecretToken;
use crate::store::Planned;
use crate::store::acquaintances;
use crate::store::audit_events::{self, Event, SERVICE};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::identities::{self, Identity};
use crate::store::organizations::{self, Organization};
use crate::store::sessions::{self, Opened, Session};
use crate::text::address_key;

/// The prefix of a session's secret.
pub const SESSION_PREFIX: &str = "hcs_";

/// Who has come, as the provider proved it.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub issuer: String,
    pub subject: String,
    pub address: Option<String>,
    /// Whether the provider says that the address is the person's.
    pub address_verified: bool,
    pub name: Option<String>,
    /// Whether the tenant that was asked for proved the person.
    pub tenant_proven: bool,
    /// When the provider wants the session to end.
    pub session_expiry: Option<Timestamp>,
    pub provider_sid: Option<String>,
    /// For signing out at the provider.
    pub id_token: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// A session was opened with this secret; by who named no organization, also where the one of their
    /// domain does not let them in.
    Entered(Option<Refused>),
    /// An admin has to decide.
    Asked { organization: String },
    /// No session, nothing changed.
    Refused { organization: String, refusal: Refusal, refused: Refused },
}

/// Lets somebody in, or not. `secret` is the session's, should one be opened.
///
/// # Errors
/// The database's, and those of what is stored.
pub fn arrive(
    connection: &mut Connection,
    service: &Service,
    circumstances: &Circumstances,
    destination: &Destination,
    arrival: &Arrival,
    secret: &SecretToken,
) -> Result<Planned<Outcome>> {
    let mut visit = Visit::new(connection, service, circumstances, arrival)?;
    let named = destination.organization;
    let organization = match named {
        Some(id) => organizations::by_id(connection, id)?,
        // Nobody was named: the domain of the proven address may lead somewhere.
        None => visit.leads_to(connection)?,
    };
    let Some(organization) = organization.filter(|organization| super::is_open(&organization.state)) else {
        visit.open(None, secret);
        return Ok(Planned { batch: visit.batch, answer: Outcome::Entered(None) });
    };
    let admitted = visit.decide(connection, &organization, destination)?;
    let answer = match admitted {
        Ok(Admission::Ask) => Outcome::Asked { organization: organization.name },
        Ok(_) => {
            visit.open(Some(organization.id), secret);
            Outcome::Entered(None)
        }
        // Who named no organization is signed in without it.
        Err(refusal) if named.is_none() => {
            visit.open(None, secret);
            Outcome::Entered(Some(visit.refused(organization.id, refusal)))
        }
        Err(refusal) => {
            let refused = visit.refused(organization.id, refusal);
            Outcome::Refused { organization: organization.name, refusal, refused }
        }
    };
    Ok(Planned { batch: visit.batch, answer })
}

/// One arrival while it is being planned.
pub(super) struct Visit<'a> {
    pub(super) service: &'a Service,
    circumstances: &'a Circumstances,
    pub(super) arrival: &'a Arrival,
    pub(super) identity: Identity,
    pub(super) is_new: bool,
    /// The organization's own tenant, as it is now, if it let the person in.
    tenant: Option<String>,
    pub(super) now: Timestamp,
    pub(super) batch: Batch,
}

impl<'a> Visit<'a> {
    fn new(
        connection: &mut Connection,
        service: &'a Service,
        circumstances: &'a Circumstances,
        arrival: &'a Arrival,
    ) -> Result<Self> {
        let known = identities::find(connection, &arrival.issuer, &arrival.subject)?;
        let is_new = known.is_none();
        let identity = Identity {
            id: known.map_or_else(|| service.ids.next(), |identity| identity.id),
            issuer: arrival.issuer.clone(),
            subject: arrival.subject.clone(),
            address_key: arrival.address.as_deref().and_then(address_key),
            address: arrival.address.clone(),
            name: arrival.name.clone(),
        };
        let now = service.clock.now().to_millisecond();
        Ok(Self { service, circumstances, arrival, identity, is_new, tenant: None, now, batch: Batch::default() })
    }

    /// The organization that has proven the domain of the proven address, or where the operator has made
    /// whoever reads its mail a member.
    fn leads_to(&self, connection: &mut Connection) -> Result<Option<Organization>> {
        let Some(key) = self.identity.address_key.as_deref().filter(|_| self.arrival.address_verified) else {
            return Ok(None);
        };
        match organizations::owner_of_domain(connection, domain_of(key))? {
            None if self.is_by_mail() => match acquaintances::made_by_operator(connection, key)? {
                Some(organization) => organizations::by_id(connection, organization),
                None => Ok(None),
            },
            owner => Ok(owner),
        }
    }

    pub(super) fn is_by_mail(&self) -> bool {
        self.identity.issuer == link::ISSUER
    }

    /// Decides about one organization, and plans what an admission changes.
    fn decide(
        &mut self,
        connection: &mut Connection,
        organization: &Organization,
        destination: &Destination,
    ) -> Result<Result<Admission, Refusal>> {
        let met = self.meet(connection, organization, destination)?;
        self.tenant = destination.tenant_id.clone().filter(|_| met.proven.tenant);
        let door = membership::door(organization, &met.usage, met.domain.as_ref());
        let is_taken = met.taken == Taken::Another;
        let mut known = membership::known(&met.known, is_taken, met.asked == Some(State::Declined));
        known.invited = met.invited;
        let decision = joining::admit(&door, met.proven, &known);
        if let Ok(admission) = decision {
            self.admit(organization, self.tenant.clone().as_deref(), &met, admission)?;
        }
        Ok(decision)
    }

    pub(super) fn write_identity(&mut self) {
        if self.is_new {
            identities::insert(&mut self.batch, &self.identity, self.now.0);
        } else {
            identities::update(&mut self.batch, &self.identity, self.now.0);
        }
    }

    /// Opens the session (product.md §6): never beyond what the provider allows.
    fn open(&mut self, organization: Option<OrganizationId>, secret: &SecretToken) {
        self.write_identity();
        let absolute = self.now.plus_seconds(i64::try_from(self.service.options.absolute.as_secs()).unwrap_or(0));
        let expires_at = self.arrival.session_expiry.map_or(absolute, |provider| provider.min(absolute));
        let id_token = self.arrival.id_token.as_deref();
        let session = Session {
            id: self.service.ids.next(),
            organization,
            tenant_proven: self.tenant.is_some(),
            recovers: None,
            proven_address: self.identity.address_key.clone().filter(|_| self.arrival.address_verified),
            created_at: self.now.0,
            seen_at: self.now.0,
            expires_at: expires_at.0,
            length: None,
            client_address: self.circumstances.client_address.clone(),
            user_agent: self.circumstances.user_agent.clone(),
        };
        let opened = Opened {
            hash: secret.hash(),
            identity: self.identity.id,
            tenant: self.tenant.as_deref(),
            provider_sid: self.arrival.provider_sid.as_deref(),
            id_token: id_token.map(|token| {
                self.service.sealing.seal(token.as_bytes(), &secret.hash().0, self.service.random.as_ref())
            }),
        };
        sessions::delete_expired(&mut self.batch, self.now.0);
        if !self.is_new {
            sessions::end_oldest(&mut self.batch, self.identity.id, KEPT - 1);
        }
        sessions::insert(&mut self.batch, &session, opened);
        // Who comes to no organization is in the service's own trail.
        self.audit(organization.unwrap_or(SERVICE), "sign_in.succeeded", None, "signed in");
    }

    /// What the audit trail is told.
    fn refused(&self, organization: OrganizationId, refusal: Refusal) -> Refused {
        let who = Who {
            identity: (!self.is_new).then_some(self.identity.id),
            subject: self.identity.subject.clone(),
            address: self.identity.address.clone().filter(|_| self.arrival.address_verified),
        };
        Refused { reason: Reason::Rule(refusal), organization: Some(organization), who: Some(who) }
    }

    pub(super) fn audit(
        &mut self,
        organization: OrganizationId,
        action: &str,
        target: Option<ResourceId>,
        detail: &str,
    ) {
        let detail = json!({"identity": self.identity.id.to_string(), "detail": detail}).to_string();
        let event = Event {
            id: self.service.ids.next(),
            at: self.now.0,
            actor: "sign-in",
            action,
            target_kind: match target {
                Some(_) => "User",
                None if organization == SERVICE => "Service",
                None => "Organization",
            },
            target_id: target,
            request_id: Some(&self.circumstances.request_id),
            address: self.circumstances.client_address.as_deref(),
            detail: &detail,
        };
        audit_events::insert(&mut self.batch, organization, &event);
    }
}
