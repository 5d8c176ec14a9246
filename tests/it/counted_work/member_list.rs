//! A page of members costs the same at any size, in any order and narrowed by any role and status.

use headcount::administration::By;
use headcount::administration::roster::{Page, Wanted, page};
use headcount::organization::role::Role;
use headcount::store::roster::Sort;
use headcount::store::sql::Sql;

use super::{Cost, Observer, Organization};

const SORTS: [(&str, Sort); 5] = [
    ("members by email", Sort::Email),
    ("members by name", Sort::Name),
    ("members by role", Sort::Role),
    ("members by status", Sort::Status),
    ("members by joining", Sort::Joined),
];

/// What lists are narrowed by: what many are and what few are.
const NARROWED: [(Option<Role>, Option<&str>); 8] = [
    (None, None),
    (Some(Role::Read), None),
    (Some(Role::Write), None),
    (None, Some("active")),
    (None, Some("suspended")),
    (Some(Role::Admin), Some("deactivated")),
    (None, Some("removed")),
    (Some(Role::Write), Some("removed")),
];

/// Gives few of the members, the last by name, each of the other roles and statuses, and remembers as many who were
/// removed as there are.
fn mix(organization: &Organization) {
    let mut connection = organization.house.database();
    let last = "IN (SELECT id FROM members WHERE source = 'scim' ORDER BY id DESC LIMIT 9)";
    for change in [
        format!("UPDATE members SET role = 'admin', status = 'deactivated' WHERE id {last}"),
        format!("UPDATE members SET role = 'write', suspended = (1 = 1), status = 'active' WHERE id {}", last.replace('9', "6")),
        "INSERT INTO removed_members (organization_id, id, role, role_source, source, provisioned, address_key, document, \
         version, created_at, removed_by, removed_at, name_sort) SELECT m.organization_id, m.id, m.role, m.role_source, m.source, \
         m.provisioned, m.address_key, r.document, r.version, r.created_at, 'test', r.created_at, m.name_sort FROM members m \
         JOIN resources r ON r.organization_id = m.organization_id AND r.kind = 1 AND r.id = m.id"
            .to_owned(),
    ] {
        let mut sql = Sql::default();
        sql.push(&change);
        assert!(sql.execute(&mut connection).unwrap() >= 6);
    }
}

/// The first and the next page in each order, forward and backward, of all and of some.
pub async fn measure(organization: &Organization, observer: &mut dyn Observer) -> Vec<Cost> {
    let mut costs = Vec::new();
    if !organization.is_mixed.replace(true) {
        mix(organization);
    }
    for (request, sort) in SORTS {
        for (role, status) in NARROWED {
            for descending in [false, true] {
                let mut after = None;
                for _ in 0..2 {
                    let status = status.map(str::to_owned);
                    let wanted =
                        Wanted { sort, descending, role, status, after: after.take(), limit: 3, ..Wanted::default() };
                    observer.take();
                    let found = read(organization, wanted).await;
                    assert_eq!(found.items.len(), 3, "{request} {role:?}");
                    after = found.next;
                    // One for each role or status until the page is full, where the order is theirs.
                    costs.push(Cost { request, most: 6, statements: observer.take() });
                }
            }
        }
    }
    costs
}

async fn read(organization: &Organization, wanted: Wanted) -> Page {
    let administration = organization.house.assembly.administration.clone();
    let read = move |connection: &mut _| page(connection, &administration, &By::OPERATOR, "acme", wanted);
    organization.house.assembly.store.read(read).await.unwrap()
}
