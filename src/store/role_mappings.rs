//! Roles by groups (floor 2): the mappings, and what they make of members, set-wise in the database.
//!
//! A write that changes memberships looks the roles of whom it concerns up again in the same transaction
//! ([`follow`]). On PostgreSQL that is a statement of its own after a lock, so that it sees what others have
//! committed: of two changes at the same time the second one counts both.

use diesel::sql_types::{BigInt, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::sql::{Sql, SqlId};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::scim::registry::Kind;

/// Ids in one statement at most, so that few texts are prepared.
const SLICE: usize = 256;

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub group: ResourceId,
    pub role: String,
    pub created_at: i64,
}

/// Whose roles are looked up again.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// These Users.
    Users(&'a [ResourceId]),
    /// Every User in these groups, directly or through groups in them.
    Below(&'a [ResourceId]),
    /// Whom [`mark_below`] has marked.
    Marked,
}

/// The organization's mappings.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut Connection, organization: OrganizationId) -> Result<Vec<Mapping>> {
    let rows =
        Sql::new("SELECT group_id, role, created_at FROM role_mappings WHERE organization_id = ? ORDER BY group_id")
            .bind(organization)
            .load::<(SqlId, Text, BigInt), (ResourceId, String, i64)>(connection)
            .map_err(database_error)?;
    Ok(rows.into_iter().map(|(group, role, created_at)| Mapping { group, role, created_at }).collect())
}

/// How often the organization's mappings have changed, and holds every other change of them back until the
/// transaction ends. The first mapping there ever is waits for who writes memberships without a look at roles.
///
/// # Errors
/// The database's.
pub fn begin_change(connection: &mut Connection, organization: OrganizationId) -> Result<()> {
    Sql::new("UPDATE organizations SET role_mappings = role_mappings + 1 WHERE id = ")
        .bind_here(organization)
        .execute(connection)
        .map_err(database_error)?;
    let version = Sql::new("SELECT role_mappings FROM organizations WHERE id = ").bind_here(organization);
    let version = version.first::<BigInt, i64>(connection).map_err(database_error)?;
    if version == Some(1) && !connection.is_sqlite() {
        // They see the new count from here on.
        connection.batch("LOCK TABLE group_members IN SHARE ROW EXCLUSIVE MODE").map_err(database_error)?;
    }
    Ok(())
}

/// Maps a group to a role, or to none.
pub fn put(batch: &mut Batch, organization: OrganizationId, group: ResourceId, role: Option<&str>, now: i64) {
    let Some(role) = role else {
        batch.run(
            Sql::new("DELETE FROM role_mappings WHERE organization_id = ? AND group_id = ?")
                .bind(organization)
                .bind(group),
        );
        return;
    };
    batch.run(
        Sql::new(
            "INSERT INTO role_mappings (organization_id, group_id, role, created_at) VALUES (?, ?, ?, ?) \
             ON CONFLICT (organization_id, group_id) DO UPDATE SET role = excluded.role",
        )
        .bind(organization)
        .bind(group)
        .bind(role)
        .bind(now),
    );
}

/// Whoever plans without a look at roles must be right that there never was a mapping.
pub fn expect_none(batch: &mut Batch, organization: OrganizationId) {
    let sql = Sql::new("SELECT CAST(1 AS BIGINT) FROM organizations WHERE role_mappings = 0 AND id = ");
    batch.expect_before(1, sql.bind_here(organization));
}

/// Looks the roles of members of a group's change up again, behind the rest of the batch.
pub fn follow(
    batch: &mut Batch,
    connection: &Connection,
    organization: OrganizationId,
    changed: &[(ResourceId, Kind)],
) {
    let of = |wanted: Kind| -> Vec<ResourceId> {
        let mut ids: Vec<_> = changed.iter().filter(|(_, kind)| *kind == wanted).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    };
    for users in of(Kind::User).chunks(SLICE) {
        lookup(batch, connection, organization, Whose::Users(users));
    }
    for groups in of(Kind::Group).chunks(SLICE) {
        lookup(batch, connection, organization, Whose::Below(groups));
    }
}

/// Looks roles up again, behind the rest of the batch.
pub fn lookup(batch: &mut Batch, connection: &Connection, organization: OrganizationId, whose: Whose<'_>) {
    if !connection.is_sqlite() {
        // Mappings stay as they are, and so do these members, until it is written.
        let mut sql = Sql::new("SELECT id FROM organizations WHERE id = ").bind_here(organization);
        sql.push(" FOR SHARE");
        batch.then(sql);
        let mut sql = affected(organization, whose);
        sql.push(" SELECT m.id FROM members m JOIN affected a ON a.id = m.id WHERE m.organization_id = ");
        sql.push_bind(organization).push(" ORDER BY m.id FOR UPDATE OF m");
        batch.then(sql);
    }
    let mut sql = best(organization, whose, stored(organization));
    sql.push(" UPDATE members SET role = ").push(AFTER).push(", role_source = ").push(SOURCE);
    sql.push(" FROM best WHERE members.organization_id = ").push_bind(organization);
    sql.push(" AND members.id = best.id AND ").push(CHANGEABLE).push(" AND (members.role <> ").push(AFTER);
    sql.push(" OR members.role_source <> ").push(SOURCE).push(")");
    batch.then(sql);
}

/// Marks whoever has their role by being in a group that is about to go.
pub fn mark_below(batch: &mut Batch, organization: OrganizationId, group: ResourceId) {
    let mut sql = affected(organization, Whose::Below(&[group]));
    sql.push(" UPDATE members SET role_source = 'stale' WHERE role_source = 'mapping' AND organization_id = ");
    sql.push_bind(organization).push(" AND id IN (SELECT id FROM affected)");
    batch.run(sql);
}

/// What a member's role is by `best`.
const AFTER: &str =
    "CASE best.rank WHEN 3 THEN 'admin' WHEN 2 THEN 'write' WHEN 1 THEN 'read' ELSE members.default_role END";
const SOURCE: &str = "CASE WHEN best.rank IS NULL THEN 'default' ELSE 'mapping' END";
/// A manual grant is never undone by a sync, and owners are made by hand.
const CHANGEABLE: &str = "members.role_source <> 'manual' AND members.role <> 'owner'";

/// `WITH RECURSIVE … affected(id)`.
fn affected(organization: OrganizationId, whose: Whose<'_>) -> Sql {
    let mut sql = Sql::new("WITH RECURSIVE ");
    match whose {
        Whose::Users(ids) => {
            sql.push("affected(id) AS (SELECT id FROM members WHERE organization_id = ").push_bind(organization);
            sql.push(" AND id IN ").push_list(ids.iter().copied()).push(")");
        }
        Whose::Marked => {
            sql.push("affected(id) AS (SELECT id FROM members WHERE role_source = 'stale' AND organization_id = ");
            sql.push_bind(organization).push(")");
        }
        Whose::Below(groups) => {
            // UNION, not UNION ALL: groups may contain each other.
            sql.push("down(id, kind) AS (SELECT member_id, member_kind FROM group_members WHERE organization_id = ");
            sql.push_bind(organization).push(" AND group_id IN ").push_list(groups.iter().copied());
            sql.push(" UNION SELECT g.member_id, g.member_kind FROM down CROSS JOIN group_members g WHERE down.kind = 2 AND g.organization_id = ");
            sql.push_bind(organization).push(" AND g.group_id = down.id), ");
            sql.push("affected(id) AS (SELECT id FROM down WHERE kind = 1)");
        }
    }
    sql
}

/// The mappings there are.
fn stored(organization: OrganizationId) -> Sql {
    Sql::new("SELECT group_id, role FROM role_mappings WHERE organization_id = ").bind_here(organization)
}

/// [`affected`] with `best(id, rank)`: the highest role of the groups somebody is in.
fn best(organization: OrganizationId, whose: Whose<'_>, mappings: Sql) -> Sql {
    let mut sql = affected(organization, whose);
    sql.push(", up(member_id, group_id) AS (SELECT a.id, g.group_id FROM affected a CROSS JOIN group_members g WHERE g.organization_id = ");
    sql.push_bind(organization).push(" AND g.member_id = a.id");
    sql.push(" UNION SELECT up.member_id, g.group_id FROM up CROSS JOIN group_members g WHERE g.organization_id = ");
    sql.push_bind(organization).push(" AND g.member_id = up.group_id), mapped(group_id, role) AS (");
    sql.append(mappings);
    sql.push("), best(id, rank) AS (SELECT a.id, max(CASE x.role WHEN 'admin' THEN 3 WHEN 'write' THEN 2 WHEN 'read' THEN 1 END) ");
    sql.push("FROM affected a LEFT JOIN up ON up.member_id = a.id LEFT JOIN mapped x ON x.group_id = up.group_id GROUP BY a.id)");
    sql
}

/// What a mapping would do: how many members would go from one role to another, and the first of them with
/// their User, the role they have and the one they would have.
#[derive(Clone, Debug, Default)]
pub struct Effect {
    pub counts: Vec<(String, String, i64)>,
    pub first: Vec<(ResourceId, String, String, String)>,
}

/// Looks at what mapping a group to a role, or to none, would do.
///
/// # Errors
/// The database's.
pub fn effect(
    connection: &mut Connection,
    organization: OrganizationId,
    group: ResourceId,
    role: Option<&str>,
    limit: i64,
) -> Result<Effect> {
    let mappings = || {
        let mut sql = stored(organization);
        sql.push(" AND group_id <> ").push_bind(group);
        if let Some(role) = role {
            sql.push(" UNION ALL SELECT group_id, ")
                .push_bind(role)
                .push(" FROM (SELECT id AS group_id FROM resources WHERE organization_id = ");
            sql.push_bind(organization).push(" AND kind = 2 AND id = ").push_bind(group).push(") itself");
        }
        sql
    };
    let groups = [group];
    let changed = |sql: &mut Sql| {
        sql.push(" FROM best JOIN members ON members.id = best.id AND members.organization_id = ")
            .push_bind(organization);
    };
    let narrowed = |sql: &mut Sql| {
        sql.push(" WHERE ").push(CHANGEABLE).push(" AND members.role <> ").push(AFTER);
    };
    let mut sql = best(organization, Whose::Below(&groups), mappings());
    sql.push(" SELECT members.role, ").push(AFTER).push(", count(*)");
    changed(&mut sql);
    narrowed(&mut sql);
    sql.push(" GROUP BY 1, 2 ORDER BY 1, 2");
    let counts = sql.load::<(Text, Text, BigInt), (String, String, i64)>(connection).map_err(database_error)?;
    let mut sql = best(organization, Whose::Below(&groups), mappings());
    sql.push(" SELECT members.id, r.document, members.role, ").push(AFTER);
    changed(&mut sql);
    sql.push(" JOIN resources r ON r.organization_id = members.organization_id AND r.kind = 1 AND r.id = members.id");
    narrowed(&mut sql);
    sql.push(" ORDER BY members.id LIMIT ").push_bind(limit);
    let first = sql
        .load::<(SqlId, Text, Text, Text), (ResourceId, String, String, String)>(connection)
        .map_err(database_error)?;
    Ok(Effect { counts, first })
}
