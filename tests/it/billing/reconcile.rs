//! What differs from the provider's is found, told, and repaired where that takes no seat from anybody.

use actix_web::http::Method;
use headcount::administration::billing::reconcile;
use headcount::jobs::billing;
use prometheus_client::metrics::counter::Counter;
use serde_json::json;

use super::Shop;
use super::fake::Fault;
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(
    a_drift_is_repaired_and_told,
    what_is_used_is_only_told,
    a_state_that_was_missed,
    a_provider_that_is_away,
);

const NIGHT: i64 = 25 * 3_600;

async fn a_drift_is_repaired_and_told(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
    // Somebody changes it at Stripe, and the events are lost.
    shop.stripe.change(|subscription| subscription["items"]["data"][0]["quantity"] = 14.into());
    let drifted = Counter::default();
    billing::round(store, administration, &drifted).await.unwrap();
    assert_eq!((drifted.get(), &shop.show().await["seats"]), (0, &json!(10)), "once a day is enough");
    shop.clock.advance_seconds(NIGHT);
    billing::round(store, administration, &drifted).await.unwrap();
    assert_eq!((drifted.get(), &shop.show().await["seats"]), (1, &json!(14)));
    assert!(shop.trail().contains(&"billing.seats_changed".to_owned()));
    shop.clock.advance_seconds(NIGHT);
    billing::round(store, administration, &drifted).await.unwrap();
    assert_eq!(drifted.get(), 1, "and now they agree");
    // By hand at any time.
    shop.stripe.change(|subscription| subscription["items"]["data"][0]["quantity"] = 9.into());
    let told = reconcile::one(store, administration, &headcount::administration::By::OPERATOR, "acme").await.unwrap();
    assert_eq!(
        (&told["drifted"], &told["repaired"], &told["seats_before"], &told["seats"]),
        (&json!(true), &json!(true), &json!(14), &json!(9)),
        "{told}"
    );
}

async fn what_is_used_is_only_told(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let application = crate::support::in_process::application(shop.house.state()).await;
    for name in ["ann", "bob", "cid"] {
        crate::support::in_process::ask(&application, &shop.house.token, Method::POST, "/Users", Some(&user(name)))
            .await;
    }
    shop.stripe.change(|subscription| subscription["items"]["data"][0]["quantity"] = 3.into());
    let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
    for _ in 0..2 {
        let told = reconcile::one(store, administration, &headcount::administration::By::SYSTEM, "acme").await.unwrap();
        assert_eq!((&told["drifted"], &told["repaired"]), (&json!(true), &json!(false)), "{told}");
        assert_eq!((&told["seats"], &told["provider_seats"]), (&json!(4), &json!(3)), "as near as nobody loses a seat");
    }
    assert_eq!(shop.trail().iter().filter(|action| *action == "billing.drift").count(), 1, "told once");
    // As soon as it can be, it is.
    shop.stripe.change(|subscription| subscription["items"]["data"][0]["quantity"] = 4.into());
    shop.clock.advance_seconds(NIGHT);
    billing::round(store, administration, &Counter::default()).await.unwrap();
    assert_eq!(shop.show().await["seats"], 4);
}

async fn a_state_that_was_missed(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
    shop.stripe.change(|subscription| subscription["status"] = "past_due".into());
    shop.clock.advance_seconds(NIGHT);
    let drifted = Counter::default();
    billing::round(store, administration, &drifted).await.unwrap();
    assert_eq!((drifted.get(), &shop.show().await["organization_state"]), (1, &json!("past_due")));
    // It is gone from the account altogether.
    shop.stripe.account().subscriptions.clear();
    shop.clock.advance_seconds(NIGHT);
    billing::round(store, administration, &drifted).await.unwrap();
    assert_eq!((drifted.get(), &shop.show().await["state"]), (2, &json!("canceled")));
}

async fn a_provider_that_is_away(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
    shop.stripe.change(|subscription| subscription["items"]["data"][0]["quantity"] = 14.into());
    shop.stripe.fault(Method::GET, "/v1/subscriptions", Fault::Down);
    shop.clock.advance_seconds(NIGHT);
    let drifted = Counter::default();
    billing::round(store, administration, &drifted).await.unwrap();
    assert_eq!((drifted.get(), &shop.show().await["seats"]), (0, &json!(10)));
    // It is compared in the next round, not a day later.
    billing::round(store, administration, &drifted).await.unwrap();
    assert_eq!((drifted.get(), &shop.show().await["seats"]), (1, &json!(14)));
}
