//! An invitation is good for as long as whoever sent it may give its role; then another admin sends it again.

use headcount::administration::By;
use headcount::administration::invitation::{self, Manner};
use headcount::organization::invitation::Wanted;
use headcount::stand_in::person::Person;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, INVITATIONS, accept, id, path_in, press};
use crate::api::api_keys::by_key;
use crate::api::client::{joined, joined_as};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    who_loses_the_role,
    who_is_kept_out,
    other_doors_stay_open,
    by_a_key,
    an_owners,
    the_operators
);

impl Desk {
    fn member_set(&self, member: &str, what: &str, to: &str) {
        self.place.command(&["member", "set", "--organization", "acme", "--member", member, what, to]);
    }

    async fn blocked(&self, id: &str) -> Value {
        let owner = joined(&self.place, "owner").await;
        owner.ask(&format!("{INVITATIONS}/{id}")).await.is(200)["blocked"].clone()
    }
}

async fn who_loses_the_role(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk.invite("gus@guest.example", "admin").await;
    let path = path_in(&desk.mail().await.data);
    assert_eq!((&made["blocked"], desk.blocked(id(&made)).await), (&Value::Null, Value::Null));
    let admin = desk.admin.member_id().await;
    desk.member_set(&admin, "--role", "write");
    let gus = desk.guest("gus@guest.example").await;
    for answer in [gus.get(&path).await, press(&gus, &path).await] {
        answer.plain(409, "has to be sent again");
        assert!(answer.body.contains("Ask another admin of the organization"), "{}", answer.body);
    }
    assert_eq!(gus.me().await.1["memberships"], json!([]));
    let owner = joined(&desk.place, "owner").await;
    let listed = owner.ask(&format!("{INVITATIONS}?state=pending")).await.is(200)["items"][0].clone();
    assert!(listed["blocked"].as_str().unwrap().contains("Send it again"), "{listed}");
    assert_eq!(desk.seats().await.1, 1, "it holds its seat meanwhile");
    // It works again with the role; and for good once somebody else has sent it.
    desk.member_set(&admin, "--role", "admin");
    assert_eq!(gus.get(&path).await.status, 200);
    desk.member_set(&admin, "--role", "read");
    let again = owner.make(&format!("{INVITATIONS}/{}/resend", id(&made)), &Value::Null).await.is(200);
    assert_eq!(again["invited_by"], format!("member:{}", owner.member_id().await));
    let path = path_in(&desk.mail().await.data);
    assert_eq!(accept(&gus, &path).await.status, 303);
    assert_eq!(gus.me().await.1["memberships"][0]["role"], "admin");
}

async fn who_is_kept_out(database: Database) {
    let desk = Desk::open(database).await;
    let made = desk.invite("gus@guest.example", "read").await;
    let path = path_in(&desk.mail().await.data);
    let gus = desk.guest("gus@guest.example").await;
    let admin = desk.admin.member_id().await;
    desk.member_set(&admin, "--status", "suspended");
    press(&gus, &path).await.plain(409, "has to be sent again");
    desk.member_set(&admin, "--status", "active");
    assert_eq!(gus.get(&path).await.status, 200);
    desk.member_set(&admin, "--status", "removed");
    press(&gus, &path).await.plain(409, "has to be sent again");
    assert!(desk.blocked(id(&made)).await.is_string());
    // What is over or taken back says so, and nothing else.
    let owner = joined(&desk.place, "owner").await;
    owner.end(&format!("{INVITATIONS}/{}", id(&made))).await.is(204);
    press(&gus, &path).await.plain(409, "taken back");
    assert_eq!(desk.blocked(id(&made)).await, Value::Null);
}

/// Whoever may ask to be let in by their domain asks, where the invitation leads nowhere.
async fn other_doors_stay_open(database: Database) {
    let desk = Desk::open(database).await;
    let domain = ["--organization", "acme", "--domain", "acme.example", "--joining", "ask_admin"];
    desk.place.command(&[["domain", "set"].as_slice(), domain.as_slice()].concat());
    desk.invite("gus@acme.example", "admin").await;
    let admin = desk.admin.member_id().await;
    let asking = || {
        let listed = desk.place.command(&["join-request", "list", "--organization", "acme"]);
        listed.as_array().unwrap().len()
    };
    let person = Person::new("U2gus", "gus@acme.example", "T2acme");
    let (_, answer) = desk.place.sign_in(&person).await;
    assert_eq!(asking(), 0, "the invitation waits for its button: {}", answer.body);
    desk.member_set(&admin, "--role", "write");
    let (_, answer) = desk.place.sign_in(&person).await;
    assert_eq!(asking(), 1, "{}", answer.body);
}

async fn by_a_key(database: Database) {
    let desk = Desk::open(database).await;
    let keys = "/api/v1/organizations/acme/api-keys";
    let second = joined_as(&desk.place, "second", "admin").await;
    for (number, ends) in ["revoked", "expired", "its creator"].into_iter().enumerate() {
        let wanted = json!({"name": ends, "role": "admin", "expires_in": "1h"});
        let key = second.make(keys, &wanted).await.is(201);
        let email = format!("k{number}@guest.example");
        let body = json!({"email": email, "role": "admin"});
        let secret = key["key"].as_str().unwrap();
        let made = by_key(&desk.place, secret, Method::POST, INVITATIONS, Some(&body)).await.is(201);
        let path = path_in(&desk.mail().await.data);
        let guest = desk.guest(&email).await;
        assert_eq!(guest.get(&path).await.status, 200, "{ends}");
        match ends {
            "revoked" => drop(second.end(&format!("{keys}/{}", id(&key))).await.is(204)),
            "expired" => desk.place.clock.advance_seconds(3_600),
            _ => desk.member_set(&second.member_id().await, "--role", "write"),
        }
        press(&guest, &path).await.plain(409, "has to be sent again");
        assert!(desk.blocked(id(&made)).await.is_string(), "{ends}");
    }
}

/// Somebody who is an admin by now has no owners any more.
async fn an_owners(database: Database) {
    let desk = Desk::open(database).await;
    let owner = joined(&desk.place, "owner").await;
    let mut paths = Vec::new();
    for role in ["owner", "admin"] {
        owner.make(INVITATIONS, &json!({"email": format!("{role}2@guest.example"), "role": role})).await.is(201);
        paths.push(path_in(&desk.mail().await.data));
    }
    desk.member_set(&owner.member_id().await, "--role", "admin");
    let guest = desk.guest("owner2@guest.example").await;
    press(&guest, &paths[0]).await.plain(409, "has to be sent again");
    let guest = desk.guest("admin2@guest.example").await;
    assert_eq!(accept(&guest, &paths[1]).await.status, 303);
}

async fn the_operators(database: Database) {
    let desk = Desk::open(database).await;
    let administration = desk.place.house.assembly.administration.clone();
    let wanted = Wanted { line: 1, email: "gus@guest.example".into(), role: Some("owner".into()) };
    let invite = move |connection: &mut _| {
        invitation::create(connection, &administration, &By::OPERATOR, "acme", (&wanted, &Manner::default()))
    };
    desk.place.house.assembly.store.write(invite).await.unwrap();
    let path = path_in(&desk.mail().await.data);
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(accept(&gus, &path).await.status, 303);
    // Nobody knows who that is: nobody stands behind it.
    let made = desk.invite("may@guest.example", "read").await;
    let path = path_in(&desk.mail().await.data);
    let sql = Sql::new("UPDATE invitations SET inviter = 'somebody' WHERE state = 'pending'");
    assert_eq!(sql.execute(&mut desk.place.house.database()).unwrap(), 1, "{made}");
    let may = desk.guest("may@guest.example").await;
    press(&may, &path).await.plain(409, "has to be sent again");
}
