//! `/api/v1/organizations/{organization}/members`: listed in any order, changed by whom it is up to.

use std::sync::Arc;

use headcount::administration::member::{self, Change};
use headcount::administration::roster::Member;
use headcount::administration::{Actor, By};
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use headcount::error::{Code, Result};
use headcount::organization::role::Role;
use headcount::store::sql::{Sql, SqlId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{Team, joined_as};
use crate::sign_in::browser::Browser;
use crate::support::in_process::House;
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(
    pages,
    narrowed,
    every_combination,
    removed_in_any_order,
    roles,
    statuses,
    seats,
    signed_out,
    unlinked,
    two_owners_at_once
);

const MEMBERS: &str = "/api/v1/organizations/acme/members";

/// Every line of a list, read in pages of this many.
async fn all(browser: &Browser, query: &str, limit: usize) -> Vec<Value> {
    let (mut lines, mut after) = (Vec::new(), String::new());
    loop {
        let page = browser.ask(&format!("{MEMBERS}?limit={limit}&{query}{after}")).await.is(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        lines.extend(items.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return lines,
        }
    }
}

fn texts(lines: &[Value], member: &str) -> Vec<String> {
    lines.iter().map(|line| line[member].as_str().unwrap_or_default().to_owned()).collect()
}

async fn pages(database: Database) {
    let team = Team::open(database).await;
    let token = &team.place.house.token;
    for (name, shown) in [("zoe", "Ämilie"), ("yan", "abel"), ("xia", "Abel")] {
        let mut body = user(name);
        body["displayName"] = shown.into();
        body["active"] = false.into();
        assert_eq!(team.place.scim_post(token, "/Users", &body).await.0, 201);
    }
    let rank =
        |line: &Value| ["read", "write", "admin", "owner"].iter().position(|role| line["role"] == *role).unwrap();
    let joined = all(&team.admin, "sort=joined", 3).await;
    assert_eq!(joined.len(), 8);
    for (sort, member) in
        [("email", "email"), ("name", "name"), ("status", "status"), ("joined", "joined_at"), ("role", "role")]
    {
        let lines = all(&team.admin, &format!("sort={sort}"), 3).await;
        let mut backward = all(&team.admin, &format!("sort=-{sort}"), 2).await;
        backward.reverse();
        assert_eq!(texts(&lines, "id"), texts(&backward, "id"), "{sort}");
        assert_eq!(all(&team.admin, &format!("sort={sort}"), 100).await, lines, "{sort}");
        match sort {
            "role" => assert!(lines.iter().map(rank).is_sorted(), "{lines:#?}"),
            "name" => assert_eq!(texts(&lines, "name")[..2], ["abel", "Abel"], "without regard to case"),
            _ => assert!(texts(&lines, member).is_sorted(), "{sort}: {lines:#?}"),
        }
    }
    // What is sorted by one thing is not gone on with by another.
    let next =
        team.admin.ask(&format!("{MEMBERS}?limit=1&sort=email")).await.is(200)["next"].as_str().unwrap().to_owned();
    for wrong in [format!("sort=name&after={next}"), "after=x".into(), "after=e30".into()] {
        team.admin.ask(&format!("{MEMBERS}?{wrong}")).await.problem(400, "invalid_cursor");
    }
    for wrong in ["sort=age", "limit=0", "status=gone", "role=king", "page=2"] {
        team.admin.ask(&format!("{MEMBERS}?{wrong}")).await.problem(400, "invalid_value");
    }
    let totals = team.admin.ask(MEMBERS).await.is(200)["totals"].clone();
    assert_eq!(
        (&totals["seats"], &totals["used"], &totals["available"], &totals["members"]),
        (&json!(10), &json!(5), &json!(5), &json!(8))
    );
}

async fn narrowed(database: Database) {
    let team = Team::open(database).await;
    let found = async |query: &str| {
        let mut emails = texts(&all(&team.admin, query, 50).await, "email");
        emails.sort();
        emails
    };
    assert_eq!(found("search=adm").await, ["admin@acme.example"]);
    assert_eq!(found("search=ADM&sort=-email").await, ["admin@acme.example"]);
    assert_eq!(found("search=olga").await, ["olga@acme.example"], "by the name or the address");
    assert_eq!(found("search=%25").await, [""; 0]);
    assert_eq!(found("role=owner").await, ["olga@acme.example", "owner@acme.example"]);
    assert_eq!(found("role=owner&search=ow&sort=name").await, ["owner@acme.example"]);
    let reader = team.reader.member_id().await;
    team.admin.end(&format!("{MEMBERS}/{reader}")).await.is(204);
    assert_eq!(found("status=removed").await, ["read@acme.example"]);
    assert_eq!(found("status=active").await.len(), 4);
    assert_eq!(team.admin.ask(&format!("{MEMBERS}/{reader}")).await.is(200)["status"], "removed");
    team.writer.ask(&format!("{MEMBERS}?status=removed")).await.problem(403, "forbidden");
    team.writer.ask(&format!("{MEMBERS}/{reader}")).await.problem(404, "not_found");
    assert_eq!(all(&team.writer, "", 50).await.len(), 4);
    // Who may only look sees who there is, and nothing else.
    let seen = &all(&team.writer, "role=owner", 50).await[0];
    assert!(seen["email"].is_string() && seen.get("identity").is_none() && seen.get("permissions").is_none(), "{seen}");
}

/// Each role and status, in each order, forward and backward, in pages: the same as of the whole list.
async fn every_combination(database: Database) {
    let team = Team::open(database).await;
    team.place.command(&[
        "organization",
        "set",
        "--organization",
        "acme",
        "--seats",
        "14",
        "--seat-policy",
        "waitlist",
    ]);
    for number in 0..12 {
        let mut body = user(&format!("u{}", number * 7 % 12));
        body["displayName"] = format!("Name {}", number * 5 % 12).into();
        body["active"] = (number % 3 != 0).into();
        assert_eq!(team.place.scim_post(&team.place.house.token, "/Users", &body).await.0, 201);
    }
    let mut database = team.place.house.database();
    for (role, most) in [("write", 9), ("admin", 5), ("owner", 2)] {
        let sql = Sql::new(
            "UPDATE members SET role = ? WHERE id IN (SELECT id FROM members WHERE source = 'scim' ORDER BY name_sort LIMIT ?)",
        );
        sql.bind(role).bind(most).execute(&mut database).unwrap();
    }
    let sql = Sql::new(
        "UPDATE members SET suspended = (1 = 1) WHERE id IN (SELECT id FROM members WHERE source = 'scim' ORDER BY address_key LIMIT 3)",
    );
    sql.execute(&mut database).unwrap();
    let (mut seen, roles) = (0, ["", "read", "write", "admin", "owner"]);
    for sort in ["email", "-email", "name", "-name", "role", "-role", "status", "-status", "joined", "-joined"] {
        let whole = all(&team.admin, &format!("sort={sort}"), 100).await;
        assert_eq!(whole.len(), 17);
        for role in roles {
            for status in ["", "active", "suspended", "deactivated", "waiting"] {
                let is_wanted = |line: &&Value| {
                    (role.is_empty() || line["role"] == role) && (status.is_empty() || line["status"] == status)
                };
                let expected: Vec<Value> = whole.iter().filter(is_wanted).cloned().collect();
                seen += expected.len();
                let found = all(&team.admin, &format!("sort={sort}&role={role}&status={status}"), 4).await;
                assert_eq!(texts(&found, "id"), texts(&expected, "id"), "{sort} {role} {status}");
            }
        }
        let found = all(&team.admin, &format!("sort={sort}&search=u1&role=write"), 1).await;
        let is_wanted = |line: &&Value| line["role"] == "write" && line["email"].as_str().unwrap().starts_with("u1");
        let expected: Vec<Value> = whole.iter().filter(is_wanted).cloned().collect();
        assert_eq!(texts(&found, "id"), texts(&expected, "id"), "{sort}");
    }
    assert_eq!(seen, 10 * 4 * 17, "every member by each filter");
}

/// Those who were removed are searched, narrowed and put into order as the others are.
async fn removed_in_any_order(database: Database) {
    let team = Team::open(database).await;
    for (name, shown, role) in
        [("ida", "Zed", "read"), ("ivo", "Amy", "write"), ("jan", "Mia", "write"), ("kai", "Bob", "admin")]
    {
        let mut body = user(name);
        body["displayName"] = shown.into();
        let (_, made) = team.place.scim_post(&team.place.house.token, "/Users", &body).await;
        let here = format!("{MEMBERS}/{}", made["id"].as_str().unwrap());
        team.admin.change(&here, &json!({ "role": role })).await.is(200);
        team.admin.end(&here).await.is(204);
    }
    for (query, expected) in [
        ("sort=email", vec!["ida", "ivo", "jan", "kai"]),
        ("sort=-email", vec!["kai", "jan", "ivo", "ida"]),
        ("sort=name", vec!["ivo", "kai", "jan", "ida"]),
        ("sort=role", vec!["ida", "ivo", "jan", "kai"]),
        ("sort=-role", vec!["kai", "jan", "ivo", "ida"]),
        ("sort=-status", vec!["kai", "jan", "ivo", "ida"]),
        ("sort=joined", vec!["ida", "ivo", "jan", "kai"]),
        ("role=write", vec!["ivo", "jan"]),
        ("role=write&sort=-name", vec!["jan", "ivo"]),
        ("search=i", vec!["ida", "ivo"]),
        ("search=i&role=write&sort=name", vec!["ivo"]),
        ("search=mia", vec!["jan"]),
        ("role=owner", vec![]),
    ] {
        let found = texts(&all(&team.admin, &format!("status=removed&{query}"), 1).await, "email");
        let names: Vec<&str> = found.iter().map(|email| email.split('@').next().unwrap()).collect();
        assert_eq!(names, expected, "{query}");
    }
    let next = team.admin.ask(&format!("{MEMBERS}?status=removed&sort=status&limit=1")).await.is(200)["next"].clone();
    let other = format!("{MEMBERS}?sort=status&after={}", next.as_str().unwrap());
    team.admin.ask(&other).await.problem(400, "invalid_cursor");
}

async fn roles(database: Database) {
    let team = Team::open(database).await;
    let (reader, admin, owner) =
        (team.reader.member_id().await, team.admin.member_id().await, team.owner.member_id().await);
    let set = async |browser: &Browser, member: &str, role: &str| {
        browser.change(&format!("{MEMBERS}/{member}"), &json!({ "role": role })).await
    };
    set(&team.writer, &reader, "write").await.problem(403, "forbidden");
    set(&team.reader, &reader, "owner").await.problem(403, "forbidden");
    let raised = set(&team.admin, &admin, "owner").await.problem(403, "forbidden");
    assert!(raised.contains("Nobody raises their own role"), "{raised}");
    set(&team.admin, &reader, "owner").await.problem(403, "forbidden");
    set(&team.admin, &owner, "read").await.problem(403, "forbidden");
    set(&team.admin, &reader, "king").await.problem(400, "invalid_value");
    let changed = set(&team.admin, &reader, "admin").await.is(200);
    assert_eq!((&changed["role"], &changed["role_source"]), (&json!("admin"), &json!("manual")));
    // At once: the next request of whoever it is about.
    assert_eq!(team.reader.ask("/api/v1/organizations/acme").await.is(200)["role"], "admin");
    set(&team.owner, &reader, "owner").await.is(200);
    for (method, body) in [(Method::PATCH, json!({"status": "suspended"})), (Method::DELETE, Value::Null)] {
        team.admin.call(method, &format!("{MEMBERS}/{owner}"), Some(&body)).await.problem(403, "forbidden");
    }
    // Why not, as data.
    let why = async |browser: &Browser, member: &str| {
        browser.ask(&format!("{MEMBERS}/{member}")).await.is(200)["permissions"].clone()
    };
    let of_owner = why(&team.admin, &owner).await;
    assert!(of_owner["change_role"].as_str().unwrap().contains("Only an owner"), "{of_owner}");
    assert!(of_owner["remove"].is_string() && of_owner["sign_out"].is_string(), "{of_owner}");
    assert_eq!(why(&team.owner, &admin).await["change_role"], Value::Null);
    for other in [reader.as_str(), &olga(&team).await] {
        set(&team.owner, other, "read").await.is(200);
    }
    let of_last = why(&team.owner, &owner).await;
    assert!(of_last["change_role"].as_str().unwrap().contains("last active owner"), "{of_last}");
    let refused = set(&team.owner, &owner, "admin").await.problem(409, "last_owner");
    assert!(refused.contains("owner@acme.example"), "{refused}");
    let both = json!({"role": "read", "status": "suspended"});
    team.owner.change(&format!("{MEMBERS}/{admin}"), &both).await.problem(400, "invalid_value");
}

async fn olga(team: &Team) -> String {
    let found = team.owner.ask(&format!("{MEMBERS}?search=olga")).await.is(200);
    found["items"][0]["id"].as_str().unwrap().to_owned()
}

async fn statuses(database: Database) {
    let team = Team::open(database).await;
    let reader = team.reader.member_id().await;
    let here = format!("{MEMBERS}/{reader}");
    let suspended = team.admin.change(&here, &json!({"status": "suspended"})).await.is(200);
    assert_eq!(
        (&suspended["status"], &suspended["standing"]),
        (&json!("suspended"), &json!("active")),
        "both are shown"
    );
    assert_eq!(suspended["seat"]["holds"], true, "{suspended}");
    assert_eq!(team.reader.me().await.0, 401);
    team.admin.change(&here, &json!({"status": "active"})).await.is(200);
    team.reader.sign_in("read@acme.example").await;
    assert_eq!(team.reader.ask(MEMBERS).await.status, 200);
    assert_eq!(team.admin.end(&here).await.status, 204);
    assert_eq!(team.admin.end(&here).await.status, 204, "it is safe to repeat");
    assert_eq!(team.reader.me().await.0, 401);
    let back = team.admin.change(&here, &json!({"status": "active"})).await.is(200);
    assert_eq!((&back["id"], &back["status"]), (&json!(reader), &json!("active")));
    team.admin.end(&format!("{MEMBERS}/00000000-0000-7000-8000-000000000000")).await.problem(404, "not_found");
}

async fn seats(database: Database) {
    let team = Team::open(database).await;
    team.admin
        .change("/api/v1/organizations/acme", &json!({"seat_policy": "waitlist", "scim_role": "write"}))
        .await
        .is(200);
    for number in 0..8 {
        let body = user(&format!("w{number}"));
        assert_eq!(team.place.scim_post(&team.place.house.token, "/Users", &body).await.0, 201);
    }
    let seats = team.reader.ask("/api/v1/organizations/acme/seats").await.is(200);
    assert_eq!(
        (&seats["seats"], &seats["used"], &seats["available"], &seats["waiting"]),
        (&json!(10), &json!(10), &json!(0), &json!(3))
    );
    let line = texts(seats["waitlist"].as_array().unwrap(), "email");
    assert_eq!(line, ["w5@acme.example", "w6@acme.example", "w7@acme.example"]);
    let waiting = all(&team.admin, "status=waiting", 50).await;
    assert_eq!(waiting.len(), 3);
    assert!(waiting.iter().all(|line| line["seat"]["holds"] == false && line["role"] == "write"), "{waiting:#?}");
}

async fn signed_out(database: Database) {
    let team = Team::open(database).await;
    let (reader, owner) = (team.reader.member_id().await, team.owner.member_id().await);
    let out = |member: &str| format!("{MEMBERS}/{member}/sign-out");
    team.writer.make(&out(&reader), &Value::Null).await.problem(403, "forbidden");
    team.admin.make(&out(&owner), &Value::Null).await.problem(403, "forbidden");
    assert_eq!(team.admin.make(&out(&reader), &Value::Null).await.is(200)["revoked"], 1);
    assert_eq!(team.reader.me().await.0, 401);
    let other = joined_as(&team.place, "zoe", "read").await;
    assert_eq!(other.me().await.0, 200);
}

/// Two owners demote each other at the same instant: one is left, each time.
async fn unlinked(database: Database) {
    let team = Team::open(database).await;
    let (reader, owner) = (team.reader.member_id().await, team.owner.member_id().await);
    let unlink =
        async |browser: &Browser, member: &str| browser.make(&format!("{MEMBERS}/{member}/unlink"), &Value::Null).await;
    unlink(&team.writer, &reader).await.problem(403, "forbidden");
    unlink(&team.admin, &owner).await.problem(403, "forbidden");
    assert_eq!((team.reader.me().await.0, team.owner.me().await.0), (StatusCode::OK, StatusCode::OK));
    for _ in 0..2 {
        let parted = unlink(&team.admin, &reader).await.is(200);
        assert_eq!((&parted["identity"], &parted["status"]), (&Value::Null, &json!("active")), "safe to repeat");
    }
    assert_eq!(team.reader.me().await.0, 401);
    team.reader.sign_in("read@acme.example").await;
    assert_eq!(team.reader.member_id().await, reader, "whoever proves the address is the member again");
    team.admin.end(&format!("{MEMBERS}/{reader}")).await.is(204);
    unlink(&team.admin, &reader).await.problem(409, "conflict");
}

async fn two_owners_at_once(database: Database) {
    let clock = ManualClock::at(SystemClock.now());
    let house = House::new(database, 10, clock.clone());
    let twin = house.twin(clock);
    let application = crate::support::in_process::application(house.state()).await;
    let (status, bea) = crate::support::in_process::ask(
        &application,
        &house.token,
        actix_web::http::Method::POST,
        "/Users",
        Some(&user("bea")),
    )
    .await;
    assert_eq!(status, 201);
    let find = Sql::new("SELECT organization_id, id FROM members WHERE role = 'owner'");
    let (organization, olga) = find.first::<(SqlId, SqlId), _>(&mut house.database()).unwrap().unwrap();
    let bea = bea["id"].as_str().unwrap().parse().unwrap();
    let by = |id| {
        let identity = headcount::id::IdentityId::from_bytes([7; 16]);
        let member = headcount::administration::actor::Member {
            organization,
            id,
            role: Role::Owner,
            identity,
            signed_in_at: SystemClock.now(),
            recovers: false,
            before_checkout: false,
        };
        By { actor: Actor::Member(member), request_id: None, address: None }
    };
    let set = |assembly: &headcount::assembly::Assembly, by: By, member: headcount::id::ResourceId, role: Role| {
        let (store, administration) = (assembly.store.clone(), Arc::new(assembly.administration.clone()));
        async move {
            let plan = move |connection: &mut _| {
                member::set(connection, &administration, &by, "acme", &member.to_string(), Change::Role(role))
            };
            store.write(plan).await
        }
    };
    for round in 0..200 {
        for member in [olga, bea] {
            set(&house.assembly, By::OPERATOR, member, Role::Owner).await.unwrap();
        }
        let outcomes: [Result<Member>; 2] =
            tokio::join!(set(&house.assembly, by(olga), bea, Role::Admin), set(&twin, by(bea), olga, Role::Admin))
                .into();
        let refused: Vec<Code> =
            outcomes.iter().filter_map(|outcome| outcome.as_ref().err().map(|error| error.code)).collect();
        assert_eq!(refused, [Code::LastOwner], "round {round}: {outcomes:?}");
    }
}
