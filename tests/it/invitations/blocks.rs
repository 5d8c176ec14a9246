//! Whom an organization keeps out stays out, invited or not.

use serde_json::json;

use super::{Desk, INVITATIONS, accept, id, press, scim_user};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(removed_people, deactivated_and_suspended_people, linked_to_another, two_with_the_address);

async fn removed_people(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "read").await;
    let (_, made) = desk.scim("POST", "/Users", Some(&scim_user("gus@guest.example"))).await;
    assert_eq!(desk.scim("DELETE", &format!("/Users/{}", id(&made)), None).await.0, 204);
    let gus = desk.guest("gus@guest.example").await;
    let refused = press(&gus, &path).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("You were removed"), "{}", refused.body);
    // Whoever invites them again knows of it.
    desk.place.clock.advance_seconds(1);
    let pending = desk.admin.ask(&format!("{INVITATIONS}?state=pending")).await.is(200);
    let invitation = id(&pending["items"][0]).to_owned();
    desk.admin.make(&format!("{INVITATIONS}/{invitation}/resend"), &json!({})).await.is(200);
    let path = super::path_in(&desk.mail().await.data);
    let answer = accept(&gus, &path).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let member = gus.me().await.1["memberships"][0]["member_id"].clone();
    assert_ne!(member, made["id"], "another member: the old one is brought back by undoing alone");
    // Removed by an admin: the same.
    desk.place.command(&[
        "member",
        "set",
        "--organization",
        "acme",
        "--member",
        member.as_str().unwrap(),
        "--status",
        "removed",
    ]);
    desk.place.clock.advance_seconds(1);
    let path = desk.link("gus@guest.example", "read").await;
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(accept(&gus, &path).await.status, 303);
    assert_eq!(desk.seats().await, (3, 0, 0));
}

async fn deactivated_and_suspended_people(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "read").await;
    let (_, made) = desk.scim("POST", "/Users", Some(&scim_user("gus@guest.example"))).await;
    let active = |active: bool| {
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": active}]})
    };
    let user = format!("/Users/{}", id(&made));
    assert_eq!(desk.scim("PATCH", &user, Some(&active(false))).await.0, 200);
    let gus = desk.guest("gus@guest.example").await;
    let refused = press(&gus, &path).await;
    assert!(refused.status == 403 && refused.body.contains("switched this account off"), "{}", refused.body);
    let said = desk.try_to_invite("gus@guest.example", "read").await.problem(409, "conflict");
    assert!(said.contains("switched off by provisioning"), "{said}");
    assert_eq!(desk.scim("PATCH", &user, Some(&active(true))).await.0, 200);
    let suspend = |status: &str| {
        desk.place.command(&["member", "set", "--organization", "acme", "--member", id(&made), "--status", status]);
    };
    suspend("suspended");
    let refused = press(&gus, &path).await;
    assert!(refused.status == 403 && refused.body.contains("suspended"), "{}", refused.body);
    suspend("active");
    assert_eq!(accept(&gus, &path).await.status, 303);
}

async fn linked_to_another(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "read").await;
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(accept(&gus, &path).await.status, 303);
    let said = desk.try_to_invite("gus@guest.example", "read").await.problem(409, "conflict");
    assert!(said.contains("member already"), "{said}");
    // Another subject with the same address, invited before there was a member.
    let path = desk.link("may@guest.example", "read").await;
    let (_, made) = desk.scim("POST", "/Users", Some(&scim_user("may@guest.example"))).await;
    let first = desk.guest("may@guest.example").await;
    assert_eq!(accept(&first, &path).await.status, 303);
    assert_eq!(first.me().await.1["memberships"][0]["member_id"], made["id"]);
    assert!(press(&first, &path).await.plain(409, "used").contains("accepted already"));
}

async fn two_with_the_address(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "read").await;
    for name in ["a", "b"] {
        let mut body = scim_user("gus@guest.example");
        body["userName"] = json!(name);
        let (status, made) = desk.scim("POST", "/Users", Some(&body)).await;
        assert_eq!(status, 201, "{made}");
    }
    let gus = desk.guest("gus@guest.example").await;
    let refused = press(&gus, &path).await;
    assert!(refused.status == 403 && refused.body.contains("Two members"), "{}", refused.body);
}
