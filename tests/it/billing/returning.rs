//! Whether an open checkout is paid is found out, whoever looks and however often.

use actix_web::http::Method;
use headcount::administration::By;
use headcount::administration::billing::returning;
use headcount::jobs::billing;
use prometheus_client::metrics::counter::Counter;
use serde_json::{Value, json};

use super::Shop;
use super::fake::Fault;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    a_payment_whose_webhook_is_lost_is_found,
    processes_share_the_asking,
    who_looks_again_and_again_asks_now_and_then,
);

const REFRESHES: &str = "SELECT COUNT(*) FROM billing_operations WHERE kind = 'refresh'";

async fn round(shop: &Shop) {
    let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
    billing::round(store, administration, &Counter::default()).await.unwrap();
    shop.drive().await;
}

async fn a_payment_whose_webhook_is_lost_is_found(database: Database) {
    let shop = Shop::open(database, 10);
    shop.begin(Some(25)).await.unwrap();
    let session = shop.stripe.open_session();
    round(&shop).await;
    assert_eq!(shop.count(REFRESHES), 0, "it has only just begun");
    shop.clock.advance_seconds(3_601);
    round(&shop).await;
    round(&shop).await;
    assert_eq!(shop.count(REFRESHES), 1, "once an hour");
    // It is paid, nobody comes back, and no event arrives; and Stripe is away for a while.
    shop.stripe.pay(&session);
    for _ in 0..3 {
        shop.stripe.fault(Method::GET, "/v1/checkout/sessions", Fault::Down);
    }
    shop.clock.advance_seconds(3_601);
    let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
    assert_eq!(returning::ask_open(store, administration).await.unwrap(), 1);
    shop.clock.advance_seconds(3_601);
    assert_eq!(returning::ask_open(store, administration).await.unwrap(), 0, "it is being asked");
    for _ in 0..4 {
        shop.drive_later().await;
    }
    let shown = shop.show().await;
    assert_eq!((&shown["state"], &shown["seats"]), (&json!("active"), &json!(25)));
    shop.clock.advance_seconds(3_601);
    assert_eq!(returning::ask_open(store, administration).await.unwrap(), 0, "it is over");
}

async fn processes_share_the_asking(database: Database) {
    let shop = Shop::open(database, 10);
    shop.begin(Some(25)).await.unwrap();
    shop.clock.advance_seconds(3_601);
    let twin = shop.house.twin(shop.clock.clone());
    let one = &shop.house.assembly;
    let (here, there) = futures_util::future::join(
        returning::ask_open(&one.store, &one.administration),
        returning::ask_open(&twin.store, &twin.administration),
    )
    .await;
    assert_eq!(here.unwrap() + there.unwrap(), 1);
    assert_eq!(shop.count(REFRESHES), 1);
}

async fn who_looks_again_and_again_asks_now_and_then(database: Database) {
    let shop = Shop::open(database, 10);
    let begun: Value = shop.begin(Some(25)).await.unwrap();
    let id = begun["id"].as_str().unwrap().parse().unwrap();
    let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
    let look = async || returning::come_back(store, administration, &By::OPERATOR, "acme", id).await.unwrap().1.state;
    let looks = futures_util::future::join_all((0..6).map(|_| look())).await;
    assert!(looks.iter().all(|state| state == "open"), "{looks:?}");
    assert_eq!(shop.count(REFRESHES), 1, "the first of them has asked");
    let session = shop.stripe.open_session();
    shop.stripe.pay(&session);
    look().await;
    assert_eq!(shop.count(REFRESHES), 1);
    shop.clock.advance_seconds(6);
    assert_eq!(look().await, "completed");
    look().await;
    assert_eq!(shop.count(REFRESHES), 2);
}
