//! Stripe forgets, repeats its failures and has more than ours: nothing of it is in anybody's way for ever.

use actix_web::http::Method;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use super::fake::Fault;
use super::{Shop, another};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    a_customer_that_is_gone_is_made_anew,
    a_customer_is_made_once_under_whatever_name,
    a_failure_that_is_repeated_is_got_over,
    ours_is_found_among_other_items,
    an_own_failure_waits_and_is_given_up,
    what_is_old_is_forgotten,
);

const DAY: i64 = 24 * 3_600;

async fn a_customer_that_is_gone_is_made_anew(database: Database) {
    for is_known in [true, false] {
        let shop = Shop::open(another(&database), 10);
        shop.begin(Some(25)).await.unwrap();
        // Somebody deletes it at Stripe, which remembers that for a while.
        let customer = shop.stripe.account().customers.keys().next().unwrap().clone();
        if is_known {
            shop.stripe.account().customers.get_mut(&customer).unwrap()["deleted"] = true.into();
        } else {
            shop.stripe.account().customers.clear();
        }
        // The checkout that follows is refused: the new customer is remembered all the same.
        shop.stripe.fault(Method::GET, "/v1/prices", Fault::Refused);
        shop.begin(Some(30)).await.unwrap_err();
        for seats in [30, 35, 40] {
            let begun = shop.begin(Some(seats)).await.unwrap();
            assert!(begun["url"].is_string(), "{begun}");
        }
        assert_eq!(shop.stripe.effects("POST /v1/customers"), 2, "one new one");
        let open = shop.stripe.open_session();
        assert_ne!(shop.stripe.account().sessions[&open]["customer"], customer.as_str());
    }
}

async fn a_customer_is_made_once_under_whatever_name(database: Database) {
    for fault in [Fault::Down, Fault::Silent, Fault::FailsAfterEffect, Fault::CutOff, Fault::Fails] {
        let shop = Shop::open(another(&database), 10);
        shop.stripe.fault(Method::POST, "/v1/customers", fault);
        shop.begin(Some(25)).await.unwrap_err();
        // The organization is called something else by the time of the next attempt.
        shop.house.command(&["organization", "set", "--organization", "acme", "--name", "Acme & Sons", "--json"]);
        shop.drive_later().await;
        assert!(shop.begin(Some(25)).await.unwrap()["url"].is_string(), "{fault:?}");
        assert_eq!(shop.stripe.effects("POST /v1/customers"), 1, "{fault:?}");
        assert_eq!(shop.told("billing.operation_failed"), 0, "{fault:?}");
    }
}

async fn a_failure_that_is_repeated_is_got_over(database: Database) {
    for fault in [Fault::Fails, Fault::FailsAfterEffect] {
        let shop = Shop::open(another(&database), 10);
        shop.stripe.fault(Method::POST, "/v1/checkout/sessions", fault);
        shop.begin(Some(25)).await.unwrap_err();
        shop.drive_later().await;
        shop.begin(Some(25)).await.unwrap();
        assert_eq!(shop.stripe.account().sessions.len(), 1, "{fault:?}");
        // Another order closes the page.
        shop.stripe.fault(Method::POST, "/v1/checkout/sessions/cs", fault);
        shop.begin(Some(30)).await.unwrap();
        shop.drive_later().await;
        let session = shop.stripe.open_session();
        shop.stripe.pay(&session);
        shop.hear("checkout.session.completed", &session).await;
        shop.stripe.fault(Method::POST, "/v1/subscriptions", fault);
        shop.set(32).await.unwrap();
        shop.drive_later().await;
        assert_eq!((&shop.show().await["seats"], shop.stripe.quantity()), (&json!(32), 32), "{fault:?}");
        assert_eq!(shop.stripe.effects("POST /v1/subscriptions"), 1, "{fault:?}");
        shop.stripe.fault(Method::DELETE, "/v1/subscriptions", fault);
        shop.house.command(&["organization", "delete", "--organization", "acme", "--name", "Acme", "--json"]);
        shop.drive().await;
        shop.drive_later().await;
        assert!(!shop.stripe.account().has_faults());
        let lives = |(_, subscription): (&String, &Value)| subscription["status"] != "canceled";
        assert!(!shop.stripe.account().subscriptions.iter().any(lives), "{fault:?}");
    }
}

async fn ours_is_found_among_other_items(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let support = json!({"id": "si_support", "quantity": 900, "price": {"id": "price_x", "lookup_key": "support"}});
    shop.stripe.change(|subscription| {
        subscription["items"]["data"].as_array_mut().unwrap().insert(0, support.clone());
    });
    let (id, _) = shop.stripe.subscription();
    shop.hear("customer.subscription.updated", &id).await;
    let shown = shop.show().await;
    assert_eq!((&shown["seats"], &shown["plan"]), (&json!(10), &json!("enterprise_seat_monthly")));
    assert_eq!(shop.set(12).await.unwrap()["seats"], 12);
    let items = shop.stripe.subscription().1["items"]["data"].clone();
    assert_eq!((&items[0], &items[1]["quantity"]), (&support, &json!(12)));
}

async fn an_own_failure_waits_and_is_given_up(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let listed = || {
        let listed = shop.house.command(&["billing", "operations", "--organization", "acme", "--json"]);
        listed.as_array().unwrap().iter().find(|operation| operation["kind"] == "order").cloned()
    };
    shop.stripe.fault(Method::POST, "/v1/subscriptions", Fault::Down);
    shop.set(15).await.unwrap();
    // What was written down cannot be read.
    Sql::new("UPDATE billing_operations SET payload = '{}' WHERE state = 'waiting'")
        .execute(&mut shop.house.database())
        .unwrap();
    shop.drive_later().await;
    let waits = listed().expect("it is listed");
    assert_eq!((&waits["state"], &waits["attempts"]), (&json!("waiting"), &json!(2)), "{waits}");
    assert_eq!(waits["last_error"], "an order has no seats");
    shop.drive().await;
    assert_eq!(listed().unwrap()["attempts"], 2, "not again at once");
    // It is in nobody's way.
    let (id, _) = shop.stripe.subscription();
    shop.stripe.change(|subscription| subscription["status"] = "past_due".into());
    shop.hear("customer.subscription.updated", &id).await;
    assert_eq!(shop.show().await["state"], "past_due");
    for _ in 0..10 {
        shop.clock.advance_seconds(DAY);
        shop.drive().await;
    }
    let given_up = listed().unwrap();
    assert_eq!((&given_up["state"], &given_up["due_at"]), (&json!("failed"), &Value::Null), "{given_up}");
    assert_eq!(given_up["last_error"], "an order has no seats");
    assert_eq!(shop.told("billing.operation_failed"), 1);
}

async fn what_is_old_is_forgotten(database: Database) {
    use headcount::jobs::billing;
    use prometheus_client::metrics::counter::Counter;
    let shop = Shop::subscribed(database, 10).await;
    let round = async || {
        let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
        billing::round(store, administration, &Counter::default()).await.unwrap();
        let events = shop.count("SELECT COUNT(*) FROM billing_events");
        (events, shop.count("SELECT COUNT(*) FROM billing_operations WHERE state = 'done'"))
    };
    let (events, operations) = round().await;
    assert!(events == 1 && operations > 1, "{events} {operations}");
    shop.clock.advance_seconds(29 * DAY);
    assert_eq!(round().await, (events, operations));
    shop.clock.advance_seconds(2 * DAY);
    assert_eq!(round().await, (0, 0));
}
