//! People whose domain leaves it to an admin: who asks is listed, let in or kept out.

use headcount::administration::join_request::{self, Decided, approve, decline};
use headcount::administration::{Administration, By};
use headcount::store::Planned;
use headcount::store::batch::Batch;
use headcount::store::connection::Connection;
use serde_json::{Value, json};

use super::clocked::Clocked;
use super::{ann, person};
use crate::support::in_process::{application, ask};
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(approved, declined, seats_and_blocks, who_came_another_way, forgotten, two_admins);

const DAY: i64 = 86_400;

fn place(database: Database) -> Clocked {
    let place = Clocked::open(database, &[]);
    place.command(&[
        "domain",
        "set",
        "--organization",
        "acme",
        "--domain",
        "acme.example",
        "--joining",
        "ask_admin",
        "--role",
        "write",
    ]);
    place
}

type Decision = fn(&mut Connection, &Administration, &By, &str, &str) -> headcount::error::Result<Planned<Decided>>;

impl Clocked {
    async fn requests(&self) -> Vec<Value> {
        let listed = self.house.assembly.operate(|connection, administration| {
            let answer = join_request::list(connection, administration, &By::OPERATOR, "acme", None, i64::MAX)?;
            Ok(Planned { batch: Batch::default(), answer })
        });
        listed.await.unwrap().iter().map(|request| serde_json::to_value(request).unwrap()).collect()
    }

    /// Approves or declines, on the clock of the test; commands have the machine's.
    async fn try_to(&self, decision: Decision, slug: &'static str, id: &str) -> Result<Value, String> {
        let id = id.to_owned();
        let decide = move |connection: &mut _, administration: &_| {
            decision(connection, administration, &By::OPERATOR, slug, &id)
        };
        let decided = self.house.assembly.operate(decide).await.map_err(|error| error.detail.into_owned())?;
        Ok(serde_json::to_value(decided).unwrap())
    }

    async fn decide(&self, decision: Decision, id: &str) -> Value {
        self.try_to(decision, "acme", id).await.unwrap()
    }

    /// Why it is not done.
    async fn refused(&self, decision: Decision, slug: &'static str, id: &str) -> String {
        self.try_to(decision, slug, id).await.unwrap_err()
    }

    /// The audit trail's actions, newest first.
    fn actions(&self) -> Vec<String> {
        let events = self.command(&["audit", "list", "--organization", "acme"]);
        events.as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
    }

    fn seats_used(&self) -> i64 {
        self.command(&["organization", "show", "--organization", "acme"])["seats_used"].as_i64().unwrap()
    }

    /// Somebody asks; the request's id.
    async fn asks(&self, name: &str) -> String {
        let (browser, answer) = self.sign_in(&person(name)).await;
        assert_eq!(answer.status, 403);
        assert!(answer.body.contains("has been asked to let you in"), "{}", answer.body);
        assert_eq!(browser.me().await.0, 401);
        let requests = self.requests().await;
        let email = format!("{name}@acme.example");
        requests.iter().find(|request| request["email"] == email).unwrap()["id"].as_str().unwrap().to_owned()
    }
}

async fn approved(database: Database) {
    let place = place(database);
    let id = place.asks("bea").await;
    assert_eq!(place.asks("bea").await, id);
    assert_eq!(place.requests().await.len(), 1, "asked once");
    assert_eq!(place.actions().iter().filter(|action| *action == "member.asked").count(), 1);
    let request = &place.requests().await[0];
    assert_eq!((&request["status"], &request["name"]), (&json!("pending"), &json!("Ada Lovelace")));
    assert_eq!(place.seats_used(), 1, "who asks takes no seat");
    place.command(&[
        "organization",
        "create",
        "--name",
        "B",
        "--slug",
        "bolt",
        "--owner-email",
        "b@bolt.example",
        "--seats",
        "9",
    ]);
    for how in [approve as Decision, decline] {
        assert!(place.refused(how, "bolt", &id).await.contains("no request with the id"), "another organization's");
        assert!(place.refused(how, "acme", "x").await.contains("no request with the id"));
    }
    let by_command = |command: &str, more: &[&str]| {
        place.command(&[&["join-request", command, "--organization", "acme"], more].concat())
    };
    assert_eq!(by_command("list", &[])[0], place.requests().await[0]);
    assert_eq!(by_command("decline", &["--request", &id])["status"], "declined");
    let approved = by_command("approve", &["--request", &id]);
    assert_eq!((&approved["status"], &approved["email"]), (&json!("approved"), &json!("bea@acme.example")));
    assert_eq!(place.actions()[0], "join_request.approved");
    assert_eq!(place.seats_used(), 2);
    assert!(place.requests().await.is_empty());
    let (browser, answer) = place.sign_in(&person("bea")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let member = &browser.me().await.1["memberships"][0];
    assert_eq!((&member["member_id"], &member["role"]), (&approved["member_id"], &json!("write")));
    assert_eq!((&member["source"], &member["status"]), (&json!("domain"), &json!("active")));
    assert_eq!(place.seats_used(), 2, "entering takes no second one");
    assert!(place.refused(approve, "acme", &id).await.contains("no request with the id"), "once");
}

async fn declined(database: Database) {
    let place = place(database);
    let id = place.asks("bea").await;
    assert_eq!(place.decide(decline, &id).await["status"], "declined");
    assert!(place.actions().contains(&"join_request.declined".to_owned()));
    assert!(place.refused(decline, "acme", &id).await.contains("declined already"));
    let out = async || {
        let (browser, answer) = place.sign_in(&person("bea")).await;
        assert_eq!((answer.status.as_u16(), browser.me().await.0.as_u16()), (403, 401));
        assert!(answer.body.contains("has declined your request"), "{}", answer.body);
    };
    out().await;
    assert_eq!(place.requests().await.len(), 1);
    assert_eq!(place.requests().await[0]["status"], "declined");
    // Nor by the domain, when it stops asking.
    let joining = |how: &str| {
        place.command(&["domain", "set", "--organization", "acme", "--domain", "acme.example", "--joining", how])
    };
    joining("automatic");
    out().await;
    joining("ask_admin");
    place.clock.advance_seconds(90 * DAY - 1);
    out().await;
    place.clock.advance_seconds(1);
    let again = place.asks("bea").await;
    assert_eq!(
        (again.as_str(), &place.requests().await[0]["status"]),
        (id.as_str(), &json!("pending")),
        "90 days later one may ask again"
    );
    place.decide(decline, &id).await;
    // An admin may think better of it.
    assert_eq!(place.decide(approve, &id).await["status"], "approved");
    assert_eq!(place.sign_in(&person("bea")).await.1.status, 303);
}

async fn seats_and_blocks(database: Database) {
    let place = place(database);
    let (bea, cid) = (place.asks("bea").await, place.asks("cid").await);
    place.command(&["organization", "set", "--organization", "acme", "--seats", "2"]);
    let member = place.decide(approve, &bea).await["member_id"].as_str().unwrap().to_owned();
    assert!(place.refused(approve, "acme", &cid).await.contains("no seats available, 2 of 2 used"));
    assert_eq!((place.seats_used(), place.requests().await.len()), (2, 1), "nothing of it is kept");
    place.command(&["organization", "set", "--organization", "acme", "--seats", "9"]);
    // Removed meanwhile: stays out, whoever asks whom.
    let dan = place.asks("dan").await;
    let application = application(place.house.state()).await;
    let scim = async |method: &str, path: &str, body: Option<&Value>| {
        ask(&application, &place.house.token, method.parse().unwrap(), path, body).await
    };
    let (status, made) = scim("POST", "/Users", Some(&user("dan"))).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(scim("DELETE", &format!("/Users/{}", made["id"].as_str().unwrap()), None).await.0, 204);
    assert!(place.refused(approve, "acme", &dan).await.contains("was removed from this organization"));
    place.command(&["member", "set", "--organization", "acme", "--member", &member, "--status", "removed"]);
    let (_, answer) = place.sign_in(&person("bea")).await;
    assert!(answer.body.contains("You were removed"), "{}", answer.body);
    // A domain that is gone gives nobody anything.
    place.command(&["domain", "remove", "--organization", "acme", "--domain", "acme.example"]);
    assert!(place.refused(approve, "acme", &cid).await.contains("not verified any more"));
}

/// Provisioning, or another policy, may be quicker than the admin.
async fn who_came_another_way(database: Database) {
    let place = place(database);
    let (bea, _) = (place.asks("bea").await, place.asks("cid").await);
    let application = application(place.house.state()).await;
    let body = user("bea");
    let (status, made) = ask(&application, &place.house.token, "POST".parse().unwrap(), "/Users", Some(&body)).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(place.decide(approve, &bea).await["member_id"], made["id"], "that member is theirs");
    assert_eq!(place.seats_used(), 2, "and no second one");
    let (browser, _) = place.sign_in(&person("bea")).await;
    assert_eq!(browser.me().await.1["memberships"][0]["member_id"], made["id"]);
    place.command(&["domain", "set", "--organization", "acme", "--domain", "acme.example", "--joining", "automatic"]);
    assert_eq!(place.sign_in(&person("cid")).await.1.status, 303);
    assert!(place.requests().await.is_empty(), "a request that came to something is no more");
}

async fn forgotten(database: Database) {
    let place = place(database);
    let id = place.asks("bea").await;
    place.clock.advance_seconds(30 * DAY - 1);
    assert_eq!(place.requests().await.len(), 1);
    place.clock.advance_seconds(1);
    assert!(place.requests().await.is_empty(), "30 days are over");
    for how in [approve as Decision, decline] {
        assert!(place.refused(how, "acme", &id).await.contains("no request with the id"));
    }
    place.asks("cid").await;
    assert_eq!(count(&place, "join_requests"), 1, "and it is not in the database either");
    place.asks("bea").await;
    assert_eq!(place.requests().await.len(), 2, "one may ask again");
    let (_, answer) = place.sign_in(&ann()).await;
    assert_eq!(answer.status, 403);
}

pub fn count(place: &Clocked, table: &str) -> i64 {
    use diesel::sql_types::BigInt;
    use headcount::store::sql::Sql;
    let mut sql = Sql::new("SELECT count(*) FROM ");
    sql.push(table);
    sql.first::<BigInt, i64>(&mut place.house.database()).unwrap().unwrap()
}

/// Of decisions at the same time one counts, and there is one member.
async fn two_admins(database: Database) {
    let place = place(database);
    let id = place.asks("bea").await;
    let assembly = &place.house.assembly;
    let decisions = (0..8).map(|_| {
        let id = id.clone();
        assembly
            .operate(move |connection, administration| approve(connection, administration, &By::OPERATOR, "acme", &id))
    });
    let outcomes = futures_util::future::join_all(decisions).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert_eq!(place.seats_used(), 2);
}
