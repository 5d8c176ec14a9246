//! The API: invited, listed, sent again, copied, revoked; by whom, and with what it shows.

use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, INVITATIONS, accept, id, path_in};
use crate::api::client::joined;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    made_and_shown,
    safe_to_repeat,
    what_cannot_be_invited,
    roles_that_one_may_give,
    pages,
    sent_again,
    copied,
    revoked,
    of_another_organization,
);

async fn made_and_shown(database: Database) {
    let desk = Desk::open(database).await;
    let made =
        desk.admin.make(INVITATIONS, &json!({"email": " Gus@Guest.example ", "role": "Write", "message": "Hi!"})).await;
    assert_eq!(made.header("location"), format!("{INVITATIONS}/{}", id(&made.body)));
    let made = made.is(201);
    let expected = [
        ("email", json!("Gus@Guest.example")),
        ("role", json!("write")),
        ("state", json!("pending")),
        ("message", json!("Hi!")),
        ("delivery", json!("waiting")),
        ("sent_count", json!(1)),
        ("inviter_name", json!("Ada Lovelace (admin@acme.example)")),
        ("ended_at", Value::Null),
    ];
    for (name, value) in &expected {
        assert_eq!(&made[name], value, "{name}: {made}");
    }
    let shown = desk.admin.ask(&format!("{INVITATIONS}/{}", id(&made))).await.is(200);
    assert_eq!(shown, made);
    let path = path_in(&desk.mail().await.data);
    let secret = path.rsplit('/').next().unwrap();
    let shown = desk.admin.ask(INVITATIONS).await.is(200);
    assert_eq!((&shown["items"][0]["delivery"], &shown["next"]), (&json!("sent"), &Value::Null));
    for told in [&made, &shown] {
        assert!(!told.to_string().contains("hci_"), "no secret in {told}");
    }
    let stored =
        Sql::new("SELECT count(*) FROM invitations WHERE CAST(secret_hash AS TEXT) LIKE ?").bind(format!("%{secret}%"));
    assert_eq!(stored.first::<diesel::sql_types::BigInt, i64>(&mut desk.place.house.database()).unwrap(), Some(0));
}

/// Sent again with the same key, a request is answered again and done once; a link is never kept for that.
async fn safe_to_repeat(database: Database) {
    let desk = Desk::open(database).await;
    let key = [("idempotency-key", "k1")];
    let body = json!({"email": "gus@guest.example"});
    let made = desk.admin.call_with(Method::POST, INVITATIONS, Some(&body), &key).await;
    let again = desk.admin.call_with(Method::POST, INVITATIONS, Some(&body), &key).await;
    assert_eq!((made.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!((made.header("location"), &made.body), (again.header("location"), &again.body));
    let resend = format!("{INVITATIONS}/{}/resend", id(&made.body));
    for _ in 0..2 {
        let sent = desk.admin.call_with(Method::POST, &resend, None, &[("idempotency-key", "k2")]).await.is(200);
        assert_eq!(sent["sent_count"], 2);
    }
    let link = format!("{INVITATIONS}/{}/link", id(&made.body));
    let mut links = Vec::new();
    for key in ["k3", "k3", "k4"] {
        let shown = desk.admin.call_with(Method::POST, &link, None, &[("idempotency-key", key)]).await.is(200);
        links.push(shown["link"].as_str().unwrap().to_owned());
    }
    assert!(links[0] == links[1] && links[1] != links[2], "{links:?}");
    let rows = json!({"rows": [{"email": "may@guest.example"}]});
    let import = format!("{INVITATIONS}/import");
    for _ in 0..2 {
        let sent = desk.admin.call_with(Method::POST, &import, Some(&rows), &[("idempotency-key", "k5")]).await.is(200);
        assert_eq!(sent["totals"]["invited"], 1);
    }
    assert_eq!(desk.seats().await, (2, 2, 0));
}

async fn what_cannot_be_invited(database: Database) {
    let desk = Desk::open(database).await;
    desk.invite("gus@guest.example", "read").await;
    for (body, status, code, said) in [
        (json!({"email": "gus@guest.example"}), 409, "conflict", "invited already"),
        (json!({"email": "GUS@guest.example"}), 409, "conflict", "invited already"),
        (json!({"email": "olga@acme.example"}), 409, "conflict", "member already"),
        (json!({"email": "no address"}), 400, "invalid_value", "not an e-mail address"),
        (json!({}), 400, "invalid_value", "not an e-mail address"),
        (json!({"email": "a@b.example", "role": "wirte"}), 400, "invalid_value", "did you mean write?"),
        (json!({"email": "a@b.example", "rolle": "read"}), 400, "invalid_value", "rolle"),
        (json!({"email": "a@b.example", "message": "x".repeat(1_001)}), 400, "invalid_value", "at most 1000"),
        (json!({"email": "a@b.example\r\nBcc: eve@evil.example"}), 400, "invalid_value", "not an e-mail address"),
    ] {
        let refused = desk.admin.make(INVITATIONS, &body).await.problem(status, code);
        assert!(refused.contains(said), "{body}: {refused}");
    }
    assert_eq!(desk.seats().await, (2, 1, 0), "nothing of it is kept");
    desk.set(&["--seats", "3"]);
    let refused = desk.try_to_invite("may@guest.example", "read").await.problem(409, "seat_limit_reached");
    assert!(refused.contains("3 of 3 used"), "{refused}");
}

async fn roles_that_one_may_give(database: Database) {
    let desk = Desk::open(database).await;
    let refused = desk.try_to_invite("gus@guest.example", "owner").await.problem(403, "forbidden");
    assert!(refused.contains("owner"), "{refused}");
    desk.invite("ada@guest.example", "admin").await;
    for role in ["read", "write"] {
        let browser = joined(&desk.place, role).await;
        browser.make(INVITATIONS, &json!({"email": "x@y.example"})).await.problem(403, "forbidden");
        browser.ask(INVITATIONS).await.problem(403, "forbidden");
    }
    let owner = joined(&desk.place, "owner").await;
    let made = owner.make(INVITATIONS, &json!({"email": "gus@guest.example", "role": "owner"})).await.is(201);
    // Who may not give the role does not send it again either.
    for what in ["resend", "link"] {
        desk.admin.make(&format!("{INVITATIONS}/{}/{what}", id(&made)), &json!({})).await.problem(403, "forbidden");
    }
    let mails = [desk.mail().await, desk.smtp.wait()];
    let path = path_in(&mails.iter().find(|mail| mail.to == ["gus@guest.example"]).unwrap().data);
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(accept(&gus, &path).await.status, 303);
    assert_eq!(gus.me().await.1["memberships"][0]["role"], "owner");
    // An owner like any other: the others may go.
    let olga = desk.place.command(&["member", "list", "--organization", "acme"]);
    let owners = olga.as_array().unwrap().iter().filter(|member| member["role"] == "owner");
    assert_eq!(owners.count(), 3);
}

async fn pages(database: Database) {
    let desk = Desk::open(database).await;
    for number in 0..5 {
        desk.invite(&format!("p{number}@guest.example"), "read").await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = desk.admin.ask(&format!("{INVITATIONS}?limit=2&state=pending{after}")).await.is(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["email"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(
        seen,
        ["p4@guest.example", "p3@guest.example", "p2@guest.example", "p1@guest.example", "p0@guest.example"]
    );
    desk.admin.ask(&format!("{INVITATIONS}?after=x")).await.problem(400, "invalid_cursor");
    desk.admin.ask(&format!("{INVITATIONS}?state=gone")).await.problem(400, "invalid_value");
    desk.admin.ask(&format!("{INVITATIONS}?page=2")).await.problem(400, "invalid_value");
    let none = desk.admin.ask(&format!("{INVITATIONS}?state=revoked")).await.is(200);
    assert_eq!(none, json!({"items": [], "next": null}));
}

async fn sent_again(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk.invite("gus@guest.example", "read").await;
    let old = path_in(&desk.mail().await.data);
    desk.place.clock.advance_seconds(86_400);
    let admin = joined(&desk.place, "admin").await;
    let resend = format!("{INVITATIONS}/{}/resend", id(&made));
    let again = admin.make(&resend, &json!({})).await.is(200);
    assert_eq!((&again["sent_count"], &again["delivery"]), (&json!(2), &json!("waiting")));
    assert!(again["expires_at"].as_str() > made["expires_at"].as_str(), "its whole time again");
    assert!(!again.to_string().contains("hci_"), "{again}");
    let new = path_in(&desk.mail().await.data);
    let gus = desk.guest("gus@guest.example").await;
    gus.get(&old).await.plain(404, "the old link is dead");
    super::press(&gus, &old).await.plain(404, "the old link is dead");
    assert_eq!(desk.seats().await, (2, 1, 0), "and no second seat");
    assert_eq!(accept(&gus, &new).await.status, 303);
    let refused = admin.make(&resend, &json!({})).await.problem(409, "conflict");
    assert!(refused.contains("was accepted"), "{refused}");
    // A mail that has not gone out yet goes no more.
    let made = admin.make(INVITATIONS, &json!({"email": "may@guest.example"})).await.is(201);
    admin.make(&format!("{INVITATIONS}/{}/resend", id(&made)), &json!({})).await.is(200);
    assert_eq!(headcount::jobs::outbox::deliver(&desk.place.house.assembly.postman).await.unwrap(), 1);
    // One that is over needs a seat again.
    desk.place.clock.advance_seconds(8 * 86_400);
    let admin = joined(&desk.place, "admin").await;
    assert_eq!(desk.settle().await, 1);
    desk.set(&["--seats", "3"]);
    let resend = format!("{INVITATIONS}/{}/resend", id(&made));
    admin.make(&resend, &json!({})).await.problem(409, "seat_limit_reached");
    desk.set(&["--seats", "4"]);
    assert_eq!(admin.make(&resend, &json!({})).await.is(200)["state"], "pending");
    assert_eq!(desk.seats().await, (3, 1, 0));
}

async fn copied(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk.invite("gus@guest.example", "read").await;
    let mailed = path_in(&desk.mail().await.data);
    let link = format!("{INVITATIONS}/{}/link", id(&made));
    let shown = desk.admin.make(&link, &json!({})).await.is(200);
    let url = shown["link"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(desk.admin.home()).unwrap().to_owned();
    assert!(path.starts_with("/invitations/hci_"), "{path}");
    let again = desk.admin.ask(&format!("{INVITATIONS}/{}", id(&made))).await.is(200);
    assert!(!again.to_string().contains("hci_"), "once: {again}");
    let gus = desk.guest("gus@guest.example").await;
    gus.get(&mailed).await.plain(404, "the mailed one is dead");
    assert_eq!(accept(&gus, &path).await.status, 303);
    let events = desk.place.command(&["audit", "list", "--organization", "acme"]).to_string();
    assert!(events.contains("invitation.link_copied") && !events.contains("hci_"), "{events}");
}

async fn revoked(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk.invite("gus@guest.example", "read").await;
    let place = format!("{INVITATIONS}/{}", id(&made));
    for _ in 0..2 {
        desk.admin.end(&place).await.is(204);
        assert_eq!((desk.state(id(&made)).await.as_str(), desk.seats().await), ("revoked", (2, 0, 0)));
    }
    assert_eq!(headcount::jobs::outbox::deliver(&desk.place.house.assembly.postman).await.unwrap(), 0, "nor mailed");
    desk.admin.make(&format!("{place}/resend"), &json!({})).await.problem(409, "conflict");
    // The person can be invited anew.
    let path = desk.link("gus@guest.example", "read").await;
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(accept(&gus, &path).await.status, 303);
    let accepted = desk.admin.ask(&format!("{INVITATIONS}?state=accepted")).await.is(200);
    let refused =
        desk.admin.end(&format!("{INVITATIONS}/{}", id(&accepted["items"][0]))).await.problem(409, "conflict");
    assert!(refused.contains("was accepted"), "{refused}");
}

async fn of_another_organization(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk.invite("gus@guest.example", "read").await;
    desk.place.command(&[
        "organization",
        "create",
        "--name",
        "Bolt",
        "--slug",
        "bolt",
        "--owner-email",
        "b@bolt.example",
        "--seats",
        "9",
    ]);
    desk.place.command(&["domain", "add", "--organization", "bolt", "--domain", "bolt.example", "--verified"]);
    let eve = desk.guest("eve@bolt.example").await;
    let member = eve.member_id().await;
    desk.place.command(&["member", "set", "--organization", "bolt", "--member", &member, "--role", "owner"]);
    let theirs = "/api/v1/organizations/bolt/invitations";
    assert_eq!(eve.ask(theirs).await.is(200)["items"], json!([]));
    for (method, what) in [(Method::GET, ""), (Method::DELETE, ""), (Method::POST, "/resend"), (Method::POST, "/link")]
    {
        for at in [theirs, INVITATIONS] {
            let place = format!("{at}/{}{what}", id(&made));
            eve.call(method.clone(), &place, None).await.problem(404, "not_found");
        }
    }
    eve.make(INVITATIONS, &json!({"email": "x@y.example"})).await.problem(404, "not_found");
    assert_eq!(desk.state(id(&made)).await, "pending");
    // The same person may be invited by both, and neither learns of the other.
    eve.make(theirs, &json!({"email": "gus@guest.example"})).await.is(201);
}
