//! An invitation holds a seat, and gives it back: to its own person by whatever door they come, to whoever waits, and
//! by itself when its time is over (product.md §2).

use headcount::stand_in::person::Person;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use super::{Desk, INVITATIONS, accept, id, path_in, scim_user};
use crate::api::client::joined;
use crate::sign_in::browser::TENANT;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    one_seat_for_one_person,
    whoever_waits_gets_it,
    many_wait,
    what_is_over_holds_none,
    who_needs_a_seat_gets_that_of_one_that_is_over,
    those_who_wait_come_first,
    sent_again_behind_those_who_wait,
    nobody_new_passes_those_who_wait,
    a_kept_seat_is_kept_while_others_wait,
    invited_anew_when_it_is_over,
    fewer_seats,
    counted_twice,
);

const WEEK: i64 = 7 * 86_400;

fn bulk(emails: &[&str]) -> Value {
    let operation = |(at, email): (usize, &&str)| json!({"method": "POST", "path": "/Users", "bulkId": format!("b{at}"), "data": scim_user(email)});
    let operations: Vec<Value> = emails.iter().enumerate().map(operation).collect();
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
}

/// Whatever door an invited person comes by, the seat is the one that was kept for them.
async fn one_seat_for_one_person(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "5"]);
    for name in ["a@guest.example", "b@guest.example", "cid@acme.example"] {
        desk.invite(name, "read").await;
    }
    assert_eq!(desk.seats().await, (2, 3, 0));
    // The organization is full: for everybody else.
    assert_eq!(desk.scim("POST", "/Users", Some(&scim_user("x@guest.example"))).await.0, 403);
    let (status, made) = desk.scim("POST", "/Users", Some(&scim_user("A@guest.example"))).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(desk.seats().await, (3, 2, 0), "by SCIM");
    let (_, answer) = desk.scim("POST", "/Bulk", Some(&bulk(&["b@guest.example", "y@guest.example"]))).await;
    let statuses: Vec<&str> =
        answer["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "403"], "{answer}");
    assert_eq!(desk.seats().await, (4, 1, 0), "by Bulk");
    let (_, answer) = desk.place.sign_in(&Person::new("U2cid", "cid@acme.example", TENANT)).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(desk.seats().await, (5, 0, 0), "by the domain");
    // The invitation is open still, for its role.
    assert_eq!(
        desk.admin.ask(&format!("{INVITATIONS}?state=pending")).await.is(200)["items"].as_array().unwrap().len(),
        3
    );
}

async fn whoever_waits_gets_it(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "3", "--seat-policy", "waitlist"]);
    let made = desk.invite("gus@guest.example", "read").await;
    let (_, first) = desk.scim("POST", "/Users", Some(&scim_user("first@guest.example"))).await;
    let (_, second) = desk.scim("POST", "/Users", Some(&scim_user("second@guest.example"))).await;
    assert_eq!((&first["active"], &second["active"]), (&json!(false), &json!(false)));
    assert_eq!(desk.seats().await, (2, 1, 2));
    desk.admin.end(&format!("{INVITATIONS}/{}", id(&made))).await.is(204);
    assert_eq!(desk.seats().await, (3, 0, 1), "revoked: whoever has waited longest comes in");
    assert_eq!(desk.scim("GET", &format!("/Users/{}", id(&first)), None).await.1["active"], true);
    let said = desk.try_to_invite("gus@guest.example", "read").await.problem(409, "seat_limit_reached");
    assert!(said.contains("3 of 3"), "{said}");
}

/// More than are admitted at once: the others are not passed by whoever comes later.
async fn many_wait(database: Database) {
    let desk = Desk::open(database).await;
    let taken = desk.seats().await.0;
    desk.set(&["--seats", &taken.to_string(), "--seat-policy", "waitlist"]);
    let emails: Vec<String> = (0..450).map(|number| format!("w{number}@guest.example")).collect();
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    assert_eq!(desk.scim("POST", "/Bulk", Some(&bulk(&emails))).await.0, 200);
    assert_eq!(desk.seats().await, (taken, 0, 450));
    desk.set(&["--seats", &(taken + 450).to_string()]);
    assert_eq!(desk.seats().await, (taken + 200, 0, 250));
    let (status, late) = desk.scim("POST", "/Users", Some(&scim_user("late@guest.example"))).await;
    assert_eq!((status, &late["active"]), (201, &json!(false)), "those seats are on their way to others");
    desk.settle().await;
    assert_eq!(desk.seats().await, (taken + 450, 0, 1));
    assert_eq!(desk.scim("GET", &format!("/Users/{}", late["id"].as_str().unwrap()), None).await.1["active"], false);
}

async fn what_is_over_holds_none(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "4", "--seat-policy", "waitlist"]);
    let made = desk.invite("gus@guest.example", "read").await;
    desk.invite("may@guest.example", "read").await;
    let (_, waits) = desk.scim("POST", "/Users", Some(&scim_user("waits@guest.example"))).await;
    assert_eq!((desk.seats().await, &waits["active"]), ((2, 2, 1), &json!(false)));
    desk.place.clock.advance_seconds(WEEK);
    assert_eq!(desk.seats().await, (2, 0, 1), "as people see it, before anything has looked");
    let admin = joined(&desk.place, "admin").await;
    for at in ["seats", "members"] {
        let shown = admin.ask(&format!("/api/v1/organizations/acme/{at}")).await.is(200);
        let totals = if at == "members" { &shown["totals"] } else { &shown };
        assert_eq!((&totals["pending"], &totals["used"]), (&json!(0), &json!(2)), "{shown}");
    }
    let changed = admin.change("/api/v1/organizations/acme", &json!({"contact_name": "Ann"})).await.is(200);
    assert_eq!((&changed["seats_pending"], &changed["seats_used"]), (&json!(0), &json!(2)), "{changed}");
    assert_eq!(desk.settle().await, 2);
    assert_eq!(desk.seats().await, (3, 0, 0));
    assert_eq!(desk.scim("GET", &format!("/Users/{}", id(&waits)), None).await.1["active"], true);
    assert_eq!(desk.settle().await, 0, "once");
    let admin = joined(&desk.place, "admin").await;
    let shown = admin.ask(&format!("{INVITATIONS}/{}", id(&made))).await.is(200);
    assert_eq!((&shown["state"], &shown["ended_at"]), (&json!("expired"), &shown["expires_at"]));
    let events = desk.place.command(&["audit", "list", "--organization", "acme"]);
    let expired = events.as_array().unwrap().iter().find(|event| event["action"] == "invitation.expired").unwrap();
    assert!(expired["actor"] == "system" && expired.to_string().contains(id(&made)), "{expired}");
}

/// Nobody has to wait for the job.
async fn who_needs_a_seat_gets_that_of_one_that_is_over(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "4"]);
    desk.invite("gus@guest.example", "read").await;
    desk.invite("may@guest.example", "read").await;
    assert_eq!(desk.scim("POST", "/Users", Some(&scim_user("x@guest.example"))).await.0, 403);
    desk.place.clock.advance_seconds(WEEK);
    assert_eq!(desk.scim("POST", "/Users", Some(&scim_user("x@guest.example"))).await.0, 201, "SCIM");
    assert_eq!(desk.seats().await, (3, 0, 0));
    let (_, answer) = desk.place.sign_in(&Person::new("U2cid", "cid@acme.example", TENANT)).await;
    assert_eq!(answer.status, 303, "the domain: {}", answer.body);
    assert_eq!(desk.seats().await, (4, 0, 0));
    let (_, answer) = desk.place.sign_in(&Person::new("U2dan", "dan@acme.example", TENANT)).await;
    assert!(answer.status == 403 && answer.body.contains("All seats"), "{}", answer.body);
    // Whoever is invited, and whoever comes back.
    desk.set(&["--seats", "5"]);
    let admin = joined(&desk.place, "admin").await;
    admin.make(INVITATIONS, &json!({"email": "sue@guest.example"})).await.is(201);
    admin.make(INVITATIONS, &json!({"email": "tom@guest.example"})).await.problem(409, "seat_limit_reached");
    desk.place.clock.advance_seconds(WEEK);
    let admin = joined(&desk.place, "admin").await;
    admin.make(INVITATIONS, &json!({"email": "tom@guest.example"})).await.is(201);
    assert_eq!(desk.seats().await, (4, 1, 0));
    assert_eq!(desk.settle().await, 0, "sue's is settled already");
}

async fn those_who_wait_come_first(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "3", "--seat-policy", "waitlist"]);
    desk.invite("gus@guest.example", "read").await;
    let (_, waits) = desk.scim("POST", "/Users", Some(&scim_user("waits@guest.example"))).await;
    desk.place.clock.advance_seconds(WEEK);
    let (_, later) = desk.scim("POST", "/Users", Some(&scim_user("later@guest.example"))).await;
    assert_eq!(later["active"], false, "the seat is for whoever has waited");
    let admin = joined(&desk.place, "admin").await;
    admin.make(INVITATIONS, &json!({"email": "sue@guest.example"})).await.problem(409, "seat_limit_reached");
    assert_eq!(desk.settle().await, 1);
    assert_eq!(desk.scim("GET", &format!("/Users/{}", id(&waits)), None).await.1["active"], true);
    assert_eq!(desk.seats().await, (3, 0, 1));
}

async fn sent_again_behind_those_who_wait(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "3", "--seat-policy", "waitlist"]);
    let made = desk.invite("gus@guest.example", "read").await;
    let (_, waits) = desk.scim("POST", "/Users", Some(&scim_user("waits@guest.example"))).await;
    let again = format!("{INVITATIONS}/{}/resend", id(&made));
    desk.admin.make(&again, &Value::Null).await.is(200);
    desk.place.clock.advance_seconds(WEEK);
    let admin = joined(&desk.place, "admin").await;
    admin.make(&again, &Value::Null).await.problem(409, "seat_limit_reached");
    assert_eq!(desk.settle().await, 1);
    assert_eq!(desk.scim("GET", &format!("/Users/{}", id(&waits)), None).await.1["active"], true);
    // One seat more, and somebody who has waited for it since.
    let (_, second) = desk.scim("POST", "/Users", Some(&scim_user("second@guest.example"))).await;
    one_more(&desk);
    admin.make(&again, &Value::Null).await.problem(409, "seat_limit_reached");
    desk.settle().await;
    assert_eq!(desk.scim("GET", &format!("/Users/{}", id(&second)), None).await.1["active"], true);
    desk.set(&["--seats", "5"]);
    admin.make(&again, &Value::Null).await.is(200);
    assert_eq!(desk.seats().await, (4, 1, 0));
}

/// A seat becomes free, and nobody has been admitted yet.
fn one_more(desk: &Desk) {
    let sql = Sql::new("UPDATE organization_usage SET seats = seats + 1");
    assert_eq!(sql.execute(&mut desk.place.house.database()).unwrap(), 1);
}

/// A free seat that somebody waits for is theirs, whatever door others come by.
async fn nobody_new_passes_those_who_wait(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "3", "--seat-policy", "waitlist"]);
    let sue = desk.scim("POST", "/Users", Some(&scim_user("sue@guest.example"))).await.1;
    desk.admin.end(&format!("/api/v1/organizations/acme/members/{}", id(&sue))).await.is(204);
    let (_, first) = desk.scim("POST", "/Users", Some(&scim_user("first@guest.example"))).await;
    let (_, waits) = desk.scim("POST", "/Users", Some(&scim_user("waits@guest.example"))).await;
    assert_eq!((&first["active"], &waits["active"]), (&json!(true), &json!(false)));
    one_more(&desk);
    let (_, answer) = desk.place.sign_in(&Person::new("U2cid", "cid@acme.example", TENANT)).await;
    assert!(answer.status == 403 && answer.body.contains("All seats"), "{}", answer.body);
    let back = json!({"status": "active"});
    let sue = format!("/api/v1/organizations/acme/members/{}", id(&sue));
    desk.admin.change(&sue, &back).await.problem(409, "seat_limit_reached");
    desk.settle().await;
    assert_eq!(desk.scim("GET", &format!("/Users/{}", id(&waits)), None).await.1["active"], true);
}

/// Whoever is invited has their seat, also while others wait.
async fn a_kept_seat_is_kept_while_others_wait(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "4", "--seat-policy", "waitlist"]);
    let path = desk.link("gus@guest.example", "read").await;
    desk.invite("may@guest.example", "read").await;
    let (_, waits) = desk.scim("POST", "/Users", Some(&scim_user("waits@guest.example"))).await;
    assert_eq!(waits["active"], false);
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(accept(&gus, &path).await.status, 303);
    let (_, may) = desk.scim("POST", "/Users", Some(&scim_user("may@guest.example"))).await;
    assert_eq!((&may["active"], desk.seats().await), (&json!(true), (4, 0, 1)));
}

async fn invited_anew_when_it_is_over(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "3"]);
    let made = desk.invite("gus@guest.example", "read").await;
    let old = path_in(&desk.mail().await.data);
    desk.place.clock.advance_seconds(WEEK);
    let admin = joined(&desk.place, "admin").await;
    let again = admin.make(INVITATIONS, &json!({"email": "GUS@guest.example", "role": "write"})).await.is(201);
    assert_eq!(
        (&again["role"], &again["state"], &again["sent_count"]),
        (&json!("write"), &json!("pending"), &json!(1))
    );
    let new = path_in(&desk.mail().await.data);
    assert_eq!((desk.seats().await, desk.settle().await), ((2, 1, 0), 0));
    let gus = desk.guest("gus@guest.example").await;
    gus.get(&old).await.plain(404, "the old link");
    assert_eq!(accept(&gus, &new).await.status, 303);
    assert_eq!(gus.me().await.1["memberships"][0]["role"], "write");
    assert_eq!(desk.seats().await, (3, 0, 0));
    let shown = admin.ask(&format!("{INVITATIONS}/{}", id(&made))).await.is(200);
    assert_eq!(shown["id"], again["id"], "one line for one person");
}

async fn fewer_seats(database: Database) {
    let desk = Desk::open(database).await;
    desk.invite("gus@guest.example", "read").await;
    let set = |seats: i64| {
        let administration = desk.place.house.assembly.administration.clone();
        let settings = headcount::administration::organization::Settings { seats: Some(seats), ..Default::default() };
        let by = headcount::administration::By::OPERATOR;
        desk.place.house.assembly.store.write(move |connection| {
            headcount::administration::organization::set(connection, &administration, &by, "acme", &settings)
        })
    };
    let refused = set(2).await.unwrap_err();
    assert!(refused.detail.contains("3 seats are used"), "{}", refused.detail);
    desk.place.clock.advance_seconds(WEEK);
    assert_eq!(set(2).await.unwrap().settings.unwrap().seats_pending, 0);
    assert_eq!(desk.seats().await, (2, 0, 0));
}

/// A member whose address becomes an invited one: one person, two seats, until somebody looks.
async fn counted_twice(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "4", "--seat-policy", "waitlist"]);
    let (_, made) = desk.scim("POST", "/Users", Some(&scim_user("old@guest.example"))).await;
    desk.invite("new@guest.example", "read").await;
    let (_, waits) = desk.scim("POST", "/Users", Some(&scim_user("waits@guest.example"))).await;
    let (status, _) = desk.scim("PUT", &format!("/Users/{}", id(&made)), Some(&scim_user("new@guest.example"))).await;
    assert_eq!((status, desk.seats().await), (200, (3, 1, 1)));
    assert_eq!(desk.settle().await, 1);
    assert_eq!(desk.seats().await, (4, 0, 0));
    assert_eq!(desk.scim("GET", &format!("/Users/{}", id(&waits)), None).await.1["active"], true);
}
