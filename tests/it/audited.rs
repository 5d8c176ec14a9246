//! Whatever changes something says so in the audit trail, once: who, what, to what, from where, by which way in, and
//! what was what before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use headcount::administration::By;
use headcount::administration::audit::{self, Wanted};
use headcount::error::Code;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::client::Team;
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(each_use_case_leaves_one_event);

/// How the trail tells of what a function does.
enum Told {
    /// By a step of [`STEPS`].
    Here,
    /// The tests that see it there.
    In(&'static str),
    /// It has none of its own, for a reason.
    Not(&'static str),
}
use Told::{Here, In, Not};

const OF_ROWS: &str = "it does what rows of their own do";

/// Every function that changes something: those that give a batch to write, or take the store to write to.
const USE_CASES: &[(&str, Told)] = &[
    ("administration::api_key::create", Here),
    ("administration::api_key::revoke", In("api::api_keys")),
    ("administration::audit::forget", Not("a trail that told of its own end would have none")),
    ("administration::billing::change::plan", Not("it only tells what a change would come to")),
    ("administration::billing::change::confirmed", Not(OF_ROWS)),
    ("administration::billing::change::set", In("billing")),
    ("administration::billing::checkout::begin", Here),
    ("administration::billing::checkout::opened", Not(OF_ROWS)),
    ("administration::billing::checkout::plan", Here),
    ("administration::billing::events::receive", In("billing::webhooks")),
    ("administration::billing::operations::drive", In("billing::stripe")),
    ("administration::billing::payment::pay", In("billing")),
    ("administration::billing::portal::open", Not("it opens the provider's page and changes nothing")),
    ("administration::billing::portal::plan", Not("it opens the provider's page and changes nothing")),
    ("administration::billing::reconcile::due", Not(OF_ROWS)),
    ("administration::billing::reconcile::one", In("billing::reconcile")),
    ("administration::billing::renewal::renew", In("billing::local")),
    ("administration::billing::renewal::renew_due", Not(OF_ROWS)),
    ("administration::billing::returning::ask_open", Not(OF_ROWS)),
    ("administration::billing::returning::come_back", Not(OF_ROWS)),
    ("administration::domain::add", Here),
    ("administration::domain::remove", Here),
    ("administration::domain::set", Here),
    ("administration::domain::settle", In("domains")),
    ("administration::domain::verify", In("domains")),
    ("administration::idempotency::done", Not("it shapes what a use case answers")),
    ("administration::idempotency::forget", Not("answers that are kept for a day are no event")),
    ("administration::idempotency::made", Not("it shapes what a use case answers")),
    ("administration::idempotency::once", Not(OF_ROWS)),
    ("administration::invitation::create", Here),
    ("administration::invitation::ending::forget", Not("what it forgets was told when it was over")),
    ("administration::invitation::ending::revoke", In("invitations")),
    ("administration::invitation::ending::settle", In("invitations")),
    ("administration::invitation::import::import", In("invitations")),
    ("administration::invitation::renewal::renew", In("invitations")),
    ("administration::join_request::approve", In("sign_in::join_requests")),
    ("administration::join_request::decline", In("sign_in::join_requests")),
    ("administration::member::set", Here),
    ("administration::organization::create", Here),
    ("administration::organization::founding::found", In("api::founding")),
    ("administration::organization::leaving::delete", In("api::leaving")),
    ("administration::organization::leaving::purge", In("api::leaving")),
    ("administration::organization::leaving::restore", In("api::leaving")),
    ("administration::organization::leaving::transfer", In("api::leaving")),
    ("administration::organization::settings::set", Here),
    ("administration::provisioning_client::create", Here),
    ("administration::provisioning_log::forget", Not("the log is old, and the trail is another matter")),
    ("administration::provisioning_token::create", Here),
    ("administration::provisioning_token::revoke", Here),
    ("administration::recovery_codes::confirm", Here),
    ("administration::recovery_codes::create", Here),
    ("administration::reindex::reindex", Here),
    ("administration::schema::add", Here),
    ("administration::schema::remove", Here),
    ("administration::session::end", In("api::ways_in")),
    ("administration::session::revoke", Here),
    ("administration::setup_link::create", Here),
    ("administration::setup_link::create_at_first_run", Not(OF_ROWS)),
    ("administration::single_sign_on::set", In("sign_in::recovery")),
    (
        "administration::webhook::attempt::make",
        Not("each attempt is in the delivery log, which is an organization's own"),
    ),
    ("administration::webhook::create", In("webhooks")),
    ("administration::webhook::deliveries::replay", In("webhooks")),
    ("administration::webhook::deliveries::test", In("webhooks")),
    ("administration::webhook::remove", In("webhooks")),
    ("administration::webhook::rotate", In("webhooks")),
    ("administration::webhook::set", In("webhooks")),
    ("jobs::billing::keep", Not(OF_ROWS)),
    ("jobs::billing::round", Not(OF_ROWS)),
    ("jobs::billing::run", Not(OF_ROWS)),
    ("jobs::cleaning::run", Not(OF_ROWS)),
    ("jobs::domains::recheck", Not(OF_ROWS)),
    ("jobs::domains::run", Not(OF_ROWS)),
    ("jobs::invitations::run", Not(OF_ROWS)),
    ("jobs::invitations::settle", Not(OF_ROWS)),
    ("jobs::provisioning_log::round", Not("the provisioning log is written, which is no event")),
    ("jobs::provisioning_log::run", Not(OF_ROWS)),
    ("jobs::refusals::run", Not(OF_ROWS)),
    ("jobs::retention::round", Not(OF_ROWS)),
    ("jobs::retention::run", Not(OF_ROWS)),
    ("jobs::webhooks::deliver", Not(OF_ROWS)),
    ("jobs::webhooks::run", Not(OF_ROWS)),
    ("jobs::webhooks::tidy", Not("old deliveries are no event")),
    ("provisioning::bearers::write", Not("when a token was last used is in its own row")),
    ("provisioning::bulk::run", Here),
    ("provisioning::client_credentials::issue", In("oauth")),
    ("provisioning::client_refusals::note", In("oauth")),
    ("provisioning::groups::create", Here),
    ("provisioning::groups::delete", Here),
    ("provisioning::groups::patch", Here),
    ("provisioning::groups::replace", Here),
    ("provisioning::log_buffer::flush", Not("reads change nothing, and refusals neither")),
    ("provisioning::newcomers::create", Not(OF_ROWS)),
    ("provisioning::operation::plan", Not(OF_ROWS)),
    ("provisioning::presumption::plan", Not(OF_ROWS)),
    ("provisioning::users::creation::create", Here),
    ("provisioning::users::creation::create_many", Here),
    ("provisioning::users::creation::create_new", Not(OF_ROWS)),
    ("provisioning::users::delete", Here),
    ("provisioning::users::patch", Here),
    ("provisioning::users::replace", Here),
    ("sign_in::answered", Not("that a sign-in was answered ends it; what it comes to is told")),
    ("sign_in::arrival::arrive", Here),
    ("sign_in::departure::end_at_provider", Here),
    ("sign_in::departure::sign_out", Here),
    ("sign_in::invitation::accepting::accept", In("invitations")),
    ("sign_in::link::follow", In("sign_in::links")),
    ("sign_in::link::request", Not("a mail that anybody may ask for opens nothing until it is followed")),
    ("sign_in::recovery::enter", In("sign_in::recovery")),
    ("sign_in::refusals::forget", Not("a trail that told of its own end would have none")),
    ("sign_in::refusals::note", Here),
    ("sign_in::session::note_use", Not("when a session was last used is in its own row")),
    ("sign_in::session::revoke", Here),
    ("sign_in::setup::start", In("sign_in::setup")),
    ("sign_in::start", Not("a sign-in that is only begun opens nothing")),
];

/// The public functions of use cases that write.
fn use_cases() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for module in ["administration", "jobs", "provisioning", "sign_in"] {
        visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module), &mut |path, text| {
            let inside = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src/")).unwrap();
            let module = inside.with_extension("").to_str().unwrap().replace('/', "::");
            let module = module.trim_end_matches("::mod");
            for piece in text.split("\npub ").skip(1) {
                let Some(rest) = piece.strip_prefix("async ").unwrap_or(piece).strip_prefix("fn ") else { continue };
                let signature = rest.split(" {\n").next().unwrap();
                if signature.contains("Planned<") || signature.contains("Store") {
                    let name = signature.split(['(', '<']).next().unwrap();
                    found.insert(format!("{module}::{name}"));
                }
            }
        });
    }
    found
}

fn visit(directory: &Path, see: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            visit(&path, see);
        } else {
            see(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_use_case_has_a_row() {
    let rows: BTreeSet<String> = USE_CASES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(rows.len(), USE_CASES.len(), "one row for each");
    let found = use_cases();
    let (missing, gone): (Vec<_>, Vec<_>) = (found.difference(&rows).collect(), rows.difference(&found).collect());
    assert!(missing.is_empty() && gone.is_empty(), "without a row: {missing:#?}\nrows of nothing: {gone:#?}");
    let stepped: BTreeSet<&str> = STEPS.iter().flat_map(|step| step.functions.split(' ')).collect();
    for (name, told) in USE_CASES {
        match told {
            Here => assert!(stepped.contains(name), "{name} has no step"),
            In(tests) => {
                let file = tests.split("::").collect::<Vec<_>>().join("/");
                let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(file);
                assert!(place.is_dir() || place.with_extension("rs").is_file(), "{tests} are no tests");
            }
            Not(why) => assert!(!why.is_empty()),
        }
    }
}

/// Something that is done, and the one event it leaves.
struct Step {
    functions: &'static str,
    /// Empty: the service's own.
    trail: &'static str,
    action: &'static str,
    way: Way,
    /// Members of the event's detail, which say what was what.
    tells: &'static [&'static str],
}

enum Way {
    /// An operator's command.
    Command(&'static str),
    /// What the owner asks of the API.
    Owner(&'static str, &'static str, &'static str),
    /// What the identity provider asks.
    Scim(&'static str, &'static str, &'static str),
    /// What somebody does in a browser.
    Browser(&'static str),
}
use Way::{Browser, Command, Owner, Scim};

const fn step(functions: &'static str, action: &'static str, way: Way, tells: &'static [&'static str]) -> Step {
    Step { functions, trail: "acme", action, way, tells }
}

/// NAME in capitals is what an earlier step made.
const STEPS: &[Step] = &[
    Step {
        functions: "administration::organization::create",
        trail: "bolt",
        action: "organization.created",
        way: Command("organization create --name Bolt --slug bolt --owner-email o@bolt.example --seats 9"),
        tells: &["seats"],
    },
    step(
        "administration::organization::settings::set",
        "organization.changed",
        Owner("PATCH", "", r#"{"name": "Acme Inc."}"#),
        &["name/before", "name/after"],
    ),
    step(
        "administration::organization::settings::set",
        "organization.changed",
        Command("organization set --organization acme --seat-policy waitlist"),
        &["seat_policy/before", "seat_policy/after"],
    ),
    step(
        "administration::api_key::create",
        "api_key.created",
        Command("api-key create --organization acme --name robot --role read"),
        &["name", "role"],
    ),
    step(
        "administration::invitation::create",
        "invitation.created",
        Owner("POST", "/invitations", r#"{"email": "new@acme.example", "role": "read"}"#),
        &["role"],
    ),
    step(
        "administration::billing::checkout::begin administration::billing::checkout::plan",
        "checkout.begun",
        Owner("POST", "/checkout", r#"{"plan": "enterprise_seat_monthly", "seats": 12}"#),
        &["seats", "plan"],
    ),
    step(
        "administration::domain::add",
        "domain.added",
        Command("domain add --organization acme --domain a.example"),
        &["domain", "state"],
    ),
    step(
        "administration::domain::set",
        "domain.changed",
        Command("domain set --organization acme --domain a.example --role write"),
        &["before/role", "after/role"],
    ),
    step(
        "administration::domain::remove",
        "domain.removed",
        Command("domain remove --organization acme --domain a.example"),
        &["domain", "role"],
    ),
    step(
        "administration::provisioning_token::create",
        "provisioning_token.created",
        Command("provisioning-token create --organization acme --name second"),
        &["name"],
    ),
    step(
        "administration::provisioning_token::revoke",
        "provisioning_token.revoked",
        Command("provisioning-token revoke --organization acme --token second"),
        &["name"],
    ),
    step(
        "administration::provisioning_client::create",
        "provisioning_client.created",
        Command("provisioning-client create --organization acme --name client"),
        &["name"],
    ),
    step(
        "administration::schema::add",
        "schema.added",
        Command("schema add --organization acme --file SCHEMA"),
        &["schema"],
    ),
    step(
        "administration::schema::remove",
        "schema.removed",
        Command("schema remove --organization acme --schema urn:acme:badge"),
        &["schema"],
    ),
    step(
        "administration::recovery_codes::create",
        "recovery_codes.created",
        Command("recovery-codes create --organization acme --member OWNER"),
        &[],
    ),
    step(
        "administration::recovery_codes::confirm",
        "recovery_codes.saved",
        Command("recovery-codes confirm --organization acme --member OWNER"),
        &[],
    ),
    step("administration::reindex::reindex", "index.rebuilt", Command("reindex"), &[]),
    Step {
        functions: "administration::setup_link::create",
        trail: "",
        action: "setup_link.created",
        way: Command("setup-link"),
        tells: &[],
    },
    step(
        "administration::member::set",
        "member.role_changed",
        Command("member set --organization acme --member READER --role write"),
        &["before", "after"],
    ),
    step(
        "administration::member::set",
        "member.suspended",
        Command("member set --organization acme --member READER --status suspended"),
        &["before", "after"],
    ),
    step(
        "administration::member::set",
        "member.suspension_lifted",
        Command("member set --organization acme --member READER --status active"),
        &["before", "after"],
    ),
    step(
        "administration::member::set",
        "member.removed",
        Command("member set --organization acme --member READER --status removed"),
        &["before", "after"],
    ),
    step(
        "administration::member::set",
        "member.brought_back",
        Command("member set --organization acme --member READER --status active"),
        &["before", "after"],
    ),
    step(
        "administration::session::revoke",
        "sessions.revoked",
        Command("session revoke --organization acme --member WRITER"),
        &["sessions"],
    ),
    step("provisioning::users::creation::create", "user.created", Scim("POST", "/Users", "USER"), &[]),
    step(
        "provisioning::users::patch",
        "user.patched",
        Scim("PATCH", "/Users/ID", r#"{"Operations": [{"op": "add", "path": "title", "value": "x"}]}"#),
        &[],
    ),
    step("provisioning::users::replace", "user.replaced", Scim("PUT", "/Users/ID", "USER"), &[]),
    step("provisioning::users::delete", "user.deleted", Scim("DELETE", "/Users/ID", ""), &[]),
    step("provisioning::groups::create", "group.created", Scim("POST", "/Groups", r#"{"displayName": "Staff"}"#), &[]),
    step(
        "provisioning::groups::patch",
        "group.patched",
        Scim("PATCH", "/Groups/ID", r#"{"Operations": [{"op": "replace", "path": "displayName", "value": "x"}]}"#),
        &[],
    ),
    step("provisioning::groups::replace", "group.replaced", Scim("PUT", "/Groups/ID", r#"{"displayName": "y"}"#), &[]),
    step("provisioning::groups::delete", "group.deleted", Scim("DELETE", "/Groups/ID", ""), &[]),
    step(
        "provisioning::bulk::run provisioning::users::creation::create_many",
        "user.created",
        Scim(
            "POST",
            "/Bulk",
            r#"{"Operations": [{"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "bulk"}}]}"#,
        ),
        &[],
    ),
    step("sign_in::session::revoke", "session.ended", Browser("others"), &["identity", "sessions"]),
    step("sign_in::departure::sign_out", "session.ended", Browser("out"), &["identity", "sessions"]),
    step("sign_in::arrival::arrive", "sign_in.succeeded", Browser("in"), &["identity"]),
    step("sign_in::departure::end_at_provider", "session.ended", Browser("provider"), &["identity", "sessions"]),
    Step {
        functions: "sign_in::refusals::note",
        trail: "",
        action: "sign_in.failed",
        way: Browser("nowhere"),
        tells: &["reason"],
    },
];

async fn each_use_case_leaves_one_event(database: Database) {
    let team = Team::open(database).await;
    let schema = json!({"id": "urn:acme:badge", "name": "Badge", "attributes": [{"name": "number", "type": "string"}]});
    let file =
        std::env::temp_dir().join(format!("headcount-badge-{}-{}.json", std::process::id(), crate::support::unique()));
    std::fs::write(&file, schema.to_string()).unwrap();
    let mut names: BTreeMap<&str, String> = [
        ("SCHEMA", file.to_str().unwrap().to_owned()),
        ("OWNER", team.owner.member_id().await),
        ("READER", team.reader.member_id().await),
        ("WRITER", team.writer.member_id().await),
    ]
    .into();
    for step in STEPS {
        let before = trail(&team, step.trail);
        let request_id = run(&team, step, &mut names).await;
        let known: BTreeSet<String> = before.iter().map(|event| event["id"].to_string()).collect();
        let mut new = trail(&team, step.trail);
        new.retain(|event| !known.contains(&event["id"].to_string()));
        assert_eq!(new.len(), 1, "{} {}: {new:#?}", step.functions, step.action);
        check(step, &new[0], request_id.as_deref());
    }
    std::fs::remove_file(file).unwrap();
}

/// All that a trail tells; nothing where there is no organization yet.
fn trail(team: &Team, organization: &str) -> Vec<Value> {
    let organization = Some(organization).filter(|slug| !slug.is_empty());
    let list = audit::list(&mut team.place.house.database(), &By::OPERATOR, organization, &Wanted::default(), 10_000);
    match list {
        Ok(events) => events.iter().map(|event| json!(event)).collect(),
        Err(error) => {
            assert_eq!(error.code, Code::NotFound);
            Vec::new()
        }
    }
}

/// Does it; the id of the request, where it is one.
async fn run(team: &Team, step: &Step, names: &mut BTreeMap<&str, String>) -> Option<String> {
    let filled = |text: &str| names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    match step.way {
        Command(words) => {
            let words = filled(words);
            team.place.command(&words.split(' ').collect::<Vec<_>>());
            None
        }
        Owner(method, path, body) => {
            let (path, body) = (format!("/api/v1/organizations/acme{path}"), serde_json::from_str(body).unwrap());
            let reply = team.owner.call(method.parse().unwrap(), &path, Some(&body)).await;
            assert!(reply.status.is_success(), "{path}: {}", reply.body);
            Some(reply.header("x-request-id").to_owned())
        }
        Scim(method, path, body) => {
            let body = match body {
                "" => None,
                "USER" => Some(user("zoe")),
                text => Some(serde_json::from_str(text).unwrap()),
            };
            let (token, path) = (team.place.house.token.clone(), filled(path));
            let (status, made, _) = team.place.scim(&token, method.parse().unwrap(), &path, body.as_ref()).await;
            assert!(status < 300, "{path}: {made}");
            if let (201, Some(id)) = (status, made["id"].as_str()) {
                names.insert("ID", id.to_owned());
            }
            None
        }
        Browser(what) => {
            in_browser(team, what).await;
            None
        }
    }
}

async fn in_browser(team: &Team, what: &str) {
    let csrf = async || crate::sign_in::browser::hidden(&team.admin.get("/").await.body, "csrf");
    match what {
        "others" => drop(team.admin.post("/sign-out/others", &[("csrf", &csrf().await)]).await),
        "out" => drop(team.admin.post("/sign-out", &[("csrf", &csrf().await)]).await),
        "in" => drop(team.admin.sign_in("admin@acme.example").await),
        "provider" => {
            let claims = json!({
                "iss": team.place.provider.issuer(), "aud": headcount::stand_in::CLIENT_ID,
                "iat": team.place.now() / 1_000_000, "exp": team.place.now() / 1_000_000 + 60, "jti": "audited",
                "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sub": "U2admin"
            });
            let token = team.place.provider.sign(json!({}).as_object().unwrap(), &claims, false);
            let answer = team.place.browser().post("/sign-in/backchannel-logout", &[("logout_token", &token)]).await;
            assert_eq!(answer.status, 200);
        }
        _ => drop(team.place.browser().send(Method::GET, "/sign-in/callback?state=none", |request| request).await),
    }
}

fn check(step: &Step, event: &Value, request_id: Option<&str>) {
    let what = format!("{}: {event:#}", step.functions);
    assert_eq!(event["action"], step.action, "{what}");
    let (source, actor) = match step.way {
        Command(_) => ("command", "operator"),
        Owner(..) => ("page", "member:"),
        Scim(..) => ("scim", "provisioning"),
        Browser("provider") => ("system", "provider"),
        Browser(_) => ("page", ""),
    };
    assert_eq!(event["source"], source, "{what}");
    assert!(event["actor"].as_str().is_some_and(|name| !name.is_empty() && name.starts_with(actor)), "{what}");
    assert!(event["target"]["kind"].as_str().is_some_and(|kind| !kind.is_empty()), "{what}");
    let is_request = !matches!(step.way, Command(_));
    assert_eq!(event["address"].is_string(), is_request, "{what}");
    assert_eq!(event["request_id"].is_string(), is_request, "{what}");
    if let Some(id) = request_id {
        assert_eq!(event["request_id"], id, "{what}");
    }
    assert!(!event["detail"].is_null() && event["at"].is_string(), "{what}");
    for path in step.tells {
        assert!(event["detail"].pointer(&format!("/{path}")).is_some(), "{path} is missing: {what}");
    }
}
