//! What an organization asks of its invitations costs the same however many people and old invitations it has.

use headcount::administration::By;
use headcount::administration::invitation::{Page, list};
use headcount::id::OrganizationId;
use headcount::organization::invitation::State;
use headcount::store::connection::Connection;
use headcount::store::invitations::{self, Facts};
use headcount::store::organizations;
use headcount::store::sql::Sql;

use super::{Cost, Observer, Organization};

/// Remembers an accepted invitation and its mail for each member, and has a few that are open, over, and doubled.
fn fill(organization: &Organization) {
    let mut connection = organization.house.database();
    let now = organization.house.assembly.administration.clock.now().0;
    let (hash, text) = match &connection {
        Connection::Sqlite(_) => ("randomblob(32)", "hex(m.id)"),
        Connection::Postgres(_) => ("sha256(convert_to(m.id::text, 'UTF8'))", "m.id::text"),
    };
    let invite = |state: &str, expires_at: i64, which: &str| {
        let holds = state == "pending";
        format!(
            "INSERT INTO invitations (organization_id, id, address, address_key, role, inviter, state, holds_seat, secret_hash, \
             sent_count, created_at, sent_at, expires_at, ended_at) SELECT m.organization_id, m.id, m.address_key, \
             m.address_key, 'read', 'operator', '{state}', {holds}, {hash}, 1, 1, 1, {expires_at}, {} FROM members m \
             WHERE m.source = 'scim' AND m.id {which} (SELECT id FROM members WHERE source = 'scim' ORDER BY id LIMIT 12)",
            if holds { "NULL" } else { "1" }
        )
    };
    for fill in [
        invite("accepted", 2, "NOT IN"),
        invite("pending", now + 1_000_000, "IN"),
        format!(
            "UPDATE invitations SET expires_at = {now} WHERE id IN (SELECT id FROM invitations WHERE state = 'pending' ORDER BY id LIMIT 4)"
        ),
        format!(
            "INSERT INTO outbox (id, dedup_key, organization_id, kind, recipient, letter, state, attempts, due_at, created_at, \
             expires_at, kept_until) SELECT m.id, {text}, m.organization_id, 'invitation', m.address_key, {hash}, 'sent', 1, {now}, \
             {now}, {now}, {now} FROM members m WHERE m.source = 'scim'"
        ),
    ] {
        let mut sql = Sql::default();
        sql.push(&fill);
        assert!(sql.execute(&mut connection).unwrap() >= 4, "{fill}");
    }
    if let Connection::Postgres(_) = connection {
        connection.batch("ANALYZE invitations; ANALYZE outbox").unwrap();
    }
}

pub async fn measure(organization: &Organization, observer: &mut dyn Observer) -> Vec<Cost> {
    if !organization.is_inviting.replace(true) {
        fill(organization);
    }
    let store = &organization.house.assembly.store;
    let now = organization.house.assembly.administration.clock.now().0;
    let acme: OrganizationId =
        store.read(|connection| organizations::by_slug(connection, "acme")).await.unwrap().unwrap().id;
    let mut costs = Vec::new();
    let mut cost = |request: &'static str, observer: &mut dyn Observer| {
        let mut statements = observer.take();
        if matches!(request, "facts of addresses" | "organizations to settle") {
            // The addresses that are asked for, and what is open anywhere: whether that grows, the work tells.
            for statement in &mut statements {
                statement.scans.retain(|walked| !walked.ends_with("steps"));
            }
        }
        costs.push(Cost { request, most: 4, statements });
    };
    observer.take();
    // Members, invited people, and strangers.
    let keys: Vec<String> = (0..40).map(|number| format!("u{}@acme.example", number * 3)).collect();
    let known = move |connection: &mut _| invitations::facts(connection, acme, &keys, (now, now - 86_400_000_000));
    let Facts { known, over, crowded } = store.read(known).await.unwrap();
    cost("facts of addresses", observer);
    assert!(known.values().any(|known| known.member.is_some() && known.mails == 1) && !over.is_empty(), "{known:?}");
    assert!(crowded.is_empty());
    let doubled = store.read(move |connection| invitations::doubled(connection, acme, 5)).await.unwrap();
    cost("seats that are counted twice", observer);
    assert_eq!(doubled.len(), 5);
    let due = store.read(move |connection| invitations::due(connection, acme, (now, true), 5)).await.unwrap();
    cost("invitations that are over", observer);
    assert_eq!(due.len(), 4);
    let held = store.read(move |connection| invitations::overdue(connection, acme, now)).await.unwrap();
    cost("seats of those that are over", observer);
    assert_eq!(held, 4);
    let due = store.read(move |connection| invitations::organizations_to_settle(connection, now, 5)).await.unwrap();
    cost("organizations to settle", observer);
    assert_eq!(due, [acme]);
    for (request, state) in [
        ("invitations", None),
        ("open invitations", Some(State::Pending)),
        ("accepted invitations", Some(State::Accepted)),
        ("expired invitations", Some(State::Expired)),
        ("revoked invitations", Some(State::Revoked)),
    ] {
        let mut after = None;
        for _ in 0..2 {
            let page = Page { state, after, limit: 3 };
            let administration = organization.house.assembly.administration.clone();
            let look = move |connection: &mut _| list(connection, &administration, &By::OPERATOR, "acme", page);
            let (items, next) = store.read(look).await.unwrap();
            cost(request, observer);
            assert_eq!(items.is_empty(), state == Some(State::Revoked), "{request}");
            after = next;
        }
    }
    costs
}
