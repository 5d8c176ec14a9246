//! Organizations: made, shown, and what is set of them.

mod founding;
mod leaving;
mod settings;

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

pub use self::founding::{Founded, Founding, found};
pub use self::leaving::{Restored, Transferred, delete, purge, restore, transfer};
pub(super) use self::settings::check_version;
pub use self::settings::{Settings, set};
use super::{Administration, By, check_name, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::membership::{self, Newcomer};
use crate::organization::State;
use crate::organization::joining::Sso;
use crate::organization::permission::Action;
use crate::organization::plan::Plan;
use crate::organization::postal_address::PostalAddress;
use crate::organization::role::Role;
use crate::organization::seats::{SeatPolicy, Usage};
use crate::scim::registry::Kind;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::organizations::{self, Organization};
use crate::text::duration_shown;

/// A new organization.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    pub name: String,
    pub slug: String,
    pub owner_email: String,
    pub owner_given_name: Option<String>,
    pub owner_family_name: Option<String>,
    pub seats: i64,
    pub plan: Plan,
}

/// An organization that an operator has made.
#[derive(Clone, Debug, Serialize)]
pub struct Created {
    pub id: OrganizationId,
    pub slug: String,
    pub name: String,
    pub state: State,
    pub plan: Plan,
    pub seats: i64,
    pub owner_id: ResourceId,
}

/// An organization, as whoever asks may see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Organization)]
pub struct Shown {
    pub id: OrganizationId,
    pub slug: String,
    pub name: String,
    pub state: State,
    pub created_at: Timestamp,
    /// Of whoever asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub role: Option<Role>,
    #[serde(flatten)]
    pub settings: Option<ShownSettings>,
}

/// What is set of an organization, and its ledger.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrganizationSettings)]
pub struct ShownSettings {
    pub plan: Plan,
    #[schema(required)]
    pub contact_name: Option<String>,
    #[schema(required)]
    pub contact_email: Option<String>,
    #[schema(required)]
    pub contact_phone: Option<String>,
    #[schema(required)]
    pub address: Option<PostalAddress>,
    /// The organization's tenant at Descope.
    #[schema(required)]
    pub descope_tenant_id: Option<String>,
    pub sso: Sso,
    /// Such as `4h`; `null` for as long as the service lets them.
    #[schema(required)]
    pub session_length: Option<String>,
    /// Of whom provisioning makes a member.
    pub scim_role: Role,
    pub seat_policy: SeatPolicy,
    pub seats: i64,
    pub seats_used: i64,
    pub seats_pending: i64,
    pub waiting: i64,
    pub users: i64,
    pub groups: i64,
    /// How many of those who waited for a seat were admitted by this change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub admitted: Option<i64>,
    /// Leaves as the `ETag`.
    #[serde(skip)]
    pub version: i64,
}

/// Creates an active organization with its first owner.
///
/// # Errors
/// `invalidValue`, or `uniqueness` for the slug.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    new: &NewOrganization,
) -> Result<Planned<Created>> {
    check_name(&new.name)?;
    check_new_slug(connection, &new.slug)?;
    if new.seats < 1 {
        return Err(Error::new(Code::InvalidValue, "An organization needs at least one seat, for its owner."));
    }
    let organization = new_organization(administration, &new.name, &new.slug, new.plan);
    let mut batch = Batch::default();
    organizations::insert(&mut batch, &organization, new.seats);
    let owner = insert_owner(administration, &mut batch, organization.id, new)?;
    administration.audit(&mut batch, by, organization.id, "organization.created", &json!({"seats": new.seats}));
    Ok(Planned {
        batch,
        answer: Created {
            id: organization.id,
            slug: organization.slug,
            name: organization.name,
            state: State::Active,
            plan: new.plan,
            seats: new.seats,
            owner_id: owner,
        },
    })
}

/// An active organization as it begins.
fn new_organization(administration: &Administration, name: &str, slug: &str, plan: Plan) -> Organization {
    Organization {
        id: administration.ids.next(),
        slug: slug.to_owned(),
        name: name.to_owned(),
        state: "active".into(),
        plan: plan.name().into(),
        seat_policy: SeatPolicy::Reject.name().into(),
        tenant_id: None,
        sso: Sso::Off.name().into(),
        session_length: None,
        created_at: administration.clock.now().to_millisecond().0,
        version: 1,
        contact_name: None,
        contact_email: None,
        contact_phone: None,
        postal_address: None,
        scim_role: Role::Read.name().into(),
        deleted_at: None,
        deleted_from: None,
    }
}

/// The owner is a member, so it is a SCIM User; provisioning does not manage it until it adopts it.
fn insert_owner(
    administration: &Administration,
    batch: &mut Batch,
    organization: OrganizationId,
    new: &NewOrganization,
) -> Result<ResourceId> {
    let owner = Newcomer {
        address: &new.owner_email,
        given_name: new.owner_given_name.as_deref(),
        family_name: new.owner_family_name.as_deref(),
        display_name: None,
        role: Role::Owner,
        role_source: "manual",
        source: "operator",
        identity: None,
    };
    let registry = administration.provisioning.registries.standard();
    let (document, derived) =
        owner.document(&administration.provisioning.storage, registry.resource_type(Kind::User))?;
    if derived.address_key.is_none() {
        return Err(Error::new(Code::InvalidValue, format!("\"{}\" is not an e-mail address.", new.owner_email)));
    }
    let id = administration.ids.next();
    owner.insert(batch, organization, id, (&document, &derived));
    Ok(id)
}

/// The organization with its ledger; with its settings for who may see them.
///
/// # Errors
/// `not_found`.
pub fn show(connection: &mut Connection, administration: &Administration, by: &By, slug: &str) -> Result<Shown> {
    by.check(Action::ViewOrganization)?;
    let organization = named(connection, by, slug)?;
    let usage = membership::usage_at(connection, organization.id, administration.clock.now().0)?;
    shown(by, &organization, &usage)
}

/// All organizations with their ledgers, for the operator.
///
/// # Errors
/// `forbidden` for everybody else; the database's.
pub fn list(connection: &mut Connection, administration: &Administration, by: &By) -> Result<Vec<Shown>> {
    if by.is_guarded() {
        return Err(Error::new(Code::Forbidden, "Only the operator sees every organization."));
    }
    let mut listed = Vec::new();
    for organization in organizations::list(connection)? {
        let usage = membership::usage_at(connection, organization.id, administration.clock.now().0)?;
        listed.push(shown(by, &organization, &usage)?);
    }
    Ok(listed)
}

/// An organization as whoever asks may see it.
fn shown(by: &By, organization: &Organization, usage: &Usage) -> Result<Shown> {
    let settings = by.check(Action::ViewSettings).is_ok().then(|| settings_of(organization, usage)).transpose()?;
    Ok(Shown {
        id: organization.id,
        slug: organization.slug.clone(),
        name: organization.name.clone(),
        state: State::from_name(&organization.state),
        created_at: Timestamp(organization.created_at),
        role: by.role(),
        settings,
    })
}

fn settings_of(organization: &Organization, usage: &Usage) -> Result<ShownSettings> {
    Ok(ShownSettings {
        plan: organization.plan.parse().unwrap_or(Plan::Yearly),
        contact_name: organization.contact_name.clone(),
        contact_email: organization.contact_email.clone(),
        contact_phone: organization.contact_phone.clone(),
        address: postal_address(organization)?,
        descope_tenant_id: organization.tenant_id.clone(),
        sso: organization.sso.parse().unwrap_or(Sso::Required),
        session_length: session_length(organization),
        scim_role: organization.scim_role.parse().unwrap_or(Role::Read),
        seat_policy: organization.seat_policy.parse().unwrap_or(SeatPolicy::Reject),
        seats: usage.seats,
        seats_used: usage.used,
        seats_pending: usage.pending,
        waiting: usage.waiting,
        users: usage.users,
        groups: usage.groups,
        admitted: None,
        version: organization.version,
    })
}

fn postal_address(organization: &Organization) -> Result<Option<PostalAddress>> {
    organization.postal_address.as_deref().map(serde_json::from_str).transpose().map_err(Error::internal)
}

fn session_length(organization: &Organization) -> Option<String> {
    let micros = u64::try_from(organization.session_length?).ok()?;
    Some(duration_shown(Duration::from_micros(micros)))
}

fn check_new_slug(connection: &mut Connection, slug: &str) -> Result<()> {
    check_slug(slug)?;
    if organizations::by_slug(connection, slug)?.is_some() {
        return Err(Error::new(
            Code::Uniqueness,
            format!("Another organization has the slug \"{slug}\". Choose another."),
        ));
    }
    Ok(())
}

fn check_slug(slug: &str) -> Result<()> {
    if crate::organization::is_reserved(slug) {
        return Err(Error::new(
            Code::InvalidValue,
            format!("\"{slug}\" is an address of the service's own. Choose another slug."),
        ));
    }
    if crate::organization::is_slug(slug) {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidValue,
        "A slug has 1 to 63 lower-case letters, digits and inner hyphens, such as acme.",
    ))
}
