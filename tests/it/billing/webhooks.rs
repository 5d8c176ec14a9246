//! Stripe's events: signed, taken once, in any order, and never believed.

use diesel::sql_types::BigInt;
use headcount::administration::By;
use headcount::administration::billing::reconcile;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::fake::{Fault, Stripe, WEBHOOK_SECRET, signed};
use super::pages::assert_page;
use super::{Shop, trail};
use crate::sign_in::browser::{Answer, Browser};
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    what_is_not_signed_is_refused,
    an_event_counts_once,
    old_news_changes_nothing,
    a_late_answer_does_not_overwrite_a_newer_one,
    a_payment_fails_and_is_made_up_for,
    a_subscription_ends,
    a_checkout_that_nobody_paid,
    what_the_api_says_while_stripe_is_away,
    strangers_events_are_ignored,
    the_webhook_comes_before_the_customer,
    the_customer_comes_before_the_webhook,
);

const HOOK: &str = "/billing/stripe/webhook";

/// A Headcount that listens, an account, and an owner who is signed in.
async fn open(database: Database) -> (Clocked, Stripe, Browser) {
    let clock = headcount::clock::ManualClock::at(headcount::clock::Clock::now(&headcount::clock::SystemClock));
    let stripe = Stripe::start(&clock);
    let settings = stripe.settings();
    let settings: Vec<(&'static str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let place = Clocked::open(database, &settings);
    let owner = crate::api::client::joined(&place, "owner").await;
    (place, stripe, owner)
}

async fn post(place: &Clocked, body: &str, signature: Option<&str>) -> Answer {
    let shape = |request: reqwest::RequestBuilder| {
        let request = request.body(body.to_owned());
        signature.iter().fold(request, |request, signature| request.header("stripe-signature", *signature))
    };
    place.browser().send(Method::POST, HOOK, shape).await
}

/// Waits until what an event has set going is done.
async fn until(owner: &Browser, is: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let shown = owner.ask("/api/v1/organizations/acme/billing").await.is(200);
        if is(&shown) {
            return shown;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("what was waited for does not come");
}

/// Begins a checkout and pays it; the session.
async fn buy(stripe: &Stripe, owner: &Browser) -> (String, String) {
    let order = json!({"seats": 25, "plan": "enterprise_seat_monthly"});
    let begun = owner.make("/api/v1/organizations/acme/checkout", &order).await.is(201);
    let session = stripe.open_session();
    stripe.pay(&session);
    (session, format!("/checkout/{}/done", begun["id"].as_str().unwrap()))
}

fn count(place: &Clocked, table: &'static str) -> i64 {
    let sql = Sql::new(table);
    sql.first::<BigInt, i64>(&mut place.house.database()).unwrap().unwrap()
}

async fn what_is_not_signed_is_refused(database: Database) {
    let (place, stripe, owner) = open(database).await;
    let (session, _) = buy(&stripe, &owner).await;
    let (body, right) = stripe.event("checkout.session.completed", &session);
    let now = stripe.account().seconds();
    for (signature, what) in [
        (None, "without a signature"),
        (Some(String::new()), "empty"),
        (Some(signed("whsec_of_somebody_else", now, body.as_bytes())), "forged"),
        (Some(signed(WEBHOOK_SECRET, now - 301, body.as_bytes())), "old"),
        (Some(signed(WEBHOOK_SECRET, now + 400, body.as_bytes())), "of the future"),
        (Some(signed(WEBHOOK_SECRET, now, b"{}")), "of another body"),
    ] {
        let refused = post(&place, &body, signature.as_deref()).await;
        assert_eq!(refused.status, 400, "{what}: {}", refused.body);
        assert!(refused.body.contains("\"code\":\"bad_request\""), "{what}: {}", refused.body);
    }
    let junk = "no JSON";
    assert_eq!(post(&place, junk, Some(&signed(WEBHOOK_SECRET, now, junk.as_bytes()))).await.status, 400);
    let large = "x".repeat((256 << 10) + 1);
    assert_eq!(post(&place, &large, Some(&right)).await.status, 413);
    assert_eq!(count(&place, "SELECT count(*) FROM billing_events"), 0);
    assert_eq!(owner.ask("/api/v1/organizations/acme/billing").await.is(200)["state"], "none");
    // And with the right one it counts.
    assert_eq!(post(&place, &body, Some(&right)).await.status, 200);
    until(&owner, |shown| shown["state"] == "active").await;
}

async fn an_event_counts_once(database: Database) {
    let (place, stripe, owner) = open(database).await;
    let (session, _) = buy(&stripe, &owner).await;
    let (body, signature) = stripe.event("checkout.session.completed", &session);
    let posts = (0..8).map(|_| post(&place, &body, Some(&signature)));
    for answer in futures_util::future::join_all(posts).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    until(&owner, |shown| shown["state"] == "active").await;
    assert_eq!(count(&place, "SELECT count(*) FROM billing_events"), 1);
    assert_eq!(count(&place, "SELECT count(*) FROM billing_operations WHERE kind = 'refresh'"), 1);
    assert_eq!(count(&place, "SELECT count(*) FROM invoices"), 1);
}

async fn old_news_changes_nothing(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let (id, _) = shop.stripe.subscription();
    let old = shop.stripe.event("customer.subscription.updated", &id);
    shop.stripe.change(|subscription| subscription["items"]["data"][0]["quantity"] = 20.into());
    let new = shop.stripe.event("customer.subscription.updated", &id);
    for (body, header) in [&new, &old, &new] {
        shop.take(body, header).await;
        shop.drive().await;
        assert_eq!(shop.show().await["seats"], 20, "what Stripe says when it is asked counts");
    }
}

async fn a_late_answer_does_not_overwrite_a_newer_one(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let (id, _) = shop.stripe.subscription();
    let (body, header) = shop.stripe.event("customer.subscription.updated", &id);
    shop.take(&body, &header).await;
    shop.stripe.fault(actix_web::http::Method::GET, "/v1/subscriptions", Fault::Held);
    let slow = shop.drive();
    let quick = async {
        // Once the first has been asked, it changes, and is asked by somebody else.
        while shop.stripe.account().has_faults() {
            tokio::task::yield_now().await;
        }
        shop.stripe.change(|subscription| subscription["items"]["data"][0]["quantity"] = 20.into());
        let (store, administration) = (&shop.house.assembly.store, &shop.house.assembly.administration);
        reconcile::one(store, administration, &By::OPERATOR, "acme").await.unwrap();
        assert_eq!(shop.show().await["seats"], 20);
        shop.stripe.release();
    };
    futures_util::future::join(slow, quick).await;
    let shown = shop.show().await;
    assert_eq!((&shown["seats"], &shown["provider_seats"]), (&json!(20), &json!(20)));
}

async fn a_payment_fails_and_is_made_up_for(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    shop.stripe.change(|subscription| subscription["status"] = "past_due".into());
    let (id, _) = shop.stripe.subscription();
    shop.hear("customer.subscription.updated", &id).await;
    let shown = shop.show().await;
    assert_eq!((&shown["state"], &shown["organization_state"]), (&json!("past_due"), &json!("past_due")));
    let refused = shop.set(12).await.unwrap_err();
    assert!(refused.detail.contains("payment was declined"), "{}", refused.detail);
    shop.stripe.change(|subscription| subscription["status"] = "active".into());
    shop.hear("customer.subscription.updated", &id).await;
    let shown = shop.show().await;
    assert_eq!((&shown["state"], &shown["organization_state"]), (&json!("active"), &json!("active")));
    let trail = shop.trail();
    for action in ["billing.past_due", "billing.paid"] {
        assert_eq!(trail.iter().filter(|told| *told == action).count(), 1, "{action}: {trail:?}");
    }
    // Owners are told of it, and of the beginning.
    let mails = shop.house.command(&["outbox", "list", "--json"]);
    assert_eq!(mails.as_array().unwrap().iter().filter(|mail| mail["kind"] == "billing").count(), 2, "{mails}");
}

async fn a_subscription_ends(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let (id, _) = shop.stripe.subscription();
    shop.stripe.change(|subscription| subscription["status"] = "canceled".into());
    shop.hear("customer.subscription.deleted", &id).await;
    let shown = shop.show().await;
    assert_eq!((&shown["state"], &shown["organization_state"]), (&json!("canceled"), &json!("past_due")));
    assert_eq!(shown["seats"], 10, "nobody is thrown out by it");
    assert_eq!(shown["next_invoice"], Value::Null);
    // A new checkout begins a new one.
    shop.begin(Some(5)).await.unwrap();
    let session = shop.stripe.open_session();
    shop.stripe.pay(&session);
    shop.hear("checkout.session.completed", &session).await;
    let shown = shop.show().await;
    assert_eq!(
        (&shown["state"], &shown["organization_state"], &shown["seats"]),
        (&json!("active"), &json!("active"), &json!(5))
    );
    // The old one's last event comes late.
    shop.hear("customer.subscription.deleted", &id).await;
    assert_eq!(shop.show().await["state"], "active");
}

async fn a_checkout_that_nobody_paid(database: Database) {
    let shop = Shop::open(database, 10);
    let begun = shop.begin(Some(25)).await.unwrap();
    let session = shop.stripe.open_session();
    shop.stripe.account().sessions.get_mut(&session).unwrap()["status"] = "expired".into();
    shop.hear("checkout.session.expired", &session).await;
    let shown = shop.show().await;
    assert_eq!((&shown["state"], &shown["checkout"]), (&json!("none"), &Value::Null));
    assert!(shop.trail().contains(&"checkout.expired".to_owned()));
    assert_ne!(shop.begin(Some(25)).await.unwrap()["id"], begun["id"]);
}

async fn what_the_api_says_while_stripe_is_away(database: Database) {
    const BILLING: &str = "/api/v1/organizations/acme/billing";
    let (place, stripe, owner) = open(database).await;
    let fault = |method: actix_web::http::Method, path, fault| stripe.fault(method, path, fault);
    fault(actix_web::http::Method::POST, "/v1/checkout/sessions", Fault::Down);
    let order = json!({"seats": 25, "plan": "enterprise_seat_monthly"});
    let away = owner.make("/api/v1/organizations/acme/checkout", &order).await;
    assert!(away.problem(503, "unavailable").contains("The checkout is kept"));
    assert_eq!(away.header("retry-after"), "2");
    place.clock.advance_seconds(60);
    let (session, _) = buy(&stripe, &owner).await;
    let (body, signature) = stripe.event("checkout.session.completed", &session);
    assert_eq!(post(&place, &body, Some(&signature)).await.status, 200);
    until(&owner, |shown| shown["state"] == "active").await;
    fault(actix_web::http::Method::POST, "/v1/subscriptions", Fault::Declined);
    let declined = owner.change(BILLING, &json!({"seats": 30})).await;
    assert!(declined.problem(402, "payment_declined").contains("nothing was changed"));
    fault(actix_web::http::Method::POST, "/v1/subscriptions", Fault::Down);
    let decided = owner.change(BILLING, &json!({"seats": 30})).await.is(202);
    assert_eq!((&decided["seats"], &decided["pending_change"]["seats"]), (&json!(25), &json!(30)));
    fault(actix_web::http::Method::POST, "/v1/billing_portal", Fault::Down);
    owner.make(&format!("{BILLING}/portal"), &json!({})).await.problem(503, "unavailable");
    let opened = owner.make(&format!("{BILLING}/portal"), &json!({})).await.is(200);
    assert!(opened["url"].as_str().unwrap().starts_with("https://portal.example/"), "{opened}");
}

async fn strangers_events_are_ignored(database: Database) {
    let (place, stripe, owner) = open(database).await;
    let (session, _) = buy(&stripe, &owner).await;
    let now = stripe.account().seconds();
    for object in [
        json!({"id": "evt_x1", "type": "charge.succeeded", "data": {"object": {"id": "ch_1"}}}),
        json!({"id": "evt_x2", "type": "customer.subscription.updated", "data": {"object": {"id": "sub_of_nobody"}}}),
        json!({"id": "evt_x3", "type": "checkout.session.completed", "data": {"object": {"id": "cs_1", "client_reference_id": "x"}}}),
        json!({"id": "evt_x4", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}),
    ] {
        let body = object.to_string();
        let answer = post(&place, &body, Some(&signed(WEBHOOK_SECRET, now, body.as_bytes()))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(count(&place, "SELECT count(*) FROM billing_events"), 0);
    assert_eq!(stripe.account().sessions[&session]["status"], "complete");
    assert!(!trail(&place.house).contains(&"checkout.completed".to_owned()));
}

async fn the_webhook_comes_before_the_customer(database: Database) {
    let (place, stripe, owner) = open(database).await;
    wait_for_a_checkout(&place);
    let (session, done) = buy(&stripe, &owner).await;
    let (body, signature) = stripe.event("checkout.session.completed", &session);
    assert_eq!(post(&place, &body, Some(&signature)).await.status, 200);
    let shown = until(&owner, |shown| shown["state"] == "active").await;
    assert_eq!((&shown["organization_state"], &shown["seats"]), (&json!("active"), &json!(25)));
    for _ in 0..2 {
        let page = owner.get(&done).await;
        assert_page(&page);
        assert!(page.body.contains("Acme has 25 seats") && page.body.contains("Invite people now"), "{}", page.body);
    }
    assert_once(&place, &stripe);
}

async fn the_customer_comes_before_the_webhook(database: Database) {
    let (place, stripe, owner) = open(database).await;
    wait_for_a_checkout(&place);
    let (session, done) = buy(&stripe, &owner).await;
    let page = owner.get(&done).await;
    assert!(page.body.contains("Acme has 25 seats"), "{}", page.body);
    assert_eq!(owner.ask("/api/v1/organizations/acme/billing").await.is(200)["organization_state"], "active");
    let (body, signature) = stripe.event("checkout.session.completed", &session);
    assert_eq!(post(&place, &body, Some(&signature)).await.status, 200);
    assert_page(&owner.get(&done).await);
    assert_once(&place, &stripe);
}

/// The organization is as it is made by somebody at the portal.
fn wait_for_a_checkout(place: &Clocked) {
    Sql::new("UPDATE organizations SET state = 'pending_checkout'").execute(&mut place.house.database()).unwrap();
}

fn assert_once(place: &Clocked, stripe: &Stripe) {
    assert_eq!(stripe.account().subscriptions.len(), 1);
    assert_eq!(count(place, "SELECT count(*) FROM subscriptions"), 1);
    assert_eq!(trail(&place.house).iter().filter(|action| *action == "checkout.completed").count(), 1);
}
