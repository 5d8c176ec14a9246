//! Group memberships as rows (floor 2): a change costs what it changes, at any size of the group.

use diesel::sql_types::{BigInt, Nullable, Text};

use super::batch::Batch;
use super::connection::Connection;
use super::database_error;
use super::resources::{kind_from, kind_number, shown_name};
use super::sql::{Rows, Sql, SqlId, Type};
use crate::error::Result;
use crate::id::{OrganizationId, ResourceId};
use crate::scim::registry::Kind;

/// Ids in one statement at most, so that few texts are prepared.
const SLICE: usize = 256;

/// A member of a group, as answers show it.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: ResourceId,
    pub kind: Kind,
    pub display: Option<String>,
}

/// Which of these ids are resources of the organization, with their kind.
///
/// # Errors
/// The database's.
pub fn existing(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[ResourceId],
) -> Result<Vec<(ResourceId, Kind)>> {
    let mut found = Vec::with_capacity(ids.len());
    for slice in ids.chunks(SLICE) {
        for kind in Kind::ALL {
            let mut sql = Sql::new("SELECT id FROM resources WHERE organization_id = ");
            sql.push_bind(organization)
                .push(" AND kind = ")
                .push_bind(kind_number(kind))
                .push(" AND id IN ")
                .push_list(slice.iter().copied());
            found.extend(
                sql.load::<SqlId, ResourceId>(connection).map_err(database_error)?.into_iter().map(|id| (id, kind)),
            );
        }
    }
    Ok(found)
}

/// Which of these ids are members of the group.
///
/// # Errors
/// The database's.
pub fn among(
    connection: &mut Connection,
    organization: OrganizationId,
    group: ResourceId,
    ids: &[ResourceId],
) -> Result<Vec<ResourceId>> {
    let mut found = Vec::new();
    for slice in ids.chunks(SLICE) {
        let mut sql = Sql::new("SELECT member_id FROM group_members WHERE organization_id = ");
        sql.push_bind(organization)
            .push(" AND group_id = ")
            .push_bind(group)
            .push(" AND member_id IN ")
            .push_list(slice.iter().copied());
        found.extend(sql.load::<SqlId, ResourceId>(connection).map_err(database_error)?);
    }
    Ok(found)
}

/// A page of the group's members behind `after`, in the order of their ids. Names cost a join, which
/// reads what the page has and no more.
///
/// # Errors
/// The database's.
pub fn page(
    connection: &mut Connection,
    organization: OrganizationId,
    group: ResourceId,
    after: Option<ResourceId>,
    limit: i64,
    with_names: bool,
) -> Result<Vec<Member>> {
    const NAMED: &str = "SELECT m.member_id, m.member_kind, r.document FROM group_members m LEFT JOIN resources r \
         ON r.organization_id = m.organization_id AND r.kind = m.member_kind AND r.id = m.member_id WHERE m.organization_id = ";
    const PLAIN: &str =
        "SELECT m.member_id, m.member_kind, NULL AS document FROM group_members m WHERE m.organization_id = ";
    let mut sql = Sql::new(if with_names { NAMED } else { PLAIN });
    sql.push_bind(organization).push(" AND m.group_id = ").push_bind(group);
    if let Some(after) = after {
        sql.push(" AND m.member_id > ").push_bind(after);
    }
    sql.push(" ORDER BY m.member_id LIMIT ").push_bind(limit);
    let rows = sql
        .load::<(SqlId, BigInt, Nullable<Text>), (ResourceId, i64, Option<String>)>(connection)
        .map_err(database_error)?;
    let member = |(id, kind, document): (ResourceId, i64, Option<String>)| Member {
        id,
        kind: kind_from(kind),
        display: document.as_deref().and_then(shown_name),
    };
    Ok(rows.into_iter().map(member).collect())
}

/// All members of a group with their names, read a page at a time.
///
/// # Errors
/// The database's.
pub fn all_named(connection: &mut Connection, organization: OrganizationId, group: ResourceId) -> Result<Vec<Member>> {
    const PAGE: i64 = 1_000;
    let mut members: Vec<Member> = Vec::new();
    loop {
        let after = members.last().map(|member| member.id);
        let page = page(connection, organization, group, after, PAGE, true)?;
        let full = i64::try_from(page.len()).unwrap_or(0) == PAGE;
        members.extend(page);
        if !full {
            return Ok(members);
        }
    }
}

/// All member ids of a group, for comparing sets.
///
/// # Errors
/// The database's.
pub fn all(
    connection: &mut Connection,
    organization: OrganizationId,
    group: ResourceId,
) -> Result<Vec<(ResourceId, Kind)>> {
    let rows = Sql::new("SELECT member_id, member_kind FROM group_members WHERE organization_id = ? AND group_id = ? ORDER BY member_id")
        .bind(organization)
        .bind(group)
        .load::<(SqlId, BigInt), (ResourceId, i64)>(connection)
        .map_err(database_error)?;
    Ok(rows.into_iter().map(|(id, kind)| (id, kind_from(kind))).collect())
}

/// Adds members; one that is there already stays (idempotent).
pub fn insert(batch: &mut Batch, organization: OrganizationId, group: ResourceId, members: &[(ResourceId, Kind)]) {
    batch.insert(Rows {
        insert: "INSERT INTO group_members (organization_id, group_id, member_id, member_kind)",
        types: &[Type::Id, Type::Id, Type::Id, Type::Integer],
        conflict: "ON CONFLICT DO NOTHING",
        rows: members
            .iter()
            .map(|(member, kind)| vec![organization.into(), group.into(), (*member).into(), kind_number(*kind).into()])
            .collect(),
    });
}

/// Removes members.
pub fn delete(batch: &mut Batch, organization: OrganizationId, group: ResourceId, members: &[ResourceId]) {
    for slice in members.chunks(SLICE) {
        let mut sql = Sql::new("DELETE FROM group_members WHERE organization_id = ");
        sql.push_bind(organization)
            .push(" AND group_id = ")
            .push_bind(group)
            .push(" AND member_id IN ")
            .push_list(slice.iter().copied());
        batch.run(sql);
    }
}

/// Removes every membership a deleted resource takes part in, as a member and as a group. The groups it
/// was a direct member of are another version from `now` on: their members changed.
pub fn delete_of(batch: &mut Batch, organization: OrganizationId, resource: ResourceId, kind: Kind, now: i64) {
    // Before the memberships go: SQLite runs one statement after the other.
    let mut touch = Sql::new("UPDATE resources SET version = version + 1, updated_at = ");
    touch.push_bind(now).push(" WHERE organization_id = ").push_bind(organization);
    touch.push(" AND kind = ").push_bind(kind_number(Kind::Group));
    touch.push(" AND id IN (SELECT group_id FROM group_members WHERE organization_id = ").push_bind(organization);
    touch.push(" AND member_id = ").push_bind(resource).push(")");
    if kind == Kind::Group {
        // A group may be a member of itself, and a batch must not touch a row twice.
        touch.push(" AND id <> ").push_bind(resource);
    }
    batch.run(touch);
    let mut sql = Sql::new("DELETE FROM group_members WHERE organization_id = ");
    sql.push_bind(organization);
    match kind {
        Kind::User => sql.push(" AND member_id = ").push_bind(resource),
        Kind::Group => {
            sql.push(" AND (group_id = ").push_bind(resource).push(" OR member_id = ").push_bind(resource).push(")")
        }
    };
    batch.run(sql);
}

/// A group a resource belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub member: ResourceId,
    pub group: ResourceId,
    pub display: Option<String>,
    pub direct: bool,
}

/// The groups of these resources, direct and through nested groups (RFC 7643 §4.1.2 "groups"),
/// ordered by member and group. One statement for a whole page.
///
/// # Errors
/// The database's.
pub fn groups_of(
    connection: &mut Connection,
    organization: OrganizationId,
    members: &[ResourceId],
) -> Result<Vec<Membership>> {
    let mut found: Vec<Membership> = Vec::new();
    for slice in members.chunks(SLICE) {
        // UNION, not UNION ALL: groups may contain each other. CROSS JOIN: SQLite then keeps the order,
        // and does not read all memberships of the organization to look each up in the few found.
        let mut sql = Sql::new(
            "WITH RECURSIVE up(member_id, group_id, direct) AS (SELECT member_id, group_id, 1 FROM group_members WHERE organization_id = ",
        );
        sql.push_bind(organization).push(" AND member_id IN ").push_list(slice.iter().copied());
        sql.push(
            " UNION SELECT up.member_id, m.group_id, 0 FROM up CROSS JOIN group_members m WHERE m.organization_id = ",
        )
        .push_bind(organization);
        sql.push(" AND m.member_id = up.group_id) SELECT up.member_id, up.group_id, max(up.direct)::bigint, g.document FROM up CROSS JOIN resources g WHERE g.organization_id = ");
        sql.push_bind(organization).push(" AND g.kind = 2 AND g.id = up.group_id GROUP BY up.member_id, up.group_id, g.document ORDER BY up.member_id, up.group_id");
        let sql = if connection.is_sqlite() { sql.without("::bigint") } else { sql };
        let rows = sql
            .load::<(SqlId, SqlId, BigInt, Nullable<Text>), (ResourceId, ResourceId, i64, Option<String>)>(connection)
            .map_err(database_error)?;
        found.extend(rows.into_iter().map(|(member, group, direct, document)| Membership {
            member,
            group,
            display: document.as_deref().and_then(shown_name),
            direct: direct == 1,
        }));
    }
    Ok(found)
}
