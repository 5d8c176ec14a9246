//! Another party's Stripe: `PyPI`'s localstripe, with subscriptions, quantities and webhooks that it signs itself.

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::suites::program;
use crate::support::{Database, Server, Setup, headcount, in_process_on_each_database};

in_process_on_each_database!(seats_follow_its_subscriptions);

const SECRET_KEY: &str = "sk_test_localstripe";
const WEBHOOK_SECRET: &str = "whsec_localstripe";

/// A localstripe on loopback.
struct Double {
    child: Child,
    base: String,
    client: reqwest::Client,
}

impl Double {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        let python = program("python")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suites/stripe_double.py");
        let mut child = Command::new(python).arg(script).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Some(Self { child, base: format!("http://127.0.0.1:{}", port.trim()), client })
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(SECRET_KEY).form(form);
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A customer who has subscribed to these seats as a checkout would have it.
    async fn subscribe(&self, organization: &str, seats: &str) -> String {
        self.post(
            "/v1/plans",
            &[
                ("id", "seat_monthly"),
                ("amount", "2299"),
                ("currency", "usd"),
                ("interval", "month"),
                ("product[name]", "Seat"),
            ],
        )
        .await;
        let customer = self.post("/v1/customers", &[("name", "Acme")]).await["id"].as_str().unwrap().to_owned();
        let card = [
            ("card[number]", "4242424242424242"),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2040"),
            ("card[cvc]", "123"),
        ];
        let token = self.post("/v1/tokens", &card).await["id"].as_str().unwrap().to_owned();
        self.post(&format!("/v1/customers/{customer}/sources"), &[("source", &token)]).await;
        let order = [
            ("customer", customer.as_str()),
            ("items[0][plan]", "seat_monthly"),
            ("items[0][quantity]", seats),
            ("metadata[organization]", organization),
        ];
        self.post("/v1/subscriptions", &order).await["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command of an operator whose service is paid there.
fn billing(server: &Server, double: &Double, arguments: &[&str]) -> Value {
    let mut command = headcount();
    command.args(["billing"]).args(arguments).args(["--organization", "acme", "--json", "--database-url", &server.url]);
    let output = command.envs(settings(double)).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn settings(double: &Double) -> [(&'static str, String); 4] {
    [
        ("HEADCOUNT_BILLING_PROVIDER", "stripe".into()),
        ("HEADCOUNT_BILLING_STRIPE_API_BASE", double.base.clone()),
        ("HEADCOUNT_BILLING_STRIPE_SECRET_KEY", SECRET_KEY.into()),
        ("HEADCOUNT_BILLING_STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET.into()),
    ]
}

/// Waits until its event has arrived and was worked off.
async fn until(server: &Server, double: &Double, is: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..200 {
        let shown = billing(server, double, &["show"]);
        if is(&shown) {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("what was waited for does not come: {}", billing(server, double, &["show"]));
}

async fn seats_follow_its_subscriptions(database: Database) {
    let Some(double) = Double::start() else { return };
    let setup = settings(&double).into_iter().fold(Setup::seats(10), |setup, (name, value)| setup.with(name, value));
    let server = Server::set_up(database, setup).await;
    let hook = format!("http://{}/billing/stripe/webhook", server.listen);
    double.post("/_config/webhooks/headcount", &[("url", &hook), ("secret", WEBHOOK_SECRET)]).await;
    let acme = server.command(&["organization", "show", "--organization", "acme", "--json"]);
    let subscription = double.subscribe(acme["id"].as_str().unwrap(), "5").await;
    // The event that it signs is taken, and what it is about is asked of it.
    let shown = until(&server, &double, |shown| shown["state"] == "active").await;
    assert_eq!((&shown["seats"], &shown["plan"]), (&json!(5), &json!("enterprise_seat_monthly")), "{shown}");
    assert_eq!(shown["next_invoice"]["amount"]["text"], "$114.95");
    // A quantity of ours is its quantity. It sends no event of that.
    let more = billing(&server, &double, &["set", "--seats", "8"]);
    assert_eq!(
        (&more["seats"], &more["provider_seats"], &more["pending_change"]),
        (&json!(8), &json!(8), &Value::Null)
    );
    let invoices = billing(&server, &double, &["invoices"]);
    assert!(invoices.as_array().unwrap().iter().any(|invoice| invoice["amount"]["amount"] == 11_495), "{invoices}");
    // A quantity of its own is found by comparing.
    let items = double.client.get(format!("{}/v1/subscriptions/{subscription}", double.base)).bearer_auth(SECRET_KEY);
    let items: Value = items.send().await.unwrap().json().await.unwrap();
    let item = items["items"]["data"][0]["id"].as_str().unwrap();
    double
        .post(&format!("/v1/subscriptions/{subscription}"), &[("items[0][id]", item), ("items[0][quantity]", "6")])
        .await;
    let told = billing(&server, &double, &["reconcile"]);
    assert_eq!(
        (&told["drifted"], &told["repaired"], &told["seats"]),
        (&json!(true), &json!(true), &json!(6)),
        "{told}"
    );
    // Its end is signed, too.
    let end = double.client.delete(format!("{}/v1/subscriptions/{subscription}", double.base)).bearer_auth(SECRET_KEY);
    assert!(end.send().await.unwrap().status().is_success());
    let shown = until(&server, &double, |shown| shown["state"] == "canceled").await;
    assert_eq!((&shown["organization_state"], &shown["seats"]), (&json!("past_due"), &json!(6)));
}
