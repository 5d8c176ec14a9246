//! An organization changes hands, is deleted, restored, and purged.

use std::collections::BTreeSet;

use diesel::sql_types::{BigInt, Text};
use headcount::administration::organization;
use headcount::store::connection::Connection;
use headcount::store::purge::TABLES;
use headcount::store::sql::{Sql, SqlId};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Team;
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(transferred, deleted_and_restored, purged, every_table_is_purged);

const ACME: &str = "/api/v1/organizations/acme";
const TRANSFER: &str = "/api/v1/organizations/acme/transfer";
const RESTORE: &str = "/api/v1/organizations/acme/restore";

async fn transferred(database: Database) {
    let team = Team::open(database).await;
    let (admin, owner) = (team.admin.member_id().await, team.owner.member_id().await);
    let to = |id: &str| json!({ "member_id": id });
    team.admin.make(TRANSFER, &to(&admin)).await.problem(403, "forbidden");
    team.owner.make(TRANSFER, &to(&owner)).await.problem(400, "invalid_value");
    team.owner.make(TRANSFER, &to("nobody")).await.problem(404, "not_found");
    let set = |id: &str, status: &str| {
        team.place.command(&["member", "set", "--organization", "acme", "--member", id, "--status", status])
    };
    set(&admin, "suspended");
    team.owner.make(TRANSFER, &to(&admin)).await.problem(409, "conflict");
    set(&admin, "active");
    // Sent again, it is answered again: to whom has given it away, too.
    for _ in 0..2 {
        let key = [("idempotency-key", "given-away")];
        team.owner.call_with(Method::POST, TRANSFER, Some(&to(&admin)), &key).await.is(200);
    }
    team.admin.sign_in("admin@acme.example").await;
    assert_eq!(team.admin.ask(ACME).await.is(200)["role"], "owner");
    assert_eq!(team.owner.ask(ACME).await.is(200)["role"], "admin");
    team.owner.make(TRANSFER, &to(&owner)).await.problem(403, "forbidden");
    // The operator does it too.
    team.place.command(&["organization", "transfer", "--organization", "acme", "--member", &owner, "--from", &admin]);
    assert_eq!(team.owner.ask(ACME).await.is(200)["role"], "owner");
}

async fn deleted_and_restored(database: Database) {
    let team = Team::open(database).await;
    let delete = async |browser: &crate::sign_in::browser::Browser, name: &str| {
        browser.call(Method::DELETE, ACME, Some(&json!({ "name": name }))).await
    };
    delete(&team.admin, "Acme").await.problem(403, "forbidden");
    let writer = team.writer.member_id().await;
    team.place.command(&["member", "set", "--organization", "acme", "--member", &writer, "--role", "owner"]);
    let off = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": false}]});
    let (token, path) = (&team.place.house.token, format!("/Users/{writer}"));
    assert_eq!(team.place.scim_send(token, Method::PATCH, &path, Some(&off)).await.0, 200);
    for wrong in ["acme", "Acme ", ""] {
        delete(&team.owner, wrong).await.problem(400, "invalid_value");
    }
    team.place.clock.advance_seconds(5 * 60 + 1);
    delete(&team.owner, "Acme").await.problem(403, "recent_sign_in_required");
    team.owner.sign_in("owner@acme.example").await;
    assert_eq!(delete(&team.owner, "Acme").await.status, 204);
    // It answers nobody.
    let token = &team.place.house.token;
    assert_eq!(team.place.scim_post(token, "/Users", &user("zoe")).await.0, 401);
    for browser in [&team.reader, &team.owner] {
        assert_eq!(browser.me().await.0, 401, "sessions are over");
    }
    let (late, answer) = team.place.sign_in(&crate::sign_in::person("owner")).await;
    assert_eq!(answer.status, 303);
    assert_eq!(late.me().await.1["memberships"], json!([]));
    late.ask(ACME).await.problem(404, "not_found");
    assert_eq!(late.ask("/api/v1/organizations").await.is(200)["items"], json!([]));
    assert_eq!(team.place.browser().get("/sign-in/acme").await.status, 404);
    // Its owner brings it back, and nobody else: not who was switched off before, nor past the tenant it requires.
    let (gone, _) = team.place.sign_in(&crate::sign_in::person("write")).await;
    gone.make(RESTORE, &Value::Null).await.problem(404, "not_found");
    change(&team.place, "sso = 'required', tenant_id = 'T2acme'");
    late.make(RESTORE, &Value::Null).await.problem(404, "not_found");
    change(&team.place, "sso = 'optional'");
    let (reader, _) = team.place.sign_in(&crate::sign_in::person("read")).await;
    reader.make(RESTORE, &Value::Null).await.problem(404, "not_found");
    assert_eq!(late.make(RESTORE, &Value::Null).await.is(200)["state"], "active");
    late.make(RESTORE, &Value::Null).await.problem(409, "conflict");
    assert_eq!(late.ask(ACME).await.is(200)["role"], "owner");
    assert_eq!(team.place.scim_post(token, "/Users", &user("zoe")).await.0, 201);
    // The operator too, as long as it is there.
    team.place.command(&["organization", "delete", "--organization", "acme", "--name", "Acme"]);
    assert_eq!(late.me().await.0, 401);
    assert_eq!(team.place.command(&["organization", "restore", "--organization", "acme"])["state"], "active");
}

async fn purged(database: Database) {
    let team = Team::open(database).await;
    let place = &team.place;
    place.command(&[
        "organization",
        "create",
        "--name",
        "Bolt",
        "--slug",
        "bolt",
        "--owner-email",
        "o@bolt.example",
        "--seats",
        "2",
    ]);
    let (acme, bolt) = (id_of(place, "acme"), id_of(place, "bolt"));
    place.scim_post(&place.house.token, "/Users", &user("zoe")).await;
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "G"});
    place.scim_post(&place.house.token, "/Groups", &group).await;
    let assembly = &place.house.assembly;
    let purge = async || organization::purge(&assembly.store, &assembly.administration).await.unwrap();
    assert_eq!(team.owner.call(Method::DELETE, ACME, Some(&json!({"name": "Acme"}))).await.status, 204);
    let before = rows(place, bolt);
    place.clock.advance_seconds(14 * 24 * 3_600 - 1);
    assert_eq!(purge().await, 0);
    assert!(rows(place, acme).iter().sum::<i64>() > 10);
    place.clock.advance_seconds(1);
    // What can be purged any moment is not restored.
    let (owner, _) = place.sign_in(&crate::sign_in::person("owner")).await;
    owner.make(RESTORE, &Value::Null).await.problem(404, "not_found");
    assert_eq!(purge().await, 1);
    assert_eq!(rows(place, acme).iter().sum::<i64>(), 0);
    assert_eq!(rows(place, bolt), before, "nobody else's");
    assert_eq!(purge().await, 0);
    let told = place.command(&["audit", "list"]);
    assert!(told.as_array().unwrap().iter().any(|event| event["action"] == "organization.purged"), "{told}");
}

/// Sets something of acme that takes more than a test wants to do.
fn change(place: &crate::sign_in::clocked::Clocked, columns: &str) {
    let mut sql = Sql::new("UPDATE organizations SET ");
    sql.push(columns).push(" WHERE slug = 'acme'");
    assert_eq!(sql.execute(&mut place.house.database()).unwrap(), 1);
}

fn id_of(place: &crate::sign_in::clocked::Clocked, slug: &str) -> headcount::id::OrganizationId {
    let mut sql = Sql::new("SELECT id FROM organizations WHERE slug = ");
    sql.push_bind(slug);
    sql.first::<SqlId, _>(&mut place.house.database()).unwrap().unwrap()
}

/// How many rows each table has of an organization.
fn rows(place: &crate::sign_in::clocked::Clocked, organization: headcount::id::OrganizationId) -> Vec<i64> {
    let mut connection = place.house.database();
    let mut count = |table: &str| {
        let mut sql = Sql::new("SELECT count(*) FROM ");
        sql.push(table).push(" WHERE organization_id = ").push_bind(organization);
        sql.first::<BigInt, i64>(&mut connection).unwrap().unwrap()
    };
    TABLES.iter().map(|(table, _)| count(table)).collect()
}

/// A table that carries organizations and is not purged would keep what was deleted for ever.
async fn every_table_is_purged(database: Database) {
    let place = crate::sign_in::clocked::Clocked::open(database, &[]);
    let mut connection = place.house.database();
    let sql = match connection {
        Connection::Sqlite(_) => {
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'organization_id'"
        }
        Connection::Postgres(_) => {
            "SELECT table_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND column_name = 'organization_id'"
        }
    };
    let stored: BTreeSet<String> = Sql::new(sql).load::<Text, String>(&mut connection).unwrap().into_iter().collect();
    let purged: BTreeSet<String> = TABLES.iter().map(|(table, _)| (*table).to_owned()).collect();
    assert_eq!(purged, stored, "src/store/purge.rs has every table with an organization_id, and no other");
}
