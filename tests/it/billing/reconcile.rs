//! What differs from the provider's is found, told, and repaired where that takes no seat from anybody.

use actix_web::http::Method;
use headcount::administration::billing::reconcile;
use headcount::jobs::billing;
use headcount::store::batch::Batch;
use headcount::store::connection::Connection;
use headcount::store::organizations::{self, Organization};
use headcount::store::subscriptions::{self, Subscription};
use headcount::store::{Planned, run};
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
    who_fails_is_in_nobodys_way,
    processes_share_the_comparing,
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
    // It was an hour late, and is compared in another hour, not a day later.
    billing::round(store, administration, &drifted).await.unwrap();
    assert_eq!(drifted.get(), 0);
    shop.clock.advance_seconds(3_660);
    billing::round(store, administration, &drifted).await.unwrap();
    assert_eq!((drifted.get(), &shop.show().await["seats"]), (1, &json!(14)));
}

/// Further organizations whose subscriptions Stripe shows in a way that nobody understands, due before `acme`.
async fn strangers(shop: &Shop, count: u8) {
    let administration = shop.house.assembly.administration.clone();
    let broken = |number: u8| format!("sub_broken{number}");
    for number in 0..count {
        let found = json!({"id": broken(number), "object": "subscription"});
        shop.stripe.account().subscriptions.insert(broken(number), found);
    }
    let plan = move |connection: &mut _| {
        let mut batch = Batch::default();
        let acme = organizations::by_slug(connection, "acme")?.unwrap();
        let row = subscriptions::find(connection, acme.id)?.unwrap();
        for number in 0..count {
            let id = administration.ids.next();
            let other = Organization { id, slug: format!("other{number}"), ..acme.clone() };
            organizations::insert(&mut batch, &other, 5);
            let subscription = Some(broken(number));
            let row = Subscription { subscription, reconciled_at: 0, compare_at: 0, ..row.clone() };
            subscriptions::write(&mut batch, id, None, &row);
        }
        Ok(Planned { batch, answer: () })
    };
    // What belongs to a row is written behind it.
    let work = move |connection: &mut Connection| run(connection, &plan);
    shop.house.assembly.store.transaction(work).await.unwrap();
}

async fn who_fails_is_in_nobodys_way(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    strangers(&shop, 70).await;
    shop.stripe.change(|subscription| subscription["items"]["data"][0]["quantity"] = 14.into());
    shop.clock.advance_seconds(NIGHT);
    let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
    let mut rounds = Vec::new();
    while shop.show().await["seats"] != 14 {
        rounds.push(reconcile::due(store, administration).await.unwrap().len());
        assert!(rounds.len() < 5, "{rounds:?}");
    }
    assert_eq!(rounds, [32, 32, 7], "a page of failures ends a round, and they go to the back");
    assert_eq!(reconcile::due(store, administration).await.unwrap().len(), 0, "and are not asked about again at once");
    shop.clock.advance_seconds(10 * 60);
    assert_eq!(reconcile::due(store, administration).await.unwrap().len(), 0, "who has failed for long waits for long");
    shop.clock.advance_seconds(NIGHT);
    assert_ne!(reconcile::due(store, administration).await.unwrap().len(), 0);
}

async fn processes_share_the_comparing(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    strangers(&shop, 12).await;
    shop.clock.advance_seconds(NIGHT);
    shop.stripe.change(|subscription| subscription["items"]["data"][0]["quantity"] = 14.into());
    let twin = shop.house.twin(shop.clock.clone());
    let one = &shop.house.assembly;
    let (here, there) = futures_util::future::join(
        reconcile::due(&one.store, &one.administration),
        reconcile::due(&twin.store, &twin.administration),
    )
    .await;
    assert_eq!(here.unwrap().len() + there.unwrap().len(), 13, "each once");
    assert_eq!(shop.show().await["seats"], 14);
}
