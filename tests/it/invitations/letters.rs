//! The mails: what they say, whatever people are called; how many there are; and what becomes of them.

use diesel::sql_types::BigInt;
use headcount::jobs::outbox::deliver;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use super::{Desk, INVITATIONS, id, path_in, plain};
use crate::api::client::joined;
use crate::support::smtp::Manner;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    what_a_letter_says,
    hostile_names,
    what_becomes_of_a_mail,
    a_recipient_gets_three_a_day,
    an_organization_writes_so_many_a_day,
    links_that_anybody_asks_for,
    a_lifetime_of_the_operators,
);

async fn what_a_letter_says(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk
        .admin
        .make(INVITATIONS, &json!({"email": "gus@bücher.example", "role": "write", "message": "See you <soon>"}))
        .await
        .is(201);
    let mail = desk.mail().await;
    assert_eq!(mail.to, ["gus@xn--bcher-kva.example"]);
    assert!(mail.data.contains("Subject: Ada Lovelace (admin@acme.example) invites you to Acme"), "{}", mail.data);
    let text = plain(&mail.data);
    let day = &made["expires_at"].as_str().unwrap()[..10];
    for said in ["Acme", "Ada Lovelace", "write", "expires at", day, "See you <soon>", "See the invitation"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(text.contains("See you &#60;soon&#62;"), "escaped in HTML: {text}");
    let link = path_in(&mail.data);
    assert_eq!(text.matches("/invitations/hci_").count(), text.matches(&link).count(), "one link: {text}");
}

async fn hostile_names(database: Database) {
    let desk = Desk::open(database).await;
    // What the API refuses may have come another way.
    let name = "Acme\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>";
    let update = Sql::new("UPDATE organizations SET name = ? WHERE slug = 'acme'").bind(name);
    assert_eq!(update.execute(&mut desk.place.house.database()).unwrap(), 1);
    desk.invite("gus@guest.example", "read").await;
    let mail = desk.mail().await;
    assert_eq!(mail.to, ["gus@guest.example"], "nobody else is written to");
    let (head, body) = mail.data.split_once("\n\n").unwrap();
    assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
    let html = plain(body.split("text/html").nth(1).unwrap());
    assert!(!html.contains("<script"), "{html}");
    let page = desk.place.browser().get(&path_in(&mail.data)).await;
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
}

async fn delivery(desk: &Desk, id: &str) -> (Value, Value) {
    let shown = desk.admin.ask(&format!("{INVITATIONS}/{id}")).await.is(200);
    (shown["delivery"].clone(), shown["delivery_error"].clone())
}

async fn what_becomes_of_a_mail(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk.invite("gus@guest.example", "read").await;
    let postman = &desk.place.house.assembly.postman;
    // Slow or away: tried again, and seen.
    desk.smtp.next(&[Manner::HangUp]);
    assert_eq!(deliver(postman).await.unwrap(), 0);
    let (state, why) = delivery(&desk, id(&made)).await;
    assert!(state == "waiting" && why.is_string(), "{state} {why}");
    desk.place.clock.advance_seconds(10);
    desk.smtp.next(&[Manner::RefuseRecipient("550 5.1.1 no such user")]);
    assert_eq!(deliver(postman).await.unwrap(), 0);
    let (state, why) = delivery(&desk, id(&made)).await;
    assert!(state == "failed" && why.as_str().unwrap().contains("no such user"), "{state} {why}");
    assert_eq!(desk.state(id(&made)).await, "pending", "the link can be copied, or the mail sent again");
    desk.admin.make(&format!("{INVITATIONS}/{}/resend", id(&made)), &json!({})).await.is(200);
    assert_eq!(delivery(&desk, id(&made)).await, (json!("waiting"), Value::Null));
    desk.mail().await;
    assert_eq!(delivery(&desk, id(&made)).await, (json!("sent"), Value::Null));
}

async fn a_recipient_gets_three_a_day(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk.invite("gus@guest.example", "read").await;
    let place = format!("{INVITATIONS}/{}", id(&made));
    for _ in 0..2 {
        desk.admin.make(&format!("{place}/resend"), &json!({})).await.is(200);
    }
    let refused = desk.admin.make(&format!("{place}/resend"), &json!({})).await;
    let said = refused.problem(429, "too_many_requests");
    assert!(said.contains("3 invitation mails") && refused.header("retry-after") == "86400", "{said}");
    desk.admin.make(&format!("{place}/link"), &json!({})).await.is(200);
    desk.admin.end(&place).await.is(204);
    desk.try_to_invite("gus@guest.example", "read").await.problem(429, "too_many_requests");
    let rows = json!({"rows": [{"email": "gus@guest.example"}, {"email": "may@guest.example"}]});
    let sent = desk.admin.make(&format!("{INVITATIONS}/import"), &rows).await.is(200);
    assert_eq!((&sent["items"][0]["state"], &sent["items"][1]["state"]), (&json!("too_many_mails"), &json!("invited")));
    desk.place.clock.advance_seconds(86_401);
    let admin = joined(&desk.place, "admin").await;
    admin.make(INVITATIONS, &json!({"email": "gus@guest.example"})).await.is(201);
}

/// Writes so many mails of a kind in the organization's name.
fn written(desk: &Desk, kind: &str, count: i64) {
    let mut database = desk.place.house.database();
    for number in 0..count {
        let mut sql = Sql::new(
            "INSERT INTO outbox (id, dedup_key, organization_id, kind, recipient, letter, state, attempts, due_at, created_at, expires_at, kept_until) SELECT ?, ?, id, ?, ?, ?, 'sent', 1, ?, ?, ?, ? FROM organizations WHERE slug = 'acme'",
        );
        let now = desk.place.now();
        let id: headcount::id::MailId = desk.place.house.assembly.administration.ids.next();
        sql = sql
            .bind(id)
            .bind(format!("{kind}{number}"))
            .bind(kind)
            .bind(format!("x{number}@elsewhere.example"))
            .bind(headcount::store::sql::Value::Bytes(Vec::new()))
            .bind(now)
            .bind(now)
            .bind(now + 1)
            .bind(now + 86_400_000_000);
        assert_eq!(sql.execute(&mut database).unwrap(), 1);
    }
}

async fn an_organization_writes_so_many_a_day(database: Database) {
    let desk = Desk::open(database).await;
    written(&desk, "invitation", 999);
    let rows = json!({"rows": [{"email": "a@guest.example"}, {"email": "b@guest.example"}]});
    let seen = desk.admin.make(&format!("{INVITATIONS}/import/preview"), &rows).await.is(200);
    assert_eq!((&seen["items"][0]["state"], &seen["items"][1]["state"]), (&json!("ready"), &json!("too_many_mails")));
    desk.invite("a@guest.example", "read").await;
    let refused = desk.try_to_invite("b@guest.example", "read").await;
    let said = refused.problem(429, "too_many_requests");
    assert!(said.contains("as many mails as it may"), "{said}");
    desk.set(&["--seats", "251"]);
    desk.invite("b@guest.example", "read").await;
}

/// Links to sign in by are counted for themselves: whoever asks for them stops no invitation, and keeps out nobody whom
/// the organization knows.
async fn links_that_anybody_asks_for(database: Database) {
    let desk = Desk::open(database).await;
    written(&desk, "sign_in_link", 1_000);
    desk.invite("gus@guest.example", "read").await;
    desk.mail().await;
    let service = headcount::sign_in::link::request;
    let state = desk.place.house.state();
    let ask = |address: &'static str| {
        let (door, random) = (std::sync::Arc::clone(&state.door.service), std::sync::Arc::clone(&state.random));
        let store = desk.place.house.assembly.store.clone();
        async move {
            let wanted = headcount::sign_in::link::Wanted {
                address: address.into(),
                organization: Some("acme".into()),
                return_to: "/".into(),
                public_url: "http://localhost".into(),
            };
            let secret = headcount::secret::SecretToken::generate("hcl_", random.as_ref());
            store.write(move |connection| service(connection, &door, &wanted, &secret)).await
        }
    };
    for address in ["gus@guest.example", "olga@acme.example", "stranger@guest.example"] {
        ask(address).await.unwrap();
    }
    let (state, sql) =
        ("waiting", "SELECT COUNT(*) FROM outbox WHERE kind = 'sign_in_link' AND state = ? AND recipient = ?");
    let waiting = |recipient: &str| {
        let sql = Sql::new(sql).bind(state).bind(recipient);
        sql.first::<BigInt, i64>(&mut desk.place.house.database()).unwrap().unwrap()
    };
    assert_eq!(["gus@guest.example", "olga@acme.example", "stranger@guest.example"].map(waiting), [1, 1, 0]);
    // The stranger is told the same, and gets no more tries than anybody.
    for _ in 0..4 {
        ask("stranger@guest.example").await.unwrap();
        ask("gus@guest.example").await.unwrap();
    }
    assert_eq!(
        ask("stranger@guest.example").await.unwrap_err().detail,
        ask("gus@guest.example").await.unwrap_err().detail
    );
}

async fn a_lifetime_of_the_operators(database: Database) {
    let desk = Desk::with(database, &[("invitations.lifetime", "1h")]).await;
    let path = desk.link("gus@guest.example", "read").await;
    desk.place.clock.advance_seconds(3_599);
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(gus.get(&path).await.status, 200);
    desk.place.clock.advance_seconds(1);
    gus.get(&path).await.plain(409, "expired");
}
