//! Invitations end with their organization, and are forgotten when they have been over for long.

use std::time::Duration;

use headcount::clock::Timestamp;
use headcount::jobs::outbox::deliver;
use headcount::jobs::retention::{self, Kept};
use serde_json::Value;

use super::{Desk, INVITATIONS, accept, id, path_in};
use crate::api::client::joined;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(no_mail_of_a_deleted_organization, forgotten_when_long_over);

async fn no_mail_of_a_deleted_organization(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk.invite("gus@guest.example", "read").await;
    desk.place.command(&["organization", "delete", "--organization", "acme", "--name", "Acme"]);
    assert_eq!(deliver(&desk.place.house.assembly.postman).await.unwrap(), 0);
    desk.place.command(&["organization", "restore", "--organization", "acme"]);
    // The list says so, and sent again it is as before.
    let admin = joined(&desk.place, "admin").await;
    let shown = admin.ask(&format!("{INVITATIONS}/{}", id(&made))).await.is(200);
    assert_eq!((&shown["state"], &shown["delivery"]), (&"pending".into(), &"failed".into()), "{shown}");
    assert!(shown["delivery_error"].as_str().unwrap().contains("deleted"), "{shown}");
    admin.make(&format!("{INVITATIONS}/{}/resend", id(&made)), &Value::Null).await.is(200);
    let path = path_in(&desk.mail().await.data);
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(accept(&gus, &path).await.status, 303);
}

async fn forgotten_when_long_over(database: Database) {
    let desk = Desk::open(database).await;
    let day = Duration::from_hours(24);
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(accept(&gus, &desk.link("gus@guest.example", "read").await).await.status, 303);
    let revoked = desk.invite("may@guest.example", "read").await;
    desk.admin.end(&format!("{INVITATIONS}/{}", id(&revoked))).await.is(204);
    desk.invite("sue@guest.example", "read").await;
    desk.place.clock.advance_seconds(6 * 86_400);
    let admin = joined(&desk.place, "admin").await;
    let open = admin.make(INVITATIONS, &serde_json::json!({"email": "tom@guest.example"})).await.is(201);
    let store = desk.place.house.assembly.store.clone();
    let left = async |kept: Duration| {
        let now = Timestamp(desk.place.now());
        let kept = Kept { audit: None, provisioning_log: None, invitations: Some(kept) };
        retention::round(&store, now, kept).await.unwrap();
        let listed = joined(&desk.place, "admin").await.ask(INVITATIONS).await.is(200);
        let emails = listed["items"].as_array().unwrap().iter().map(|item| item["email"].as_str().unwrap().to_owned());
        emails.collect::<Vec<_>>()
    };
    assert_eq!(left(day * 7).await.len(), 4);
    assert_eq!(left(day * 5).await, ["tom@guest.example", "sue@guest.example"], "what is open stays");
    desk.place.clock.advance_seconds(2 * 86_400);
    assert_eq!(left(day / 2).await.len(), 2, "until somebody has seen that it is over");
    desk.settle().await;
    assert_eq!(left(day / 2).await, ["tom@guest.example"]);
    let admin = joined(&desk.place, "admin").await;
    assert_eq!(admin.ask(&format!("{INVITATIONS}/{}", id(&open))).await.is(200)["state"], "pending");
}
