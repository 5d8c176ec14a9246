//! Group → role mappings (product.md §3): set, removed, listed, and looked at before.
//!
//! Of several groups the highest role counts; a mapping never makes an owner, and a role that was given by hand
//! is never changed by one. Memberships have their effect where they change: `provisioning::groups`.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::scim::document::Document;
use crate::scim::index;
use crate::scim::registry::Kind;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::resources::{self, Resource};
use crate::store::role_mappings::{self, Effect, Mapping, Whose};
use crate::store::{self, Planned};

/// Mappings of one organization at most.
const MOST: usize = 200;
/// Members a preview names.
const NAMED: i64 = 100;

/// A group that gives a role.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RoleMapping)]
pub struct Shown {
    pub group: ResourceId,
    #[schema(required)]
    pub display_name: Option<String>,
    pub role: Role,
    pub created_at: Timestamp,
}

/// A mapping as it is now, and what that has changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ChangedRoleMapping)]
pub struct Changed {
    pub group: ResourceId,
    #[schema(required)]
    pub display_name: Option<String>,
    /// `null` for no role any more.
    #[schema(required)]
    pub role: Option<Role>,
    pub changed: Vec<Count>,
}

/// So many members from a role to another.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RoleChangeCount)]
pub struct Count {
    pub from: Role,
    pub to: Role,
    pub count: i64,
}

/// What mapping a group would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RoleMappingPreview)]
pub struct Preview {
    pub group: ResourceId,
    #[schema(required)]
    pub role: Option<Role>,
    pub changes: Vec<Count>,
    /// The first of the members who would change.
    pub members: Vec<Affected>,
}

/// A member who would have another role.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RoleChange)]
pub struct Affected {
    pub member_id: ResourceId,
    #[schema(required)]
    pub email: Option<String>,
    #[schema(required)]
    pub name: Option<String>,
    pub from: Role,
    pub to: Role,
}

/// The organization's mappings, with the groups they are of.
///
/// # Errors
/// `not_found`, `forbidden`.
pub fn list(connection: &mut Connection, by: &By, slug: &str) -> Result<Vec<Shown>> {
    by.check(Action::ManageRoleMappings)?;
    let organization = named(connection, by, slug)?.id;
    let mappings = role_mappings::list(connection, organization)?;
    mappings.iter().map(|mapping| describe(connection, organization, mapping)).collect()
}

fn describe(connection: &mut Connection, organization: OrganizationId, mapping: &Mapping) -> Result<Shown> {
    let group = resources::get(connection, organization, Kind::Group, mapping.group, None)?;
    Ok(Shown {
        group: mapping.group,
        display_name: group.as_ref().and_then(display_name),
        role: known(&mapping.role),
        created_at: Timestamp(mapping.created_at),
    })
}

fn display_name(group: &Resource) -> Option<String> {
    let document = Document::from_stored(&group.document).ok()?;
    document.get("displayName").and_then(Value::as_str).map(str::to_owned)
}

/// Maps a group to a role, or to none, and gives its members what follows. To be run in a transaction: no
/// membership and no other mapping changes in between.
///
/// # Errors
/// `not_found`, `forbidden`, `invalidValue` for owner, `conflict` for too many.
pub fn set(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    (group, role): (&str, Option<Role>),
) -> Result<Changed> {
    let (organization, group) = check(connection, by, slug, group, role)?;
    role_mappings::begin_change(connection, organization)?;
    let known = role_mappings::list(connection, organization)?;
    let before = known.iter().find(|mapping| mapping.group == group);
    match (before, role) {
        (None, None) => return Err(Error::new(Code::NotFound, "This group is mapped to no role.")),
        (None, Some(_)) if known.len() >= MOST => {
            return Err(Error::new(
                Code::Conflict,
                format!("At most {MOST} groups are mapped to roles. Remove one first."),
            ));
        }
        _ => {}
    }
    let effect = role_mappings::effect(connection, organization, group, role.map(Role::name), 0)?;
    let now = administration.clock.now().0;
    let plan = |connection: &mut Connection| {
        let mut batch = Batch::default();
        role_mappings::put(&mut batch, organization, group, role.map(Role::name), now);
        role_mappings::lookup(&mut batch, connection, organization, Whose::Below(&[group]));
        let detail = json!({
            "group": group.to_string(), "before": before.map(|mapping| mapping.role.as_str()),
            "after": role.map(Role::name), "members": counts(&effect)
        });
        administration.audit(&mut batch, by, organization, "role_mapping.changed", &detail);
        Ok(Planned { batch, answer: () })
    };
    store::run(connection, plan)?;
    let found = resources::get(connection, organization, Kind::Group, group, None)?;
    Ok(Changed { group, display_name: found.as_ref().and_then(display_name), role, changed: counts(&effect) })
}

/// What mapping a group to a role, or to none, would do; nothing is changed.
///
/// # Errors
/// As of [`set`].
pub fn preview(
    connection: &mut Connection,
    by: &By,
    slug: &str,
    (group, role): (&str, Option<Role>),
) -> Result<Preview> {
    let (organization, group) = check(connection, by, slug, group, role)?;
    let effect = role_mappings::effect(connection, organization, group, role.map(Role::name), NAMED)?;
    let affected = |(id, document, from, to): &(ResourceId, String, String, String)| {
        let document = Document::from_stored(document)?;
        Ok(Affected {
            member_id: *id,
            email: index::address(&document).map(str::to_owned),
            name: index::shown_name(&document),
            from: known(from),
            to: known(to),
        })
    };
    let members = effect.first.iter().map(affected).collect::<Result<_>>()?;
    Ok(Preview { group, role, changes: counts(&effect), members })
}

fn counts(effect: &Effect) -> Vec<Count> {
    effect.counts.iter().map(|(from, to, count)| Count { from: known(from), to: known(to), count: *count }).collect()
}

/// A role of the database.
fn known(role: &str) -> Role {
    role.parse().unwrap_or(Role::Read)
}

fn check(
    connection: &mut Connection,
    by: &By,
    slug: &str,
    group: &str,
    role: Option<Role>,
) -> Result<(OrganizationId, ResourceId)> {
    by.check(Action::ManageRoleMappings)?;
    let organization = named(connection, by, slug)?.id;
    if role == Some(Role::Owner) {
        return Err(Error::new(Code::InvalidValue, "A group makes nobody an owner: role is read, write or admin."));
    }
    let absent = || Error::new(Code::NotFound, format!("There is no group with the id \"{group}\"."));
    let id = group.parse().map_err(|_| absent())?;
    resources::get(connection, organization, Kind::Group, id, None)?.ok_or_else(absent)?;
    Ok((organization, id))
}
