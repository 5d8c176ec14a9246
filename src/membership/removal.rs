//! A member is removed, by whatever door, and may be brought back.

use super::Stored;
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::organization::role::Role;
use crate::organization::seats::{Change, Standing, Usage};
use crate::scim::document::Document;
use crate::scim::index::{self, Storage};
use crate::scim::registry::{Kind, ResourceType};
use crate::scim::unique::unique_values;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::members::{self, NewMember};
use crate::store::removed_members::{self, Removed};
use crate::store::resources::{self, Written};
use crate::store::{acquaintances, group_members, unique_values};

/// Who is removed where, by whom and when; and who comes back.
#[derive(Clone, Copy, Debug)]
pub struct Removal<'a> {
    pub organization: OrganizationId,
    pub user_type: &'a ResourceType,
    /// As the audit trail calls them.
    pub removed_by: &'a str,
    pub now: i64,
}

/// Removes a member: no User and no membership of a group is left, sessions end, the userName and the
/// seat are free, and no door opens to the person by itself. What the ledger loses, and the groups the
/// member was in itself.
///
/// # Errors
/// `last_owner`; the database's.
pub fn remove(
    connection: &mut Connection,
    batch: &mut Batch,
    removal: &Removal<'_>,
    usage: &Usage,
    stored: &Stored,
) -> Result<(Change, Vec<ResourceId>)> {
    let Removal { organization, user_type, removed_by, now } = *removal;
    let Stored { resource, member, document, derived } = stored;
    let mut ledger = Change::default();
    ledger.moves(stored.counted_role(), Some(stored.standing()), None);
    usage.keep_an_owner(&ledger, &stored.name())?;
    resources::delete(batch, organization, Kind::User, resource.id, resource.version, derived);
    members::delete(batch, organization, (resource.id, member));
    unique_values::change(batch, organization, resource.id, &unique_values(document, user_type), &[]);
    let mut groups = Vec::new();
    if resource.in_groups {
        let memberships = group_members::groups_of(connection, organization, &[resource.id])?;
        groups.extend(memberships.iter().filter(|membership| membership.direct).map(|membership| membership.group));
        group_members::delete_of(batch, organization, resource.id, Kind::User, now);
    }
    super::end_sessions(batch, organization, (resource.id, member));
    let removed = Removed {
        id: resource.id,
        role: member.role.clone(),
        role_source: member.role_source.clone(),
        source: member.source.clone(),
        provisioned: member.provisioned,
        address: index::address(document).map(str::to_owned),
        address_key: member.address_key.clone(),
        identity: member.identity,
        document: resource.document.clone(),
        version: resource.version,
        created_at: resource.created_at,
    };
    removed_members::insert(batch, organization, (&removed, &derived.name_key), removed_by, now);
    Ok((ledger, groups))
}

/// Brings back a removed member: the same id, active, in no group, linked to the same identity unless
/// that is another member by now. What the ledger gains, and whether the member is linked.
///
/// # Errors
/// `seat_limit_reached`; `uniqueness` when somebody else has the userName or a unique value by now.
pub fn restore(
    connection: &mut Connection,
    batch: &mut Batch,
    removal: &Removal<'_>,
    storage: &Storage,
    usage: &Usage,
    removed: &Removed,
) -> Result<(Change, bool)> {
    let Removal { organization, user_type, now, .. } = *removal;
    if !usage.has_a_seat() {
        return Err(usage.no_seat());
    }
    let mut document = Document::from_stored(&removed.document)?;
    document.forget_removed(user_type);
    if document.active() == Some(false) {
        document.set_active(true);
    }
    let derived = storage.derive(&document, Kind::User)?;
    let unique = unique_values(&document, user_type);
    if let Some(key) = &derived.user_name_key
        && members::user_name_is_taken(connection, organization, key, removed.id)?
    {
        let name = document.user_name().unwrap_or_default();
        return Err(taken(&format!("the userName \"{name}\"")));
    }
    if let Some(value) = unique_values::taken(connection, organization, None, &unique)? {
        return Err(taken(&format!("this member's {}, which must be unique", value.attribute)));
    }
    let identity = match removed.identity {
        Some(identity) if !acquaintances::is_linked(connection, organization, identity)? => Some(identity),
        _ => None,
    };
    let text = document.to_text();
    let written = Written { id: removed.id, kind: Kind::User, now, document: &text, derived: &derived };
    resources::insert_at(batch, organization, written, removed.created_at, removed.version + 1);
    unique_values::change(batch, organization, removed.id, &[], &unique);
    // In no group now, so by no group's role.
    let by_group = removed.role_source == "mapping";
    let (role, role_source) =
        if by_group { ("read", "default") } else { (removed.role.as_str(), removed.role_source.as_str()) };
    let member = NewMember {
        role,
        role_source,
        status: Standing::Active.name(),
        source: &removed.source,
        provisioned: removed.provisioned,
        address_key: derived.address_key.as_deref(),
        name_key: &derived.name_key,
        waiting_since: None,
        identity,
    };
    members::insert_member(batch, organization, removed.id, member);
    removed_members::delete(batch, organization, removed.id);
    let mut ledger = Change::default();
    ledger.moves(removed.role.parse().unwrap_or(Role::Read), None, Some(Standing::Active));
    Ok((ledger, identity.is_some()))
}

fn taken(what: &str) -> Error {
    Error::new(Code::Uniqueness, format!("Another user has {what} by now. Change or remove that user first."))
}
