//! Associated domains (product.md §5): what may be one, how it is proven, and what becomes of it when
//! the proof goes, the DNS fails or another organization has it.

use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use headcount::administration::By;
use headcount::administration::domain::{self, Settings};
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use headcount::dns::{NoAnswer, Resolver, TxtRecords as _};
use headcount::jobs::domains::recheck;
use serde_json::{Value, json};

use crate::support::dns::Dns;
use crate::support::in_process::House;
use crate::support::{Database, Server, Setup, headcount, in_process_on_each_database};

in_process_on_each_database!(
    proof,
    answers,
    names,
    one_owner,
    settings,
    looked_at_again,
    new_ones_soon,
    owners_and_admins_are_told,
    nobody_looks_twice,
    while_serving
);

const DAY: Duration = Duration::from_hours(24);

/// A house whose proofs are asked of a DNS of the test's own.
struct Place {
    dns: Dns,
    clock: Arc<ManualClock>,
    house: House,
}

impl Place {
    fn new(database: Database) -> Self {
        let dns = Dns::start();
        let clock = ManualClock::at(SystemClock.now());
        let settings = vec![("dns.servers", dns.address.to_string()), ("domains.grace", "7d".into())];
        let house = House::with(database, 5, clock.clone(), settings);
        Self { dns, clock, house }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = headcount();
        command.args(arguments).args(["--json", "--database-url", &self.house.url]);
        command.env("HEADCOUNT_DNS_SERVERS", self.dns.address.to_string()).output().unwrap()
    }

    /// The answer to `domain COMMAND --organization SLUG …`.
    fn domain(&self, command: &str, slug: &str, more: &[&str]) -> Value {
        let output = self.run(&[&["domain", command, "--organization", slug], more].concat());
        assert!(output.status.success(), "{command} {more:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Why it is refused.
    fn refused(&self, command: &str, slug: &str, more: &[&str]) -> String {
        let output = self.run(&[&["domain", command, "--organization", slug], more].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{command} {more:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn add(&self, slug: &str, domain: &str) -> Value {
        self.domain("add", slug, &["--domain", domain])
    }

    fn verify(&self, slug: &str, domain: &str) -> Value {
        self.domain("verify", slug, &["--domain", domain])
    }

    /// Puts the proofs of these entries at their common name.
    fn prove(&self, entries: &[&Value]) {
        let values: Vec<&str> = entries.iter().map(|entry| text(entry, "txt_value")).collect();
        self.dns.put(text(entries[0], "txt_host"), &values);
    }

    fn state(&self, domain: &str) -> String {
        let listed = self.domain("list", "acme", &[]);
        let found = listed.as_array().unwrap().iter().find(|entry| entry["domain"] == domain);
        text(found.unwrap(), "state").to_owned()
    }

    /// Lets days go by and looks at what is due; how many domains that were.
    async fn after_days(&self, days: i64) -> usize {
        self.after_minutes(days * 24 * 60).await
    }

    async fn after_minutes(&self, minutes: i64) -> usize {
        self.clock.advance_seconds(minutes * 60);
        let assembly = &self.house.assembly;
        recheck(&assembly.store, &assembly.administration, DAY).await.unwrap()
    }

    /// Actors and actions about domains, oldest first.
    fn trail(&self) -> Vec<(String, String)> {
        let output = self.run(&["audit", "list", "--organization", "acme"]);
        let events: Value = serde_json::from_slice(&output.stdout).unwrap();
        let events = events.as_array().unwrap().iter().rev();
        let events = events.map(|event| (text(event, "actor").to_owned(), text(event, "action").to_owned()));
        events.filter(|(_, action)| action.starts_with("domain.")).collect()
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}"))
}

async fn proof(database: Database) {
    let place = Place::new(database);
    let added = place.add("acme", "Bücher.example.");
    assert_eq!(
        (text(&added, "domain"), text(&added, "name"), text(&added, "state"), &added["vouched"]),
        ("xn--bcher-kva.example", "bücher.example", "pending", &json!(false))
    );
    assert_eq!(text(&added, "txt_host"), "_headcount-challenge.xn--bcher-kva.example");
    let token = text(&added, "txt_value").strip_prefix("headcount-domain-verification=").unwrap();
    assert_eq!(token.len(), 43, "256 random bits");
    assert_eq!(added["checked_at"], Value::Null);
    let looked = place.verify("acme", "bücher.example");
    assert_eq!((text(&looked, "state"), &looked["seen"]), ("pending", &json!([])));
    assert_ne!(looked["checked_at"], Value::Null);
    place.dns.put(text(&added, "txt_host"), &["v=spf1 -all", "headcount-domain-verification=another"]);
    let looked = place.verify("acme", "bücher.example");
    assert_eq!(
        (text(&looked, "state"), &looked["seen"]),
        ("pending", &json!(["v=spf1 -all", "headcount-domain-verification=another"])),
        "what is there is shown"
    );
    place.prove(&[&added]);
    let looked = place.verify("acme", "xn--bcher-kva.example");
    assert_eq!((text(&looked, "state"), &looked["seen"]), ("verified", &json!([added["txt_value"]])));
    place.dns.put(text(&added, "txt_host"), &[]);
    assert_eq!(text(&place.verify("acme", "bücher.example"), "state"), "at_risk");
    place.prove(&[&added]);
    let looked = place.verify("acme", "bücher.example");
    assert_eq!((text(&looked, "state"), &looked["lost_at"]), ("verified", &Value::Null));
    let trail = place.trail();
    let trail: Vec<&str> = trail.iter().map(|(_, action)| action.as_str()).collect();
    assert_eq!(
        trail,
        ["domain.added", "domain.verified", "domain.at_risk", "domain.verified"],
        "a look that changes nothing leaves nothing"
    );
}

async fn answers(database: Database) {
    let place = Place::new(database);
    let added = place.add("acme", "acme.example");
    let (host, value) = (text(&added, "txt_host"), text(&added, "txt_value"));
    let (first, second) = value.split_at(20);
    place.dns.put_strings(host, vec![vec![first.into(), second.into()]]);
    assert_eq!(text(&place.verify("acme", "acme.example"), "state"), "verified", "strings are put together");
    place.dns.fail(true);
    let why = place.refused("verify", "acme", &["--domain", "acme.example"]);
    assert!(why.contains("The DNS does not answer right now. Nothing was changed."), "{why}");
    assert_eq!(place.state("acme.example"), "verified", "a failure is no loss");
    place.dns.fail(false);
    // More than a datagram holds, and more than anybody needs.
    let long: Vec<String> = (0..110).map(|number| format!("{number:0>520}")).collect();
    let many: Vec<&str> = [value].into_iter().chain(long.iter().map(String::as_str)).collect();
    place.dns.put(host, &many);
    let looked = place.verify("acme", "acme.example");
    assert_eq!(text(&looked, "state"), "verified");
    assert!(!place.dns.asked(true).is_empty(), "over TCP");
    let seen = looked["seen"].as_array().unwrap();
    assert_eq!((seen.len(), &seen[0]), (100, &json!(value)));
    assert!(seen[1..].iter().all(|record| record.as_str().unwrap().len() == 512));
}

/// A server that takes questions and never answers them.
#[tokio::test]
async fn silence_is_no_answer() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = Resolver::new(vec![silent.local_addr().unwrap()]);
    let looked = resolver.txt("_headcount-challenge.acme.example").await;
    assert!(matches!(looked, Err(NoAnswer(_))), "{looked:?}");
}

async fn names(database: Database) {
    let place = Place::new(database);
    for (name, why) in [
        ("gmail.com", "anybody"),
        ("mailinator.com", "throw away"),
        ("co.uk", "public suffix"),
        ("192.0.2.1", "IP address"),
        ("ann@acme.example", "behind the @"),
    ] {
        assert!(place.refused("add", "acme", &["--domain", name]).contains(why), "{name}");
    }
    place.add("acme", "acme.example");
    assert!(place.refused("add", "acme", &["--domain", "ACME.example"]).contains("associated already"));
    // A subdomain is an entry of its own.
    assert_eq!(text(&place.add("acme", "eng.acme.example"), "state"), "pending");
    assert!(place.refused("verify", "acme", &["--domain", "a.example"]).contains("not a domain of this organization"));
    assert_eq!(place.domain("list", "acme", &[]).as_array().unwrap().len(), 2);
}

async fn one_owner(database: Database) {
    let place = Place::new(database);
    let bolt = ["organization", "create", "--name", "B", "--slug", "bolt", "--owner-email", "b@b.example"];
    assert!(place.run(&[bolt.as_slice(), &["--seats", "1"]].concat()).status.success());
    let ours = place.add("acme", "shared.example");
    place.prove(&[&ours]);
    assert_eq!(text(&place.verify("acme", "shared.example"), "state"), "verified");
    let theirs = place.add("bolt", "shared.example");
    assert_eq!(
        text(&place.verify("bolt", "shared.example"), "state"),
        "pending",
        "who has proven nothing is told nothing"
    );
    place.prove(&[&ours, &theirs]);
    let why = place.refused("verify", "bolt", &["--domain", "shared.example"]);
    assert!(why.contains("Another organization has verified shared.example."), "{why}");
    assert_eq!(text(&place.domain("list", "bolt", &[])[0], "state"), "pending");
    assert_eq!(place.after_days(2).await, 2);
    assert_eq!(text(&place.domain("list", "bolt", &[])[0], "state"), "pending", "nor does it become theirs by itself");
    let vouch = ["--domain", "shared.example", "--verified"];
    assert!(place.refused("set", "bolt", &vouch).contains("Another organization"));
    place.domain("remove", "bolt", &["--domain", "shared.example"]);
    assert!(place.refused("add", "bolt", &vouch).contains("Another organization"));
    place.domain("remove", "acme", &["--domain", "shared.example"]);
    assert_eq!(text(&place.domain("add", "bolt", &vouch), "state"), "verified");
}

async fn settings(database: Database) {
    let place = Place::new(database);
    let added = place.domain("add", "acme", &["--domain", "a.example", "--joining", "ask_admin", "--role", "write"]);
    assert_eq!((text(&added, "joining"), text(&added, "role")), ("ask_admin", "write"));
    let set = |more: &[&str]| place.domain("set", "acme", &[&["--domain", "a.example"], more].concat());
    let changed = set(&["--joining", "invite_only"]);
    assert_eq!((text(&changed, "joining"), text(&changed, "role")), ("invite_only", "write"), "the rest stays");
    assert_eq!(text(&set(&["--role", "read"]), "role"), "read");
    for role in ["admin", "owner"] {
        let why = place.refused("set", "acme", &["--domain", "a.example", "--role", role]);
        assert!(why.contains("read or write"), "{why}");
    }
    let vouched = set(&["--verified"]);
    assert_eq!((text(&vouched, "state"), &vouched["vouched"]), ("verified", &json!(true)));
    assert_eq!(text(&vouched, "joining"), "invite_only");
    assert_eq!(place.domain("list", "acme", &[]), json!([vouched]));
    let looked = place.verify("acme", "a.example");
    assert_eq!((text(&looked, "state"), &looked["seen"]), ("verified", &json!([])), "the DNS is not asked to agree");
    assert_eq!(
        place.domain("remove", "acme", &["--domain", "A.example"]),
        json!({"domain": "a.example", "removed": true})
    );
    assert_eq!(place.domain("list", "acme", &[]), json!([]));
    let trail = place.trail();
    let trail: Vec<&str> = trail.iter().map(|(_, action)| action.as_str()).collect();
    assert_eq!(trail, ["domain.added", "domain.changed", "domain.changed", "domain.changed", "domain.removed"]);
}

async fn looked_at_again(database: Database) {
    let place = Place::new(database);
    let added = place.add("acme", "acme.example");
    place.domain("add", "acme", &["--domain", "vouched.example", "--verified"]);
    assert_eq!(place.after_days(0).await, 1, "what nobody has looked at is due; what is vouched for never is");
    assert_eq!(place.state("acme.example"), "pending");
    place.prove(&[&added]);
    assert_eq!(place.after_days(0).await, 0, "not before its time");
    assert_eq!(place.after_days(1).await, 1);
    assert_eq!(place.state("acme.example"), "verified");
    place.dns.fail(true);
    assert_eq!(place.after_days(30).await, 1);
    assert_eq!(place.state("acme.example"), "verified", "a DNS that is away changes nothing");
    place.dns.fail(false);
    place.dns.put(text(&added, "txt_host"), &[]);
    place.after_days(1).await;
    assert_eq!(place.state("acme.example"), "at_risk");
    place.after_days(6).await;
    assert_eq!(place.state("acme.example"), "at_risk", "the time of grace is not over");
    place.dns.fail(true);
    place.after_days(2).await;
    assert_eq!(place.state("acme.example"), "at_risk", "nothing lapses by a failure");
    place.dns.fail(false);
    place.after_days(1).await;
    assert_eq!(place.state("acme.example"), "lapsed");
    place.prove(&[&added]);
    place.after_days(1).await;
    assert_eq!(place.state("acme.example"), "verified", "proven again");
    assert_eq!(place.state("vouched.example"), "verified");
    assert!(!place.dns.asked(false).iter().any(|name| name.contains("vouched")));
    let changes: Vec<String> =
        place.trail().into_iter().filter(|(actor, _)| actor == "system").map(|(_, action)| action).collect();
    assert_eq!(changes, ["domain.verified", "domain.at_risk", "domain.lapsed", "domain.verified"]);
}

/// Who has just added a domain does not wait a day for its proof to be seen.
async fn new_ones_soon(database: Database) {
    let place = Place::new(database);
    let added = place.add("acme", "acme.example");
    place.add("acme", "never.example");
    assert_eq!(place.after_minutes(1).await, 2);
    place.prove(&[&added]);
    assert_eq!(place.after_minutes(9).await, 0, "not each minute");
    assert_eq!(place.after_minutes(1).await, 2);
    assert_eq!(place.state("acme.example"), "verified");
    assert_eq!(place.after_minutes(10).await, 1, "what is proven waits for its interval");
    place.after_days(7).await;
    assert_eq!(place.after_minutes(10).await, 0, "a week later nobody is at work on it");
}

/// One letter for each loss to each of those who can do something about it.
async fn owners_and_admins_are_told(database: Database) {
    let place = Place::new(database);
    let added = place.add("acme", "acme.example");
    place.prove(&[&added]);
    place.after_days(1).await;
    place.dns.put(text(&added, "txt_host"), &[]);
    let told = || {
        let output = place.run(&["outbox", "list"]);
        let mails: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mails = mails.as_array().unwrap().iter();
        mails.map(|mail| (text(mail, "kind").to_owned(), text(mail, "recipient").to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(text(&place.verify("acme", "acme.example"), "state"), "at_risk");
    assert_eq!(told(), [], "the operator has read it");
    let olga = ("domain_at_risk".to_owned(), "olga@acme.example".to_owned());
    for _ in 0..3 {
        place.after_days(1).await;
        assert_eq!(told(), std::slice::from_ref(&olga), "once");
    }
    place.prove(&[&added]);
    place.after_days(1).await;
    place.dns.put(text(&added, "txt_host"), &[]);
    place.after_days(1).await;
    assert_eq!(told(), [olga.clone(), olga], "it was lost again");
}

/// Two processes share a round of more domains than are taken at once.
async fn nobody_looks_twice(database: Database) {
    const DOMAINS: usize = 120;
    let place = Place::new(database);
    let ours = &place.house.assembly;
    for number in 0..DOMAINS {
        let add = move |connection: &mut _, administration: &_| {
            domain::add(
                connection,
                administration,
                &By::OPERATOR,
                "acme",
                &format!("d{number}.example"),
                Settings::default(),
            )
        };
        ours.operate(add).await.unwrap();
    }
    let theirs = place.house.twin(place.clock.clone());
    let (ours, theirs) = tokio::join!(
        recheck(&ours.store, &ours.administration, DAY),
        recheck(&theirs.store, &theirs.administration, DAY)
    );
    assert_eq!(ours.unwrap() + theirs.unwrap(), DOMAINS);
    assert_eq!(place.after_days(0).await, 0);
    let asked: std::collections::BTreeSet<String> = place.dns.asked(false).into_iter().collect();
    assert_eq!(asked.len(), DOMAINS, "each was looked at");
}

/// `serve` looks by itself.
async fn while_serving(database: Database) {
    let dns = Dns::start();
    let setup =
        Setup::default().with("HEADCOUNT_DNS_SERVERS", dns.address).with("HEADCOUNT_DOMAINS_RECHECK_INTERVAL", "1s");
    let server = Server::set_up(database, setup).await;
    let added = server.command(&["domain", "add", "--organization", "acme", "--domain", "acme.example", "--json"]);
    dns.put(text(&added, "txt_host"), &[text(&added, "txt_value")]);
    for _ in 0..2_400 {
        let listed = server.command(&["domain", "list", "--organization", "acme", "--json"]);
        if listed[0]["state"] == "verified" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nobody has looked");
}
