//! The relying party against the stand-in Descope, over real sockets.

mod hostile;
mod keys;
mod logout;
mod outage;
mod right;
mod tenants;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headcount::clock::{ManualClock, Timestamp};
use headcount::oidc::authorization::{Pending, Request, Response};
use headcount::oidc::completion::SignedIn;
use headcount::oidc::failure::{Failure, Reason};
use headcount::oidc::{Options, Provider};
use headcount::secret::SystemRandom;
use headcount::stand_in::person::Person;
use headcount::stand_in::{CLIENT_ID, CLIENT_SECRET, Layout, StandIn};
use openidconnect::url::Url;

const REDIRECT_URI: &str = "http://127.0.0.1:9/sign-in/callback";
const TENANT: &str = "T2acme";

/// A stand-in, a provider that uses it, and the time of both.
struct Scene {
    clock: Arc<ManualClock>,
    stand_in: StandIn,
    options: Options,
    provider: Provider,
    browser: reqwest::Client,
}

impl Scene {
    fn new() -> Self {
        Self::of(Layout::Project, |_| ())
    }

    /// With another layout or other options.
    fn of(layout: Layout, change: impl FnOnce(&mut Options)) -> Self {
        let clock = ManualClock::at(Timestamp(1_790_000_000_000_000));
        let stand_in = StandIn::start(clock.clone(), layout, ada()).unwrap();
        let mut options = Options {
            issuer: stand_in.issuer(),
            client_id: CLIENT_ID.into(),
            client_secret: Some(CLIENT_SECRET.into()),
            discovery_url: None,
            scopes: ["openid", "profile", "email", "descope.claims"].map(str::to_owned).to_vec(),
            extra_audiences: Vec::new(),
            timeout: Duration::from_secs(30),
        };
        change(&mut options);
        let provider = provider(&options, &clock);
        let browser =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { clock, stand_in, options, provider, browser }
    }

    /// A provider that remembers nothing.
    fn forget(&mut self) {
        self.provider = provider(&self.options, &self.clock);
    }

    async fn begin(&self) -> Result<(Url, Pending), Failure> {
        let request = Request { redirect_uri: REDIRECT_URI, tenant: Some(TENANT), address: Some("ada@acme.example") };
        self.provider.begin(&request).await
    }

    /// Follows the browser to the provider and back; what it comes back with.
    async fn consent(&self, url: Url) -> BTreeMap<String, String> {
        let answer = self.browser.get(url.as_str()).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        back.query_pairs().into_owned().collect()
    }

    async fn complete(&self, pending: &Pending, back: &BTreeMap<String, String>) -> Result<SignedIn, Failure> {
        let given = |name: &str| back.get(name).map(String::as_str);
        let response = Response {
            code: given("code"),
            iss: given("iss"),
            error: given("error"),
            error_description: given("error_description"),
        };
        self.provider.complete(pending, &response).await
    }

    /// A whole sign-in.
    async fn sign_in(&self) -> Result<SignedIn, Failure> {
        let (url, pending) = self.begin().await?;
        let back = self.consent(url).await;
        assert_eq!(back["state"], pending.state);
        self.complete(&pending, &back).await
    }

    async fn refusal(&self) -> Option<Reason> {
        self.sign_in().await.err().map(|failure| failure.reason)
    }
}

fn provider(options: &Options, clock: &Arc<ManualClock>) -> Provider {
    Provider::new(options.clone(), clock.clone(), Arc::new(SystemRandom::default())).unwrap()
}

fn ada() -> Person {
    Person::new("U2ada", "ada@acme.example", TENANT)
}
