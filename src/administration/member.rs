//! Members: listed, given a role, suspended, removed, brought back, parted from the account they signed in with.

use std::str::FromStr;

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::roster::{Member, describe};
use super::{Administration, By, named};
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, ResourceId};
use crate::membership::{self, Removal, Stored};
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::seats::{self, Standing, Usage};
use crate::provisioning::users;
use crate::scim::registry::{Kind, Registry};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::removed_members::{self, Removed};
use crate::store::roster::{self, Listed, Part};
use crate::store::{Planned, members, organizations, sessions};

/// Lines that are read at once.
const PAGE: i64 = 1_000;

/// What is done to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Role(Role),
    Status(Status),
    /// Nobody signs in as the member any more, until somebody proves the address anew: a person's account at the
    /// provider is another one now.
    Unlink,
}

/// A status that people decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = WantedStatus, rename_all = "snake_case")]
pub enum Status {
    Active,
    /// Kept out; the seat is kept.
    Suspended,
    Removed,
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            "removed" => Ok(Self::Removed),
            _ => Err(format!("unknown status \"{text}\": use active, suspended or removed")),
        }
    }
}

/// Every member of the organization, and behind them who was removed.
///
/// # Errors
/// `not_found`.
pub fn list(connection: &mut Connection, by: &By, slug: &str) -> Result<Vec<Member>> {
    by.check(Action::ViewMembers)?;
    let organization = named(connection, by, slug)?;
    let usage = organizations::usage(connection, organization.id)?;
    let mut lines = Vec::new();
    for part in [Part::Members, Part::Removed] {
        let mut after = None;
        loop {
            let page = roster::page(connection, organization.id, part, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for listed in &page {
                lines.push(describe(by, listed, &usage)?);
            }
        }
    }
    Ok(lines)
}

/// Changes a member; the member as it is then.
///
/// # Errors
/// `not_found`, `last_owner`, `seat_limit_reached`, `uniqueness`; `conflict` for what is not the operator's to decide.
pub fn set(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    member: &str,
    change: Change,
) -> Result<Planned<Member>> {
    by.check(Action::ManageMembers)?;
    let organization = named(connection, by, slug)?.id;
    let absent = || Error::new(Code::NotFound, format!("There is no member with the id \"{member}\"."));
    let id = member.parse().map_err(|_| absent())?;
    let (usage, found) = members::user(connection, organization, id)?;
    let mut work = Work { administration, by, organization, usage, batch: Batch::default() };
    let line = if let Some(found) = found {
        let stored = Stored::read(&administration.provisioning.storage, found)?;
        let line = roster::line(connection, organization, Part::Members, id)?.ok_or_else(absent)?;
        match change {
            Change::Role(role) => work.set_role(&stored, role, line)?,
            Change::Status(Status::Active) => work.let_in(&stored, line)?,
            Change::Status(Status::Suspended) => work.suspend(&stored, line)?,
            Change::Status(Status::Removed) => work.remove(connection, &stored, line)?,
            Change::Unlink => work.unlink(&stored, line)?,
        }
    } else {
        let removed = removed_members::find(connection, organization, id)?.ok_or_else(absent)?;
        let line = roster::line(connection, organization, Part::Removed, id)?.ok_or_else(absent)?;
        match change {
            Change::Status(Status::Removed) => line,
            Change::Status(Status::Active) => work.bring_back(connection, &removed, line)?,
            Change::Role(_) | Change::Status(Status::Suspended) | Change::Unlink => {
                return Err(Error::new(
                    Code::Conflict,
                    "This member was removed. Bring the member back first, with the status active.",
                ));
            }
        }
    };
    let answer = describe(by, &line, &work.usage)?;
    Ok(Planned { batch: work.batch, answer })
}

/// One change while it is being planned; each gives the member's line as it will be.
struct Work<'a> {
    administration: &'a Administration,
    by: &'a By,
    organization: OrganizationId,
    usage: Usage,
    batch: Batch,
}

impl Work<'_> {
    fn set_role(&mut self, stored: &Stored, role: Role, line: Listed) -> Result<Listed> {
        let (id, member) = (stored.resource.id, &stored.member);
        if stored.role() == role && member.role_source == "manual" {
            return Ok(line);
        }
        self.by.check_grant(Some(id), stored.role(), role)?;
        self.recount(stored, membership::counted(role, member.suspended))?;
        members::update_role(&mut self.batch, self.organization, (id, member), role.name());
        if role != Role::Owner {
            sessions::end_recovering(&mut self.batch, self.organization, id);
        }
        self.audit("member.role_changed", id, &json!({"before": member.role, "after": role.name()}));
        Ok(Listed { role: role.name().to_owned(), role_source: "manual".to_owned(), ..line })
    }

    fn suspend(&mut self, stored: &Stored, line: Listed) -> Result<Listed> {
        let (id, member) = (stored.resource.id, &stored.member);
        if member.suspended {
            return Ok(line);
        }
        self.touch(stored.role(), id)?;
        // Who is suspended runs nothing, so another owner has to.
        self.recount(stored, Role::Read)?;
        members::update_suspended(&mut self.batch, self.organization, (id, member), true);
        membership::end_sessions(&mut self.batch, self.organization, (id, member));
        self.audit("member.suspended", id, &json!({"before": "active", "after": "suspended"}));
        Ok(Listed { suspended: true, ..line })
    }

    /// Lifts a suspension. What provisioning has switched off, it switches on.
    fn let_in(&mut self, stored: &Stored, line: Listed) -> Result<Listed> {
        let (id, member) = (stored.resource.id, &stored.member);
        let refuse = |why: &str| Err(Error::new(Code::Conflict, format!("{} {why}", stored.name())));
        if !member.suspended {
            return match stored.standing() {
                Standing::Active => Ok(line),
                Standing::Deactivated => refuse(
                    "was deactivated by provisioning, which decides: activate this user at the identity provider.",
                ),
                Standing::Waiting => {
                    refuse("waits for a seat and is admitted in turn: buy seats, or free one by removing a member.")
                }
            };
        }
        self.touch(stored.role(), id)?;
        self.recount(stored, stored.role())?;
        members::update_suspended(&mut self.batch, self.organization, (id, member), false);
        self.audit("member.suspension_lifted", id, &json!({"before": "suspended", "after": "active"}));
        Ok(Listed { suspended: false, ..line })
    }

    fn remove(&mut self, connection: &mut Connection, stored: &Stored, line: Listed) -> Result<Listed> {
        let id = stored.resource.id;
        self.touch(stored.role(), id)?;
        let registry = self.registry(connection)?;
        let (usage, organization) = (self.usage, self.organization);
        let removed_by = self.by.name();
        let removal = self.removal(&registry, &removed_by);
        let (mut ledger, groups) = membership::remove(connection, &mut self.batch, &removal, &usage, stored)?;
        if ledger.used < 0 {
            let service = &self.administration.provisioning;
            users::admit_next(connection, service, organization, &usage, &mut self.batch, &mut ledger)?;
        }
        organizations::change_usage(&mut self.batch, organization, &ledger);
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        let before = stored.standing().shown(stored.member.suspended);
        self.audit("member.removed", id, &json!({"before": before, "after": "removed", "groups": groups}));
        Ok(Listed { status: None, suspended: false, ..line })
    }

    fn bring_back(&mut self, connection: &mut Connection, removed: &Removed, line: Listed) -> Result<Listed> {
        self.touch(removed.role.parse().unwrap_or(Role::Read), removed.id)?;
        let registry = self.registry(connection)?;
        let storage = &self.administration.provisioning.storage;
        let removed_by = self.by.name();
        let (usage, removal) = (self.usage, self.removal(&registry, &removed_by));
        let (mut room, key) = (seats::Change::default(), removed.address_key.as_deref());
        let made = (removal.now, &mut room);
        let usage = membership::make_room(connection, &mut self.batch, self.organization, usage, key, made)?;
        let (mut ledger, linked) =
            membership::restore(connection, &mut self.batch, &removal, storage, &usage, removed)?;
        ledger.pending += room.pending;
        organizations::change_usage(&mut self.batch, self.organization, &ledger);
        self.audit("member.brought_back", removed.id, &json!({"before": "removed", "after": "active"}));
        let identity = line.identity.filter(|_| linked);
        Ok(Listed { status: Some(Standing::Active.name().to_owned()), identity, ..line })
    }

    fn unlink(&mut self, stored: &Stored, line: Listed) -> Result<Listed> {
        let (id, member) = (stored.resource.id, &stored.member);
        let Some(identity) = member.identity else { return Ok(line) };
        self.touch(stored.role(), id)?;
        members::unlink(&mut self.batch, self.organization, (id, member));
        membership::end_sessions(&mut self.batch, self.organization, (id, member));
        self.audit("member.unlinked", id, &json!({"identity": identity.to_string()}));
        Ok(Listed { identity: None, ..line })
    }

    /// Refuses who may not touch a member of this role: an owner's place is an owner's to change.
    fn touch(&self, role: Role, id: ResourceId) -> Result<()> {
        self.by.check_grant(Some(id), role, role)
    }

    /// The member counts by another role from now on; an owner remains.
    fn recount(&mut self, stored: &Stored, to: Role) -> Result<()> {
        let mut ledger = seats::Change::default();
        ledger.recounts(stored.standing(), stored.counted_role(), to);
        self.usage.keep_an_owner(&ledger, &stored.name())?;
        organizations::change_usage(&mut self.batch, self.organization, &ledger);
        Ok(())
    }

    fn registry(&self, connection: &mut Connection) -> Result<Registry> {
        self.administration.provisioning.registries.current(connection, self.organization)
    }

    fn removal<'r>(&self, registry: &'r Registry, removed_by: &'r str) -> Removal<'r> {
        Removal {
            organization: self.organization,
            user_type: registry.resource_type(Kind::User),
            removed_by,
            now: self.administration.clock.now().to_millisecond().0,
        }
    }

    fn audit(&mut self, action: &str, member: ResourceId, detail: &Value) {
        self.administration.audit_member(&mut self.batch, self.by, self.organization, action, Some(member), detail);
    }
}
