//! What the resources of a page are related to: a User's groups, a Group's members.

use std::collections::HashMap;

use crate::error::Result;
use crate::id::ResourceId;
use crate::provisioning::answer::{Members, Relations, Shown};
use crate::provisioning::{Caller, groups};
use crate::scim::registry::Kind;
use crate::store::connection::Connection;
use crate::store::group_members::{self, Membership};

/// Adds what an answer shows: the groups of a page of users with one query, the first members of
/// each group.
///
/// # Errors
/// The database's.
pub(in crate::provisioning) fn add_relations(
    connection: &mut Connection,
    caller: &Caller,
    kind: Kind,
    relations: Relations,
    shown: &mut [Shown],
) -> Result<()> {
    match kind {
        Kind::User => add_groups(connection, caller, shown),
        Kind::Group => {
            for shown in shown {
                shown.members = groups::first_members(connection, caller.organization, shown.resource.id, relations)?;
            }
            Ok(())
        }
    }
}

/// Adds what a filter may look at: every group, every member.
///
/// # Errors
/// The database's.
pub(super) fn add_all_relations(
    connection: &mut Connection,
    caller: &Caller,
    kind: Kind,
    shown: &mut [Shown],
) -> Result<()> {
    match kind {
        Kind::User => add_groups(connection, caller, shown),
        Kind::Group => {
            for shown in shown {
                let members = group_members::all_named(connection, caller.organization, shown.resource.id)?;
                shown.members = Members::All(members);
            }
            Ok(())
        }
    }
}

fn add_groups(connection: &mut Connection, caller: &Caller, shown: &mut [Shown]) -> Result<()> {
    let ids: Vec<ResourceId> =
        shown.iter().filter(|shown| shown.resource.in_groups).map(|shown| shown.resource.id).collect();
    let mut of_member: HashMap<ResourceId, Vec<Membership>> = HashMap::new();
    for membership in group_members::groups_of(connection, caller.organization, &ids)? {
        of_member.entry(membership.member).or_default().push(membership);
    }
    for shown in shown {
        shown.groups = of_member.remove(&shown.resource.id).unwrap_or_default();
    }
    Ok(())
}
