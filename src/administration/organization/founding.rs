//! An organization that somebody makes for themselves (product.md §2): theirs at once, and of use once its
//! checkout is complete.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::super::{Actor, Administration, By, check_name};
use super::{check_slug, new_organization};
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::membership::Newcomer;
use crate::organization::State;
use crate::organization::plan::Plan;
use crate::organization::role::Role;
use crate::organization::{PENDING_CHECKOUT, is_reserved, slug_of};
use crate::scim::registry::Kind;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{Planned, memberships, organizations};

/// Organizations of one person that wait for their checkout at most.
const PENDING: i64 = 10;
/// Seats at most; more are bought by asking.
const SEATS: i64 = 100_000;

/// What somebody wants.
#[derive(Clone, Debug)]
pub struct Founding {
    pub name: String,
    /// Made of the name when it is not given.
    pub slug: Option<String>,
    pub seats: i64,
    pub plan: Plan,
}

/// An organization that waits for its checkout, and the place of whoever has made it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FoundedOrganization)]
pub struct Founded {
    pub id: OrganizationId,
    pub slug: String,
    pub name: String,
    pub state: State,
    pub plan: Plan,
    pub seats: i64,
    pub role: Role,
    pub member_id: ResourceId,
}

/// Makes an organization that waits for its checkout; whoever makes it is its owner.
///
/// # Errors
/// `invalidValue`, `uniqueness` for the slug, `conflict` for who has too many that wait.
pub fn found(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    new: &Founding,
) -> Result<Planned<Founded>> {
    let Actor::Person(person) = &by.actor else {
        return Err(Error::new(Code::Forbidden, "Only somebody who is signed in founds an organization."));
    };
    let address = person.email.as_deref().ok_or_else(|| {
        Error::new(
            Code::InvalidValue,
            "Your e-mail address is not proven yet, and an owner needs one that is. Open the link that was mailed to you or sign in again at /sign-in, then send this again.",
        )
    })?;
    check_name(&new.name)?;
    if !(1..=SEATS).contains(&new.seats) {
        return Err(Error::new(Code::InvalidValue, format!("seats is a number from 1 to {SEATS}.")));
    }
    if memberships::count_in_state(connection, person.identity, PENDING_CHECKOUT)? >= PENDING {
        return Err(Error::new(
            Code::Conflict,
            format!("{PENDING} of your organizations wait for their checkout. Complete or delete one first."),
        ));
    }
    let slug = match &new.slug {
        Some(slug) => {
            super::check_new_slug(connection, slug)?;
            slug.clone()
        }
        None => free_slug(connection, administration, &new.name)?,
    };
    let mut organization = new_organization(administration, &new.name, &slug, new.plan);
    PENDING_CHECKOUT.clone_into(&mut organization.state);
    let mut batch = Batch::default();
    organizations::insert(&mut batch, &organization, new.seats);
    let owner = Newcomer {
        address,
        given_name: None,
        family_name: None,
        display_name: person.name.as_deref(),
        role: Role::Owner,
        role_source: "manual",
        source: "founder",
        identity: Some(person.identity),
    };
    let user_type = administration.provisioning.registries.standard().resource_type(Kind::User);
    let (document, derived) = owner.document(&administration.provisioning.storage, user_type)?;
    let id = administration.ids.next();
    owner.insert(&mut batch, organization.id, id, (&document, &derived));
    let detail = json!({"seats": new.seats, "plan": new.plan.name()});
    administration.audit(&mut batch, by, organization.id, "organization.created", &detail);
    let answer = Founded {
        id: organization.id,
        slug,
        name: new.name.clone(),
        state: State::PendingCheckout,
        plan: new.plan,
        seats: new.seats,
        role: Role::Owner,
        member_id: id,
    };
    Ok(Planned { batch, answer })
}

/// A slug nobody has, made of a name.
fn free_slug(connection: &mut Connection, administration: &Administration, name: &str) -> Result<String> {
    let base = slug_of(name);
    for number in 1..=9 {
        let slug = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        if !is_reserved(&slug) && organizations::by_slug(connection, &slug)?.is_none() {
            check_slug(&slug)?;
            return Ok(slug);
        }
    }
    // The end of an id is random.
    let id = administration.ids.next::<crate::id::of::Organization>().to_string();
    Ok(format!("{base}-{}", &id[28..]))
}
