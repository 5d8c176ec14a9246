//! An organization's home page as data (product.md §9 Home): what is left to set up, the seats, and where members go on.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Actor, Administration, By, named};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::membership;
use crate::organization::associated_domain::State;
use crate::organization::home::{Downloads, Link, Platform};
use crate::organization::joining::Sso;
use crate::organization::permission::Action;
use crate::organization::seats::Usage;
use crate::store::connection::Connection;
use crate::store::organizations::Organization;
use crate::store::{associated_domains, invitations, members, provisioning_clients, provisioning_tokens};
use crate::text::address_shown;

/// The home page of an organization.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Home {
    pub organization: Named,
    pub setup: Setup,
    pub seats: Seats,
    /// What members are told, with the address of whoever asks; `null` where no products are set.
    #[schema(required)]
    pub notice: Option<String>,
    pub downloads: Downloads,
    /// Documentation and the like.
    pub resources: Vec<Link>,
}

/// Which organization it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HomeOrganization)]
pub struct Named {
    pub id: String,
    pub slug: String,
    pub name: String,
}

/// What there is to set up, and how much of it is done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Setup {
    pub done: usize,
    pub total: usize,
    pub steps: Vec<Step>,
}

/// One thing to set up.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SetupStep)]
pub struct Step {
    /// `create`, `invite`, `verify_domain`, `connect_single_sign_on` or `turn_on_provisioning`.
    pub step: String,
    pub title: String,
    pub done: bool,
    /// When it was done, where that is known.
    #[schema(format = "date-time")]
    #[schema(required)]
    pub done_at: Option<String>,
    /// The page where it is done: `settings`, `members`, `domains`, `single-sign-on` or `provisioning`.
    pub page: String,
    /// Where the API does it.
    pub api: String,
    /// Why whoever asks cannot do it; `null` where they can.
    #[schema(required)]
    pub why_not: Option<String>,
}

/// The seats meter.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HomeSeats)]
pub struct Seats {
    pub total: i64,
    pub used: i64,
    /// Held by invitations that are open.
    pub pending: i64,
    pub available: i64,
    /// How many wait for a seat.
    pub waiting: i64,
}

/// The home page for whoever asks, in a browser on this platform.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn show(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    visitor: Option<Platform>,
) -> Result<Home> {
    by.check(Action::ViewOrganization)?;
    let organization = named(connection, by, slug)?;
    let usage = membership::usage_at(connection, organization.id, administration.clock.now().0)?;
    let steps = steps(connection, administration, by, &organization, &usage)?;
    let resources = &administration.resources;
    Ok(Home {
        setup: Setup { done: steps.iter().filter(|step| step.done).count(), total: steps.len(), steps },
        seats: Seats {
            total: usage.seats,
            used: usage.used,
            pending: usage.pending,
            available: (usage.seats - usage.used - usage.pending).max(0),
            waiting: usage.waiting,
        },
        notice: resources.notice(address(connection, by)?.as_deref()),
        downloads: resources.downloads(visitor),
        resources: resources.links.clone(),
        organization: Named { id: organization.id.to_string(), slug: organization.slug, name: organization.name },
    })
}

/// The address of whoever asks, where they are somebody.
fn address(connection: &mut Connection, by: &By) -> Result<Option<String>> {
    let Actor::Member(member) = &by.actor else { return Ok(None) };
    let (_, found) = members::user(connection, member.organization, member.id)?;
    Ok(found.and_then(|(_, member)| member.address_key).map(|key| address_shown(&key)))
}

/// The checklist, in the order in which one goes about it.
fn steps(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    organization: &Organization,
    usage: &Usage,
) -> Result<Vec<Step>> {
    let now = administration.clock.now().0;
    let invited_at = invitations::first_made_at(connection, organization.id)?;
    let domains = associated_domains::list(connection, organization.id)?;
    let proven = domains.iter().find(|domain| State::from_name(&domain.state) == State::Verified);
    let signs_on = organization.tenant_id.is_some() && organization.sso != Sso::Off.name();
    let is_pushed = provisioning_tokens::is_any_in_use(connection, organization.id, now)?
        || provisioning_clients::is_any_in_use(connection, organization.id)?;
    let step =
        |(step, title): (&str, &str), done: bool, at: Option<i64>, (page, api): (&str, &str), action: Action| Step {
            step: step.to_owned(),
            title: title.to_owned(),
            done,
            done_at: at.filter(|_| done).map(|at| Timestamp(at).to_string()),
            page: page.to_owned(),
            api: format!("/api/v1/organizations/{}{api}", organization.slug),
            why_not: by.why_not(action),
        };
    // The operator's word stands from the beginning; when the DNS showed a proof first is in the audit trail alone.
    let proven_at = proven.filter(|domain| domain.vouched).map(|domain| domain.created_at);
    Ok(vec![
        step(
            ("create", "Create the organization"),
            true,
            Some(organization.created_at),
            ("settings", ""),
            Action::ViewOrganization,
        ),
        // Whoever came another way was let in too.
        step(
            ("invite", "Invite people"),
            invited_at.is_some() || usage.users > 1,
            invited_at,
            ("members", "/invitations"),
            Action::Invite,
        ),
        step(
            ("verify_domain", "Verify a domain"),
            proven.is_some(),
            proven_at,
            ("domains", "/domains"),
            Action::ManageDomains,
        ),
        step(
            ("connect_single_sign_on", "Connect single sign-on"),
            signs_on,
            None,
            ("single-sign-on", "/single-sign-on"),
            Action::ManageSingleSignOn,
        ),
        step(
            ("turn_on_provisioning", "Turn on provisioning"),
            is_pushed,
            None,
            ("provisioning", "/provisioning-tokens"),
            Action::ManageProvisioning,
        ),
    ])
}
