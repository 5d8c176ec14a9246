//! Organizations and their seats.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Administration, check_name, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::membership::Newcomer;
use crate::organization::joining::Sso;
use crate::organization::plan::Plan;
use crate::organization::role::Role;
use crate::organization::seats::{Change, SeatPolicy};
use crate::provisioning::users;
use crate::scim::registry::Kind;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::members;
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

/// Creates an active organization with its first owner.
///
/// # Errors
/// `invalidValue`, or `uniqueness` for the slug.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    new: &NewOrganization,
) -> Result<Planned<Value>> {
    check_name(&new.name)?;
    check_slug(&new.slug)?;
    if new.seats < 1 {
        return Err(Error::new(Code::InvalidValue, "An organization needs at least one seat, for its owner."));
    }
    if organizations::by_slug(connection, &new.slug)?.is_some() {
        return Err(Error::new(
            Code::Uniqueness,
            format!("Another organization has the slug \"{}\". Choose another.", new.slug),
        ));
    }
    let now = administration.clock.now().to_millisecond().0;
    let organization = Organization {
        id: administration.ids.next(),
        slug: new.slug.clone(),
        name: new.name.clone(),
        state: "active".into(),
        plan: new.plan.name().into(),
        seat_policy: SeatPolicy::Reject.name().into(),
        tenant_id: None,
        sso: Sso::Off.name().into(),
        session_length: None,
        created_at: now,
    };
    let mut batch = Batch::default();
    organizations::insert(&mut batch, &organization, new.seats);
    let owner = insert_owner(administration, &mut batch, organization.id, new)?;
    administration.audit(&mut batch, organization.id, "organization.created", &json!({"seats": new.seats}));
    Ok(Planned {
        batch,
        answer: json!({"id": organization.id.to_string(), "slug": new.slug, "name": new.name, "state": "active", "plan": new.plan.name(), "seats": new.seats, "owner_id": owner}),
    })
}

/// The owner is a member, so it is a SCIM User; provisioning does not manage it until it adopts it.
fn insert_owner(
    administration: &Administration,
    batch: &mut Batch,
    organization: OrganizationId,
    new: &NewOrganization,
) -> Result<String> {
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
    Ok(id.to_string())
}

/// What is changed of an organization; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub seats: Option<i64>,
    pub seat_policy: Option<SeatPolicy>,
    /// Its tenant at Descope; empty for none.
    pub tenant_id: Option<String>,
    pub sso: Option<Sso>,
    /// How long its members' sessions last at most; the inner `None` for as long as the service lets them.
    pub session_length: Option<Option<Duration>>,
}

/// Changes an organization; more seats admit who waits.
///
/// # Errors
/// `not_found`, `invalidValue`; `conflict` when fewer seats than used are wanted.
pub fn set(
    connection: &mut Connection,
    administration: &Administration,
    slug: &str,
    settings: &Settings,
) -> Result<Planned<Value>> {
    let before = named(connection, slug)?;
    let mut organization = before.clone();
    let usage = organizations::usage(connection, organization.id)?;
    let now = administration.clock.now().to_millisecond().0;
    let mut batch = Batch::default();
    let mut ledger = Change::default();
    if let Some(seats) = settings.seats {
        if seats < usage.used + usage.pending {
            return Err(Error::new(
                Code::Conflict,
                format!(
                    "{} seats are used; there cannot be fewer. Deactivate members first.",
                    usage.used + usage.pending
                ),
            ));
        }
        let free = seats - usage.used - usage.pending;
        for found in members::waiting(connection, organization.id, free.min(usage.waiting))? {
            users::admit(&administration.provisioning, organization.id, found, &mut batch, &mut ledger)?;
        }
    }
    if let Some(policy) = settings.seat_policy {
        policy.name().clone_into(&mut organization.seat_policy);
    }
    set_sign_on(&mut organization, settings.tenant_id.as_deref(), settings.sso)?;
    if let Some(length) = settings.session_length {
        organization.session_length = length.and_then(|length| i64::try_from(length.as_micros()).ok());
    }
    organizations::update_settings(&mut batch, (&before, &organization), settings.seats, &ledger, now);
    let detail = json!({
        "seats": settings.seats, "seat_policy": settings.seat_policy.map(SeatPolicy::name),
        "descope_tenant_id": settings.tenant_id, "sso": settings.sso.map(Sso::name),
        "session_length": settings.session_length.map(|length| length.map(duration_shown))
    });
    administration.audit(&mut batch, organization.id, "organization.changed", &detail);
    let answer = json!({
        "slug": slug,
        "seats": settings.seats.unwrap_or(usage.seats),
        "seat_policy": organization.seat_policy,
        "descope_tenant_id": organization.tenant_id,
        "sso": organization.sso,
        "session_length": session_length(&organization),
        "admitted": ledger.used
    });
    Ok(Planned { batch, answer })
}

/// Sets the tenant and how it is used (product.md §6): a first tenant is optional unless said otherwise.
fn set_sign_on(organization: &mut Organization, tenant_id: Option<&str>, sso: Option<Sso>) -> Result<()> {
    match tenant_id {
        None => {}
        Some("") => {
            organization.tenant_id = None;
            Sso::Off.name().clone_into(&mut organization.sso);
        }
        Some(tenant_id) => {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            if tenant_id.len() > 128 || !tenant_id.bytes().all(fits) {
                return Err(Error::new(
                    Code::InvalidValue,
                    "A Descope Tenant ID has 1 to 128 letters, digits, dots, underscores and hyphens.",
                ));
            }
            organization.tenant_id = Some(tenant_id.to_owned());
            // Another tenant never opens what only the tenant opened.
            if organization.sso == Sso::Off.name() {
                Sso::Optional.name().clone_into(&mut organization.sso);
            }
        }
    }
    if let Some(sso) = sso {
        if sso != Sso::Off && organization.tenant_id.is_none() {
            return Err(Error::new(
                Code::InvalidValue,
                format!("sso {} needs a tenant: set the Descope Tenant ID first.", sso.name()),
            ));
        }
        sso.name().clone_into(&mut organization.sso);
    }
    Ok(())
}

/// The organization with its ledger.
///
/// # Errors
/// `not_found`.
pub fn show(connection: &mut Connection, slug: &str) -> Result<Value> {
    let organization = named(connection, slug)?;
    describe(connection, &organization)
}

/// All organizations with their ledgers.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut Connection) -> Result<Value> {
    let all = organizations::list(connection)?;
    all.iter().map(|organization| describe(connection, organization)).collect::<Result<Vec<_>>>().map(Value::from)
}

fn describe(connection: &mut Connection, organization: &Organization) -> Result<Value> {
    let usage = organizations::usage(connection, organization.id)?;
    Ok(json!({
        "id": organization.id.to_string(), "slug": organization.slug, "name": organization.name, "state": organization.state,
        "plan": organization.plan, "descope_tenant_id": organization.tenant_id, "sso": organization.sso,
        "session_length": session_length(organization), "seat_policy": organization.seat_policy, "seats": usage.seats, "seats_used": usage.used,
        "seats_pending": usage.pending, "waiting": usage.waiting, "users": usage.users, "groups": usage.groups,
        "created_at": Timestamp(organization.created_at).to_string()
    }))
}

fn session_length(organization: &Organization) -> Option<String> {
    let micros = u64::try_from(organization.session_length?).ok()?;
    Some(duration_shown(Duration::from_micros(micros)))
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
