//! What is set of an organization (product.md §2, §6, §9 Settings).

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Administration, By, check_name, named, single_sign_on};
use super::{Shown, check_new_slug, postal_address, session_length, shown};
use crate::error::{Code, Error, Result};
use crate::membership;
use crate::organization::joining::Sso;
use crate::organization::permission::Action;
use crate::organization::postal_address::PostalAddress;
use crate::organization::role::Role;
use crate::organization::seats::{ADMITTED_AT_ONCE, Change, SeatPolicy, Usage};
use crate::organization::subscription;
use crate::provisioning::users;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::organizations::{self, Organization};
use crate::store::{members, subscriptions};
use crate::text::address_key;

/// What is changed of an organization; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub name: Option<String>,
    pub slug: Option<String>,
    pub contact_name: Option<Option<String>>,
    pub contact_email: Option<Option<String>>,
    pub contact_phone: Option<Option<String>>,
    pub postal_address: Option<Option<PostalAddress>>,
    /// The operator's to set; people buy them.
    pub seats: Option<i64>,
    pub seat_policy: Option<SeatPolicy>,
    /// Its tenant at Descope; empty for none.
    pub tenant_id: Option<String>,
    pub sso: Option<Sso>,
    /// How long its members' sessions last at most; the inner `None` for as long as the service lets them.
    pub session_length: Option<Option<Duration>>,
    /// The role of whom provisioning makes a member; up to `write`.
    pub scim_role: Option<Role>,
    /// The version it was seen in: another one is refused.
    pub expected_version: Option<i64>,
}

/// Changes an organization; more seats admit who waits.
///
/// # Errors
/// `not_found`, `forbidden`, `invalidValue`, `uniqueness`; `conflict` when fewer seats than used are wanted, or single
/// sign-on would lock people out; `precondition_failed`.
pub fn set(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    settings: &Settings,
) -> Result<Planned<Shown>> {
    by.check(Action::ManageSettings)?;
    let before = named(connection, by, slug)?;
    check_version(&before, settings.expected_version)?;
    let mut organization = before.clone();
    let usage = organizations::usage(connection, organization.id)?;
    let now = administration.clock.now().to_millisecond().0;
    let mut batch = Batch::default();
    let ledger = seats(connection, administration, by, &mut batch, (&organization, &usage), settings.seats)?;
    describe_itself(connection, &mut organization, settings)?;
    if let Some(policy) = settings.seat_policy {
        policy.name().clone_into(&mut organization.seat_policy);
    }
    if let Some(role) = settings.scim_role {
        if role > Role::Write {
            return Err(Error::new(Code::InvalidValue, "scim_role is read or write."));
        }
        role.name().clone_into(&mut organization.scim_role);
    }
    set_sign_on(&mut organization, settings.tenant_id.as_deref(), settings.sso)?;
    guard_sign_on(connection, administration, by, &mut batch, (&before, &organization))?;
    if let Some(length) = settings.session_length {
        organization.session_length = session_micros(length)?;
    }
    let difference = difference(&before, &organization, settings.seats.map(|seats| (usage.seats, seats)));
    organizations::update_settings(
        &mut batch,
        (&before, &organization),
        settings.seats,
        &ledger,
        now,
        settings.expected_version,
    );
    administration.audit(&mut batch, by, organization.id, "organization.changed", &difference);
    organization.version += 1;
    let usage = match settings.seats {
        Some(seats) => Usage { seats, ..usage.after(&ledger) },
        // What is over holds no seat, also where nothing has looked.
        None => membership::usage_at(connection, organization.id, now)?,
    };
    let mut answer = shown(by, &organization, &usage)?;
    if let Some(shown) = &mut answer.settings {
        shown.admitted = settings.seats.map(|_| ledger.used);
    }
    Ok(Planned { batch, answer })
}

/// Refuses settings that somebody has changed since they were read.
pub(in crate::administration) fn check_version(organization: &Organization, expected: Option<i64>) -> Result<()> {
    if expected.is_some_and(|expected| expected != organization.version) {
        return Err(Error::new(
            Code::PreconditionFailed,
            "Somebody has changed the settings since you read them. Read them again and repeat your change.",
        ));
    }
    Ok(())
}

/// Another number of seats, and whom it admits.
fn seats(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    batch: &mut Batch,
    (organization, usage): (&Organization, &Usage),
    seats: Option<i64>,
) -> Result<Change> {
    let mut ledger = Change::default();
    let Some(seats) = seats else { return Ok(ledger) };
    if by.is_guarded() {
        return Err(Error::new(Code::Forbidden, "Seats are bought: change them in billing."));
    }
    let bought = subscriptions::find(connection, organization.id)?;
    if bought.is_some_and(|row| row.state != subscription::State::Canceled.name()) {
        return Err(Error::new(
            Code::Conflict,
            "The seats of this organization are bought. Change them where they are paid for: headcount billing set.",
        ));
    }
    let now = administration.clock.now().0;
    let usage = membership::free_overdue(connection, batch, organization.id, *usage, (now, &mut ledger))?;
    let taken = usage.used + usage.pending;
    if seats < taken {
        return Err(Error::new(
            Code::Conflict,
            format!("{taken} seats are used; there cannot be fewer. Deactivate members first."),
        ));
    }
    let free = (seats - taken).min(usage.waiting).min(ADMITTED_AT_ONCE);
    for found in members::waiting(connection, organization.id, free)? {
        users::admit(&administration.provisioning, organization.id, found, batch, &mut ledger)?;
    }
    Ok(ledger)
}

/// What it is called and how it is reached.
fn describe_itself(connection: &mut Connection, organization: &mut Organization, settings: &Settings) -> Result<()> {
    if let Some(name) = &settings.name {
        check_name(name)?;
        organization.name.clone_from(name);
    }
    if let Some(slug) = settings.slug.as_ref().filter(|slug| **slug != organization.slug) {
        check_new_slug(connection, slug)?;
        organization.slug.clone_from(slug);
    }
    if let Some(name) = &settings.contact_name {
        name.as_deref().map(check_name).transpose()?;
        organization.contact_name.clone_from(name);
    }
    if let Some(email) = &settings.contact_email {
        if email.as_deref().is_some_and(|email| address_key(email).is_none()) {
            return Err(Error::new(Code::InvalidValue, "contact_email is not an e-mail address."));
        }
        organization.contact_email.clone_from(email);
    }
    if let Some(phone) = &settings.contact_phone {
        let fits = |byte: u8| byte.is_ascii_digit() || b" +-().".contains(&byte);
        if phone.as_deref().is_some_and(|phone| !(3..=40).contains(&phone.len()) || !phone.bytes().all(fits)) {
            return Err(Error::new(
                Code::InvalidValue,
                "contact_phone has 3 to 40 digits, spaces and the characters + - ( ) and dot.",
            ));
        }
        organization.contact_phone.clone_from(phone);
    }
    if let Some(address) = &settings.postal_address {
        address.as_ref().map(PostalAddress::check).transpose()?;
        organization.postal_address =
            address.as_ref().map(serde_json::to_string).transpose().map_err(Error::internal)?;
    }
    Ok(())
}

/// Whoever is guarded neither locks people out nor lets another tenant decide who comes in where only one may.
fn guard_sign_on(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    batch: &mut Batch,
    (before, after): (&Organization, &Organization),
) -> Result<()> {
    if !by.is_guarded() || (before.sso == after.sso && before.tenant_id == after.tenant_id) {
        return Ok(());
    }
    by.check(Action::ManageSingleSignOn)?;
    let required = Sso::Required.name();
    if before.sso == required && after.sso == required {
        return Err(Error::new(
            Code::Conflict,
            "Single sign-on is required through the present tenant. Set sso to optional first, then change the tenant.",
        ));
    }
    single_sign_on::guard(connection, administration, by, after, after.sso.parse().unwrap_or(Sso::Required))?;
    if after.sso == required {
        single_sign_on::expect_requirements(batch, after.id);
    }
    Ok(())
}

fn session_micros(length: Option<Duration>) -> Result<Option<i64>> {
    const LEAST: Duration = Duration::from_mins(1);
    const MOST: Duration = Duration::from_hours(24 * 366);
    if length.is_some_and(|length| !(LEAST..=MOST).contains(&length)) {
        return Err(Error::new(Code::InvalidValue, "A session lasts at least a minute and at most a year."));
    }
    Ok(length.and_then(|length| i64::try_from(length.as_micros()).ok()))
}

/// What the trail tells: each value that is another one now, before and after.
fn difference(before: &Organization, after: &Organization, seats: Option<(i64, i64)>) -> Value {
    let address = |organization: &Organization| json!(postal_address(organization).unwrap_or_default());
    let values = [
        ("name", json!(before.name), json!(after.name)),
        ("slug", json!(before.slug), json!(after.slug)),
        ("contact_name", json!(before.contact_name), json!(after.contact_name)),
        ("contact_email", json!(before.contact_email), json!(after.contact_email)),
        ("contact_phone", json!(before.contact_phone), json!(after.contact_phone)),
        ("address", address(before), address(after)),
        ("seat_policy", json!(before.seat_policy), json!(after.seat_policy)),
        ("descope_tenant_id", json!(before.tenant_id), json!(after.tenant_id)),
        ("sso", json!(before.sso), json!(after.sso)),
        ("session_length", json!(session_length(before)), json!(session_length(after))),
        ("scim_role", json!(before.scim_role), json!(after.scim_role)),
        ("seats", json!(seats.map(|(before, _)| before)), json!(seats.map(|(_, after)| after))),
    ];
    let changed = values.into_iter().filter(|(_, before, after)| before != after);
    changed.map(|(name, before, after)| (name.to_owned(), json!({"before": before, "after": after}))).collect()
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
                Code::Conflict,
                format!("sso {} needs a tenant: set the Descope Tenant ID first.", sso.name()),
            ));
        }
        sso.name().clone_into(&mut organization.sso);
    }
    Ok(())
}
