//! Of several orders the one that was decided last counts, whichever process asks which of them first.

use actix_web::http::Method;
use headcount::administration::By;
use headcount::administration::billing::change::{self, Change};
use headcount::administration::billing::operations;
use headcount::store::sql::Sql;
use serde_json::json;

use super::Shop;
use super::fake::Fault;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    the_last_decision_counts,
    an_older_order_comes_last_and_changes_nothing,
    nothing_overtakes_what_is_being_asked,
);

async fn the_last_decision_counts(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    shop.stripe.fault(Method::POST, "/v1/subscriptions", Fault::Down);
    shop.set(20).await.unwrap();
    // The next one is not kept waiting by the first, which waits for its next attempt.
    let told = shop.set(13).await.unwrap();
    assert_eq!((&told["seats"], &told["pending_change"]), (&json!(13), &json!(null)));
    shop.drive_later().await;
    let shown = shop.show().await;
    assert_eq!((&shown["seats"], shop.stripe.quantity()), (&json!(13), 13), "{shown}");
    assert_eq!(shop.stripe.effects("POST /v1/subscriptions"), 1, "the first is not asked for any more");
}

async fn an_older_order_comes_last_and_changes_nothing(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let administration = shop.house.assembly.administration.clone();
    let decide = async |seats| {
        let (administration, change) = (administration.clone(), Change { seats: Some(seats), plan: None });
        let plan = move |connection: &mut _| change::plan(connection, &administration, &By::OPERATOR, "acme", change);
        shop.house.assembly.store.write(plan).await.unwrap().unwrap().1
    };
    // The clock of the process that decided first was ahead: its order comes behind the other in the order of ids.
    let first = decide(20).await;
    let late = headcount::id::BillingOperationId::from_bytes([u8::MAX; 16]);
    let sql = Sql::new("UPDATE billing_operations SET id = ? WHERE id = ?").bind(late).bind(first);
    assert_eq!(sql.execute(&mut shop.house.database()).unwrap(), 1);
    decide(13).await;
    shop.drive().await;
    shop.drive_later().await;
    assert_eq!(shop.count("SELECT COUNT(*) FROM billing_operations WHERE state = 'waiting'"), 0);
    let shown = shop.show().await;
    assert_eq!((&shown["seats"], shop.stripe.quantity()), (&json!(13), 13), "{shown}");
}

async fn nothing_overtakes_what_is_being_asked(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let twin = shop.house.twin(shop.clock.clone());
    // The answer to the first process is on its way for long.
    shop.stripe.fault(Method::POST, "/v1/subscriptions", Fault::Held);
    let slow = shop.set(20);
    let quick = async {
        while shop.stripe.account().has_faults() {
            tokio::task::yield_now().await;
        }
        let change = Change { seats: Some(13), plan: None };
        let told = change::set(&twin.store, &twin.administration, &By::OPERATOR, "acme", change).await.unwrap();
        assert_eq!(told.pending_change.unwrap().seats, 13, "it waits");
        assert_eq!(operations::drive(&twin.store, &twin.administration, None).await.unwrap(), 0);
        assert_eq!(shop.stripe.effects("POST /v1/subscriptions"), 1);
        shop.stripe.release();
    };
    let (first, ()) = futures_util::future::join(slow, quick).await;
    first.unwrap();
    shop.drive().await;
    let shown = shop.show().await;
    assert_eq!((&shown["seats"], shop.stripe.quantity()), (&json!(13), 13), "{shown}");
    assert_eq!(shown["pending_change"], json!(null));
}
