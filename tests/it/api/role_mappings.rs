//! Group → role mappings: their effect comes with each change of a membership, whoever makes it.

use diesel::sql_types::Text;
use headcount::administration::{By, role_mapping};
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use headcount::organization::role::Role;
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Team;
use crate::sign_in::clocked::Clocked;
use crate::support::in_process::{House, application, ask};
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(mapped, every_door, nested_groups, previewed, by_command, at_once);

const HERE: &str = "/api/v1/organizations/acme/role-mappings";

/// The organization's provider.
struct Provider<'p>(&'p Clocked);

impl Provider<'_> {
    async fn send(&self, method: Method, path: &str, body: Value) -> Value {
        let body = Some(body).filter(|body| !body.is_null());
        let (status, answer) = self.0.scim_send(&self.0.house.token, method, path, body.as_ref()).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    async fn user(&self, name: &str) -> String {
        self.send(Method::POST, "/Users", user(name)).await["id"].as_str().unwrap().to_owned()
    }

    async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        let made = self.send(Method::POST, "/Groups", json!({"displayName": name, "members": members})).await;
        made["id"].as_str().unwrap().to_owned()
    }

    async fn patch(&self, group: &str, op: &str, member: &str) {
        let operation = match op {
            "remove" => json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")}),
            _ => json!({"op": "add", "path": "members", "value": [{"value": member}]}),
        };
        self.send(Method::PATCH, &format!("/Groups/{group}"), json!({"Operations": [operation]})).await;
    }
}

/// The role of a member and where it comes from.
fn role_of(house: &House, member: &str) -> (String, String) {
    let id: headcount::id::ResourceId = member.parse().unwrap();
    let sql = Sql::new("SELECT role, role_source FROM members WHERE id = ").bind_here(id);
    sql.first::<(Text, Text), _>(&mut house.database()).unwrap().unwrap()
}

fn is(house: &House, member: &str, role: &str, source: &str) {
    assert_eq!(role_of(house, member), (role.to_owned(), source.to_owned()));
}

async fn mapped(database: Database) {
    let team = Team::open(database).await;
    let (place, house) = (&team.place, &team.place.house);
    let provider = Provider(place);
    let (ann, bob) = (provider.user("ann").await, provider.user("bob").await);
    let engineers = provider.group("Engineers", &[&ann, &bob]).await;
    let here = format!("{HERE}/{engineers}");
    let put = async |role: &str| team.admin.call(Method::PUT, &here, Some(&json!({ "role": role }))).await;
    put("owner").await.problem(400, "invalid_value");
    put("king").await.problem(400, "invalid_value");
    let set = put("write").await.is(200);
    assert_eq!(
        (&set["display_name"], &set["changed"]),
        (&json!("Engineers"), &json!([{"from": "read", "to": "write", "count": 2}]))
    );
    is(house, &ann, "write", "mapping");
    let listed = team.admin.ask(HERE).await.is(200);
    assert_eq!((&listed["items"][0]["group"], &listed["items"][0]["role"]), (&json!(engineers), &json!("write")));
    // What is given by hand is never undone by a sync.
    let by_hand = format!("/api/v1/organizations/acme/members/{bob}");
    team.admin.change(&by_hand, &json!({"role": "read"})).await.is(200);
    put("admin").await.is(200);
    is(house, &ann, "admin", "mapping");
    is(house, &bob, "read", "manual");
    // Of several the highest.
    let readers = provider.group("Readers", &[&ann]).await;
    team.admin.call(Method::PUT, &format!("{HERE}/{readers}"), Some(&json!({"role": "read"}))).await.is(200);
    is(house, &ann, "admin", "mapping");
    team.admin.end(&here).await.is(204);
    is(house, &ann, "read", "mapping");
    team.admin.end(&here).await.problem(404, "not_found");
    team.admin.end(&format!("{HERE}/{readers}")).await.is(204);
    is(house, &ann, "read", "default");
    team.writer.ask(HERE).await.problem(403, "forbidden");
    let nowhere = "00000000-0000-7000-8000-000000000000";
    team.admin
        .call(Method::PUT, &format!("{HERE}/{nowhere}"), Some(&json!({"role": "read"})))
        .await
        .problem(404, "not_found");
    let events = place.command(&["audit", "list", "--organization", "acme"]);
    let told = events.as_array().unwrap().iter().filter(|event| event["action"] == "role_mapping.changed").count();
    assert_eq!(told, 5);
}

async fn every_door(database: Database) {
    let team = Team::open(database).await;
    let (place, house) = (&team.place, &team.place.house);
    team.admin.change("/api/v1/organizations/acme", &json!({"scim_role": "write"})).await.is(200);
    let provider = Provider(place);
    let (ann, bob) = (provider.user("ann").await, provider.user("bob").await);
    let admins = provider.group("Admins", &[]).await;
    team.admin.call(Method::PUT, &format!("{HERE}/{admins}"), Some(&json!({"role": "admin"}))).await.is(200);
    is(house, &ann, "write", "default");
    provider.patch(&admins, "add", &ann).await;
    is(house, &ann, "admin", "mapping");
    is(house, &bob, "write", "default");
    provider.patch(&admins, "remove", &ann).await;
    // It falls back to the role of the door the member came by.
    is(house, &ann, "write", "default");
    let members = |ids: &[&str]| {
        let values: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
        json!({"displayName": "Admins", "members": values})
    };
    provider.send(Method::PUT, &format!("/Groups/{admins}"), members(&[&ann, &bob])).await;
    is(house, &bob, "admin", "mapping");
    provider.send(Method::PUT, &format!("/Groups/{admins}"), members(&[&bob])).await;
    is(house, &ann, "write", "default");
    // In bulk.
    let add = json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": ann}]}]});
    let bulk = json!({"Operations": [{"method": "PATCH", "path": format!("/Groups/{admins}"), "data": add}]});
    provider.send(Method::POST, "/Bulk", bulk).await;
    is(house, &ann, "admin", "mapping");
    // Removed and brought back: in no group any more.
    let here = format!("/api/v1/organizations/acme/members/{ann}");
    team.admin.end(&here).await.is(204);
    team.admin.change(&here, &json!({"status": "active"})).await.is(200);
    is(house, &ann, "read", "default");
    // With the group its role goes, and the mapping.
    provider.send(Method::DELETE, &format!("/Groups/{admins}"), Value::Null).await;
    is(house, &bob, "write", "default");
    assert_eq!(team.admin.ask(HERE).await.is(200)["items"], json!([]));
}

async fn nested_groups(database: Database) {
    let team = Team::open(database).await;
    let (place, house) = (&team.place, &team.place.house);
    let provider = Provider(place);
    let (ann, bob) = (provider.user("ann").await, provider.user("bob").await);
    let inner = provider.group("Inner", &[&ann]).await;
    let middle = provider.group("Middle", &[&inner]).await;
    let outer = provider.group("Outer", &[]).await;
    team.admin.call(Method::PUT, &format!("{HERE}/{outer}"), Some(&json!({"role": "admin"}))).await.is(200);
    is(house, &ann, "read", "default");
    provider.patch(&outer, "add", &middle).await;
    is(house, &ann, "admin", "mapping");
    provider.patch(&inner, "add", &bob).await;
    is(house, &bob, "admin", "mapping");
    // Groups that contain each other.
    provider.patch(&inner, "add", &outer).await;
    provider.patch(&outer, "remove", &middle).await;
    is(house, &ann, "read", "default");
    provider.patch(&outer, "add", &middle).await;
    is(house, &bob, "admin", "mapping");
    provider.send(Method::DELETE, &format!("/Groups/{middle}"), Value::Null).await;
    is(house, &ann, "read", "default");
    is(house, &bob, "read", "default");
}

async fn previewed(database: Database) {
    let team = Team::open(database).await;
    let house = &team.place.house;
    let provider = Provider(&team.place);
    let mut ids = Vec::new();
    for name in ["ann", "bob", "cay"] {
        ids.push(provider.user(name).await);
    }
    let group = provider.group("G", &[&ids[0], &ids[1], &ids[2]]).await;
    let path = format!("/api/v1/organizations/acme/members/{}", ids[2]);
    team.admin.change(&path, &json!({"role": "write"})).await.is(200);
    let look =
        async |role: Value| team.admin.make(&format!("{HERE}/preview"), &json!({"group": group, "role": role})).await;
    let effect = look(json!("write")).await.is(200);
    assert_eq!(effect["changes"], json!([{"from": "read", "to": "write", "count": 2}]), "{effect}");
    assert_eq!(
        (&effect["members"][0]["email"], effect["members"].as_array().unwrap().len()),
        (&json!("ann@acme.example"), 2)
    );
    is(house, &ids[0], "read", "default");
    assert_eq!(team.admin.ask(HERE).await.is(200)["items"], json!([]), "nothing is changed by a look");
    team.admin.call(Method::PUT, &format!("{HERE}/{group}"), Some(&json!({"role": "write"}))).await.is(200);
    assert_eq!(look(json!("write")).await.is(200)["changes"], json!([]));
    assert_eq!(look(Value::Null).await.is(200)["changes"], json!([{"from": "write", "to": "read", "count": 2}]));
    look(json!("owner")).await.problem(400, "invalid_value");
}

async fn by_command(database: Database) {
    let team = Team::open(database).await;
    let provider = Provider(&team.place);
    let ann = provider.user("ann").await;
    let group = provider.group("G", &[&ann]).await;
    let run = |what: &str, rest: &[&str]| {
        team.place.command(&[&["role-mapping", what, "--organization", "acme"], rest].concat())
    };
    assert_eq!(run("preview", &["--group", &group, "--role", "admin"])["changes"][0]["count"], 1);
    run("set", &["--group", &group, "--role", "admin"]);
    is(&team.place.house, &ann, "admin", "mapping");
    assert_eq!(run("list", &[])[0]["role"], "admin");
    run("remove", &["--group", &group]);
    is(&team.place.house, &ann, "read", "default");
}

/// A mapping is made while members come and go: each ends with the role of the groups they are in.
async fn at_once(database: Database) {
    let clock = ManualClock::at(SystemClock.now());
    let house = House::new(database, 50, clock.clone());
    let twin = house.twin(clock);
    let application = application(house.state()).await;
    let send = async |method: actix_web::http::Method, path: String, body: Value| {
        let (status, answer) = ask(&application, &house.token, method, &path, Some(&body)).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer["id"].as_str().unwrap_or_default().to_owned()
    };
    let post = actix_web::http::Method::POST;
    let ann = send(post.clone(), "/Users".into(), user("ann")).await;
    let first = send(post.clone(), "/Groups".into(), json!({"displayName": "A"})).await;
    let second = send(post, "/Groups".into(), json!({"displayName": "B"})).await;
    let map = |group: &str, role: Option<Role>| {
        let (administration, group) = (twin.administration.clone(), group.to_owned());
        twin.store.transaction(move |connection: &mut _| {
            role_mapping::set(connection, &administration, &By::OPERATOR, "acme", (&group, role))
        })
    };
    let change = |group: &str, op: &str| {
        let operation = match op {
            "remove" => json!({"op": "remove", "path": format!("members[value eq \"{ann}\"]")}),
            _ => json!({"op": "add", "path": "members", "value": [{"value": ann}]}),
        };
        send(actix_web::http::Method::PATCH, format!("/Groups/{group}"), json!({"Operations": [operation]}))
    };
    for round in 0..40 {
        // The mapping and the membership come at the same time.
        let (mapping, _) = tokio::join!(map(&first, Some(Role::Write)), change(&first, "add"));
        mapping.unwrap();
        assert_eq!(role_of(&house, &ann).0, "write", "round {round}");
        // Two memberships at the same time.
        map(&second, Some(Role::Admin)).await.unwrap();
        change(&first, "remove").await;
        tokio::join!(change(&first, "add"), change(&second, "add"));
        assert_eq!(role_of(&house, &ann).0, "admin", "round {round}");
        tokio::join!(change(&second, "remove"), change(&first, "remove"));
        assert_eq!(role_of(&house, &ann), ("read".to_owned(), "default".to_owned()), "round {round}");
        map(&first, None).await.unwrap();
        map(&second, None).await.unwrap();
    }
}
