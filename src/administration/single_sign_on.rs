//! Whether an organization's own tenant is the way in, as its admins decide it (product.md §6). Operators
//! decide by [`super::organization::set`], which skips these guards.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::actor::Member;
use super::{Actor, Administration, By, named, organization};
use crate::error::{Code, Error, Result};
use crate::id::{IdentityId, OrganizationId};
use crate::organization::associated_domain::State;
use crate::organization::joining::Sso;
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::seats::{Change, Standing};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::organizations::{self, Organization};
use crate::store::{Planned, associated_domains, members, proven_sign_ins, recovery_codes};

/// How long a sign-in through the tenant shows that it works.
const FRESH: Duration = Duration::from_hours(24);

/// How people sign in, and what it takes before it is only through the organization's tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SingleSignOn)]
pub struct Shown {
    /// `off`, `optional` or `required`.
    pub sso: String,
    /// The tenant at Descope; without it, it is off.
    #[schema(required)]
    pub descope_tenant_id: Option<String>,
    pub requirements: Requirements,
    /// What is to be done before it can be required.
    pub missing: Vec<String>,
    /// Of the organization's settings.
    #[serde(skip)]
    pub version: i64,
}

/// What has to be there before SSO can be required, so that nobody is locked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SingleSignOnRequirements)]
pub struct Requirements {
    /// An associated domain is proven now.
    pub verified_domain: bool,
    /// The decider has come in through the tenant within a day.
    pub test_sign_in: bool,
    /// An active owner has recovery codes and has said that they are kept somewhere safe.
    pub recovery_codes: bool,
}

impl Requirements {
    /// What is missing, as the person reads it.
    fn missing(self) -> Vec<String> {
        let all = [
            (self.verified_domain, "verify a domain of the organization"),
            (self.test_sign_in, "sign in through the organization's tenant yourself (it counts for 24 hours)"),
            (self.recovery_codes, "make recovery codes for an owner and confirm that they are kept somewhere safe"),
        ];
        all.into_iter().filter(|(is_there, _)| !is_there).map(|(_, what)| what.to_owned()).collect()
    }
}

/// What is there of what requiring SSO needs; nobody's sign-in is no test of it.
///
/// # Errors
/// The database's.
pub fn requirements(
    connection: &mut Connection,
    administration: &Administration,
    organization: &Organization,
    identity: Option<IdentityId>,
) -> Result<Requirements> {
    let since = administration.clock.now().minus(FRESH).0;
    let domains = associated_domains::list(connection, organization.id)?;
    let last = match identity {
        Some(identity) => proven_sign_ins::last(connection, organization.id, identity)?,
        None => None,
    };
    let codes = recovery_codes::left(connection, organization.id)?;
    Ok(Requirements {
        verified_domain: domains.iter().any(|domain| State::from_name(&domain.state) == State::Verified),
        test_sign_in: last.is_some_and(|(tenant, at)| at > since && Some(tenant) == organization.tenant_id),
        recovery_codes: codes.iter().any(|left| left.usable && left.saved_at.is_some()),
    })
}

/// How the organization's people sign in, and what is missing before it can be required.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn show(connection: &mut Connection, administration: &Administration, by: &By, slug: &str) -> Result<Shown> {
    by.check(Action::ManageSingleSignOn)?;
    let organization = named(connection, by, slug)?;
    shown(connection, administration, by, &organization)
}

fn shown(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    organization: &Organization,
) -> Result<Shown> {
    let decider = match &by.actor {
        Actor::Member(member) => Some(member.identity),
        _ => None,
    };
    let requirements = requirements(connection, administration, organization, decider)?;
    let mut missing = requirements.missing();
    if organization.tenant_id.is_none() {
        missing.insert(0, "set the Descope Tenant ID of the organization".to_owned());
    }
    Ok(Shown {
        sso: organization.sso.clone(),
        descope_tenant_id: organization.tenant_id.clone(),
        requirements,
        missing,
        version: organization.version,
    })
}

/// Changes whether the organization's tenant is the way in, unless its settings are of another version than expected.
///
/// # Errors
/// `forbidden` for who is no active admin; `invalidValue` without a tenant; `conflict` when SSO is to be required
/// and something is missing that keeps people from being locked out; `precondition_failed`.
pub fn set(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    sso: Sso,
    expected: Option<i64>,
) -> Result<Planned<Shown>> {
    by.check(Action::ManageSingleSignOn)?;
    let mut organization = named(connection, by, slug)?;
    organization::check_version(&organization, expected)?;
    guard(connection, administration, by, &organization, sso)?;
    let mut batch = Batch::default();
    if organization.sso != sso.name() {
        if sso == Sso::Required && by.is_guarded() {
            expect_requirements(&mut batch, organization.id);
        }
        let now = administration.clock.now().to_millisecond().0;
        let after = Organization { sso: sso.name().into(), version: organization.version + 1, ..organization.clone() };
        organizations::update_settings(&mut batch, (&organization, &after), None, &Change::default(), now, expected);
        let detail = json!({"sso": sso.name(), "before": organization.sso});
        administration.audit(&mut batch, by, organization.id, "organization.changed", &detail);
        organization = after;
    }
    Ok(Planned { batch, answer: shown(connection, administration, by, &organization)? })
}

/// Refuses what would lock people out. Operators decide without.
///
/// # Errors
/// As of [`set`].
pub(super) fn guard(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    organization: &Organization,
    sso: Sso,
) -> Result<()> {
    if sso != Sso::Off && organization.tenant_id.is_none() {
        return Err(Error::new(Code::Conflict, "Set the Descope Tenant ID of the organization first."));
    }
    if !by.is_guarded() {
        return Ok(());
    }
    let decider = match &by.actor {
        Actor::Member(member) => still_there(connection, member)?,
        _ if sso == Sso::Required => {
            return Err(Error::new(
                Code::Forbidden,
                "Only an admin who has signed in through the tenant can require single sign-on; an API key cannot.",
            ));
        }
        _ => return Ok(()),
    };
    if sso == Sso::Required {
        let missing = requirements(connection, administration, organization, Some(decider.identity))?.missing();
        if !missing.is_empty() {
            return Err(Error::new(
                Code::Conflict,
                format!("Before single sign-on is required: {}.", missing.join("; ")),
            ));
        }
    }
    Ok(())
}

/// What was found must still be there when it is written.
pub(super) fn expect_requirements(batch: &mut Batch, organization: OrganizationId) {
    associated_domains::expect_verified(batch, organization);
    recovery_codes::expect_saved(batch, organization);
}

/// The decider, who is an active admin now.
fn still_there<'m>(connection: &mut Connection, decider: &'m Member) -> Result<&'m Member> {
    let refused = || Error::new(Code::Forbidden, "Only admins of the organization change how people sign in.");
    let (_, found) = members::user(connection, decider.organization, decider.id)?;
    let (_, member) = found.ok_or_else(refused)?;
    let is_admin = member.role.parse::<Role>().is_ok_and(|role| role.may(Action::ManageSingleSignOn));
    if !is_admin || member.suspended || Standing::from_name(&member.status) != Standing::Active {
        return Err(refused());
    }
    Ok(decider)
}
