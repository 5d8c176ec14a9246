//! Somebody comes back from the provider: recognised, linked, joined or refused, in one transaction
//! with the seat, the audit event and the session (product.md §6).

use serde_json::json;

use super::refusals::{Reason, Refused, Who};
use super::session::KEPT;
use super::{Circumstances, Destination, Service, link};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{IdentityId, OrganizationId, ResourceId};
use crate::membership::{self, Newcomer};
use crate::organization::associated_domain::domain_of;
use crate::organization::join_request::{DECLINED_FOR, PATIENCE, State};
use crate::organization::joining::{self, Admission, Proven, Refusal};
use crate::organization::role::Role;
use crate::scim::registry::Kind;
use crate::secret::SecretToken;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::identities::{self, Identity};
use crate::store::members::{self, Acquaintance, User};
use crate::store::organizations::{self, Organization};
use crate::store::provisioning_log::{self, Event, SERVICE};
use crate::store::sessions::{self, Opened, Session};
use crate::store::{Planned, associated_domains, join_requests, proven_sign_ins};
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
struct Visit<'a> {
    service: &'a Service,
    circumstances: &'a Circumstances,
    arrival: &'a Arrival,
    identity: Identity,
    is_new: bool,
    /// The organization's own tenant, as it is now, if it let the person in.
    tenant: Option<String>,
    now: Timestamp,
    batch: Batch,
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
            None if self.is_by_mail() => match members::made_by_operator(connection, key)? {
                Some(organization) => organizations::by_id(connection, organization),
                None => Ok(None),
            },
            owner => Ok(owner),
        }
    }

    fn is_by_mail(&self) -> bool {
        self.identity.issuer == link::ISSUER
    }

    /// Whether somebody else signs in as a member. Who has proven a mailbox to us only, before there was a
    /// provider, gives way to the provider's account with the same address.
    fn taken_by(&self, connection: &mut Connection, member: &User) -> Result<Taken> {
        let Some(identity) = member.1.identity else { return Ok(Taken::No) };
        let issuer = if self.is_by_mail() { None } else { identities::issuer(connection, identity)? };
        Ok(if issuer.as_deref() == Some(link::ISSUER) { Taken::Mailbox(identity) } else { Taken::Another })
    }

    /// Decides about one organization, and plans what an admission changes.
    fn decide(
        &mut self,
        connection: &mut Connection,
        organization: &Organization,
        destination: &Destination,
    ) -> Result<Result<Admission, Refusal>> {
        let identity = (!self.is_new).then_some(self.identity.id);
        let key = self.identity.address_key.clone();
        let (usage, known) = members::acquaintance(connection, organization.id, identity, key.as_deref())?;
        let domain = match &key {
            Some(key) => associated_domains::find(connection, organization.id, domain_of(key))?,
            None => None,
        };
        let door = membership::door(organization, &usage, domain.as_ref());
        // The tenant that was asked for must still be the organization's.
        let is_current = destination.tenant_id.is_some() && destination.tenant_id == organization.tenant_id;
        let proven = Proven {
            address: self.arrival.address_verified && key.is_some(),
            mailbox: self.is_by_mail(),
            tenant: is_current && self.arrival.tenant_proven,
        };
        let taken = match known.by_address.first() {
            Some(member) => self.taken_by(connection, member)?,
            None => Taken::No,
        };
        self.tenant = destination.tenant_id.clone().filter(|_| proven.tenant);
        let asked = self.asked(connection, organization.id)?;
        let declined = asked == Some(State::Declined);
        let admission = joining::admit(&door, proven, &membership::known(&known, taken == Taken::Another, declined));
        if proven.tenant {
            self.note_proof(organization, destination, &known, admission.as_ref().ok());
        }
        if self.is_by_mail() && !self.is_new && matches!(admission, Ok(Admission::Link | Admission::Join(_))) {
            // Those the setup link opened have proven nothing, and this opens something.
            sessions::end_all(&mut self.batch, self.identity.id);
        }
        match admission {
            Ok(Admission::Ask) if asked.is_none() => self.ask(organization),
            Ok(Admission::Enter) => {
                if let Some((resource, _)) = &known.linked {
                    members::enter(&mut self.batch, organization.id, resource.id, Some(self.identity.id));
                }
            }
            Ok(Admission::Link) => {
                if let Some((resource, _)) = known.by_address.first() {
                    let before = if let Taken::Mailbox(identity) = taken { Some(identity) } else { None };
                    members::link(&mut self.batch, organization.id, resource.id, self.identity.id, before);
                    if let Some(before) = before {
                        sessions::end_all(&mut self.batch, before);
                    }
                    self.audit(organization.id, "member.linked", Some(resource.id), "by the address");
                }
            }
            Ok(Admission::Join(role)) => self.join(organization.id, role)?,
            _ => {}
        }
        if asked.is_some() && !matches!(admission, Ok(Admission::Ask) | Err(_)) {
            join_requests::delete(&mut self.batch, organization.id, self.identity.id);
        }
        Ok(admission)
    }

    /// Writes down that an admin has come in through the tenant: only then may they make it the only way in.
    fn note_proof(
        &mut self,
        organization: &Organization,
        destination: &Destination,
        known: &Acquaintance,
        admission: Option<&Admission>,
    ) {
        let entering = match admission {
            Some(Admission::Enter) => known.linked.as_ref(),
            Some(Admission::Link) => known.by_address.first(),
            _ => None,
        };
        let is_admin = |(_, member): &&User| member.role.parse::<Role>().is_ok_and(|role| role >= Role::Admin);
        if let (Some(_), Some(tenant)) = (entering.filter(is_admin), &destination.tenant_id) {
            proven_sign_ins::note(&mut self.batch, organization.id, self.identity.id, tenant, self.now.0);
        }
    }

    fn join(&mut self, organization: OrganizationId, role: Role) -> Result<()> {
        let newcomer = Newcomer {
            address: self.arrival.address.as_deref().unwrap_or_default(),
            given_name: None,
            family_name: None,
            display_name: self.arrival.name.as_deref(),
            role,
            role_source: "default",
            source: "domain",
            identity: Some(self.identity.id),
        };
        let (id, user_type) = (self.service.ids.next(), self.service.registry.resource_type(Kind::User));
        newcomer.join(&mut self.batch, organization, id, &self.service.storage, user_type)?;
        self.audit(organization, "member.joined", Some(id), "by the domain of the address");
        Ok(())
    }

    /// Where a request of the person stands, if there is one.
    fn asked(&self, connection: &mut Connection, organization: OrganizationId) -> Result<Option<State>> {
        if self.is_new {
            return Ok(None);
        }
        let found = join_requests::find(connection, organization, self.identity.id)?;
        let state = found.map(|request| State::at(self.now, request.requested_at, request.declined_at));
        Ok(state.filter(|state| *state != State::Over))
    }

    /// Asks for an admin's decision, once.
    fn ask(&mut self, organization: &Organization) {
        self.write_identity();
        let (address, key) = (self.identity.address.as_deref(), self.identity.address_key.as_deref());
        if let (Some(address), Some(key)) = (address, key) {
            let request = join_requests::Request {
                identity: self.identity.id,
                address: address.to_owned(),
                address_key: key.to_owned(),
                name: self.identity.name.clone(),
                requested_at: self.now.0,
                declined_at: None,
            };
            let over = (self.now.minus(PATIENCE).0, self.now.minus(DECLINED_FOR).0);
            join_requests::delete_expired(&mut self.batch, organization.id, over, self.identity.id);
            join_requests::put(&mut self.batch, organization.id, &request);
        }
        self.audit(organization.id, "member.asked", None, "to join by the domain of the address");
    }

    fn write_identity(&mut self) {
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

    fn audit(&mut self, organization: OrganizationId, action: &str, target: Option<ResourceId>, detail: &str) {
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
        provisioning_log::insert_event(&mut self.batch, organization, &event);
    }
}

/// Who signs in as the one member with the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    No,
    Mailbox(IdentityId),
    Another,
}
