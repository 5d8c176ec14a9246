//! The built-in provider: checkouts with test cards, changes, renewals and failures by the clock.

use std::sync::Arc;

use headcount::administration::By;
use headcount::administration::billing::change::{self, Change};
use headcount::administration::billing::checkout::{self, Wanted};
use headcount::administration::billing::{ending, payment, portal, renewal};
use headcount::clock::{Clock as _, ManualClock, SystemClock, Timestamp};
use headcount::error::{Code, Error};
use headcount::id::CheckoutId;
use headcount::organization::plan::Plan;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use super::{HOME, another, shown, trail};
use crate::support::in_process::House;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    a_checkout_is_paid_once,
    a_declined_card_buys_nothing,
    what_is_over_is_not_paid,
    nobody_begins_checkouts_without_end,
    seats_change_at_once_and_by_their_price,
    periods_are_renewed_by_the_clock,
    a_declined_renewal_is_past_due_until_it_is_paid,
    an_operators_organization_needs_no_checkout,
    a_deleted_organization_pays_no_more,
);

const DAY: i64 = 24 * 3_600;
const WORKS: &str = "4242 4242 4242 4242";
const DECLINES: &str = "4000 0000 0000 0002";
const DECLINES_LATER: &str = "4000 0000 0000 0341";

/// A Headcount with the built-in provider.
pub struct Till {
    pub clock: Arc<ManualClock>,
    pub house: House,
}

impl Till {
    pub fn open(database: Database, seats: u32) -> Self {
        // On a day from which months are easily counted.
        let today = SystemClock.now().to_string();
        let start = Timestamp::parse(&format!("{}-01T00:00:00Z", &today[..7])).unwrap();
        let clock = ManualClock::at(start.max(Timestamp::parse("2026-12-01T00:00:00Z").unwrap()));
        let house = House::with(database, seats, clock.clone(), Vec::new());
        Self { clock, house }
    }

    pub async fn subscribed(database: Database, seats: u32) -> Self {
        Self::paid_by(database, seats, WORKS).await
    }

    async fn paid_by(database: Database, seats: u32, card: &str) -> Self {
        let till = Self::open(database, seats);
        let id = till.begin(i64::from(seats)).await.unwrap();
        till.pay(id, card).await.unwrap();
        till
    }

    pub async fn begin(&self, seats: i64) -> Result<CheckoutId, Error> {
        let (store, administration) = (&self.house.assembly.store, &self.house.assembly.administration);
        let wanted = Wanted { seats: Some(seats), plan: Some(Plan::Monthly) };
        let begun = checkout::begin(store, administration, &By::OPERATOR, "acme", wanted, HOME).await?;
        Ok(begun.id)
    }

    pub async fn pay(&self, id: CheckoutId, card: &str) -> Result<String, Error> {
        let (administration, card) = (self.house.assembly.administration.clone(), card.to_owned());
        let pay =
            move |connection: &mut _| payment::pay(connection, &administration, &By::OPERATOR, "acme", (id, &card));
        self.house.assembly.store.write(pay).await.map(|paid| paid.state)
    }

    async fn set(&self, seats: Option<i64>, plan: Option<Plan>) -> Result<Value, Error> {
        let (store, administration) = (&self.house.assembly.store, &self.house.assembly.administration);
        change::set(store, administration, &By::OPERATOR, "acme", Change { seats, plan }).await.map(|set| json!(set))
    }

    async fn show(&self) -> Value {
        shown(&self.house).await
    }

    async fn renew(&self) -> usize {
        renewal::renew_due(&self.house.assembly.store, &self.house.assembly.administration).await.unwrap()
    }

    /// State and amount of each invoice, oldest first.
    fn invoices(&self) -> Vec<(String, i64)> {
        let listed = self.house.command(&["billing", "invoices", "--organization", "acme", "--json"]);
        let line = |invoice: &Value| {
            (invoice["state"].as_str().unwrap().to_owned(), invoice["amount"]["amount"].as_i64().unwrap())
        };
        listed.as_array().unwrap().iter().rev().map(line).collect()
    }
}

fn paid(amount: i64) -> (String, i64) {
    ("paid".into(), amount)
}

async fn a_checkout_is_paid_once(database: Database) {
    let till = Till::open(database, 10);
    let id = till.begin(25).await.unwrap();
    assert_eq!(till.begin(25).await.unwrap(), id, "the same again is the same");
    assert_eq!(till.show().await["checkout"]["url"], format!("{HOME}/checkout/{id}"));
    let paid_at_once = futures_util::future::join_all((0..8).map(|_| till.pay(id, WORKS))).await;
    for outcome in paid_at_once {
        assert_eq!(outcome.unwrap(), "completed");
    }
    let shown = till.show().await;
    assert_eq!((&shown["state"], &shown["seats"], &shown["provider"]), (&json!("active"), &json!(25), &json!("local")));
    assert_eq!(
        (&shown["total"]["text"], &shown["next_invoice"]["amount"]["amount"]),
        (&json!("$574.75"), &json!(57_475))
    );
    assert_eq!(till.invoices(), [paid(57_475)]);
    assert_eq!(trail(&till.house).iter().filter(|action| *action == "checkout.completed").count(), 1);
    assert_eq!(till.begin(30).await.unwrap_err().code, Code::Conflict);
}

async fn a_declined_card_buys_nothing(database: Database) {
    let till = Till::open(database, 10);
    let id = till.begin(25).await.unwrap();
    let refused = till.pay(id, DECLINES).await.unwrap_err();
    assert_eq!((refused.code, refused.status()), (Code::PaymentDeclined, 402));
    for none in ["", "4111 1111 1111 1111", "a card"] {
        assert_eq!(till.pay(id, none).await.unwrap_err().code, Code::InvalidValue, "{none}");
    }
    let shown = till.show().await;
    assert_eq!((&shown["state"], &shown["seats"]), (&json!("none"), &json!(10)));
    assert!(till.invoices().is_empty());
    assert_eq!(till.pay(id, WORKS).await.unwrap(), "completed", "another one does");
}

async fn what_is_over_is_not_paid(database: Database) {
    let till = Till::open(database, 10);
    let first = till.begin(25).await.unwrap();
    let second = till.begin(30).await.unwrap();
    assert_eq!(till.pay(first, WORKS).await.unwrap_err().code, Code::Conflict, "another one is begun in its place");
    till.clock.advance_seconds(DAY);
    assert_eq!(till.pay(second, WORKS).await.unwrap_err().code, Code::Conflict, "it has expired");
    let third = till.begin(30).await.unwrap();
    assert_ne!(third, second);
    assert_eq!(till.pay(third, WORKS).await.unwrap(), "completed");
    // Fewer than are used is no checkout.
    let till = Till::open(Database::Sqlite, 10);
    assert_eq!(till.begin(0).await.unwrap_err().code, Code::InvalidValue);
}

async fn nobody_begins_checkouts_without_end(database: Database) {
    let till = Till::open(database, 10);
    for seats in 0..30 {
        till.begin(20 + seats).await.unwrap();
    }
    let refused = till.begin(99).await.unwrap_err();
    assert_eq!((refused.code, refused.retry_after), (Code::TooManyRequests, Some(3_600)));
    till.begin(49).await.unwrap();
    till.clock.advance_seconds(3_601);
    till.begin(99).await.unwrap();
}

async fn seats_change_at_once_and_by_their_price(database: Database) {
    let till = Till::subscribed(database, 10).await;
    // Ten of December's 31 days are gone.
    till.clock.advance_seconds(10 * DAY);
    let preview = ["billing", "set", "--organization", "acme", "--seats", "15", "--preview", "--json"];
    // The command runs on the system's clock; the rule is the same.
    assert!(till.house.command(&preview)["next_invoice"]["amount"]["amount"] == 34_485);
    let more = till.set(Some(15), None).await.unwrap();
    assert_eq!((&more["seats"], &more["pending_change"]), (&json!(15), &Value::Null));
    let share = |amount: i64| (amount * 21 * 2 + 31) / 62;
    assert_eq!(till.invoices(), [paid(22_990), paid(share(34_485) - share(22_990))]);
    // Fewer: what was paid too much is taken off the next invoice.
    till.set(Some(5), None).await.unwrap();
    let credit = share(34_485) - share(11_495);
    assert_eq!(till.show().await["next_invoice"]["amount"]["amount"], (11_495 - credit).max(0));
    let refused = till.set(Some(0), None).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidValue);
    // Another plan begins its own period.
    let yearly = till.set(None, Some(Plan::Yearly)).await.unwrap();
    assert_eq!((&yearly["plan"], &yearly["per"]), (&json!("enterprise_seat_yearly"), &json!("year")));
    assert_eq!(yearly["period_start"], till.clock.now().to_string());
    let before = till.invoices();
    till.set(None, Some(Plan::Yearly)).await.unwrap();
    assert_eq!(till.invoices(), before, "nothing is changed and nothing paid");
}

async fn periods_are_renewed_by_the_clock(database: Database) {
    let till = Till::subscribed(database, 10).await;
    assert_eq!(till.renew().await, 0);
    till.clock.advance_seconds(31 * DAY - 1);
    assert_eq!(till.renew().await, 0, "not a second too early");
    till.clock.advance_seconds(1);
    assert_eq!(till.renew().await, 1);
    assert_eq!(till.renew().await, 0, "and once");
    assert_eq!(till.invoices(), [paid(22_990), paid(22_990)]);
    // The service was down for two months: each has its invoice.
    till.clock.advance_seconds(65 * DAY);
    assert_eq!(till.renew().await, 2);
    assert_eq!(till.invoices().len(), 4);
    let shown = till.show().await;
    assert!(shown["period_end"].as_str().unwrap() > till.clock.now().to_string().as_str(), "{shown}");
    // Several processes at once renew once.
    till.clock.advance_seconds(31 * DAY);
    let twin = till.house.twin(till.clock.clone());
    let (one, other) = futures_util::future::join(till.renew(), async {
        renewal::renew_due(&twin.store, &twin.administration).await.unwrap()
    })
    .await;
    assert_eq!(one + other, 1);
    assert_eq!(till.invoices().len(), 5);
}

async fn a_declined_renewal_is_past_due_until_it_is_paid(database: Database) {
    let till = Till::paid_by(database, 10, DECLINES_LATER).await;
    assert_eq!(till.set(Some(12), None).await.unwrap_err().code, Code::PaymentDeclined);
    assert_eq!(till.show().await["seats"], 10, "a change that is not paid is none");
    till.clock.advance_seconds(31 * DAY);
    assert_eq!(till.renew().await, 1);
    let shown = till.show().await;
    assert_eq!((&shown["state"], &shown["organization_state"]), (&json!("past_due"), &json!("past_due")));
    assert_eq!(till.invoices(), [paid(22_990), ("open".into(), 22_990)]);
    till.clock.advance_seconds(DAY);
    assert_eq!(till.renew().await, 1, "it is tried again once a day");
    assert_eq!(till.renew().await, 0);
    assert_eq!(till.show().await["state"], "past_due");
    // Another card pays what is owed.
    let (store, administration) = (&till.house.assembly.store, &till.house.assembly.administration);
    let url = portal::open(store, administration, &By::OPERATOR, "acme", HOME).await.unwrap();
    let id: CheckoutId = url.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(till.pay(id, DECLINES).await.unwrap_err().code, Code::PaymentDeclined);
    assert_eq!(till.pay(id, WORKS).await.unwrap(), "completed");
    assert_eq!(till.pay(id, WORKS).await.unwrap(), "completed", "sent twice");
    let shown = till.show().await;
    assert_eq!((&shown["state"], &shown["organization_state"]), (&json!("active"), &json!("active")));
    assert_eq!(till.invoices(), [paid(22_990), paid(22_990)]);
    till.clock.advance_seconds(31 * DAY);
    assert_eq!(till.renew().await, 1);
    assert_eq!(till.show().await["state"], "active");
}

async fn an_operators_organization_needs_no_checkout(database: Database) {
    let empty = another(&database);
    let till = Till::open(database, 10);
    let shown = till.show().await;
    assert_eq!(
        (&shown["state"], &shown["provider"], &shown["organization_state"]),
        (&json!("none"), &Value::Null, &json!("active"))
    );
    assert_eq!(till.set(Some(12), None).await.unwrap_err().code, Code::Conflict);
    till.clock.advance_seconds(400 * DAY);
    assert_eq!(till.renew().await, 0);
    // Once seats are bought they are changed where they are bought.
    let till = Till::subscribed(empty, 10).await;
    let output =
        crate::support::run(&till.house.url, &["organization", "set", "--organization", "acme", "--seats", "50"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("headcount billing set"), "{told}");
}

async fn a_deleted_organization_pays_no_more(database: Database) {
    let till = Till::subscribed(database, 10).await;
    let administration = till.house.assembly.administration.clone();
    let delete = move |connection: &mut _| {
        let mut batch = headcount::store::batch::Batch::default();
        let id = headcount::store::organizations::by_slug(connection, "acme")?.unwrap().id;
        ending::cancel(connection, &administration, &By::OPERATOR, &mut batch, id)?;
        Ok(headcount::store::Planned { batch, answer: () })
    };
    till.house.assembly.store.write(delete).await.unwrap();
    Sql::new("UPDATE organizations SET state = 'deleted'").execute(&mut till.house.database()).unwrap();
    till.clock.advance_seconds(400 * DAY);
    assert_eq!(till.renew().await, 0);
}
