//! New Users that are sent at the same time are created together, and each is answered as if it were alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix_http::Request;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use diesel::sql_types::{BigInt, Text};
use futures_util::future::{join, join_all};
use headcount::clock::SystemClock;
use headcount::provisioning::Call;
use headcount::provisioning::newcomers::{self, Lead, Turn};
use headcount::secret::SecretHash;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use crate::support::in_process::{House, application, ask};
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(
    one_commit_for_all,
    each_has_its_own_answer,
    seats_are_given_to_whom_they_last_for,
    a_token_revoked_meanwhile_creates_nobody,
);

/// A house whose token has just created somebody new.
async fn house(database: Database, seats: u32) -> House {
    let house = House::new(database, seats, Arc::new(SystemClock));
    let application = application(house.state()).await;
    assert_eq!(ask(&application, &house.token, Method::POST, "/Users", Some(&user("first"))).await.0, 201);
    house
}

/// Stands in for as many Users as are written one by one.
async fn leads(house: &House) -> Vec<Lead> {
    let most = if house.assembly.store.commits_together() { 4 } else { 1 };
    let mut leads = Vec::new();
    while leads.len() < most {
        leads.push(lead(house).await);
    }
    leads
}

/// Stands in for a User that is being written.
async fn lead(house: &House) -> Lead {
    let service = &house.assembly.provisioning;
    let call = Call {
        credential: SecretHash::of(house.token.as_bytes()),
        request_id: "lead".into(),
        client_address: None,
        method: "POST",
        path: "/Users".into(),
        query: String::new(),
        body: None,
        logged: Arc::new(AtomicBool::new(false)),
        started: service.clock.now(),
        base: "http://localhost/scim/v2".into(),
        signed: None,
        ignored_parameters: Vec::new(),
    };
    match newcomers::create(&house.assembly.store, service, &call).await {
        Turn::Alone(Some(lead)) => lead,
        turn => panic!("nobody is being written, and yet {turn:?}"),
    }
}

/// Sends Users at once; what is answered when all wait behind another and `then` has happened.
async fn together(
    house: &House,
    application: &impl Service<Request, Response = ServiceResponse, Error = actix_web::Error>,
    users: &[Value],
    then: impl FnOnce(),
) -> Vec<(u16, Value)> {
    let leads = leads(house).await;
    let all = join_all(users.iter().map(|user| ask(application, &house.token, Method::POST, "/Users", Some(user))));
    let release = async {
        while house.assembly.provisioning.newcomers.behind(SecretHash::of(house.token.as_bytes())) < users.len() {
            tokio::task::yield_now().await;
        }
        then();
        drop(leads);
    };
    join(all, release).await.0
}

fn statuses(answers: &[(u16, Value)]) -> Vec<u16> {
    answers.iter().map(|(status, _)| *status).collect()
}

fn count(house: &House, sql: &'static str) -> i64 {
    Sql::new(sql).first::<BigInt, i64>(&mut house.database()).unwrap().unwrap()
}

async fn one_commit_for_all(database: Database) {
    let house = house(database.clone(), 25).await;
    let application = application(house.state()).await;
    let users: Vec<Value> = (0..6).map(|number| user(&format!("u{number}"))).collect();
    let answers = together(&house, &application, &users, || {}).await;
    assert_eq!(statuses(&answers), [201; 6]);
    for ((_, answer), sent) in answers.iter().zip(&users) {
        assert_eq!(answer["userName"], sent["userName"]);
        let path = format!("/Users/{}", answer["id"].as_str().unwrap());
        assert_eq!(ask(&application, &house.token, Method::GET, &path, None).await.1, *answer);
    }
    assert_eq!(count(&house, "SELECT count(*) FROM audit_events WHERE action = 'user.created'"), 7);
    assert_eq!(count(&house, "SELECT count(DISTINCT request_id) FROM provisioning_log WHERE status = 201"), 7);
    assert_eq!(count(&house, "SELECT seats_used FROM organization_usage"), 8, "the owner, the first, and these");
    if let Database::Postgres(_) = database {
        let sql = "SELECT CAST(xmin AS text) FROM resources WHERE user_name_key LIKE 'u%'";
        let transactions = Sql::new(sql).load::<Text, String>(&mut house.database()).unwrap();
        assert_eq!(transactions.len(), 6);
        assert_eq!(transactions.into_iter().collect::<BTreeSet<_>>().len(), 1, "all in one transaction");
    }
    // And whoever comes then is no longer behind anybody.
    assert_eq!(ask(&application, &house.token, Method::POST, "/Users", Some(&user("last"))).await.0, 201);
}

async fn each_has_its_own_answer(database: Database) {
    let house = house(database, 25).await;
    let application = application(house.state()).await;
    let mut inactive = user("inactive");
    inactive["active"] = false.into();
    let owner = json!({"userName": "olga", "emails": [{"value": "olga@acme.example", "primary": true}]});
    let users = [user("ann"), user("first"), inactive, user("ann"), owner, user("bob")];
    let answers = together(&house, &application, &users, || {}).await;
    let mut sorted = statuses(&answers);
    sorted.sort_unstable();
    assert_eq!(sorted, [201, 201, 201, 201, 409, 409], "{answers:#?}");
    assert_eq!(answers[1].0, 409, "who is there already");
    assert_eq!(answers[2].1["active"], false);
    let found = ask(&application, &house.token, Method::GET, "/Users?filter=userName%20sw%20%22olga%22", None).await.1;
    assert_eq!(found["Resources"][0]["id"], answers[4].1["id"], "the owner is adopted");
    assert_eq!(count(&house, "SELECT seats_used FROM organization_usage"), 4);
}

async fn seats_are_given_to_whom_they_last_for(database: Database) {
    let house = house(database, 5).await;
    let application = application(house.state()).await;
    let users: Vec<Value> = (0..5).map(|number| user(&format!("u{number}"))).collect();
    let answers = together(&house, &application, &users, || {}).await;
    let mut sorted = statuses(&answers);
    sorted.sort_unstable();
    assert_eq!(sorted, [201, 201, 201, 403, 403], "{answers:#?}");
    assert_eq!(count(&house, "SELECT seats_used FROM organization_usage"), 5);
}

async fn a_token_revoked_meanwhile_creates_nobody(database: Database) {
    let house = house(database, 25).await;
    let application = application(house.state()).await;
    let users: Vec<Value> = (0..4).map(|number| user(&format!("u{number}"))).collect();
    let revoke = || {
        house.command(&["provisioning-token", "revoke", "--organization", "acme", "--token", "test"]);
    };
    let answers = together(&house, &application, &users, revoke).await;
    assert_eq!(statuses(&answers), [401; 4]);
    assert_eq!(count(&house, "SELECT count(*) FROM members"), 2);
}
