//! What was paid twice is given back, once.

use actix_web::http::Method;
use serde_json::json;

use super::fake::Fault;
use super::{Shop, another};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    a_second_payment_is_given_back_once,
    what_cannot_be_given_back_is_told,
    a_payment_after_the_end_is_given_back,
    the_checkout_that_was_paid_is_complete,
    one_made_by_hand_completes_no_checkout,
);

/// Somebody manages to pay a second time; the subscription that comes of it.
fn pay_twice(shop: &Shop) -> String {
    let (_, mut second) = shop.stripe.subscription();
    second["id"] = "sub_second".into();
    let mut account = shop.stripe.account();
    account.subscriptions.insert("sub_second".into(), second);
    account.bill("sub_second", 2_500);
    "sub_second".into()
}

async fn a_second_payment_is_given_back_once(database: Database) {
    for fault in [None, Some(Fault::Down), Some(Fault::Silent), Some(Fault::FailsAfterEffect), Some(Fault::Fails)] {
        let shop = Shop::subscribed(another(&database), 10).await;
        let (first, _) = shop.stripe.subscription();
        let second = pay_twice(&shop);
        if let Some(fault) = fault {
            shop.stripe.fault(Method::POST, "/v1/refunds", fault);
        }
        shop.hear("customer.subscription.created", &second).await;
        shop.drive().await;
        shop.drive_later().await;
        // The news of it comes late and twice.
        shop.hear("customer.subscription.deleted", &second).await;
        shop.drive_later().await;
        assert_eq!(shop.stripe.subscription().0, first, "{fault:?}");
        let refunds = shop.stripe.account().refunds.clone();
        assert_eq!(refunds.len(), 1, "{fault:?}: {refunds:?}");
        assert_eq!(refunds[0]["amount"], 2_500);
        assert_eq!((shop.told("billing.duplicate_canceled"), shop.told("billing.refunded")), (1, 1), "{fault:?}");
        let events = shop.house.command(&["audit", "list", "--organization", "acme", "--json"]);
        let told = events.as_array().unwrap().iter().find(|event| event["action"] == "billing.refunded").unwrap();
        assert_eq!((&told["detail"]["amount"], &told["detail"]["currency"]), (&json!(2_500), &json!("usd")));
        // Of the beginning, and of this.
        let mails = shop.house.command(&["outbox", "list", "--json"]);
        assert_eq!(mails.as_array().unwrap().iter().filter(|mail| mail["kind"] == "billing").count(), 2, "{mails}");
    }
}

async fn what_cannot_be_given_back_is_told(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let second = pay_twice(&shop);
    shop.stripe.fault(Method::POST, "/v1/refunds", Fault::Refused);
    shop.hear("customer.subscription.created", &second).await;
    shop.drive().await;
    assert_eq!((shop.told("billing.refunded"), shop.told("billing.operation_failed")), (0, 1));
    let operations = shop.house.command(&["billing", "operations", "--organization", "acme", "--json"]);
    let given_up = operations.as_array().unwrap().iter().find(|operation| operation["kind"] == "refund").unwrap();
    assert_eq!(given_up["state"], "failed", "{given_up}");
    assert!(given_up["last_error"].as_str().unwrap().contains("POST /v1/refunds"), "{given_up}");
}

async fn a_payment_after_the_end_is_given_back(database: Database) {
    let shop = Shop::open(another(&database), 10);
    shop.begin(Some(25)).await.unwrap();
    let session = shop.stripe.open_session();
    shop.stripe.pay(&session);
    shop.house.command(&["organization", "delete", "--organization", "acme", "--name", "Acme", "--json"]);
    shop.drive_later().await;
    assert_eq!(shop.stripe.account().refunds.len(), 1, "it bought nothing");
    assert!(shop.stripe.account().subscriptions.values().all(|subscription| subscription["status"] == "canceled"));
    // What it was bought by before is not given back, whatever is told of it.
    let shop = Shop::subscribed(database, 10).await;
    let (id, _) = shop.stripe.subscription();
    shop.house.command(&["organization", "delete", "--organization", "acme", "--name", "Acme", "--json"]);
    shop.hear("customer.subscription.updated", &id).await;
    shop.drive_later().await;
    assert_eq!(shop.stripe.account().subscriptions[&id]["status"], "canceled");
    assert_eq!(shop.stripe.account().refunds.len(), 0);
}

fn checkouts(shop: &Shop) -> Vec<(i64, String)> {
    use diesel::sql_types::{BigInt, Text};
    use headcount::store::sql::Sql;
    let sql = Sql::new("SELECT seats, state FROM checkouts ORDER BY id");
    sql.load::<(BigInt, Text), (i64, String)>(&mut shop.house.database()).unwrap()
}

async fn the_checkout_that_was_paid_is_complete(database: Database) {
    let shop = Shop::open(database, 10);
    shop.begin(Some(25)).await.unwrap();
    let first = shop.stripe.open_session();
    let paid = shop.stripe.pay(&first);
    // Another one is begun before anybody knows, and Stripe does not say so when the first is to be closed.
    shop.stripe.fault(Method::POST, "/v1/checkout/sessions/cs", Fault::Down);
    shop.begin(Some(30)).await.unwrap();
    assert_eq!(checkouts(&shop), [(25, "superseded".into()), (30, "open".into())]);
    // The event of the subscription names no session.
    shop.hear("customer.subscription.created", &paid).await;
    assert_eq!(checkouts(&shop), [(25, "completed".into()), (30, "superseded".into())]);
    shop.drive_later().await;
    let open = shop.stripe.account().sessions.values().filter(|session| session["status"] == "open").count();
    assert_eq!((open, &shop.show().await["seats"]), (0, &json!(25)));
}

async fn one_made_by_hand_completes_no_checkout(database: Database) {
    let shop = Shop::open(database, 10);
    shop.begin(Some(25)).await.unwrap();
    let session = shop.stripe.open_session();
    let made = shop.stripe.pay(&session);
    {
        // As if the session had not been paid, and the subscription had been made in the dashboard.
        let mut account = shop.stripe.account();
        account.sessions.get_mut(&session).unwrap()["status"] = "open".into();
        account.sessions.get_mut(&session).unwrap()["subscription"] = json!(null);
        account.subscriptions.get_mut(&made).unwrap()["metadata"].as_object_mut().unwrap().remove("checkout");
    }
    shop.hear("customer.subscription.created", &made).await;
    shop.drive().await;
    assert_eq!(checkouts(&shop), [(25, "superseded".into())]);
    assert_eq!(shop.stripe.account().sessions[&session]["status"], "expired", "nobody pays it, too");
    assert_eq!(shop.show().await["state"], "active");
}
