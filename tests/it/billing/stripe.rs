//! Stripe: checkouts, changes and faults in every place between a decision and its effect.

use actix_web::http::Method;
use headcount::administration::By;
use headcount::administration::billing::change::{self, Change};
use headcount::administration::billing::checkout::{self, Wanted};
use headcount::error::Code;
use headcount::organization::plan::Plan;
use serde_json::json;

use super::fake::Fault;
use super::{HOME, Shop, another};
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(
    a_checkout_gives_what_is_paid,
    a_checkout_that_was_decided_is_asked_for_once,
    a_provider_that_is_away_loses_no_checkout,
    a_refused_checkout_is_over,
    another_checkout_closes_the_one_before,
    two_paid_checkouts_are_one_subscription,
    seats_come_when_they_are_paid_and_go_when_it_is_decided,
    a_change_has_its_effect_once_whatever_goes_wrong,
    a_change_that_was_decided_survives_the_process,
    a_declined_change_is_none,
    more_seats_admit_who_waits,
    the_plan_changes_by_its_price,
    invoices_and_the_portal,
    a_deleted_organization_pays_no_more,
);

async fn a_checkout_gives_what_is_paid(database: Database) {
    let shop = Shop::open(database, 10);
    let begun = shop.begin(Some(25)).await.unwrap();
    assert!(begun["url"].as_str().unwrap().starts_with("https://checkout.example/cs_"), "{begun}");
    let shown = shop.show().await;
    assert_eq!(
        (&shown["state"], &shown["seats"], &shown["checkout"]["url"]),
        (&json!("none"), &json!(10), &begun["url"])
    );
    // The same again is the same checkout.
    assert_eq!(shop.begin(Some(25)).await.unwrap(), begun);
    let session = shop.stripe.open_session();
    let told = shop.stripe.account().sessions[&session].clone();
    assert_eq!((&told["quantity"], &told["price"]), (&json!(25), &json!("price_seat_monthly")));
    assert_eq!(told["success_url"], format!("{HOME}/checkout/{}/done", begun["id"].as_str().unwrap()));
    shop.stripe.pay(&session);
    for _ in 0..3 {
        shop.hear("checkout.session.completed", &session).await;
    }
    let shown = shop.show().await;
    assert_eq!(
        (&shown["state"], &shown["seats"], &shown["plan"]),
        (&json!("active"), &json!(25), &json!("enterprise_seat_monthly"))
    );
    assert_eq!(shown["total"]["text"], "$574.75");
    assert_eq!(shop.trail().iter().filter(|action| *action == "checkout.completed").count(), 1);
    assert_eq!(shop.begin(Some(30)).await.unwrap_err().code, Code::Conflict, "there is a subscription");
    assert_eq!(shop.stripe.effects("POST /v1/customers"), 1);
}

async fn a_checkout_that_was_decided_is_asked_for_once(database: Database) {
    let shop = Shop::open(database, 10);
    // The process dies between the decision and the call.
    let administration = shop.house.assembly.administration.clone();
    let wanted = Wanted { seats: Some(25), plan: Some(Plan::Monthly) };
    let decide =
        move |connection: &mut _| checkout::plan(connection, &administration, &By::OPERATOR, "acme", wanted, HOME);
    let (_, id) = shop.house.assembly.store.write(decide).await.unwrap();
    assert_eq!(shop.stripe.account().sessions.len(), 0);
    let mut shop = shop;
    let clock = shop.clock.clone();
    shop.house.reassemble(clock);
    shop.drive().await;
    shop.drive_later().await;
    assert_eq!(shop.stripe.account().sessions.len(), 1);
    let begun = shop.begin(Some(25)).await.unwrap();
    assert_eq!(begun["id"], id.to_string());
    assert_eq!(shop.stripe.account().sessions.len(), 1);
}

async fn a_provider_that_is_away_loses_no_checkout(database: Database) {
    for fault in [Fault::Down, Fault::Silent, Fault::FailsAfterEffect, Fault::CutOff] {
        let shop = Shop::open(another(&database), 10);
        shop.stripe.fault(Method::POST, "/v1/checkout/sessions", fault);
        let refused = shop.begin(Some(25)).await.unwrap_err();
        assert_eq!(refused.code, Code::Unavailable, "{fault:?}: {}", refused.detail);
        assert!(refused.detail.contains("The checkout is kept"), "{}", refused.detail);
        shop.drive_later().await;
        let begun = shop.begin(Some(25)).await.unwrap();
        assert!(begun["url"].is_string(), "{fault:?}");
        assert_eq!(shop.stripe.account().sessions.len(), 1, "{fault:?}");
        assert_eq!(shop.stripe.account().customers.len(), 1, "{fault:?}");
    }
    // Nobody is there at all.
    let shop = Shop::open(database, 10);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut shop = shop;
    let clock = shop.clock.clone();
    shop.house.configure(&[("billing.stripe.api_base", format!("http://{gone}"))], clock);
    assert_eq!(shop.begin(Some(25)).await.unwrap_err().code, Code::Unavailable);
}

async fn a_refused_checkout_is_over(database: Database) {
    let shop = Shop::open(database, 10);
    shop.stripe.fault(Method::POST, "/v1/checkout/sessions", Fault::Refused);
    let refused = shop.begin(Some(25)).await.unwrap_err();
    assert!(refused.code == Code::Conflict && refused.detail.contains("refuses this checkout"), "{}", refused.detail);
    assert!(shop.trail().contains(&"billing.operation_failed".to_owned()));
    assert!(shop.begin(Some(25)).await.unwrap()["url"].is_string(), "the next one is begun anew");
}

async fn another_checkout_closes_the_one_before(database: Database) {
    let shop = Shop::open(database, 10);
    shop.begin(Some(25)).await.unwrap();
    let first = shop.stripe.open_session();
    let second = shop.begin(Some(30)).await.unwrap();
    let account = shop.stripe.account();
    assert_eq!(account.sessions[&first]["status"], "expired", "nobody pays both");
    assert_eq!(account.sessions.len(), 2);
    let open = account.sessions.values().find(|session| session["status"] == "open").unwrap();
    assert_eq!((&open["url"], &open["quantity"]), (&second["url"], &json!(30)));
    assert_eq!(account.customers.len(), 1);
}

async fn two_paid_checkouts_are_one_subscription(database: Database) {
    let shop = Shop::open(another(&database), 10);
    shop.begin(Some(25)).await.unwrap();
    let first = shop.stripe.open_session();
    // It is paid at the very moment when another one is begun.
    shop.stripe.pay(&first);
    let late = shop.begin(Some(30)).await.unwrap_err();
    assert_eq!(late.code, Code::Conflict, "{}", late.detail);
    let (_, kept) = shop.stripe.subscription();
    assert_eq!(kept["items"]["data"][0]["quantity"], 25);
    assert_eq!(shop.show().await["seats"], 25, "what is paid counts");
    let open = shop.stripe.account().sessions.values().filter(|session| session["status"] == "open").count();
    assert_eq!(open, 0, "and nobody pays the other one");
    // What is told to be another organization's gives this one nothing.
    let shop = Shop::open(another(&database), 10);
    shop.begin(Some(25)).await.unwrap();
    let session = shop.stripe.open_session();
    shop.stripe.pay(&session);
    shop.stripe.change(|subscription| subscription["metadata"]["organization"] = "somebody-else".into());
    shop.hear("checkout.session.completed", &session).await;
    assert_eq!(shop.show().await["state"], "none");
    // Whoever manages to is paid back by the end of it.
    let shop = Shop::subscribed(database, 10).await;
    let (first, subscription) = shop.stripe.subscription();
    let mut second = subscription;
    second["id"] = "sub_second".into();
    shop.stripe.account().subscriptions.insert("sub_second".into(), second);
    shop.hear("customer.subscription.created", "sub_second").await;
    shop.drive().await;
    assert_eq!(shop.stripe.subscription().0, first);
    assert!(shop.trail().contains(&"billing.duplicate_canceled".to_owned()), "{:?}", shop.trail());
}

async fn seats_come_when_they_are_paid_and_go_when_it_is_decided(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    shop.stripe.fault(Method::POST, "/v1/subscriptions", Fault::Down);
    let more = shop.set(15).await.unwrap();
    assert_eq!((&more["seats"], &more["pending_change"]["seats"]), (&json!(10), &json!(15)), "not paid for yet");
    shop.drive_later().await;
    assert_eq!((shop.show().await["seats"].clone(), shop.stripe.quantity()), (json!(15), 15));
    assert_eq!(shop.show().await["pending_change"], json!(null));
    shop.stripe.fault(Method::POST, "/v1/subscriptions", Fault::Down);
    let less = shop.set(5).await.unwrap();
    assert_eq!((&less["seats"], &less["provider_seats"]), (&json!(5), &json!(15)), "nobody sits down on them any more");
    // An event that comes in between brings none of them back.
    let (id, _) = shop.stripe.subscription();
    let (body, header) = shop.stripe.event("customer.subscription.updated", &id);
    shop.take(&body, &header).await;
    shop.drive_later().await;
    assert_eq!((shop.show().await["seats"].clone(), shop.stripe.quantity()), (json!(5), 5));
    let refused = shop.set(0).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidValue);
    shop.house.command(&["member", "list", "--organization", "acme", "--json"]);
}

async fn a_change_has_its_effect_once_whatever_goes_wrong(database: Database) {
    for fault in [Fault::Down, Fault::Silent, Fault::FailsAfterEffect, Fault::CutOff] {
        let shop = Shop::subscribed(another(&database), 10).await;
        let invoices = shop.stripe.account().invoices.len();
        shop.stripe.fault(Method::POST, "/v1/subscriptions", fault);
        let told = shop.set(12).await.unwrap();
        assert_eq!((&told["seats"], &told["pending_change"]["seats"]), (&json!(10), &json!(12)), "{fault:?}");
        // Asked again meanwhile, it is the same decision; and keys do not count for ever.
        shop.set(12).await.unwrap();
        shop.stripe.account().forget_keys();
        shop.drive_later().await;
        shop.drive_later().await;
        assert_eq!((shop.show().await["seats"].clone(), shop.stripe.quantity()), (json!(12), 12), "{fault:?}");
        assert_eq!(shop.stripe.effects("POST /v1/subscriptions"), 1, "{fault:?}");
        assert_eq!(shop.stripe.account().invoices.len(), invoices + 1, "{fault:?}");
    }
    // The answer to the question how it stands is lost, as often as is tried.
    let shop = Shop::subscribed(database, 10).await;
    for _ in 0..3 {
        shop.stripe.fault(Method::GET, "/v1/subscriptions", Fault::CutOff);
    }
    shop.set(12).await.unwrap();
    for _ in 0..4 {
        shop.drive_later().await;
    }
    assert_eq!((shop.show().await["seats"].clone(), shop.stripe.effects("POST /v1/subscriptions")), (json!(12), 1));
}

async fn a_change_that_was_decided_survives_the_process(database: Database) {
    let mut shop = Shop::subscribed(database, 10).await;
    let administration = shop.house.assembly.administration.clone();
    let wanted = Change { seats: Some(12), plan: None };
    let decide = move |connection: &mut _| change::plan(connection, &administration, &By::OPERATOR, "acme", wanted);
    assert!(shop.house.assembly.store.write(decide).await.unwrap().is_some());
    // Nothing was asked; another process takes it up.
    assert_eq!(shop.stripe.quantity(), 10);
    let clock = shop.clock.clone();
    shop.house.reassemble(clock);
    shop.drive().await;
    assert_eq!((shop.show().await["seats"].clone(), shop.stripe.quantity()), (json!(12), 12));
    // A process that dies after it has taken it: it is due again when its time is over.
    shop.stripe.fault(Method::POST, "/v1/subscriptions", Fault::Silent);
    {
        let asking = shop.set(14);
        let dies = tokio::time::timeout(std::time::Duration::from_millis(200), asking).await;
        assert!(dies.is_err(), "the call is never answered");
    }
    shop.drive().await;
    assert_eq!(shop.show().await["seats"], 12, "whoever has taken it may be at it still");
    shop.drive_later().await;
    assert_eq!((shop.show().await["seats"].clone(), shop.stripe.quantity()), (json!(14), 14));
    assert_eq!(shop.stripe.effects("POST /v1/subscriptions"), 2);
}

async fn a_declined_change_is_none(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    for fault in [Fault::Declined, Fault::Refused] {
        shop.stripe.fault(Method::POST, "/v1/subscriptions", fault);
        let refused = shop.set(20).await.unwrap_err();
        assert_eq!((refused.code, refused.status()), (Code::PaymentDeclined, 402), "{}", refused.detail);
        let shown = shop.show().await;
        assert_eq!((&shown["seats"], &shown["pending_change"]), (&json!(10), &json!(null)));
    }
    // What a refused reduction took out of the ledger comes back.
    shop.stripe.fault(Method::POST, "/v1/subscriptions", Fault::Refused);
    assert_eq!(shop.set(5).await.unwrap_err().code, Code::PaymentDeclined);
    assert_eq!(shop.show().await["seats"], 10);
    assert!(shop.set(20).await.unwrap()["seats"] == 20, "and the next one works");
    assert!(shop.trail().contains(&"billing.operation_failed".to_owned()));
}

async fn more_seats_admit_who_waits(database: Database) {
    let shop = Shop::subscribed(database, 2).await;
    shop.house.command(&["organization", "set", "--organization", "acme", "--seat-policy", "waitlist", "--json"]);
    let application = crate::support::in_process::application(shop.house.state()).await;
    for name in ["ann", "bob", "cid"] {
        let body = user(name);
        let (status, _) =
            crate::support::in_process::ask(&application, &shop.house.token, Method::POST, "/Users", Some(&body)).await;
        assert_eq!(status, 201);
    }
    assert_eq!(shop.show().await["waiting"], 2);
    let more = shop.set(3).await.unwrap();
    assert_eq!((&more["seats_used"], &more["waiting"]), (&json!(3), &json!(1)));
    let members = shop.house.command(&["member", "list", "--organization", "acme", "--json"]);
    let status = |name: &str| {
        let found = members.as_array().unwrap().iter().find(|line| line["email"] == format!("{name}@acme.example"));
        found.unwrap()["status"].clone()
    };
    assert_eq!((status("bob"), status("cid")), (json!("active"), json!("waiting")), "who has waited longest first");
    let refused = shop.set(2).await.unwrap_err();
    assert!(refused.code == Code::Conflict && refused.detail.contains("3 seats are used"), "{}", refused.detail);
    assert_eq!(shop.stripe.quantity(), 3);
}

async fn the_plan_changes_by_its_price(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let yearly = shop.order(Change { plan: Some(Plan::Yearly), seats: None }).await.unwrap();
    assert_eq!((&yearly["plan"], &yearly["seats"]), (&json!("enterprise_seat_yearly"), &json!(10)));
    let (_, subscription) = shop.stripe.subscription();
    assert_eq!(subscription["items"]["data"][0]["price"]["lookup_key"], "seat_yearly");
    let shown = shop.house.command(&["organization", "show", "--organization", "acme", "--json"]);
    assert_eq!(shown["plan"], "enterprise_seat_yearly");
}

async fn invoices_and_the_portal(database: Database) {
    use headcount::administration::billing::portal;
    let shop = Shop::subscribed(database, 10).await;
    shop.clock.advance_seconds(60);
    shop.set(12).await.unwrap();
    let listed = shop.house.command(&["billing", "invoices", "--organization", "acme", "--json"]);
    let amounts: Vec<i64> =
        listed.as_array().unwrap().iter().map(|invoice| invoice["amount"]["amount"].as_i64().unwrap()).collect();
    assert_eq!(amounts, [500, 1_000], "newest first, each once: {listed}");
    assert!(listed[0]["url"].as_str().unwrap().starts_with("https://invoice.example/"));
    let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
    let url = portal::open(store, administration, &By::OPERATOR, "acme", HOME).await.unwrap();
    assert!(url.starts_with("https://portal.example/cus_"), "{url}");
    shop.stripe.fault(Method::POST, "/v1/billing_portal", Fault::Down);
    let away = portal::open(store, administration, &By::OPERATOR, "acme", HOME).await.unwrap_err();
    assert_eq!(away.code, Code::Unavailable);
    assert_eq!(shop.stripe.account().unauthorized, 0);
}

async fn a_deleted_organization_pays_no_more(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let (id, _) = shop.stripe.subscription();
    shop.stripe.fault(Method::DELETE, "/v1/subscriptions", Fault::FailsAfterEffect);
    shop.house.command(&["organization", "delete", "--organization", "acme", "--name", "Acme", "--json"]);
    assert_eq!(shop.stripe.account().subscriptions[&id]["status"], "active", "the command has asked nobody yet");
    shop.drive().await;
    shop.drive_later().await;
    assert_eq!(shop.stripe.account().subscriptions[&id]["status"], "canceled");
    assert_eq!(shop.stripe.effects("DELETE /v1/subscriptions"), 1);
    // What comes late brings nothing back to life.
    shop.stripe.account().subscriptions.get_mut(&id).unwrap()["status"] = "active".into();
    shop.hear("customer.subscription.updated", &id).await;
    shop.drive().await;
    assert_eq!(shop.stripe.account().subscriptions[&id]["status"], "canceled");
    let shown = shop.house.command(&["organization", "show", "--organization", "acme", "--json"]);
    assert_eq!(shown["state"], "deleted");
}
