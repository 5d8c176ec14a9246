//! Recovery codes of owners (product.md §6): made, shown once, and said to be kept somewhere safe.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Actor, Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::organization::permission::Action;
use crate::organization::recovery_code;
use crate::organization::role::Role;
use crate::organization::seats::Standing;
use crate::secret::Revealed;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::recovery_codes::{self, Holder, Left};
use crate::store::{Planned, acquaintances, sessions};
use crate::text::address_key;

/// How a member is named.
#[derive(Clone, Debug)]
pub enum Whom {
    /// The one who acts.
    Oneself,
    Id(String),
    Address(String),
}

/// New codes. They are shown this once.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = NewRecoveryCodes)]
pub struct Made {
    pub member_id: String,
    #[schema(required)]
    pub email: Option<String>,
    pub codes: Vec<Revealed>,
}

/// Nothing of the codes.
impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("member_id", &self.member_id).finish_non_exhaustive()
    }
}

/// What an owner has left of their codes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
pub struct Shown {
    pub member_id: String,
    /// How many were not used yet.
    pub left: i64,
    #[schema(format = "date-time")]
    pub created_at: String,
    /// When the owner said that they are kept somewhere safe.
    #[schema(format = "date-time")]
    #[schema(required)]
    pub saved_at: Option<String>,
    /// Whether they would open anything now: an active owner's.
    pub usable: bool,
}

/// Makes an owner's codes, in place of those before. They are shown this once.
///
/// # Errors
/// `not_found`; `conflict` for who is no active owner.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    whom: &Whom,
) -> Result<Planned<Made>> {
    by.check(Action::ManageRecoveryCodes)?;
    let organization = named(connection, by, slug)?.id;
    let owner = owner(connection, by, organization, whom)?;
    let random = administration.random.as_ref();
    let codes: Vec<String> = (0..recovery_code::COUNT).map(|_| recovery_code::generate(random)).collect();
    let hashes: Vec<_> = codes.iter().map(|code| recovery_code::hash(code)).collect();
    let mut batch = Batch::default();
    recovery_codes::delete_all(&mut batch, organization, owner.member);
    recovery_codes::insert(&mut batch, organization, owner.member, &hashes, administration.clock.now().0);
    // Who makes new ones may do so because somebody else has used one of the old.
    sessions::end_recovering(&mut batch, organization, owner.member);
    audit(administration, &mut batch, by, &owner, "recovery_codes.created");
    Ok(Planned {
        batch,
        answer: Made {
            member_id: owner.member.to_string(),
            email: owner.address_key,
            codes: codes.into_iter().map(Revealed).collect(),
        },
    })
}

/// Writes down that an owner's codes are kept somewhere safe; until then they open no way to require SSO.
///
/// # Errors
/// `not_found` also when there are no codes; `conflict` for who is no active owner.
pub fn confirm(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    whom: &Whom,
) -> Result<Planned<Shown>> {
    by.check(Action::ManageRecoveryCodes)?;
    let organization = named(connection, by, slug)?.id;
    let owner = owner(connection, by, organization, whom)?;
    let left = recovery_codes::left(connection, organization)?.into_iter().find(|left| left.member == owner.member);
    let left = left.ok_or_else(|| {
        Error::new(Code::NotFound, "This owner has no recovery codes. Make them first: recovery-codes create.")
    })?;
    let now = administration.clock.now().0;
    let mut batch = Batch::default();
    if left.saved_at.is_none() {
        recovery_codes::update_saved(&mut batch, organization, owner.member, now);
        audit(administration, &mut batch, by, &owner, "recovery_codes.saved");
    }
    Ok(Planned { batch, answer: describe(&Left { saved_at: left.saved_at.or(Some(now)), ..left }) })
}

/// Who has how many codes left.
///
/// # Errors
/// `not_found`.
pub fn list(connection: &mut Connection, by: &By, slug: &str) -> Result<Vec<Shown>> {
    by.check(Action::ManageRecoveryCodes)?;
    let organization = named(connection, by, slug)?.id;
    let left = recovery_codes::left(connection, organization)?;
    Ok(left.iter().map(describe).collect())
}

fn describe(left: &Left) -> Shown {
    Shown {
        member_id: left.member.to_string(),
        left: left.count,
        created_at: Timestamp(left.created_at).to_string(),
        saved_at: left.saved_at.map(|at| Timestamp(at).to_string()),
        usable: left.usable,
    }
}

fn audit(administration: &Administration, batch: &mut Batch, by: &By, owner: &Holder, action: &str) {
    administration.audit_member(batch, by, owner.organization, action, Some(owner.member), &json!({}));
}

/// The active owner that is meant. Whoever is no operator has their own codes in hand and nobody else's: by them
/// somebody comes in as who they were made for.
fn owner(connection: &mut Connection, by: &By, organization: OrganizationId, whom: &Whom) -> Result<Holder> {
    let absent = || Error::new(Code::NotFound, "There is no such member. headcount member list shows all of them.");
    let own = match &by.actor {
        Actor::Member(member) => Some(member.id),
        _ => None,
    };
    let id: ResourceId = match whom {
        Whom::Oneself => own.ok_or_else(absent)?,
        Whom::Id(id) => id.parse().map_err(|_| absent())?,
        Whom::Address(address) => {
            let key = address_key(address)
                .ok_or_else(|| Error::new(Code::InvalidValue, format!("\"{address}\" is not an e-mail address.")))?;
            let (_, known) = acquaintances::find(connection, organization, None, Some(&key))?;
            match known.by_address.as_slice() {
                [] => return Err(absent()),
                [(resource, _)] => resource.id,
                _ => {
                    return Err(Error::new(
                        Code::Conflict,
                        "Several members have this address. Name the one by --member.",
                    ));
                }
            }
        }
    };
    if by.is_guarded() && own != Some(id) {
        return Err(Error::new(Code::Forbidden, "An owner makes their own recovery codes, and nobody else's."));
    }
    let holder = recovery_codes::member(connection, organization, id)?.ok_or_else(absent)?;
    if is_active_owner(&holder) {
        return Ok(holder);
    }
    Err(Error::new(Code::Conflict, "Recovery codes are for active owners, and this member is none."))
}

fn is_active_owner(holder: &Holder) -> bool {
    holder.role.parse() == Ok(Role::Owner)
        && Standing::from_name(&holder.status) == Standing::Active
        && !holder.suspended
}
