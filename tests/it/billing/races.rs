//! Seats are taken and given back at the same time: never fewer than are held, and the provider's number in the end.

use actix_web::http::Method;
use futures_util::future::join_all;
use headcount::administration::By;
use headcount::administration::billing::change::{self, Change};
use headcount::error::Code;
use serde_json::json;

use super::Shop;
use super::local::Till;
use crate::support::in_process::{application, ask};
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(nobody_sits_on_a_seat_that_is_gone, changes_at_once_are_one_after_another);

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
