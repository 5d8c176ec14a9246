//! Cost growth as counted work, never as time: the same requests at 100 and at 5,000 users must take
//! the same number of statements, walk no table from end to end, and visit about as many rows.
//!
//! What is counted is what the database itself reports of every statement it runs, whoever sent it:
//! SQLite's statement status (`sqlite.rs`) and PostgreSQL's plans by `auto_explain` (`postgres.rs`).

mod invitations;
mod member_list;
pub mod postgres;
pub mod sqlite;

use std::sync::Arc;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use serde_json::{Value, json};

use crate::support::in_process::{House, application, ask};
use crate::support::user;

const SMALL: usize = 100;
const LARGE: usize = 5_000;

/// One statement as the database ran it.
#[derive(Clone, Debug)]
pub struct Statement {
    pub text: String,
    /// Rows or virtual machine steps, whichever the database counts.
    work: i64,
    /// Tables that were walked from end to end.
    pub scans: Vec<String>,
}

/// What one request took.
#[derive(Debug)]
struct Cost {
    request: &'static str,
    /// Statements it may take at most, at any size.
    most: usize,
    statements: Vec<Statement>,
}

/// Sees the statements of one database.
pub trait Observer {
    /// The statements since the last call.
    fn take(&mut self) -> Vec<Statement>;
}

/// An organization of this many users, all of them in one group that is itself in a group.
struct Organization {
    house: House,
    everybody: String,
    /// Whether its members have been given other roles and statuses.
    is_mixed: std::cell::Cell<bool>,
    /// Whether it has invitations.
    is_inviting: std::cell::Cell<bool>,
}

/// The clock stands, so that nothing that happens once a minute happens in between.
fn standing_clock() -> Arc<ManualClock> {
    ManualClock::at(SystemClock.now())
}

fn person(number: usize) -> Value {
    let mut person = user(&format!("u{number}"));
    person["externalId"] = format!("e{number}").into();
    person["displayName"] = format!("Person {number}").into();
    person
}

/// Users in one Bulk request whose statements are counted.
const BULK: usize = 64;

fn newcomers(round: usize) -> Value {
    let create = |number: usize| {
        let mut person = person(910_000 + round * BULK + number);
        person["userName"] = format!("bulk{round}.{number}").into();
        json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": person})
    };
    json!({"Operations": (0..BULK).map(create).collect::<Vec<_>>()})
}

/// Fills the organization through the API.
async fn fill(house: House, users: usize) -> Organization {
    let application = application(house.state()).await;
    let mut members = Vec::new();
    for start in (0..users).step_by(1_000) {
        let operations: Vec<Value> = (start..users.min(start + 1_000))
            .map(|number| json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": person(number)}))
            .collect();
        let (status, answer) =
            ask(&application, &house.token, Method::POST, "/Bulk", Some(&json!({"Operations": operations}))).await;
        assert_eq!(status, 200, "{answer}");
        for made in answer["Operations"].as_array().unwrap() {
            assert_eq!(made["status"], "201", "{made}");
            let id = made["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            members.push(json!({"value": id}));
        }
    }
    let mut group = json!({"displayName": "Everybody", "members": members});
    let (status, everybody) =
        ask(&application, &house.token, Method::POST, "/Groups?excludedAttributes=members", Some(&group)).await;
    assert_eq!(status, 201, "{everybody}");
    let everybody = everybody["id"].as_str().unwrap().to_owned();
    group = json!({"displayName": "All of them", "members": [{"value": everybody}]});
    assert_eq!(ask(&application, &house.token, Method::POST, "/Groups", Some(&group)).await.0, 201);
    Organization { house, everybody, is_mixed: false.into(), is_inviting: false.into() }
}

/// Pages in the orders that indexes have.
const ORDERS: [(&str, &str); 8] = [
    ("sorted by userName", "sortBy=userName"),
    ("sorted by userName, backward, the next page", "startIndex=4&sortBy=userName&sortOrder=descending"),
    ("sorted by externalId", "sortBy=externalId"),
    ("sorted by displayName", "sortBy=displayName"),
    ("sorted by id, backward", "sortBy=id&sortOrder=descending"),
    ("sorted by meta.created, backward", "sortBy=meta.created&sortOrder=descending"),
    ("sorted by meta.lastModified", "sortBy=meta.lastModified"),
    ("sorted by meta.lastModified, backward", "sortBy=meta.lastModified&sortOrder=descending"),
];

/// The requests whose cost must not grow, in an order that leaves things as they were. The first
/// round warms up what is read once.
async fn measure(organization: &Organization, observer: &mut dyn Observer) -> Vec<Cost> {
    let application = application(organization.house.state()).await;
    let mut costs = Vec::new();
    for round in 0..2 {
        costs.clear();
        let mut newcomer = person(900_000 + round);
        newcomer["userName"] = format!("newcomer{round}").into();
        let everybody = format!("/Groups/{}", organization.everybody);
        let mut id = String::new();
        let patch = |operation: Value| Some(json!({"Operations": [operation]}));
        let filter = |text: &str| text.replace(' ', "%20").replace('"', "%22");
        // Pages are short: next to many on a page, 5,000 rows are few and quickest read whole.
        let requests = [
            ("create a User", 16, Method::POST, "/Users".to_owned(), Some(newcomer), 201),
            ("get a User", 3, Method::GET, "/Users/ID".into(), None, 200),
            ("User.groups", 3, Method::GET, "/Users/ID?attributes=groups".into(), None, 200),
            ("userName eq", 4, Method::GET, filter("/Users?filter=userName eq \"u7@acme.example\""), None, 200),
            ("externalId eq", 4, Method::GET, filter("/Users?filter=externalId eq \"e7\""), None, 200),
            ("emails.value eq", 4, Method::GET, filter("/Users?filter=emails.value eq \"u7@acme.example\""), None, 200),
            (
                "emails[…]",
                4,
                Method::GET,
                filter("/Users?filter=emails[type eq \"work\" and value eq \"u7@acme.example\"]"),
                None,
                200,
            ),
            (
                "displayName eq",
                4,
                Method::GET,
                filter("/Groups?excludedAttributes=members&filter=displayName eq \"Everybody\""),
                None,
                200,
            ),
            (
                "add a member",
                16,
                Method::PATCH,
                everybody.clone(),
                patch(json!({"op": "add", "path": "members", "value": [{"value": "ID"}]})),
                204,
            ),
            (
                "members.value eq",
                4,
                Method::GET,
                filter("/Groups?excludedAttributes=members&filter=members.value eq \"ID\""),
                None,
                200,
            ),
            ("groups of a member", 3, Method::GET, "/Users/ID".into(), None, 200),
            (
                "get a Group without members",
                3,
                Method::GET,
                format!("{everybody}?excludedAttributes=members"),
                None,
                200,
            ),
            (
                "remove a member",
                16,
                Method::PATCH,
                everybody.clone(),
                patch(json!({"op": "remove", "path": "members[value eq \"ID\"]"})),
                204,
            ),
            (
                "deactivate",
                16,
                Method::PATCH,
                "/Users/ID".into(),
                patch(json!({"op": "replace", "path": "active", "value": false})),
                200,
            ),
            ("first page", 4, Method::GET, "/Users?count=3".into(), None, 200),
            ("next page", 4, Method::GET, "/Users?count=3&startIndex=4".into(), None, 200),
            ("page by cursor", 4, Method::GET, "/Users?count=3&cursor=".into(), None, 200),
            ("page of Groups", 4, Method::GET, "/Groups?excludedAttributes=members".into(), None, 200),
            ("delete a User", 16, Method::DELETE, "/Users/ID".into(), None, 204),
            // Many together take fewer statements than there are Users.
            ("create Users in bulk", BULK - 1, Method::POST, "/Bulk".into(), Some(newcomers(round)), 200),
        ];
        observer.take();
        for (request, most, method, path, body, expected) in requests {
            let body = body.map(|body| serde_json::from_str(&body.to_string().replace("ID", &id)).unwrap());
            let token = &organization.house.token;
            let (status, answer) = ask(&application, token, method, &path.replace("ID", &id), body.as_ref()).await;
            assert_eq!(status, expected, "{request}: {answer}");
            if path.contains("filter=") {
                assert_eq!(answer["totalResults"], 1, "{request}: {answer}");
            }
            if id.is_empty() {
                answer["id"].as_str().unwrap().clone_into(&mut id);
            }
            costs.push(Cost { request, most, statements: observer.take() });
        }
        costs.extend(measure_orders(&application, organization, observer).await);
    }
    costs
}

async fn measure_orders(
    application: &impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error>,
    organization: &Organization,
    observer: &mut dyn Observer,
) -> Vec<Cost> {
    let (token, mut costs) = (&organization.house.token, Vec::new());
    for (request, order) in ORDERS {
        let (status, answer) = ask(application, token, Method::GET, &format!("/Users?count=3&{order}"), None).await;
        assert_eq!(status, 200, "{request}: {answer}");
        costs.push(Cost { request, most: 5, statements: observer.take() });
    }
    costs.extend(member_list::measure(organization, observer).await);
    costs.extend(invitations::measure(organization, observer).await);
    costs
}

/// Nothing grew.
fn assert_flat(small: &[Cost], large: &[Cost]) {
    let mut wrong = Vec::new();
    for (small, large) in small.iter().zip(large) {
        let (few, many) = (small.statements.len(), large.statements.len());
        let work = |cost: &Cost| cost.statements.iter().map(|statement| statement.work).sum::<i64>();
        let scans: Vec<_> = large.statements.iter().filter(|statement| !statement.scans.is_empty()).collect();
        println!("{}: {few} statements, work {} and {}", large.request, work(small), work(large));
        if many == 0 {
            wrong.push(format!("{}: no statement was seen", large.request));
        }
        if few != many {
            wrong.push(format!("{}: {few} statements at {SMALL} users, {many} at {LARGE}", large.request));
        }
        if many > large.most {
            wrong.push(format!(
                "{}: {many} statements, {} are allowed: {:#?}",
                large.request, large.most, large.statements
            ));
        }
        if !scans.is_empty() {
            wrong.push(format!("{}: walks a table: {scans:#?}", large.request));
        }
        if work(large) > work(small) * 5 / 4 + 100 {
            wrong.push(format!(
                "{}: work {} at {SMALL} users, {} at {LARGE}: {:#?}",
                large.request,
                work(small),
                work(large),
                large.statements
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
