//! Rows on signing in: how many sign-ins, what a page costs behind a session, and how soon one is dead.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headcount::clock::{Clock as _, SystemClock};
use headcount::id::{IdentityId, ResourceId, SessionId};
use headcount::secret::SecretHash;
use headcount::stand_in::person::Person;
use headcount::stand_in::{CLIENT_ID, CLIENT_SECRET, Layout, StandIn};
use headcount::store::batch::Batch;
use headcount::store::connection::Connection as Database;
use headcount::store::identities::{self, Identity};
use headcount::store::sessions::{self, Opened, Session};
use headcount::store::{acquaintances, organizations};
use openidconnect::url::{Url, form_urlencoded};

use super::super::load::Connection;
use super::super::print;
use super::super::server::patch;
use super::{Bed, FOR_A_SLICE, SLICE, seed};

/// The organization's tenant and who comes by it: one for each connection, and the next to look at pages.
const TENANT: &str = "T2bench";
const PEOPLE: usize = 8;
/// Writes of a sign-in: that it was begun, that its answer came, and the session.
const COMMITS: f64 = 3.0;
/// Sessions that are live while one of them dies.
const SESSIONS: usize = 10_000;

/// The provider people sign in at: in this process, as a foreign one is in another.
pub fn provider() -> StandIn {
    let person = |number: usize| Person::new(&format!("U2p{number}"), &format!("p{number}@o0.example"), TENANT);
    let provider = StandIn::start(Arc::new(SystemClock), Layout::Project, person(0)).unwrap();
    (1..=PEOPLE).for_each(|number| provider.add_person(person(number)));
    provider
}

/// What the server is told about it.
pub fn settings(provider: &StandIn) -> Vec<(&'static str, String)> {
    vec![
        ("HEADCOUNT_OIDC_ISSUER", provider.issuer()),
        ("HEADCOUNT_OIDC_CLIENT_ID", CLIENT_ID.into()),
        ("HEADCOUNT_OIDC_CLIENT_SECRET", CLIENT_SECRET.into()),
        ("HEADCOUNT_LIMITS_SIGN_IN", "0".into()),
    ]
}

pub fn rows(bed: &Bed<'_>, provider: &StandIn) {
    if !["sign-ins", "page with its session", "deactivation to dead session"]
        .iter()
        .any(|row| bed.settings.wants(&bed.name(row)))
    {
        return;
    }
    bed.server.command(&["domain", "add", "--organization", "o0", "--domain", "o0.example", "--verified"]);
    bed.server.command(&["organization", "set", "--organization", "o0", "--descope-tenant-id", TENANT]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let flow = Flow { ours: bed.server.address.clone(), issuer: provider.issuer() };
    sign_ins(bed, &runtime, &flow);
    pages(bed, &runtime, &flow);
    deaths(bed, &runtime);
}

/// Where a sign-in goes.
struct Flow {
    ours: String,
    issuer: String,
}

/// A browser's two connections.
struct Browser {
    ours: Connection,
    provider: Connection,
}

impl Flow {
    fn provider(&self) -> Url {
        Url::parse(&self.issuer).unwrap()
    }

    async fn browser(&self) -> Browser {
        let provider = self.provider();
        let address = format!("{}:{}", provider.host_str().unwrap(), provider.port().unwrap());
        Browser { ours: Connection::open(&self.ours).await, provider: Connection::open(&address).await }
    }

    /// State, callback, session; the browser's cookies and the seconds we took of it.
    async fn sign_in(&self, browser: &mut Browser, person: usize) -> (String, f64) {
        let hint = format!("p{person}@o0.example");
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("iss", &self.issuer)
            .append_pair("login_hint", &hint)
            .finish();
        let began = Instant::now();
        browser.ours.exchange(&get(&format!("/sign-in/initiate?{query}"), "")).await;
        let mut seconds = began.elapsed().as_secs_f64();
        let cookie = pair(&browser.ours);
        let at_provider = Url::parse(&browser.ours.header("location").unwrap()).unwrap();
        browser.provider.exchange(&get(&target(&at_provider), "")).await;
        let back = Url::parse(&browser.provider.header("location").unwrap()).unwrap();
        let began = Instant::now();
        let (status, page) = browser.ours.exchange(&get(&target(&back), &cookie)).await;
        seconds += began.elapsed().as_secs_f64();
        assert_eq!(status, 303, "{}", String::from_utf8_lossy(&page));
        // A browser goes on sending both.
        (format!("{}; {cookie}", pair(&browser.ours)), seconds)
    }

    /// What the provider takes for the tokens of one code, asked as we ask; in seconds.
    async fn exchange(&self, browser: &mut Browser) -> f64 {
        let verifier = "v".repeat(43);
        let challenge = URL_SAFE_NO_PAD.encode(SecretHash::of(verifier.as_bytes()).0);
        let back = "http://127.0.0.1:9/back";
        let mut authorize = Url::parse(&format!("http://x/oauth2/v1/authorize?tenant={TENANT}")).unwrap();
        let parameters = [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("scope", "openid"),
            ("state", "s"),
            ("nonce", "n"),
            ("code_challenge_method", "S256"),
            ("code_challenge", &challenge),
            ("redirect_uri", back),
        ];
        authorize.query_pairs_mut().extend_pairs(parameters);
        browser.provider.exchange(&get(&target(&authorize), "")).await;
        let location = Url::parse(&browser.provider.header("location").unwrap()).unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", &code)
            .append_pair("redirect_uri", back)
            .append_pair("code_verifier", &verifier)
            .append_pair("client_id", CLIENT_ID)
            .append_pair("client_secret", CLIENT_SECRET)
            .finish();
        let request = format!(
            "POST /oauth2/v1/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let began = Instant::now();
        let (status, answer) = browser.provider.exchange(request.as_bytes()).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        began.elapsed().as_secs_f64()
    }
}

fn get(path: &str, cookie: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n").into_bytes()
}

fn target(url: &Url) -> String {
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// The cookie an answer sets, as it is sent back.
fn pair(connection: &Connection) -> String {
    connection.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn sign_ins(bed: &Bed<'_>, runtime: &tokio::runtime::Runtime, flow: &Flow) {
    let name = bed.name("sign-ins, 8 connections, the provider on the same machine");
    if !bed.settings.wants(&name) {
        return;
    }
    let rate = Cell::new(0.0);
    let ours = || {
        let started = Instant::now();
        let each = (0..PEOPLE).map(|person| async move {
            let mut browser = flow.browser().await;
            let mut made = 0_usize;
            while started.elapsed() < SLICE {
                flow.sign_in(&mut browser, person).await;
                made += 1;
            }
            made
        });
        let made: usize = runtime.block_on(futures_util::future::join_all(each)).into_iter().sum();
        rate.set(made as f64 / started.elapsed().as_secs_f64());
        rate.get()
    };
    let ratios = bed.pairs(ours, || bed.write_floor(8));
    // One at a time, nothing waits for anything but the provider and the disk.
    let (whole, outside) = runtime.block_on(async {
        let mut browser = flow.browser().await;
        let (mut whole, mut outside) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            whole.push(flow.sign_in(&mut browser, 0).await.1);
            outside.push(flow.exchange(&mut browser).await);
        }
        (median(whole), median(outside))
    });
    let commits = COMMITS / bed.write_floor(1);
    let percent = |seconds: f64| seconds / whole * 100.0;
    let note = format!(
        "{:.0}/s; alone {:.1} ms, outside our code {:.0} %: {:.0} % the provider's tokens, {:.0} % three durable commits",
        rate.get(),
        whole * 1e3,
        percent(outside + commits),
        percent(outside),
        percent(commits)
    );
    print(&name, bed.either("report (F1)", "report (P8)"), ratios, &note);
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn pages(bed: &Bed<'_>, runtime: &tokio::runtime::Runtime, flow: &Flow) {
    for (row, path) in [("page with its session", "/"), ("page with its session, as JSON", "/api/v1/me")] {
        let name = bed.name(row);
        if !bed.settings.wants(&name) {
            continue;
        }
        let session = runtime.block_on(async { flow.sign_in(&mut flow.browser().await, PEOPLE).await.0 });
        let request = get(path, &session);
        let rate = Cell::new(0.0);
        let ours = || {
            rate.set(bed.server.load(8, FOR_A_SLICE, |_| request.clone()).rate());
            rate.get()
        };
        let ratios = bed.pairs(ours, || bed.read_floor());
        print(&name, bed.either("≥ 0.50 FR", "report (PR)"), ratios, &format!("{:.0}/s", rate.get()));
    }
}

/// A member is switched off while ten thousand are signed in: the milliseconds until the session opens nothing.
fn deaths(bed: &Bed<'_>, runtime: &tokio::runtime::Runtime) {
    let name = bed.name("deactivation to dead session among 10,000, milliseconds");
    if !bed.settings.wants(&name) {
        return;
    }
    let ids = seed(&bed.server, 1, SESSIONS);
    sign_in_directly(&bed.server.url, &ids);
    let next = Cell::new(0);
    let dies = || {
        let member = next.replace(next.get() + 1);
        let check = get("/api/v1/me", &format!("headcount_session={}", secret(&ids[member])));
        let body = patch("replace", "active", "false");
        let change = bed.server.request(1, "PATCH", &format!("/Users/{}", ids[member]), Some(&body));
        runtime.block_on(async {
            let mut provisioning = Connection::open(&bed.server.address).await;
            let mut browser = Connection::open(&bed.server.address).await;
            assert_eq!(browser.exchange(&check).await.0, 200);
            let began = Instant::now();
            assert_eq!(provisioning.exchange(&change).await.0, 200);
            while browser.exchange(&check).await.0 != 401 {}
            began.elapsed().as_secs_f64() * 1e3
        })
    };
    let milliseconds = (0..bed.settings.rounds * 10).map(|_| dies()).collect();
    print(&name, "≤ 1,000", milliseconds, "the next request after the answer is refused");
}

fn secret(member: &str) -> String {
    format!("hcs_{member}")
}

/// Signs members in without the ten thousand ways through a provider.
fn sign_in_directly(url: &str, ids: &[String]) {
    let mut database = Database::open(&url.parse().unwrap()).unwrap();
    let organization = organizations::by_slug(&mut database, "o1").unwrap().unwrap().id;
    let now = SystemClock.now();
    for part in ids.chunks(100) {
        let mut batch = Batch::default();
        for id in part {
            let member: ResourceId = id.parse().unwrap();
            let identity = Identity {
                id: IdentityId::from_bytes(*member.as_bytes()),
                issuer: "https://idp.example".into(),
                subject: id.clone(),
                address: None,
                address_key: None,
                name: None,
            };
            let session = Session {
                id: SessionId::from_bytes(*member.as_bytes()),
                organization: None,
                tenant_proven: false,
                created_at: now.0,
                seen_at: now.0,
                expires_at: now.plus_seconds(12 * 3_600).0,
                length: None,
                recovers: None,
                proven_address: None,
                client_address: None,
                user_agent: None,
            };
            let hash = SecretHash::of(secret(id).as_bytes());
            identities::insert(&mut batch, &identity, now.0);
            acquaintances::link(&mut batch, organization, member, identity.id, None);
            let opened = Opened { hash, identity: identity.id, tenant: None, provider_sid: None, id_token: None };
            sessions::insert(&mut batch, &session, opened);
        }
        batch.apply(&mut database).unwrap();
    }
}
