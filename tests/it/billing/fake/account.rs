//! The account: what it has, and what each call does to it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use actix_web::http::Method;
use headcount::clock::{Clock as _, ManualClock};
use serde_json::{Value, json};

use super::Fault;

/// The account.
pub struct Account {
    clock: Arc<ManualClock>,
    next: u64,
    pub customers: BTreeMap<String, Value>,
    pub sessions: BTreeMap<String, Value>,
    pub subscriptions: BTreeMap<String, Value>,
    pub invoices: Vec<Value>,
    pub refunds: Vec<Value>,
    /// The answer to each key, and what was asked with it.
    answered: BTreeMap<String, (String, u16, Value)>,
    /// Methods with the beginnings of paths, and what becomes of the next such call.
    pub(super) faults: VecDeque<(Method, &'static str, Fault)>,
    /// Changes that had an effect, as `POST /v1/…`.
    pub effects: Vec<String>,
    pub unauthorized: usize,
}

impl Account {
    pub(super) fn new(clock: Arc<ManualClock>) -> Self {
        Self {
            clock,
            next: 0,
            customers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            invoices: Vec::new(),
            refunds: Vec::new(),
            answered: BTreeMap::new(),
            faults: VecDeque::new(),
            effects: Vec::new(),
            unauthorized: 0,
        }
    }

    pub(super) fn id(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}_{}", self.next)
    }

    /// Whether a call is awaited that goes wrong.
    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// A day is over: keys count no more.
    pub fn forget_keys(&mut self) {
        self.answered.clear();
    }

    pub fn seconds(&self) -> i64 {
        self.clock.now().0 / 1_000_000
    }

    pub(super) fn pay(&mut self, session: &str) -> String {
        let subscription = self.id("sub");
        let now = self.seconds();
        let found = self.sessions.get_mut(session).expect("a session");
        assert_eq!(found["status"], "open", "nobody pays at a page that is closed");
        found["status"] = "complete".into();
        found["url"] = Value::Null;
        found["subscription"] = subscription.clone().into();
        let made = json!({
            "id": subscription, "object": "subscription", "status": "active", "customer": found["customer"],
            "cancel_at_period_end": false, "billing_cycle_anchor": now, "current_period_start": now,
            "current_period_end": now + 30 * 86_400,
            "metadata": {"organization": found["client_reference_id"], "checkout": found["named"]},
            "items": {"data": [{"id": format!("si_{subscription}"), "quantity": found["quantity"],
                "price": {"id": found["price"], "lookup_key": lookup_key(found["price"].as_str().unwrap())}}]}
        });
        self.subscriptions.insert(subscription.clone(), made);
        self.bill(&subscription, 1_000);
        subscription
    }

    pub fn bill(&mut self, subscription: &str, amount: i64) {
        let (id, by, now) = (self.id("in"), self.id("pi"), self.seconds());
        self.invoices.push(json!({
            "id": id, "number": format!("HC-{id}"), "status": "paid", "total": amount, "amount_paid": amount, "payment_intent": by, "currency": "usd", "created": now,
            "subscription": subscription, "hosted_invoice_url": format!("https://invoice.example/{id}"),
            "lines": {"data": [{"description": "Seats", "period": {"start": now, "end": now + 1}}]}
        }));
    }

    fn call(&mut self, method: &Method, path: &str, pairs: &BTreeMap<String, String>) -> (u16, Value) {
        let given = |name: &str| pairs.get(name).cloned().unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        let missing = || (404, json!({"error": {"code": "resource_missing", "message": "No such object"}}));
        match (method.as_str(), parts.as_slice()) {
            ("POST", ["customers"]) => {
                let id = self.id("cus");
                let metadata = json!({"organization": given("metadata[organization]")});
                let made = json!({"id": id, "name": given("name"), "created": self.seconds(), "metadata": metadata});
                self.customers.insert(id, made.clone());
                (200, made)
            }
            ("GET", ["customers"]) => {
                let since: i64 = given("created[gte]").parse().unwrap();
                let made = self.customers.values().filter(|customer| customer["created"].as_i64() >= Some(since));
                (200, json!({"data": made.collect::<Vec<_>>()}))
            }
            ("GET", ["customers", id]) => self.customers.get(*id).map_or_else(missing, |found| (200, found.clone())),
            ("GET", ["prices"]) => {
                let key = given("lookup_keys[]");
                (200, json!({"data": [{"id": format!("price_{key}"), "lookup_key": key}]}))
            }
            ("POST", ["checkout", "sessions"]) => {
                let customer = self.customers.get(&given("customer"));
                if customer.is_none_or(|customer| customer["deleted"] == true) {
                    return (400, json!({"error": {"code": "resource_missing", "message": "No such customer"}}));
                }
                let id = self.id("cs");
                let made = json!({
                    "id": id, "status": "open", "url": format!("https://checkout.example/{id}"),
                    "expires_at": self.seconds() + 86_400, "customer": given("customer"),
                    "client_reference_id": given("client_reference_id"), "subscription": null,
                    "metadata": {"organization": given("metadata[organization]"), "checkout": given("metadata[checkout]")},
                    "named": given("subscription_data[metadata][checkout]"),
                    "price": given("line_items[0][price]"), "success_url": given("success_url"),
                    "quantity": given("line_items[0][quantity]").parse::<i64>().unwrap()
                });
                self.sessions.insert(id, made.clone());
                (200, made)
            }
            ("GET", ["checkout", "sessions"]) => {
                let own = self.sessions.values().filter(|session| session["customer"] == given("customer").as_str());
                (200, json!({"data": own.collect::<Vec<_>>()}))
            }
            ("GET", ["checkout", "sessions", id]) => {
                self.sessions.get(*id).map_or_else(missing, |found| (200, found.clone()))
            }
            ("POST", ["checkout", "sessions", id, "expire"]) => match self.sessions.get_mut(*id) {
                None => missing(),
                Some(found) if found["status"] != "open" => (400, json!({"error": {"message": "not open"}})),
                Some(found) => {
                    found["status"] = "expired".into();
                    (200, found.clone())
                }
            },
            ("GET", ["subscriptions", id]) => {
                self.subscriptions.get(*id).map_or_else(missing, |found| (200, found.clone()))
            }
            ("POST", ["subscriptions", id]) => self.order(id, pairs),
            ("DELETE", ["subscriptions", id]) => match self.subscriptions.get_mut(*id) {
                None => missing(),
                Some(found) if found["status"] == "canceled" => missing(),
                Some(found) => {
                    found["status"] = "canceled".into();
                    (200, found.clone())
                }
            },
            ("POST", ["billing_portal", "sessions"]) => {
                (200, json!({"id": "bps_1", "url": format!("https://portal.example/{}", given("customer"))}))
            }
            ("GET", ["invoices"]) => {
                let own = self
                    .invoices
                    .iter()
                    .rev()
                    .filter(|invoice| invoice["subscription"] == given("subscription").as_str());
                (200, json!({"data": own.collect::<Vec<_>>()}))
            }
            ("GET", ["refunds"]) => {
                let by = given("payment_intent");
                let made = self.refunds.iter().filter(|refund| refund["payment_intent"] == by.as_str());
                (200, json!({"data": made.collect::<Vec<_>>()}))
            }
            ("POST", ["refunds"]) => self.refund(&given("payment_intent")),
            _ => missing(),
        }
    }

    fn refund(&mut self, by: &str) -> (u16, Value) {
        if self.refunds.iter().any(|refund| refund["payment_intent"] == by) {
            return (400, json!({"error": {"code": "charge_already_refunded", "message": "It has been refunded."}}));
        }
        let Some(paid) = self.invoices.iter().find(|invoice| invoice["payment_intent"] == by) else {
            return (400, json!({"error": {"code": "resource_missing", "message": "No such payment_intent"}}));
        };
        let amount = paid["amount_paid"].clone();
        let made = json!({"id": self.id("re"), "payment_intent": by, "amount": amount, "status": "succeeded"});
        self.refunds.push(made.clone());
        (200, made)
    }

    fn order(&mut self, id: &str, pairs: &BTreeMap<String, String>) -> (u16, Value) {
        let Some(found) = self.subscriptions.get_mut(id) else { return (404, Value::Null) };
        let wanted = pairs.get("items[0][id]").map(String::as_str);
        let items = found["items"]["data"].as_array_mut().unwrap();
        let Some(item) = items.iter_mut().find(|item| item["id"].as_str() == wanted) else {
            return (400, json!({"error": {"message": "no such item"}}));
        };
        if let Some(quantity) = pairs.get("items[0][quantity]") {
            item["quantity"] = quantity.parse::<i64>().unwrap().into();
        }
        if let Some(price) = pairs.get("items[0][price]") {
            item["price"] = json!({"id": price, "lookup_key": lookup_key(price)});
        }
        let answer = found.clone();
        self.bill(id, 500);
        (200, answer)
    }
}

impl Account {
    /// From now on this is the answer to the key: what went wrong goes wrong again.
    pub(super) fn fail(&mut self, method: &Method, path: &str, form: &str, key: Option<String>) {
        if let Some(key) = key {
            self.answered.insert(key, (format!("{method} {path}?{form}"), 500, Value::Null));
        }
    }

    /// Once for each key; whoever asks something else with a key is refused.
    pub(super) fn answer(
        &mut self,
        method: &Method,
        path: &str,
        form: &str,
        pairs: BTreeMap<String, String>,
        key: Option<String>,
    ) -> (u16, Value) {
        if method == Method::GET {
            return self.call(method, path, &pairs);
        }
        let asked = format!("{method} {path}?{form}");
        let key = key.expect("what changes something carries an idempotency key");
        if let Some((before, status, answer)) = self.answered.get(&key) {
            if *before != asked {
                return (
                    400,
                    json!({"error": {"code": "idempotency_error", "message": "another request had this key"}}),
                );
            }
            return (*status, answer.clone());
        }
        let (status, answer) = self.call(method, path, &pairs);
        if status == 200 {
            self.effects.push(format!("{method} {path}"));
        }
        self.answered.insert(key, (asked, status, answer.clone()));
        (status, answer)
    }
}

fn lookup_key(price: &str) -> &str {
    price.trim_start_matches("price_")
}
