//! Requests to be let in: listed, approved, declined.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{IdentityId, OrganizationId};
use crate::membership::{self, Newcomer};
use crate::organization::associated_domain::{Joining, domain_of};
use crate::organization::join_request::{DECLINED_FOR, PATIENCE, State};
use crate::organization::joining::{self, Admission, Domain, Proven, Refusal};
use crate::organization::permission::Action;
use crate::organization::seats::{Change, Usage};
use crate::scim::registry::Kind;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::join_requests::{self, Request};
use crate::store::{Planned, acquaintances, associated_domains};

/// A request as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JoinRequest)]
pub struct Shown {
    pub id: String,
    pub email: String,
    #[schema(required)]
    pub name: Option<String>,
    /// `pending` or `declined`.
    pub status: String,
    #[schema(format = "date-time")]
    pub requested_at: String,
    #[schema(format = "date-time")]
    #[schema(required)]
    pub declined_at: Option<String>,
}

/// What was decided.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DecidedJoinRequest)]
pub struct Decided {
    pub id: String,
    pub email: String,
    /// `approved` or `declined`.
    pub status: String,
    /// Who was let in is this member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub member_id: Option<String>,
}

impl Decided {
    fn new(request: &Request, status: &str) -> Self {
        let (id, email) = (request.identity.to_string(), request.address.clone());
        Self { id, email, status: status.to_owned(), member_id: None }
    }
}

/// A page of who asks, and who was declined, in the order in which they first came.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn list(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    after: Option<IdentityId>,
    limit: i64,
) -> Result<Vec<Shown>> {
    by.check(Action::ManageJoinRequests)?;
    let organization = named(connection, by, slug)?.id;
    let now = administration.clock.now();
    let since = (now.minus(PATIENCE).0, now.minus(DECLINED_FOR).0);
    let requests = join_requests::list(connection, organization, since, after, limit)?;
    let describe = |request: &Request| Shown {
        id: request.identity.to_string(),
        email: request.address.clone(),
        name: request.name.clone(),
        status: State::at(now, request.requested_at, request.declined_at).name().to_owned(),
        requested_at: Timestamp(request.requested_at).to_string(),
        declined_at: request.declined_at.map(|at| Timestamp(at).to_string()),
    };
    Ok(requests.iter().map(describe).collect())
}

/// Makes whoever asks a member, with the role of the domain; also who was declined. They enter when they sign in
/// the next time. Where the organization has a member with the address meanwhile, that one is theirs, as it is by signing in.
///
/// # Errors
/// `not_found`, `seat_limit_reached`; `conflict` for whom nothing lets in any more.
pub fn approve(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    request: &str,
) -> Result<Planned<Decided>> {
    by.check(Action::ManageJoinRequests)?;
    let organization = named(connection, by, slug)?;
    let request = pending(connection, administration, organization.id, request)?;
    let (usage, known) =
        acquaintances::find(connection, organization.id, Some(request.identity), Some(&request.address_key))?;
    let domain = associated_domains::find(connection, organization.id, domain_of(&request.address_key))?;
    let (mut batch, mut ledger) = (Batch::default(), Change::default());
    let usage = if known.linked.is_none() && known.by_address.is_empty() {
        let (now, key) = (administration.clock.now().0, Some(request.address_key.as_str()));
        membership::make_room(connection, &mut batch, organization.id, usage, key, (now, &mut ledger))?
    } else {
        usage
    };
    let mut door = membership::door(&organization, &usage, domain.as_ref());
    // An admin decides, whatever the domain leaves to whom.
    door.domain = door.domain.map(|domain| Domain { joining: Joining::Automatic, ..domain });
    // What the sign-in proved that the request came by.
    let proven = Proven { address: true, mailbox: false, tenant: true };
    let taken = known.by_address.first().is_some_and(|(_, member)| member.identity.is_some());
    let admission = joining::admit(&door, proven, &membership::known(&known, taken, false))
        .map_err(|refusal| refused(refusal, &request, &usage))?;
    join_requests::delete(&mut batch, organization.id, request.identity);
    let member = match admission {
        Admission::Join(role) => {
            let newcomer = Newcomer {
                address: &request.address,
                given_name: None,
                family_name: None,
                display_name: request.name.as_deref(),
                role,
                role_source: "default",
                source: "domain",
                identity: Some(request.identity),
            };
            let (id, service) = (administration.ids.next(), &administration.provisioning);
            let user_type = service.registries.standard().resource_type(Kind::User);
            newcomer.join(&mut batch, (organization.id, ledger), id, &service.storage, user_type)?;
            Some(id)
        }
        _ => known.linked.as_ref().or(known.by_address.first()).map(|(resource, _)| resource.id),
    };
    let detail = json!({"identity": request.identity.to_string(), "address": request.address});
    administration.audit_member(&mut batch, by, organization.id, "join_request.approved", member, &detail);
    let member_id = member.map(|member| member.to_string());
    let answer = Decided { member_id, ..Decided::new(&request, "approved") };
    Ok(Planned { batch, answer })
}

/// Declines a request. The person is kept out for a while, and may ask again then.
///
/// # Errors
/// `not_found`; `conflict` when it was declined already.
pub fn decline(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    request: &str,
) -> Result<Planned<Decided>> {
    by.check(Action::ManageJoinRequests)?;
    let organization = named(connection, by, slug)?.id;
    let request = pending(connection, administration, organization, request)?;
    if request.declined_at.is_some() {
        return Err(Error::new(Code::Conflict, "This request was declined already."));
    }
    let mut batch = Batch::default();
    let now = administration.clock.now().to_millisecond().0;
    join_requests::decline(&mut batch, organization, request.identity, now);
    let detail = json!({"identity": request.identity.to_string(), "address": request.address});
    administration.audit(&mut batch, by, organization, "join_request.declined", &detail);
    Ok(Planned { batch, answer: Decided::new(&request, "declined") })
}

fn pending(
    connection: &mut Connection,
    administration: &Administration,
    organization: OrganizationId,
    request: &str,
) -> Result<Request> {
    let absent = || Error::new(Code::NotFound, format!("There is no request with the id \"{request}\"."));
    let found = join_requests::find(connection, organization, request.parse().map_err(|_| absent())?)?;
    let now = administration.clock.now();
    found.filter(|found| State::at(now, found.requested_at, found.declined_at) != State::Over).ok_or_else(absent)
}

/// What an admin reads who cannot let somebody in.
fn refused(refusal: Refusal, request: &Request, usage: &Usage) -> Error {
    let (code, why) = match refusal {
        Refusal::NoSeat => {
            let used = usage.used + usage.pending;
            let why = format!("no seats available, {used} of {} used. Add seats, then approve again.", usage.seats);
            return Error::new(Code::SeatLimitReached, format!("{} cannot be let in: {why}", request.address));
        }
        Refusal::Removed => (
            Code::Conflict,
            "was removed from this organization. Bring the member back instead, with the status active.",
        ),
        Refusal::NotAMember => {
            (Code::Conflict, "has an address of a domain that is not verified any more. Verify the domain first.")
        }
        Refusal::AddressShared => (Code::Conflict, "has the address of two members. Correct one of them first."),
        Refusal::LinkedToAnother => (Code::Conflict, "has the address of a member that another account is linked to."),
        Refusal::Suspended => (Code::Conflict, "is a member who is suspended. Lift the suspension instead."),
        _ => (Code::Conflict, "is a member who is switched off, or waits for a seat."),
    };
    Error::new(code, format!("{} {why}", request.address))
}
