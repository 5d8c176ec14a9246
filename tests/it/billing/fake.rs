//! A Stripe account on loopback: what our calls need of it, with idempotency keys, signed events and faults.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use actix_web::http::Method;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::stream;
use headcount::clock::{Clock as _, ManualClock};
use ring::hmac;
use serde_json::{Value, json};
use tokio::sync::Notify;

pub const SECRET_KEY: &str = "sk_test_headcount_fake";
pub const WEBHOOK_SECRET: &str = "whsec_headcount_fake";

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 503 and no effect.
    Down,
    /// The effect, and an answer that never comes.
    Silent,
    /// The effect, and 500.
    FailsAfterEffect,
    /// The effect, and half of the answer.
    CutOff,
    /// The answer as it is now, and it comes when [`Stripe::release`] says so.
    Held,
    /// 402 and no effect.
    Declined,
    /// 400 and no effect.
    Refused,
}

/// The account.
pub struct Account {
    clock: Arc<ManualClock>,
    next: u64,
    pub customers: BTreeMap<String, Value>,
    pub sessions: BTreeMap<String, Value>,
    pub subscriptions: BTreeMap<String, Value>,
    pub invoices: Vec<Value>,
    /// The answer to each key, and what was asked with it.
    answered: BTreeMap<String, (String, u16, Value)>,
    /// Methods with the beginnings of paths, and what becomes of the next such call.
    faults: VecDeque<(Method, &'static str, Fault)>,
    /// Changes that had an effect, as `POST /v1/…`.
    pub effects: Vec<String>,
    pub unauthorized: usize,
}

/// A running account.
#[derive(Clone)]
pub struct Stripe {
    account: Arc<Mutex<Account>>,
    released: Arc<Notify>,
    pub base: String,
}

impl Stripe {
    pub fn start(clock: &Arc<ManualClock>) -> Self {
        let account = Account {
            clock: clock.clone(),
            next: 0,
            customers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            invoices: Vec::new(),
            answered: BTreeMap::new(),
            faults: VecDeque::new(),
            effects: Vec::new(),
            unauthorized: 0,
        };
        let account = Arc::new(Mutex::new(account));
        let shared = Data::from(account.clone());
        let released = Arc::new(Notify::new());
        let held = Data::from(released.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app =
            move || App::new().app_data(shared.clone()).app_data(held.clone()).default_service(web::route().to(answer));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
        actix_web::rt::spawn(server);
        Self { account, released, base }
    }

    /// Whatever is held is answered.
    pub fn release(&self) {
        self.released.notify_one();
    }

    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }

    /// The settings by which a Headcount is paid here.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("billing.provider", "stripe".into()),
            ("billing.stripe.api_base", self.base.clone()),
            ("billing.stripe.secret_key", SECRET_KEY.into()),
            ("billing.stripe.webhook_secret", WEBHOOK_SECRET.into()),
            ("billing.stripe.timeout", "1s".into()),
        ]
    }

    /// The next call of this kind goes wrong.
    pub fn fault(&self, method: Method, path: &'static str, fault: Fault) {
        self.account().faults.push_back((method, path, fault));
    }

    /// Somebody pays at the page of a session; the subscription that comes of it.
    pub fn pay(&self, session: &str) -> String {
        self.account().pay(session)
    }

    pub fn effects(&self, what: &str) -> usize {
        self.account().effects.iter().filter(|effect| effect.starts_with(what)).count()
    }

    /// The one open session.
    pub fn open_session(&self) -> String {
        let account = self.account();
        let open: Vec<&String> =
            account.sessions.iter().filter(|(_, session)| session["status"] == "open").map(|(id, _)| id).collect();
        assert_eq!(open.len(), 1, "{:?}", account.sessions);
        open[0].clone()
    }

    /// The one subscription that lives.
    pub fn subscription(&self) -> (String, Value) {
        let account = self.account();
        let mut lives = account.subscriptions.iter().filter(|(_, subscription)| subscription["status"] != "canceled");
        let (id, subscription) = lives.next().expect("a subscription");
        assert!(lives.next().is_none(), "there is one at most: {:?}", account.subscriptions);
        (id.clone(), subscription.clone())
    }

    pub fn quantity(&self) -> i64 {
        self.subscription().1["items"]["data"][0]["quantity"].as_i64().unwrap()
    }

    /// Changes what the one subscription says, as in Stripe's dashboard.
    pub fn change(&self, change: impl FnOnce(&mut Value)) {
        let (id, _) = self.subscription();
        change(self.account().subscriptions.get_mut(&id).unwrap());
    }

    /// An event about an object as it is now: its body and the header it is signed by.
    pub fn event(&self, kind: &str, object: &str) -> (String, String) {
        let mut account = self.account();
        let id = account.id("evt");
        let found = account.sessions.get(object).or_else(|| account.subscriptions.get(object));
        let body = json!({"id": id, "type": kind, "data": {"object": found.expect("an object")}}).to_string();
        let header = signed(WEBHOOK_SECRET, account.seconds(), body.as_bytes());
        (body, header)
    }
}

/// The header of a body that is signed.
pub fn signed(secret: &str, at: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, &[at.to_string().as_bytes(), b".", body].concat());
    let tag = tag.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("t={at},v1={tag}")
}

impl Account {
    fn id(&mut self, prefix: &str) -> String {
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

    fn pay(&mut self, session: &str) -> String {
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
            "current_period_end": now + 30 * 86_400, "metadata": {"organization": found["client_reference_id"]},
            "items": {"data": [{"id": format!("si_{subscription}"), "quantity": found["quantity"],
                "price": {"id": found["price"], "lookup_key": lookup_key(found["price"].as_str().unwrap())}}]}
        });
        self.subscriptions.insert(subscription.clone(), made);
        self.bill(&subscription, 1_000);
        subscription
    }

    fn bill(&mut self, subscription: &str, amount: i64) {
        let (id, now) = (self.id("in"), self.seconds());
        self.invoices.push(json!({
            "id": id, "number": format!("HC-{id}"), "status": "paid", "total": amount, "currency": "usd", "created": now,
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
                let made = json!({"id": id, "name": given("name")});
                self.customers.insert(id, made.clone());
                (200, made)
            }
            ("GET", ["prices"]) => {
                let key = given("lookup_keys[]");
                (200, json!({"data": [{"id": format!("price_{key}"), "lookup_key": key}]}))
            }
            ("POST", ["checkout", "sessions"]) => {
                if !self.customers.contains_key(&given("customer")) {
                    return missing();
                }
                let id = self.id("cs");
                let made = json!({
                    "id": id, "status": "open", "url": format!("https://checkout.example/{id}"),
                    "expires_at": self.seconds() + 86_400, "customer": given("customer"),
                    "client_reference_id": given("client_reference_id"), "subscription": null,
                    "metadata": {"organization": given("metadata[organization]"), "checkout": given("metadata[checkout]")},
                    "price": given("line_items[0][price]"), "success_url": given("success_url"),
                    "quantity": given("line_items[0][quantity]").parse::<i64>().unwrap()
                });
                self.sessions.insert(id, made.clone());
                (200, made)
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
            _ => missing(),
        }
    }

    fn order(&mut self, id: &str, pairs: &BTreeMap<String, String>) -> (u16, Value) {
        let Some(found) = self.subscriptions.get_mut(id) else { return (404, Value::Null) };
        let item = &mut found["items"]["data"][0];
        if pairs.get("items[0][id]").map(String::as_str) != item["id"].as_str() {
            return (400, json!({"error": {"message": "no such item"}}));
        }
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

fn lookup_key(price: &str) -> &str {
    price.trim_start_matches("price_")
}

async fn answer(http: HttpRequest, body: Bytes, account: Data<Mutex<Account>>, released: Data<Notify>) -> HttpResponse {
    let method = http.method().clone();
    let (text, path) = (String::from_utf8(body.to_vec()).unwrap(), http.path().to_owned());
    let (answer, fault) = {
        let mut account = account.lock().unwrap();
        let header = |name: &str| http.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if header("authorization").as_deref() != Some(&format!("Bearer {SECRET_KEY}")) {
            account.unauthorized += 1;
            return HttpResponse::Unauthorized().json(json!({"error": {"message": "Invalid API Key"}}));
        }
        let form = if method == Method::GET { http.query_string().to_owned() } else { text };
        let pairs = web::Query::<Vec<(String, String)>>::from_query(&form).unwrap().into_inner();
        let planned = account.faults.iter().position(|(of, at, _)| *of == method && path.starts_with(at));
        let fault = planned.and_then(|at| account.faults.remove(at)).map(|(_, _, fault)| fault);
        match fault {
            Some(Fault::Down) => return HttpResponse::ServiceUnavailable().finish(),
            Some(Fault::Declined) => {
                let error = json!({"error": {"code": "card_declined", "message": "Your card was declined."}});
                return HttpResponse::PaymentRequired().json(error);
            }
            Some(Fault::Refused) => return HttpResponse::BadRequest().json(json!({"error": {"message": "No."}})),
            _ => {}
        }
        (account.answer(&method, &path, &form, pairs.into_iter().collect(), header("idempotency-key")), fault)
    };
    let (status, json) = answer;
    let status = actix_web::http::StatusCode::from_u16(status).unwrap();
    match fault {
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::Held) => {
            released.notified().await;
            HttpResponse::build(status).json(json)
        }
        Some(Fault::FailsAfterEffect) => HttpResponse::InternalServerError().finish(),
        Some(Fault::CutOff) => {
            let text = json.to_string();
            let half = Bytes::from(text[..text.len() / 2].to_owned());
            let cut = std::io::Error::other("cut off");
            HttpResponse::build(status).streaming(stream::iter([Ok(half), Err(cut)]))
        }
        _ => HttpResponse::build(status).json(json),
    }
}

impl Account {
    /// Once for each key; whoever asks something else with a key is refused.
    fn answer(
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
