//! A mailbox gets three invitations a day from all organizations together: one more waits, and nobody is told why.

use headcount::id::{MailId, OrganizationId};
use headcount::jobs::outbox::deliver;
use headcount::store::sql::{Sql, Value as Bound};
use serde_json::json;

use super::{Desk, INVITATIONS, id};
use crate::api::client::joined;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(what_others_write_is_nobodys_to_know, given_up_is_not_got);

/// Another organization has written so many to gus, `ago` seconds ago.
fn written_by_another(desk: &Desk, count: usize, state: &str, ago: i64) {
    for _ in 0..count {
        let id: MailId = desk.place.house.assembly.administration.ids.next();
        let at = desk.place.now() - ago * 1_000_000;
        let insert = "INSERT INTO outbox (id, dedup_key, organization_id, kind, recipient, letter, state, attempts, \
                      due_at, created_at, expires_at, kept_until) VALUES (?, ?, ?, 'invitation', 'gus@guest.example', ?, ?, 1, ?, ?, ?, ?)";
        let sql = Sql::new(insert)
            .bind(id)
            .bind(id.to_string())
            .bind(OrganizationId::from_bytes([7; 16]))
            .bind(Bound::Bytes(Vec::new()))
            .bind(state)
            .bind(at)
            .bind(at)
            .bind(at + 1)
            .bind(at + 86_400_000_000);
        assert_eq!(sql.execute(&mut desk.place.house.database()).unwrap(), 1);
    }
}

async fn what_others_write_is_nobodys_to_know(database: Database) {
    let desk = Desk::open(database).await;
    written_by_another(&desk, 5, "sent", 3_600);
    let rows = json!({"rows": [{"email": "gus@guest.example"}]});
    let seen = desk.admin.make(&format!("{INVITATIONS}/import/preview"), &rows).await.is(200);
    assert_eq!(seen["items"][0]["state"], "ready");
    let made = desk.invite("gus@guest.example", "read").await;
    let other = desk.invite("may@guest.example", "read").await;
    let shown = async |id: &str| {
        let mut shown = joined(&desk.place, "admin").await.ask(&format!("{INVITATIONS}/{id}")).await.is(200);
        for own in ["id", "email"] {
            shown[own] = json!("");
        }
        shown
    };
    assert_eq!(shown(id(&made)).await, shown(id(&other)).await, "it looks like any other");
    let postman = &desk.place.house.assembly.postman;
    assert_eq!(deliver(postman).await.unwrap(), 1);
    assert!(desk.smtp.wait().data.contains("may@guest.example"));
    desk.place.clock.advance_seconds(23 * 3_600 - 1);
    assert_eq!(deliver(postman).await.unwrap(), 0);
    desk.place.clock.advance_seconds(1);
    assert_eq!(deliver(postman).await.unwrap(), 1);
    assert!(desk.smtp.wait().data.contains("gus@guest.example"));
}

async fn given_up_is_not_got(database: Database) {
    let desk = Desk::open(database).await;
    written_by_another(&desk, 3, "dead", 60);
    written_by_another(&desk, 2, "sent", 60);
    written_by_another(&desk, 1, "sent", 86_401);
    desk.invite("gus@guest.example", "read").await;
    assert!(desk.mail().await.data.contains("gus@guest.example"));
}
