//! At the same moment: one acceptance, one seat, one outcome.

use reqwest::StatusCode;
use serde_json::json;

use super::{Desk, INVITATIONS, id, path_in, press, scim_user};
use crate::sign_in::browser::{Browser, hidden};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    twenty_accept_one,
    an_invitation_and_provisioning_for_the_last_seat,
    the_same_person_by_both,
    revoked_while_it_is_accepted,
    invited_twice_at_once,
);

async fn twenty_accept_one(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "write").await;
    let mut ready = Vec::new();
    for _ in 0..20 {
        let browser = desk.guest("gus@guest.example").await;
        let page = browser.get(&path).await;
        let token = hidden(&page.body, "csrf");
        ready.push((browser, token));
    }
    let pressed = ready.iter().map(|(browser, token)| {
        let path = path.clone();
        async move { browser.post(&path, &[("csrf", token)]).await.status }
    });
    let statuses: Vec<StatusCode> = futures_util::future::join_all(pressed).await;
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 19, "{statuses:?}");
    assert_eq!(desk.seats().await, (3, 0, 0));
    let members = desk.place.command(&["member", "list", "--organization", "acme"]);
    let found = members.as_array().unwrap().iter().filter(|member| member["email"] == "gus@guest.example");
    assert_eq!(found.count(), 1);
}

async fn an_invitation_and_provisioning_for_the_last_seat(database: Database) {
    let desk = Desk::open(database).await;
    for round in 0..8 {
        let seats = desk.seats().await;
        desk.set(&["--seats", &(seats.0 + seats.1 + 1).to_string()]);
        let (invited, made) = (format!("i{round}@guest.example"), scim_user(&format!("s{round}@guest.example")));
        let both =
            futures_util::future::join(desk.try_to_invite(&invited, "read"), desk.scim("POST", "/Users", Some(&made)));
        let (reply, (status, _)) = both.await;
        let outcome = (reply.status.as_u16(), status);
        assert!(matches!(outcome, (201, 403) | (409, 201)), "{outcome:?} {}", reply.body);
        let (used, pending, _) = desk.seats().await;
        assert_eq!(used + pending, seats.0 + seats.1 + 1);
    }
}

/// Invited and provisioned at the same moment: nobody is refused, and it is one seat in the end.
async fn the_same_person_by_both(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "40"]);
    for round in 0..12 {
        let (email, before) = (format!("p{round}@guest.example"), desk.seats().await);
        let body = scim_user(&email);
        let both =
            futures_util::future::join(desk.try_to_invite(&email, "read"), desk.scim("POST", "/Users", Some(&body)));
        let (reply, (status, said)) = both.await;
        assert_eq!(status, 201, "{said}");
        assert!(matches!(reply.status.as_u16(), 201 | 409), "{}", reply.body);
        desk.settle().await;
        assert_eq!(desk.seats().await, (before.0 + 1, before.1, 0), "round {round}: {}", reply.body);
    }
}

async fn revoked_while_it_is_accepted(database: Database) {
    let desk = Desk::open(database).await;
    for round in 0..8 {
        let email = format!("p{round}@guest.example");
        let made = desk.invite(&email, "read").await;
        let path = path_in(&desk.mail().await.data);
        let browser: Browser = desk.guest(&email).await;
        let before = desk.seats().await;
        let place = format!("{INVITATIONS}/{}", id(&made));
        let (accepted, revoked) = futures_util::future::join(press(&browser, &path), desk.admin.end(&place)).await;
        let outcome = (accepted.status.as_u16(), revoked.status.as_u16());
        assert!(matches!(outcome, (303, 409) | (409, 204)), "{outcome:?} {}", accepted.body);
        let is_member = outcome.0 == 303;
        assert_eq!(desk.seats().await, (before.0 + i64::from(is_member), before.1 - 1, 0));
        let member = browser.me().await.1["memberships"].as_array().unwrap().len();
        assert_eq!(member, usize::from(is_member));
        if is_member {
            let id = browser.member_id().await;
            desk.place.command(&["member", "set", "--organization", "acme", "--member", &id, "--status", "removed"]);
        }
    }
}

async fn invited_twice_at_once(database: Database) {
    let desk = Desk::open(database).await;
    let body = json!({"email": "gus@guest.example"});
    let replies = futures_util::future::join_all((0..6).map(|_| desk.admin.make(INVITATIONS, &body))).await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
    assert_eq!(desk.seats().await, (2, 1, 0));
}
