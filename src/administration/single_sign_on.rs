//! Whether an organization's own tenant is the way in, as its admins decide it (product.md §6). Operators
//! decide by [`super::organization::set`], which skips these guards.

use std::time::Duration;

use serde_json::{Value, json};

use super::actor::Member;
use super::{Actor, Administration, By, named};
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

/// What has to be there before SSO can be required, so that nobody is locked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    fn missing(self) -> Vec<&'static str> {
        let all = [
            (self.verified_domain, "verify a domain of the organization"),
            (self.test_sign_in, "sign in through the organization's tenant yourself (it counts for 24 hours)"),
            (self.recovery_codes, "make recovery codes for an owner and confirm that they are kept somewhere safe"),
        ];
        all.into_iter().filter(|(is_there, _)| !is_there).map(|(_, what)| what).collect()
    }
}

/// What is there of what requiring SSO needs.
///
/// # Errors
/// The database's.
pub fn requirements(
    connection: &mut Connection,
    administration: &Administration,
    organization: &Organization,
    identity: IdentityId,
) -> Result<Requirements> {
    let since = administration.clock.now().minus(FRESH).0;
    let domains = associated_domains::list(connection, organization.id)?;
    let last = proven_sign_ins::last(connection, organization.id, identity)?;
    let codes = recovery_codes::left(connection, organization.id)?;
    Ok(Requirements {
        verified_domain: domains.iter().any(|domain| State::from_name(&domain.state) == State::Verified),
        test_sign_in: last.is_some_and(|(tenant, at)| at > since && Some(tenant) == organization.tenant_id),
        recovery_codes: codes.iter().any(|left| left.usable && left.saved_at.is_some()),
    })
}

/// Changes whether the organization's tenant is the way in.
///
/// # Errors
/// `forbidden` for who is no active admin; `invalidValue` without a tenant; `conflict` when SSO is to be required
/// and something is missing that keeps people from being locked out.
pub fn set(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    sso: Sso,
) -> Result<Planned<Value>> {
    by.check(Action::ManageSingleSignOn)?;
    let organization = named(connection, by, slug)?;
    guard(connection, administration, by, &organization, sso)?;
    let mut batch = Batch::default();
    if organization.sso != sso.name() {
        if sso == Sso::Required && by.is_guarded() {
            expect_requirements(&mut batch, organization.id);
        }
        let now = administration.clock.now().to_millisecond().0;
        let after = Organization { sso: sso.name().into(), ..organization.clone() };
        organizations::update_settings(&mut batch, (&organization, &after), None, &Change::default(), now, None);
        let detail = json!({"sso": sso.name(), "before": organization.sso});
        administration.audit(&mut batch, by, organization.id, "organization.changed", &detail);
    }
    Ok(Planned { batch, answer: json!({"slug": organization.slug, "sso": sso.name()}) })
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
        return Err(Error::new(Code::InvalidValue, "Set the Descope Tenant ID of the organization first."));
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
        let missing = requirements(connection, administration, organization, decider.identity)?.missing();
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
