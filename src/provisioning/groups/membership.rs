//! Who is in a group: operations on `members` composed into rows to add and rows to remove.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::provisioning::Caller;
use crate::provisioning::answer::{Members, Relations, member_value};
use crate::scim::lenient::Notes;
use crate::scim::patch::MemberChange;
use crate::scim::registry::Kind;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::group_members::{self, Member};
use crate::store::role_mappings;

/// Members that are read with the group; longer lists are streamed.
pub const FIRST_MEMBERS: i64 = 500;

/// The first page of a group's members, and whether it is all of them.
///
/// # Errors
/// The database's.
pub fn first_members(
    connection: &mut Connection,
    organization: OrganizationId,
    group: ResourceId,
    relations: Relations,
) -> Result<Members> {
    if relations == Relations::None {
        return Ok(Members::Left);
    }
    let with_names = relations == Relations::Named;
    let mut members = group_members::page(connection, organization, group, None, FIRST_MEMBERS + 1, with_names)?;
    if i64::try_from(members.len()).unwrap_or(i64::MAX) > FIRST_MEMBERS {
        members.pop();
        return Ok(Members::More(members));
    }
    Ok(Members::All(members))
}

/// What a write does to the memberships of a group.
#[derive(Debug, Default)]
pub(super) struct MemberPlan {
    add: Vec<(ResourceId, Kind)>,
    remove: Vec<ResourceId>,
    /// What those are who are removed, where that matters.
    removed: Vec<(ResourceId, Kind)>,
    /// Ids that are no resource of the organization: skipped, and named in the log.
    unknown: Vec<String>,
}

impl MemberPlan {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// Writes the rows, and what follows from them for roles.
    pub(super) fn apply(&self, batch: &mut Batch, connection: &Connection, caller: &Caller, group: ResourceId) {
        let organization = caller.organization;
        group_members::insert(batch, organization, group, &self.add);
        group_members::delete(batch, organization, group, &self.remove);
        if self.is_empty() {
            return;
        }
        if caller.maps_roles {
            role_mappings::follow(batch, connection, organization, &[self.add.as_slice(), &self.removed].concat());
        } else {
            role_mappings::expect_none(batch, organization);
        }
    }

    /// What the log says: what was done, how many members came and went, who is unknown.
    pub(super) fn explain(&self, what: &str, warning: &str, notes: &Notes) -> String {
        let mut text = format!("{what}{warning} Members added: {}, removed: {}.", self.add.len(), self.remove.len());
        if !self.unknown.is_empty() {
            text.push_str(" Unknown members skipped: ");
            text.push_str(&self.unknown.join(", "));
            text.push('.');
        }
        notes.after(&text)
    }

    /// The change as the log keeps it.
    pub(super) fn delta(&self) -> String {
        let added: Vec<String> = self.add.iter().map(|(id, _)| id.to_string()).collect();
        let removed: Vec<String> = self.remove.iter().map(ToString::to_string).collect();
        serde_json::json!({"added": added, "removed": removed}).to_string()
    }

    /// The members of a Group that this plan is the first of.
    pub(super) fn shown(&self) -> Members {
        let mut members = self.add.clone();
        members.sort_unstable();
        Members::All(members.into_iter().map(|(id, kind)| Member { id, kind, display: None }).collect())
    }
}

/// Composes the membership operations, in their order, into rows to add and rows to remove.
///
/// # Errors
/// The database's.
pub(super) fn plan_members(
    connection: &mut Connection,
    caller: &Caller,
    group: ResourceId,
    changes: &[MemberChange],
    base: &str,
) -> Result<MemberPlan> {
    let Caller { organization, maps_roles, .. } = *caller;
    let mut composed = Composed::default();
    for change in changes {
        composed.then(connection, organization, group, change, base)?;
    }
    let Composed { add, remove, unknown } = composed;
    // Only what really changes is written, so that repeating an operation changes nothing.
    let ids: Vec<ResourceId> = add.iter().map(|(id, _)| *id).chain(remove.iter().copied()).collect();
    let present: BTreeSet<ResourceId> =
        group_members::among(connection, organization, group, &ids)?.into_iter().collect();
    let remove: Vec<ResourceId> = remove.into_iter().filter(|id| present.contains(id)).collect();
    let removed = if maps_roles { group_members::existing(connection, organization, &remove)? } else { Vec::new() };
    let add = add.into_iter().filter(|(id, _)| !present.contains(id)).collect();
    Ok(MemberPlan { add, remove, removed, unknown })
}

/// What operations so far come to, whoever is in the group already.
#[derive(Default)]
struct Composed {
    add: BTreeSet<(ResourceId, Kind)>,
    remove: BTreeSet<ResourceId>,
    unknown: Vec<String>,
}

impl Composed {
    /// Adds the next operation.
    fn then(
        &mut self,
        connection: &mut Connection,
        organization: OrganizationId,
        group: ResourceId,
        change: &MemberChange,
        base: &str,
    ) -> Result<()> {
        match change {
            MemberChange::Add(values) => {
                let wanted = known(connection, organization, values)?;
                for member in wanted.add {
                    self.remove.remove(&member.0);
                    self.add.insert(member);
                }
                self.unknown.extend(wanted.unknown);
            }
            MemberChange::Remove(values) => {
                values.iter().filter_map(|value| value.parse().ok()).for_each(|id| self.remove(id));
            }
            MemberChange::ReplaceAll(values) => {
                let wanted = known(connection, organization, values)?;
                self.add = wanted.add.into_iter().collect();
                self.remove = group_members::all(connection, organization, group)?
                    .into_iter()
                    .map(|(id, _)| id)
                    .filter(|id| !self.add.iter().any(|(other, _)| other == id))
                    .collect();
                self.unknown.extend(wanted.unknown);
            }
            MemberChange::RemoveAll => {
                self.add.clear();
                self.remove =
                    group_members::all(connection, organization, group)?.into_iter().map(|(id, _)| id).collect();
            }
            MemberChange::RemoveWhere(filter) => {
                for member in group_members::all_named(connection, organization, group)? {
                    if filter.matches_element(&member_value(base, &member)) {
                        self.remove(member.id);
                    }
                }
            }
        }
        Ok(())
    }

    fn remove(&mut self, id: ResourceId) {
        self.add.retain(|(other, _)| *other != id);
        self.remove.insert(id);
    }
}

/// Which of the values are resources of the organization, deduplicated.
///
/// # Errors
/// The database's.
pub(super) fn known(
    connection: &mut Connection,
    organization: OrganizationId,
    values: &[String],
) -> Result<MemberPlan> {
    let mut plan = MemberPlan::default();
    let mut ids = BTreeSet::new();
    for value in values {
        match value.parse::<ResourceId>() {
            Ok(id) => {
                ids.insert(id);
            }
            Err(_) => plan.unknown.push(value.clone()),
        }
    }
    let ids: Vec<ResourceId> = ids.into_iter().collect();
    plan.add = group_members::existing(connection, organization, &ids)?;
    let found: BTreeSet<ResourceId> = plan.add.iter().map(|(id, _)| *id).collect();
    plan.unknown.extend(ids.iter().filter(|id| !found.contains(id)).map(ToString::to_string));
    Ok(plan)
}
