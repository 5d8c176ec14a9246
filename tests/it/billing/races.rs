//! Seats are taken and given back at the same time: never fewer than are held, and the provider's number in the end.

use actix_web::http::Method;
use futures_util::future::join_all;
use headcount::administration::By;
use headcount::administration::billing::change::{self, Change};
use headcount::error::Code;
use serde_json::json;

use super::Shop;
use super::local::Till;
use crate::api::client::Team;
use crate::sign_in::browser::hidden;
use crate::support::in_process::{application, ask};
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(
    nobody_sits_on_a_seat_that_is_gone,
    an_invitation_holds_its_seat,
    changes_at_once_are_one_after_another,
);

/// Who comes while the seats are reduced.
const NEWCOMERS: usize = 12;

async fn nobody_sits_on_a_seat_that_is_gone(database: Database) {
    // Both providers, over the same ledger.
    let till = Till::subscribed(super::another(&database), 20).await;
    race(&till.house).await;
    let shop = Shop::subscribed(database, 20).await;
    race(&shop.house).await;
    shop.drive_later().await;
    let shown = shop.show().await;
    assert_eq!(shown["seats"], shop.stripe.quantity(), "{shown}");
    assert_eq!(shown["pending_change"], json!(null));
}

async fn race(house: &crate::support::in_process::House) {
    let application = application(house.state()).await;
    let (store, administration) = (&house.assembly.store, &house.assembly.administration);
    let reductions = (0..8_i64).map(|round| async move {
        let change = Change { seats: Some(12 - round), plan: None };
        let outcome = change::set(store, administration, &By::OPERATOR, "acme", change).await;
        if let Err(error) = &outcome {
            assert_eq!(error.code, Code::Conflict, "{error:?}");
        }
        outcome.is_ok()
    });
    let application = &application;
    let arrivals = (0..NEWCOMERS).map(|number| async move {
        let body = user(&format!("n{number}"));
        ask(application, &house.token, Method::POST, "/Users", Some(&body)).await.0
    });
    let (reduced, arrived) = futures_util::future::join(join_all(reductions), join_all(arrivals)).await;
    let shown = super::shown(house).await;
    let came = arrived.iter().filter(|status| **status == 201).count();
    assert!(arrived.iter().all(|status| matches!(status, 201 | 403)), "{arrived:?}");
    assert_eq!(shown["seats_used"], came + 1, "{shown}");
    assert!(shown["seats_used"].as_i64() <= shown["seats"].as_i64(), "{shown}");
    assert!(reduced.contains(&true), "{shown}");
}

/// Seats are taken away while people are invited to them.
async fn an_invitation_holds_its_seat(database: Database) {
    const ACME: &str = "/api/v1/organizations/acme";
    let team = Team::open(database).await;
    let order = json!({"seats": 20, "plan": "enterprise_seat_monthly"});
    let page = team.owner.make(&format!("{ACME}/checkout"), &order).await.header("location").to_owned();
    let csrf = hidden(&team.owner.get(&page).await.body, "csrf");
    team.owner.post(&page, &[("csrf", &csrf), ("card", "4242 4242 4242 4242")]).await;
    let reduced = (0..8_i64).map(|round| {
        let owner = &team.owner;
        async move {
            let change = json!({"seats": 13 - round});
            owner.change(&format!("{ACME}/billing"), &change).await.status.as_u16()
        }
    });
    let invited = (0..10).map(|number| {
        let admin = &team.admin;
        async move {
            let invitation = json!({"email": format!("guest{number}@guest.example"), "role": "read"});
            admin.make(&format!("{ACME}/invitations"), &invitation).await.status.as_u16()
        }
    });
    let (reduced, invited) = futures_util::future::join(join_all(reduced), join_all(invited)).await;
    assert!(reduced.iter().all(|status| matches!(status, 200 | 409)) && reduced.contains(&200), "{reduced:?}");
    assert!(invited.iter().all(|status| matches!(status, 201 | 409)), "{invited:?}");
    let shown = team.owner.ask(&format!("{ACME}/billing")).await.is(200);
    let pending = invited.iter().filter(|status| **status == 201).count();
    assert_eq!((&shown["seats_used"], &shown["seats_pending"]), (&json!(5), &json!(pending)), "{shown}");
    assert!(shown["seats"].as_i64().unwrap() >= 5 + i64::try_from(pending).unwrap(), "{shown}");
    let told = team.owner.change(&format!("{ACME}/billing"), &json!({"seats": 1})).await.problem(409, "conflict");
    assert!(told.contains(&format!("5 seats are used and {pending} are held by pending invitations")), "{told}");
}

async fn changes_at_once_are_one_after_another(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let changes = (0..6_i64).map(|number| shop.set(11 + number));
    let outcomes = join_all(changes).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    shop.drive_later().await;
    let shown = shop.show().await;
    assert_eq!((&shown["seats"], &shown["pending_change"]), (&json!(shop.stripe.quantity()), &json!(null)), "{shown}");
    assert!((11..=16).contains(&shop.stripe.quantity()));
}
