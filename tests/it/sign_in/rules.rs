//! Who is let in where, as the routes and the database have it: each case goes wrong without one rule.

use headcount::store::sql::Sql;
use serde_json::{Value, json};

use super::browser::{Answer, Browser, TENANT};
use super::clocked::Clocked;
use super::{Person, ann, person};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    closed_organizations,
    nobody_was_named,
    a_tenant_that_has_changed,
    a_tenant_that_is_not_used,
    unverified_addresses,
    only_its_tenant_opens_an_organization,
    whom_nothing_proves,
    suspended_people,
    the_audit_trail,
    what_the_provider_says_anew,
    ten_minutes,
);

/// Comes by a link that names neither an organization nor a person, as the one that is chosen there.
async fn unnamed(place: &Clocked, who: &Person) -> (Browser, Answer) {
    place.provider.set_person(who.clone());
    let browser = place.browser();
    let issuer = place.provider.issuer();
    let sent = browser.post("/sign-in/initiate", &[("iss", &issuer)]).await;
    let answer = browser.follow(&sent).await;
    (browser, answer)
}

/// Comes by an organization's own door.
async fn at(place: &Clocked, slug: &str, who: &Person) -> (Browser, Answer) {
    place.provider.set_person(who.clone());
    let browser = place.browser();
    let sent = browser.get(&format!("/sign-in/{slug}")).await;
    let answer = browser.follow(&sent).await;
    (browser, answer)
}

fn set(place: &Clocked, slug: &str, settings: &[&str]) {
    place.command(&[&["organization", "set", "--organization", slug], settings].concat());
}

async fn slugs(browser: &Browser) -> Vec<String> {
    let (status, me) = browser.me().await;
    assert_eq!(status, 200, "{me}");
    let slug = |place: &Value| place["organization"]["slug"].as_str().unwrap().to_owned();
    me["memberships"].as_array().unwrap().iter().map(slug).collect()
}

/// A second organization without a domain, whose tenant Ann belongs to as well.
fn bolt(place: &Clocked) -> Person {
    let create = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--seats", "9"];
    place.command(&[create.as_slice(), &["--owner-email", "bo@bolt.example"]].concat());
    set(place, "bolt", &["--descope-tenant-id", "T2bolt"]);
    Person { tenants: vec![TENANT.into(), "T2bolt".into()], ..ann() }
}

async fn closed_organizations(place: Database) {
    let place = Clocked::open(place, &[]);
    let state = |state: &str| {
        let update = Sql::new("UPDATE organizations SET state = ? WHERE slug = 'acme'").bind(state);
        assert_eq!(update.execute(&mut place.house.database()).unwrap(), 1);
    };
    state("pending_checkout");
    assert_eq!(place.browser().get("/sign-in/acme").await.status, 404);
    let (browser, answer) = place.sign_in(&ann()).await;
    assert_eq!(answer.status, 303);
    assert_eq!(slugs(&browser).await, [""; 0], "nobody joins what is not open");
    assert_eq!(place.command(&["organization", "show", "--organization", "acme"])["users"], 1);
    state("past_due");
    let (browser, _) = at(&place, "acme", &ann()).await;
    assert_eq!(slugs(&browser).await, ["acme"], "a failed renewal locks nobody out");
}

async fn nobody_was_named(database: Database) {
    let place = Clocked::open(database, &[]);
    // The domain leads to an organization whose tenant proves nothing: signed in, and no member.
    let (browser, answer) = unnamed(&place, &ann()).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(slugs(&browser).await, [""; 0]);
    let trail = place.command(&["audit", "list"]);
    let told = trail.as_array().unwrap().iter().filter(|event| event["action"] == "sign_in.succeeded");
    let told: Vec<_> = told.map(|event| (&event["target"]["kind"], &event["detail"]["detail"])).collect();
    assert_eq!(told, [(&json!("Service"), &json!("signed in"))], "in the service's own trail: {trail}");
    // An address that nobody has proven leads nowhere, not even a member.
    place.sign_in(&ann()).await;
    let before = entered(&place);
    let (_, answer) = unnamed(&place, &Person { email_verified: Some(false.into()), ..ann() }).await;
    assert_eq!((answer.status.as_u16(), entered(&place)), (303, before));
    unnamed(&place, &ann()).await;
    assert_eq!(entered(&place), before + 1, "a proven one does");
}

/// How often somebody has entered the organization.
fn entered(place: &Clocked) -> usize {
    actions(place).iter().filter(|action| *action == "sign_in.succeeded").count()
}

async fn a_tenant_that_has_changed(database: Database) {
    let place = Clocked::open(database, &[]);
    let browser = place.browser();
    let sent = browser.enter("ann@acme.example", "/").await;
    let back = browser.at_provider(&sent).await;
    set(&place, "acme", &["--descope-tenant-id", "T2new"]);
    browser.get(&back).await.plain(403, "what the tenant of before proves");
    assert_eq!(browser.me().await.0, 401);
    assert_eq!(place.command(&["organization", "show", "--organization", "acme"])["users"], 1);
    // A member may come all the same while the tenant is optional, and by it when it is the only way.
    set(&place, "acme", &["--descope-tenant-id", TENANT]);
    place.sign_in(&ann()).await;
    let browser = place.browser();
    let sent = browser.enter("ann@acme.example", "/").await;
    let back = browser.at_provider(&sent).await;
    set(&place, "acme", &["--descope-tenant-id", "T2new"]);
    assert_eq!(browser.get(&back).await.status, 303);
    assert_eq!(slugs(&browser).await, ["acme"]);
    set(&place, "acme", &["--sso", "required"]);
    assert_eq!(slugs(&browser).await, [""; 0], "the tenant of before opens it no longer");
}

async fn a_tenant_that_is_not_used(database: Database) {
    let place = Clocked::open(database, &[]);
    let asks = async || place.browser().get("/sign-in/acme").await.location.unwrap().contains("tenant=");
    assert!(asks().await);
    set(&place, "acme", &["--sso", "off"]);
    assert!(!asks().await);
    let (browser, _) = place.sign_in(&Person { tenants: Vec::new(), ..ann() }).await;
    assert_eq!(slugs(&browser).await, ["acme"], "a verified domain and address are enough");
}

async fn unverified_addresses(database: Database) {
    let place = Clocked::open(database, &[]);
    for verified in [None, Some(json!(false))] {
        let (browser, answer) = at(&place, "acme", &Person { email_verified: verified.clone(), ..ann() }).await;
        let page = answer.plain(403, "an address that is not verified");
        assert!(page.contains("not verified"), "{verified:?}: {page}");
        assert_eq!(browser.me().await.0, 401);
    }
    assert_eq!(place.command(&["organization", "show", "--organization", "acme"])["users"], 1);
}

async fn only_its_tenant_opens_an_organization(database: Database) {
    let place = Clocked::open(database, &[]);
    let ann = bolt(&place);
    let token = ["provisioning-token", "create", "--organization", "bolt", "--name", "t"];
    let token = place.command(&token)["token"].as_str().unwrap().to_owned();
    let user = crate::support::user("ann");
    assert_eq!(place.browser().provision(&token, &user).await, 201);
    // Of the other's tenant nothing is proven here.
    let (at_acme, _) = at(&place, "acme", &ann).await;
    assert_eq!(slugs(&at_acme).await, ["acme"]);
    let (at_bolt, answer) = at(&place, "bolt", &ann).await;
    assert_eq!(answer.status, 303, "its tenant and provisioning link: {}", answer.body);
    let (unnamed, _) = unnamed(&place, &ann).await;
    for browser in [&at_acme, &at_bolt, &unnamed] {
        assert_eq!(slugs(browser).await, ["acme", "bolt"], "while tenants are optional, other ways stay open");
    }
    set(&place, "acme", &["--sso", "required"]);
    assert_eq!(slugs(&at_acme).await, ["acme", "bolt"]);
    assert_eq!(slugs(&at_bolt).await, ["bolt"], "another organization's tenant");
    assert_eq!(slugs(&unnamed).await, ["bolt"], "no tenant");
}

async fn whom_nothing_proves(database: Database) {
    let place = Clocked::open(database, &[]);
    bolt(&place);
    // The owner was made by hand and no domain is verified: whoever runs the tenant could be anybody.
    let (browser, answer) = at(&place, "bolt", &Person::new("U2bo", "bo@bolt.example", "T2bolt")).await;
    assert!(answer.plain(403, "made by hand").contains("does not prove"), "{}", answer.body);
    assert_eq!(browser.me().await.0, 401);
}

async fn suspended_people(database: Database) {
    let place = Clocked::open(database, &[]);
    let (browser, _) = place.sign_in(&ann()).await;
    let id = browser.me().await.1["memberships"][0]["member_id"].as_str().unwrap().to_owned();
    let status = |status: &str| {
        place.command(&["member", "set", "--organization", "acme", "--member", &id, "--status", status]);
    };
    status("suspended");
    assert_eq!(browser.me().await.0, 401);
    let (_, answer) = place.sign_in(&ann()).await;
    assert!(answer.plain(403, "suspended").contains("suspended"), "{}", answer.body);
    status("active");
    assert_eq!(place.sign_in(&ann()).await.1.status, 303);
}

fn audit(place: &Clocked) -> Vec<Value> {
    place.command(&["audit", "list", "--organization", "acme"]).as_array().unwrap().clone()
}

/// What happened, the oldest first.
fn actions(place: &Clocked) -> Vec<String> {
    audit(place).iter().rev().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
}

async fn the_audit_trail(database: Database) {
    let place = Clocked::open(database, &[]);
    place.sign_in(&ann()).await;
    at(&place, "acme", &Person::new("U2impostor", "ann@acme.example", TENANT)).await;
    place.sign_in(&Person::new("U2olga", "olga@acme.example", TENANT)).await;
    place.command(&["domain", "set", "--organization", "acme", "--domain", "acme.example", "--joining", "ask_admin"]);
    let (browser, answer) = place.sign_in(&person("bea")).await;
    assert!(answer.plain(403, "asked").contains("has been asked"), "{}", answer.body);
    assert_eq!(browser.me().await.0, 401);
    let of_people = |action: &String| action.starts_with("member.") || action.starts_with("sign_in.");
    let happened: Vec<String> = actions(&place).into_iter().filter(of_people).collect();
    let expected = ["member.joined", "sign_in.succeeded", "sign_in.refused", "member.linked", "sign_in.succeeded"];
    assert_eq!(happened, [expected.as_slice(), &["member.asked"]].concat());
    let refused = audit(&place).into_iter().find(|event| event["action"] == "sign_in.refused").unwrap();
    assert!(refused.to_string().contains("linked_to_another_identity"), "the reason: {refused}");
}

async fn what_the_provider_says_anew(database: Database) {
    let place = Clocked::open(database, &[]);
    place.sign_in(&ann()).await;
    let married = Person { name: "Ann Anders".into(), ..Person::new("U2ann", "ann.anders@acme.example", TENANT) };
    let (browser, answer) = place.sign_in(&married).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let (_, me) = browser.me().await;
    assert_eq!((&me["email"], &me["name"]), (&json!("ann.anders@acme.example"), &json!("Ann Anders")));
    assert_eq!(me["memberships"].as_array().unwrap().len(), 1, "the subject is who she is");
    assert_eq!(place.command(&["organization", "show", "--organization", "acme"])["users"], 2);
}

async fn ten_minutes(database: Database) {
    let place = Clocked::open(database, &[("sessions.idle", "48h"), ("sessions.absolute", "12h")]);
    for (seconds, status) in [(599, 303), (600, 400)] {
        let browser = place.browser();
        let sent = browser.enter("ann@acme.example", "/").await;
        let back = browser.at_provider(&sent).await;
        place.clock.advance_seconds(seconds);
        assert_eq!(browser.get(&back).await.status, status, "{seconds} seconds at the provider");
    }
    // Nor does a provider lengthen what we allow.
    let ends = place.now() / 1_000_000 + 30 * 86_400;
    let more = json!({"session_expiry": ends}).as_object().unwrap().clone();
    place.provider.set_person(Person { more, ..ann() });
    let browser = place.browser();
    assert_eq!(browser.sign_in("ann@acme.example").await.status, 303);
    place.clock.advance_seconds(12 * 3_600 - 1);
    assert_eq!(browser.me().await.0, 200);
    place.clock.advance_seconds(1);
    assert_eq!(browser.me().await.0, 401);
}
