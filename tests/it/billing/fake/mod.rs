//! A Stripe account on loopback: what our calls need of it, with idempotency keys, signed events and faults.

mod account;

use std::sync::{Arc, Mutex, MutexGuard};

use actix_web::http::Method;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::stream;
use headcount::clock::ManualClock;
use ring::hmac;
use serde_json::{Value, json};
use tokio::sync::Notify;

use self::account::Account;

pub const SECRET_KEY: &str = "sk_test_headcount_fake";
pub const WEBHOOK_SECRET: &str = "whsec_headcount_fake";

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 503 and no effect.
    Down,
    /// The effect, and an answer that never comes.
    Silent,
    /// The effect, and 500 whenever the same is asked with the same key.
    FailsAfterEffect,
    /// No effect, and 500 whenever the same is asked with the same key.
    Fails,
    /// The effect, and half of the answer.
    CutOff,
    /// The answer as it is now, and it comes when [`Stripe::release`] says so.
    Held,
    /// 402 and no effect.
    Declined,
    /// 400 and no effect.
    Refused,
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
        let account = Account::new(clock.clone());
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

    /// The one subscription that lives and can be read.
    pub fn subscription(&self) -> (String, Value) {
        let account = self.account();
        let lives = |subscription: &Value| subscription["status"].is_string() && subscription["status"] != "canceled";
        let mut lives = account.subscriptions.iter().filter(|(_, subscription)| lives(subscription));
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
            Some(Fault::Fails) => {
                account.fail(&method, &path, &form, header("idempotency-key"));
                return HttpResponse::InternalServerError().finish();
            }
            Some(Fault::Declined) => {
                let error = json!({"error": {"code": "card_declined", "message": "Your card was declined."}});
                return HttpResponse::PaymentRequired().json(error);
            }
            Some(Fault::Refused) => return HttpResponse::BadRequest().json(json!({"error": {"message": "No."}})),
            _ => {}
        }
        let key = header("idempotency-key");
        let answer = account.answer(&method, &path, &form, pairs.into_iter().collect(), key.clone());
        if fault == Some(Fault::FailsAfterEffect) {
            account.fail(&method, &path, &form, key);
        }
        (answer, fault)
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
